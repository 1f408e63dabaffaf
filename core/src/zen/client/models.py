"""Models and their versions as objects: what each was made from, and what it was called when."""

from __future__ import annotations

import datetime as dt
from typing import Any, Protocol

from zen.client.notebook import table
from zen.client.views import ArtifactView, Reader, RunView
from zen.engine import STAGES, promote, unalias
from zen.errors import ArtifactNotFound, UsageError
from zen.records import AliasEvent, ModelVersion, Serving
from zen.stacks import is_name, name_advice, name_refusal
from zen.stacks.opening import OpenStack
from zen.storage import Models


class Opened(Reader, Protocol):
    """A reader with an open stack: a client."""

    @property
    def open_stack(self) -> OpenStack: ...

    def artifact(self, ref: str, version: int | None = None) -> ArtifactView: ...


class ModelVersionView:
    """A version of a model. Pass it to a step to use it there."""

    def __init__(self, record: ModelVersion, client: Opened) -> None:
        self.record = record
        self._client = client

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.record.model

    @property
    def version(self) -> int:
        """The number: 1, 2, … for each model."""
        return self.record.version

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names that mean this version, such as `champion`."""
        return self.record.aliases

    @property
    def stage(self) -> str:
        """`staging`, `production`, `archived`, or nothing."""
        return self.record.tags.get("stage", "")

    @property
    def tags(self) -> dict[str, str]:
        """The tags."""
        return self.record.tags

    @property
    def description(self) -> str:
        """What the model is, in the words of its author."""
        return self.record.description

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric of the run that made it."""
        return dict(self.record.metadata.get("metrics", {}))

    @property
    def metadata(self) -> dict[str, Any]:
        """What else is known: `signature`, and what other registries call it."""
        return {key: value for key, value in self.record.metadata.items() if key != "metrics"}

    @property
    def created_at(self) -> dt.datetime | None:
        """When it was added, in UTC."""
        return self.record.created_at

    @property
    def artifact(self) -> ArtifactView:
        """The model itself."""
        return self._client.artifact(self.record.artifact)

    @property
    def run(self) -> RunView:
        """The run that made it."""
        return self._client.run(self.record.run_id)

    @property
    def servings(self) -> list[Serving]:
        """What served it, and when; oldest first."""
        return Models(self._client.database).servings(model=self.model, version=self.version)

    def load(self) -> Any:
        """Return the model; its bytes are verified first."""
        return self.artifact.load()

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"

    def __repr__(self) -> str:
        named = f" ({', '.join(self.aliases)})" if self.aliases else ""
        return f"<model {self.model!r} version {self.version}{named}>"

    def _repr_html_(self) -> str:
        facts = {"aliases": ", ".join(self.aliases), "run": self.record.run_id, **self.metrics}
        return table(f"{self.model} v{self.version}", facts)


class ModelAccess:
    """The part of a client that is about models."""

    open_stack: OpenStack

    def models(self) -> list[str]:
        """Return the names of the models that have versions, sorted."""
        return Models(self.open_stack.database).models()

    def model_versions(self, model: str) -> list[ModelVersionView]:
        """Return the versions of a model, newest first.

        Raises:
            ArtifactNotFound: When there is no such model, with those that there are.
        """
        Models(self.open_stack.database).get(model)
        return [self._view(record) for record in Models(self.open_stack.database).versions(model)]

    def model(self, ref: str, version: int | str | None = None) -> ModelVersionView:
        """Return a version of a model: `churn` (the newest), `churn@3`, `churn@champion`.

        Raises:
            ArtifactNotFound: With what exists.
        """
        name, _, asked = ref.partition("@")
        return self._view(Models(self.open_stack.database).get(name, version or asked or "latest"))

    def model_history(self, model: str) -> list[AliasEvent]:
        """Return how the aliases of a model moved, oldest first: who was what when."""
        return Models(self.open_stack.database).history(model)

    def promote(
        self, ref: str, *, alias: str | None = None, stage: str | None = None, reason: str = ""
    ) -> ModelVersionView:
        """Let an alias name a version, or put it into a stage; the stack's own registry is told as well.

        Args:
            ref: The version: `churn@3`.
            alias: Such as `champion`; it is taken from the version that had it.
            stage: `staging` or `production`; who was there before is `archived`.
            reason: Why, for the history.
        """
        if (alias is None) == (stage is None):
            raise UsageError("promote takes an alias or a stage", hint="promote('churn@3', alias='champion')")
        if stage is not None and stage not in STAGES[:2]:
            raise UsageError(f"no stage {stage!r}; there are: {', '.join(STAGES[:2])}")
        name = alias or stage or ""
        if not is_name(name) or name.isdigit() or name in ("latest", "archived"):
            raise UsageError(
                name_refusal(name, "{} cannot be an alias"), hint=name_advice(name) if not is_name(name) else ""
            )
        return self._view(promote(self.open_stack, self.model(ref).record, name, reason=reason))

    def remove_alias(self, model: str, alias: str, *, reason: str = "") -> None:
        """Take an alias away from the version that has it."""
        unalias(self.open_stack, model, alias, reason=reason)

    def delete_model_version(self, ref: str) -> None:
        """Remove a version that no alias names and nothing serves; its run and its artifact stay.

        Raises:
            ComponentError: When it is in use.
        """
        name, _, number = ref.partition("@")
        if not number:
            raise ArtifactNotFound(f"{ref!r} names no version", hint=f"give its number: {name}@3")
        found = self.model(ref)
        Models(self.open_stack.database).delete(found.model, found.version)

    def _view(self, record: ModelVersion) -> ModelVersionView:
        return ModelVersionView(record, self)  # type: ignore[arg-type]  # a client, whose part this is
