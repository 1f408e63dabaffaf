"""A model registry in memory."""

from __future__ import annotations

import datetime as dt
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace

from zen.errors import ArtifactNotFound, ComponentError, listing
from zen.interfaces import Host, ModelRegistry
from zen.records import ModelVersion


class _Models:
    """The models of one host: every registry that it lends itself to sees the same ones."""

    def __init__(self) -> None:
        self.versions: dict[str, dict[int, ModelVersion]] = {}
        self.last: dict[str, int] = {}
        self.lock = threading.RLock()


_OF_HOST: weakref.WeakKeyDictionary[Host, _Models] = weakref.WeakKeyDictionary()


class MemoryModelRegistry(ModelRegistry):
    """Keeps versions of models in dictionaries, for as long as the host lives."""

    def open(self, host: Host) -> None:
        """Take the models of the host; none at first."""
        super().open(host)
        models = _OF_HOST.setdefault(host, _Models())
        self._models, self._last, self._lock = models.versions, models.last, models.lock

    def register(self, version: ModelVersion) -> ModelVersion:
        """Add a version under the next number."""
        with self._lock:
            number = self._last[version.model] = self._last.get(version.model, 0) + 1
            added = replace(version, version=number, aliases=(), created_at=dt.datetime.now(dt.UTC))
            self._models.setdefault(version.model, {})[number] = added
            return added

    def get(self, model: str, version: int | str) -> ModelVersion:
        """Return a version by number, alias or `latest`."""
        with self._lock:
            versions = self._models.get(model, {})
            if version == "latest" and versions:
                return versions[max(versions)]
            for each in versions.values():
                if each.version == version or version in each.aliases:
                    return each
        raise ArtifactNotFound(f"model {model!r} has no version {version!r}; it has: {listing(map(str, versions))}")

    def models(self) -> Sequence[str]:
        """Return the names of the models that have versions."""
        return sorted(model for model, versions in self._models.items() if versions)

    def versions(self, model: str) -> Sequence[ModelVersion]:
        """Return the versions of a model, newest first."""
        return [version for _, version in sorted(self._models.get(model, {}).items(), reverse=True)]

    def set_alias(self, model: str, alias: str, version: int | None) -> None:
        """Move or remove an alias."""
        with self._lock:
            if version is not None:
                self.get(model, version)
            for each in self.versions(model):
                kept = tuple(name for name in each.aliases if name != alias)
                added = (alias,) if each.version == version else ()
                self._models[model][each.version] = replace(each, aliases=(*kept, *added))

    def set_tags(self, model: str, version: int, tags: Mapping[str, str]) -> None:
        """Set tags of a version."""
        with self._lock:
            found = self.get(model, version)
            self._models[model][version] = replace(found, tags={**found.tags, **tags})

    def delete(self, model: str, version: int) -> None:
        """Remove a version that no alias names."""
        with self._lock:
            found = self._models.get(model, {}).get(version)
            if found is not None and found.aliases:
                raise ComponentError(
                    f"version {version} of model {model!r} is named by {', '.join(found.aliases)}",
                    hint="move the alias first",
                )
            self._models.get(model, {}).pop(version, None)
