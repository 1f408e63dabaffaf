"""Model registries: which versions of a model there are, and which of them is meant by a name."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from zen.interfaces.component import Component
from zen.records import ModelVersion


class ModelRegistry(Component):
    """Keeps the versions of models. Versions of one model are numbered 1, 2, …, also when two register at once."""

    kind: ClassVar[str] = "model_registry"

    @abstractmethod
    def register(self, version: ModelVersion) -> ModelVersion:
        """Add a version and return it with its number; the `version` and `aliases` that were given are ignored."""

    @abstractmethod
    def get(self, model: str, version: int | str) -> ModelVersion:
        """Return a version by its number, an alias, or `latest`.

        Raises:
            ArtifactNotFound: With what exists.
        """

    @abstractmethod
    def models(self) -> Sequence[str]:
        """Return the names of the models that have versions, sorted."""

    @abstractmethod
    def versions(self, model: str) -> Sequence[ModelVersion]:
        """Return the versions of a model, newest first; none for a model that does not exist."""

    @abstractmethod
    def set_alias(self, model: str, alias: str, version: int | None) -> None:
        """Let an alias name one version, and no other; None removes the alias.

        Raises:
            ArtifactNotFound: When the version does not exist.
        """

    @abstractmethod
    def set_tags(self, model: str, version: int, tags: Mapping[str, str]) -> None:
        """Set tags of a version; others stay as they are."""

    @abstractmethod
    def delete(self, model: str, version: int) -> None:
        """Remove a version; its number is never given again. Removing what is not there is harmless.

        Raises:
            ComponentError: When an alias names it.
        """
