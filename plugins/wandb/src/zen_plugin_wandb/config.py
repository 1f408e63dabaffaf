"""The configuration of the W&B tracker."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from zen.secrets import Secret

__all__ = ["Mode", "WandbConfig"]

Mode = Literal["offline", "online", "disabled"]

_NOT_IN_NAMES = "/\\#?%:"


class WandbConfig(BaseModel):
    """What a stack says about Weights & Biases; all of it is optional, and no account is needed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode = Field(
        default="offline",
        description=(
            "offline: into files, for `wandb sync`; no account, no network. online: to a W&B server as it happens. "
            "disabled: nowhere, and the steps' own calls to wandb do nothing."
        ),
    )
    project: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="The W&B project of all runs; made when it does not exist. By default the pipeline's name.",
    )
    entity: str | None = Field(
        default=None,
        min_length=1,
        description="The W&B user or team that owns the project. By default the default one of the account.",
    )
    base_url: str | None = Field(
        default=None,
        description=(
            "A W&B server of your own, such as https://wandb.example.com. By default the one that you are logged in "
            "to (`wandb login --host`), or W&B's service."
        ),
    )
    api_key: Secret | None = Field(
        default=None,
        description="The API key. By default WANDB_API_KEY, or what `wandb login` left in the netrc file.",
    )
    steps: Literal["grouped", "single"] = Field(
        default="grouped",
        description=(
            "grouped: each step is a W&B run of its own, in the group of the pipeline's. single: one W&B run, and what "
            "steps log is named after the step: train/accuracy. All steps have to run on the launching machine then."
        ),
    )
    group: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="The W&B group of the runs of one pipeline run. By default name and id of the pipeline run.",
    )
    tags: tuple[str, ...] = Field(default=(), description="Tags for all W&B runs, beside those of the pipeline run.")
    notes: str | None = Field(default=None, description="A description for the W&B run of the pipeline.")
    system_metrics: bool = Field(
        default=False, description="Whether W&B records CPU, memory, network and GPU use while steps run."
    )
    code: bool = Field(
        default=False, description="Whether W&B records the git commit, a diff, the program and installed packages."
    )
    dir: str | None = Field(
        default=None,
        min_length=1,
        description=(
            "The folder, relative to the project root, in which W&B keeps its folder `wandb`. By default the project's "
            "state folder, so .zen/wandb."
        ),
    )
    init_timeout: float = Field(
        default=30.0, gt=0, le=3600, description="Seconds that the start of a W&B run may take in online mode."
    )
    finish_timeout: float = Field(
        default=60.0,
        gt=0,
        le=86400,
        description="Seconds that uploads may take at the end of a W&B run; what is left stays on disk.",
    )

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError(f"{value!r} is no address; write https://{value}")
        return value.rstrip("/") if value else value

    @field_validator("project", "entity")
    @classmethod
    def _is_a_name(cls, value: str | None) -> str | None:
        if value is not None and any(sign in _NOT_IN_NAMES for sign in value):
            raise ValueError(f"{value!r} is no name for W&B: it may not hold any of {' '.join(_NOT_IN_NAMES)}")
        return value

    @field_validator("tags")
    @classmethod
    def _are_tags(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for tag in value:
            if not 1 <= len(tag) <= 64:
                raise ValueError(f"W&B takes tags of 1 to 64 characters, not {tag!r}")
        return value
