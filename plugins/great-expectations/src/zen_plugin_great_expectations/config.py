"""The configuration of the Great Expectations validator."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["GreatExpectationsConfig"]


class GreatExpectationsConfig(BaseModel):
    """What a stack says about Great Expectations; all of it is optional."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    context: Literal["ephemeral", "file"] = Field(
        default="ephemeral",
        description=(
            "Whose suites and checkpoints can be named: nobody's (ephemeral, nothing is read or written), or those of "
            "a project of Great Expectations (file)."
        ),
    )
    project: str = Field(
        default=".",
        min_length=1,
        description=(
            "With context: file, the folder of that project, relative to the root of zen's: the one that holds gx/, or "
            "gx/ itself."
        ),
    )
    sample: int = Field(
        default=5,
        ge=0,
        le=1000,
        description=(
            "How many of the values that break a check are kept with its result. 0 keeps none: for data that must not "
            "be recorded."
        ),
    )

    @model_validator(mode="after")
    def _has_a_use_for_the_project(self) -> GreatExpectationsConfig:
        if self.context == "ephemeral" and self.project != ".":
            raise ValueError(f"project is {self.project!r}, but an ephemeral context has none; write context: file")
        return self
