"""Feature stores: values of features for entities, now or as they were."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from zen.interfaces.component import Component


class FeatureStore(Component):
    """Gives features of entities. A step reaches it with `get_step_context().feature_store`."""

    kind: ClassVar[str] = "feature_store"
    known_capabilities: ClassVar[Mapping[str, str]] = {"online": "answers with the newest values, fast"}

    @abstractmethod
    def features(self) -> Mapping[str, str]:
        """Return the names of the features with a line about each."""

    @abstractmethod
    def historical(
        self, names: Sequence[str], entities: Sequence[Mapping[str, Any]], at: Sequence[dt.datetime]
    ) -> list[dict[str, Any]]:
        """Return a row for each entity with its keys and the features as they were known at its time, or None.

        Raises:
            ComponentError: For a feature that does not exist.
        """

    def online(self, names: Sequence[str], entities: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Capability `online`: return a row for each entity with its keys and the newest values, or None."""
        raise TypeError(f"{type(self).__qualname__} does not declare the capability 'online'")
