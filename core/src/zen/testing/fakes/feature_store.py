"""A feature store in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from zen.errors import ComponentError, listing
from zen.interfaces import FeatureStore, Host


class MemoryFeatureStore(FeatureStore):
    """Keeps values with the time from which they hold; `put` adds one."""

    capabilities: ClassVar[frozenset[str]] = frozenset({"online"})

    def open(self, host: Host) -> None:
        """Start with one feature, `age`, of the entity `user`."""
        super().open(host)
        self._values: dict[str, list[tuple[dict[str, Any], dt.datetime, Any]]] = {"age": []}

    def put(self, name: str, entity: Mapping[str, Any], since: dt.datetime, value: Any) -> None:
        """Add a value that holds from a time on."""
        self._values.setdefault(name, []).append((dict(entity), since, value))

    def features(self) -> Mapping[str, str]:
        """Return the names of the features."""
        return {name: f"the {name} of an entity" for name in self._values}

    def historical(
        self, names: Sequence[str], entities: Sequence[Mapping[str, Any]], at: Sequence[dt.datetime]
    ) -> list[dict[str, Any]]:
        """Return the features as they were known at each entity's time."""
        self._check(names)
        return [
            {**entity, **{name: self._value(name, entity, time) for name in names}}
            for entity, time in zip(entities, at, strict=True)
        ]

    def online(self, names: Sequence[str], entities: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the newest values."""
        return self.historical(names, entities, [dt.datetime.max.replace(tzinfo=dt.UTC)] * len(entities))

    def _value(self, name: str, entity: Mapping[str, Any], at: dt.datetime) -> Any:
        known = [(since, value) for key, since, value in self._values[name] if key == entity and since <= at]
        return max(known, key=lambda pair: pair[0])[1] if known else None

    def _check(self, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in self._values]
        if unknown:
            raise ComponentError(f"no feature {', '.join(unknown)}; there are: {listing(self._values)}")
