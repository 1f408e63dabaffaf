"""The suites of what works on tables: data validators and feature stores.

A bound on memory, in the field's usual list, is left out: it is a matter of the tool, not of this interface.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar

from zen.errors import ComponentError
from zen.testing.checks import refusal, require
from zen.testing.data_validator_suite import DataValidatorSuite
from zen.testing.kit import Kit
from zen.testing.suite import ComponentSuite

__all__ = ["DAY", "START", "DataValidatorSuite", "FeatureStoreSuite"]

DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class FeatureStoreSuite(ComponentSuite):
    """What holds for every feature store.

    Attributes:
        feature: The feature that `fill` gives values of.
        entity: The entity that has them.
        stranger: An entity that has none.
    """

    kind: ClassVar[str] = "feature_store"
    feature: ClassVar[str] = "age"
    entity: ClassVar[Mapping[str, Any]] = {"user": 1}
    stranger: ClassVar[Mapping[str, Any]] = {"user": 99}

    def fill(self, kit: Kit, component: Any) -> None:
        """Give the entity the value 30 from `START` on, and 31 from ten days later on, by the tool's own means."""
        raise NotImplementedError(
            "to do: say how rows get into the store: write `fill(self, kit, component)` in"
            f" {type(self).__name__}: it gives the feature {self.feature!r} of {dict(self.entity)} the value 30 from"
            f" {START:%Y-%m-%d} on (zen.testing.data.START), and 31 from ten days later on"
        )

    def use(self, component: Any) -> None:
        """List the features."""
        component.features()

    def test_features_are_listed(self, kit: Kit) -> None:
        """`features` names each feature with a line about it."""
        found = dict(self._filled(kit).features())
        require(
            isinstance(found.get(self.feature), str) and found[self.feature],
            tried="features()",
            came=found,
            do="return a text for each feature",
        )

    def test_values_are_those_of_their_time(self, kit: Kit) -> None:
        """`historical` gives what was known at each entity's time: never a later value."""
        times = [START - DAY, START + DAY, START + 11 * DAY]
        rows = self._filled(kit).historical([self.feature], [self.entity] * 3, times)
        found = [row.get(self.feature) for row in rows]
        require(
            found == [None, 30, 31], tried="historical before, between and after two values", came=found, do="look back"
        )

    def test_rows_stand_in_order(self, kit: Kit) -> None:
        """There is a row for each entity, in order, with the entity's own keys in it."""
        entities = [self.stranger, self.entity]
        rows = self._filled(kit).historical([self.feature], entities, [START + DAY] * 2)
        keys = [{name: row.get(name) for name in entity} for row, entity in zip(rows, entities, strict=False)]
        require(
            len(rows) == 2 and keys == [dict(each) for each in entities],
            tried="historical of two entities",
            came=rows,
            do="return a row for each entity, in order, with its keys",
        )

    def test_an_unknown_feature_is_refused(self, kit: Kit) -> None:
        """Asking for a feature that does not exist is a `ComponentError`."""
        component = self._filled(kit)
        refusal(
            ComponentError,
            lambda: component.historical(["no_such_feature"], [self.entity], [START]),
            tried="historical of a feature that does not exist",
            do="raise ComponentError with the names that exist",
        )

    def test_online_gives_the_newest(self, kit: Kit) -> None:
        """Capability `online`: the newest value of each entity, None for one that has none."""
        self._declares(kit, "online")
        rows = self._filled(kit).online([self.feature], [self.entity, self.stranger])
        found = [row.get(self.feature) for row in rows]
        require(found == [31, None], tried="online of two entities", came=found, do="give the newest value, or None")

    def _filled(self, kit: Kit) -> Any:
        self.fill(kit, kit.component)
        return kit.component
