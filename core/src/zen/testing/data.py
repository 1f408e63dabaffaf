"""The suites of what works on tables: data validators and feature stores.

Rows of the field's usual list that are left out: schema drift and profiles with known numbers wait for the rules that
compare tables; a bound on memory is a matter of the tool, not of this interface.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from zen import expect
from zen.errors import ComponentError
from zen.expect import Expectation
from zen.records import ValidationResult, from_json, to_json
from zen.testing.checks import DoesNotApply, refusal, require
from zen.testing.kit import Kit
from zen.testing.suite import ComponentSuite

Rows = list[dict[str, Any]]

GOOD: Rows = [
    {"id": 1, "age": 30, "income": 10.5, "city": "Köln", "größe": "M"},
    {"id": 2, "age": 41, "income": 20.0, "city": "Oslo", "größe": "L"},
    {"id": 3, "age": 52, "income": 30.5, "city": "Rom", "größe": "M"},
]


def _changed(**values: Any) -> Rows:
    rows = copy.deepcopy(GOOD)
    rows[1] |= values
    return rows


CASES: dict[str, tuple[Expectation, Rows, int]] = {
    "columns": (expect.columns("id", "age"), [{k: v for k, v in row.items() if k != "age"} for row in GOOD], 0),
    "of_type": (expect.of_type("city", "str"), _changed(city=7), 1),
    "not_null": (expect.not_null("city"), _changed(city=None), 1),
    "unique": (expect.unique("id"), _changed(id=1), 1),
    "in_range": (expect.in_range("age", 0, 120), _changed(age=300), 1),
    "in_set": (expect.in_set("größe", ["M", "L"]), _changed(größe="XXL"), 1),
    "matches": (expect.matches("city", "[A-Z].+"), _changed(city="oslo"), 1),
    "row_count": (expect.row_count(least=2, most=5), GOOD[:1], 0),
}
"""For each rule: an expectation that `GOOD` meets, rows that break it, and how many of them do."""


class DataValidatorSuite(ComponentSuite):
    """What holds for every data validator."""

    kind: ClassVar[str] = "data_validator"

    def table(self, rows: Rows) -> Any:
        """Return rows as a table that the validator takes; by default a list of dicts."""
        return copy.deepcopy(rows)

    def rows(self, table: Any) -> Rows:
        """Return a table as rows again."""
        return list(table)

    def use(self, component: Any) -> None:
        """Check a table."""
        component.validate(self.table(GOOD), [])

    def test_rules_are_known(self, kit: Kit) -> None:
        """`rules` names at least one rule of `zen.expect`, and no other."""
        rules = set(getattr(kit.component_class, "rules", ()))
        require(
            rules and rules <= set(expect.RULES),
            tried=f"{kit.component_class.__qualname__}.rules",
            came=sorted(rules),
            do=f"name rules of zen.expect: {', '.join(expect.RULES)}",
        )

    def test_data_that_meets_a_rule_passes(self, kit: Kit) -> None:
        """For each rule, a table that meets it passes."""
        for rule, (expectation, _, _) in self._cases(kit):
            [result] = self._validate(kit, GOOD, [expectation]).results
            require(result.passed, tried=f"{rule} on a table that meets it", came=result, do="let it pass")

    def test_data_that_breaks_a_rule_fails(self, kit: Kit) -> None:
        """For each rule, a table that breaks it fails."""
        for rule, (expectation, broken, _) in self._cases(kit):
            [result] = self._validate(kit, broken, [expectation]).results
            require(not result.passed, tried=f"{rule} on a table that breaks it", came=result, do="let it fail")

    def test_a_failure_names_rule_and_column(self, kit: Kit) -> None:
        """A failed result names the rule and the column that it is about."""
        for rule, (expectation, broken, _) in self._cases(kit):
            [result] = self._validate(kit, broken, [expectation]).results
            require(
                (result.rule, result.column) == (rule, expectation.column),
                tried=f"{rule} of the column {expectation.column!r}",
                came=(result.rule, result.column),
                do="copy rule and column from the expectation",
            )

    def test_a_failure_counts_the_rows(self, kit: Kit) -> None:
        """A failed result about values says how many rows break the rule, of how many."""
        for rule, (expectation, broken, unexpected) in self._cases(kit):
            if unexpected:
                [result] = self._validate(kit, broken, [expectation]).results
                counted = (result.unexpected, result.total)
                require(
                    counted in ((unexpected, len(broken)), (unexpected + 1, len(broken))),
                    tried=f"{rule} with {unexpected} of {len(broken)} rows that break it",
                    came=counted,
                    do="fill in `unexpected` and `total`; of equal values, one or both may count",
                )

    def test_results_stand_in_order(self, kit: Kit) -> None:
        """There is one result for each expectation, in the order of the expectations."""
        expectations = [expectation for _, (expectation, _, _) in self._cases(kit)]
        for order in (expectations, expectations[::-1]):
            results = self._validate(kit, GOOD, order).results
            found = [(each.rule, each.column) for each in results]
            wanted = [(each.rule, each.column) for each in order]
            require(found == wanted, tried="several expectations", came=found, do=f"return one result each: {wanted}")

    def test_the_table_stays_as_it_is(self, kit: Kit) -> None:
        """Checking a table does not change it."""
        expectations = [expectation for _, (expectation, _, _) in self._cases(kit)]
        table = self.table(GOOD)
        kit.component.validate(table, expectations)
        require(self.rows(table) == GOOD, tried="validate(table)", came=self.rows(table), do="work on a copy")

    def test_a_missing_column_fails_its_checks(self, kit: Kit) -> None:
        """A rule about a column that does not exist fails, and does not raise."""
        for rule, (expectation, _, _) in self._cases(kit):
            if expectation.column:
                other = Expectation(rule=rule, column="nowhere", arguments=expectation.arguments)
                [result] = self._validate(kit, GOOD, [other]).results
                require(not result.passed, tried=f"{rule} of a missing column", came=result, do="let it fail")

    def test_odd_tables_are_taken(self, kit: Kit) -> None:
        """A column without any value is checked like others: what is missing breaks only `not_null`."""
        empty = [{**row, "city": None} for row in GOOD]
        for rule, (expectation, _, _) in self._cases(kit):
            if expectation.column == "city" and rule != "not_null":
                [result] = self._validate(kit, empty, [expectation]).results
                require(result.passed, tried=f"{rule} of an empty column", came=result, do="pass over what is missing")

    def test_what_is_no_table_is_refused(self, kit: Kit) -> None:
        """Data that the tool cannot check is not accepted, and checking it is a `ComponentError`."""
        component = kit.component
        require(not component.accepts(object()), tried="accepts(object())", came=True, do="answer False")
        refusal(
            ComponentError,
            lambda: component.validate(object(), []),
            tried="validate(object(), [])",
            do="raise ComponentError that says what it takes",
        )

    def test_results_are_plain(self, kit: Kit) -> None:
        """A result survives JSON: samples and statistics are plain data, not values of the tool."""
        for rule, (expectation, broken, _) in self._cases(kit):
            result = self._validate(kit, broken, [expectation])
            try:
                same = from_json(ValidationResult, json.loads(json.dumps(to_json(result)))) == result
            except (TypeError, ValueError) as error:
                same, rule = False, f"{rule}: {error}"
            require(
                same, tried=f"the result of {rule} as JSON and back", came=result, do="convert values to plain ones"
            )

    def test_a_profile_counts(self, kit: Kit) -> None:
        """Capability `profile`: it tells the rows and the columns."""
        self._declares(kit, "profile")
        profile = dict(kit.component.profile(self.table(GOOD)))
        names = list(profile.get("columns", ()))
        require(
            profile.get("rows") == len(GOOD) and set(names) == set(GOOD[0]),
            tried="profile(table)",
            came=profile,
            do="return `rows` and `columns`",
        )

    def test_a_report_stands_alone(self, kit: Kit) -> None:
        """Capability `report`: one HTML page that loads nothing from elsewhere."""
        self._declares(kit, "report")
        _, (expectation, broken, _) = next(iter(self._cases(kit)))
        page = kit.component.report(self._validate(kit, broken, [expectation]))
        loads = re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//[^"'\s>]+""", page)
        require(
            "<" in page and not loads, tried="report(result)", came=loads or page[:80], do="put styles into the page"
        )

    def _cases(self, kit: Kit) -> list[tuple[str, tuple[Expectation, Rows, int]]]:
        rules: frozenset[str] = getattr(kit.component_class, "rules", frozenset())
        return [(rule, case) for rule, case in CASES.items() if rule in rules]

    def _validate(self, kit: Kit, rows: Rows, expectations: Sequence[Expectation]) -> ValidationResult:
        result = kit.component.validate(self.table(rows), expectations)
        assert isinstance(result, ValidationResult), f"validate returned {result!r}: return a ValidationResult"
        return result

    def _declares(self, kit: Kit, capability: str) -> None:
        if capability not in kit.component_class.capabilities:
            raise DoesNotApply(f"does not declare `{capability}`")


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
        """Give the entity the value 30 from `START` on, and 31 from ten days later on."""
        component.put(self.feature, self.entity, START, 30)
        component.put(self.feature, self.entity, START + 10 * DAY, 31)

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
        if "online" not in kit.component_class.capabilities:
            raise DoesNotApply("does not declare `online`")
        rows = self._filled(kit).online([self.feature], [self.entity, self.stranger])
        found = [row.get(self.feature) for row in rows]
        require(found == [31, None], tried="online of two entities", came=found, do="give the newest value, or None")

    def _filled(self, kit: Kit) -> Any:
        self.fill(kit, kit.component)
        return kit.component
