"""`Model`: a model by its name, as what a pipeline makes a version of, and as what a step takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zen.errors import UsageError
from zen.records import ModelSpec
from zen.stacks import is_name, name_advice, name_refusal


@dataclass(frozen=True, slots=True)
class Model:
    """A model.

        @pipeline(model=Model("churn"))
        def training(): ...  # each run that completes adds a version

        @pipeline
        def scoring():
            score(load(), Model("churn", version="champion"))  # a step takes that version

    Attributes:
        name: The name: a-z, 0-9, `_` and `-`.
        version: For a step's argument: a number, an alias, or `latest`.
        artifact: For a pipeline: which output is the model, as `output`, `step.output` or the name of an artifact; by
            default the one called `model`, or the last one that can predict.
        description: What it is, for people.
        tags: Labels of the versions.
    """

    name: str
    version: int | str = "latest"
    artifact: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise UsageError(name_refusal(self.name, "a model cannot have the name {}"), hint=name_advice(self.name))

    def spec(self) -> ModelSpec:
        """Return what the plan says of it."""
        return ModelSpec(name=self.name, artifact=self.artifact, description=self.description, tags=dict(self.tags))
