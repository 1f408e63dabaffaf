"""The suite of data validators."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any, ClassVar

from zen import expect
from zen.errors import ComponentError
from zen.expect import Expectation
from zen.records import CheckResult, ValidationResult, from_json, to_json
from zen.testing.checks import DoesNotApply, NotVerified, refusal, require
from zen.testing.kit import Kit
from zen.testing.pages import Page
from zen.testing.suite import ComponentSuite
from zen.testing.table_cases import (
    AT_A_BOUND,
    BETWEEN_VALUES,
    CASES,
    GOOD,
    KNOWN,
    KNOWN_FACTS,
    MARKUP,
    UNFIT,
    UNNAMED,
    WITH_MISSING,
    Case,
    Rows,
    changed,
)


class DataValidatorSuite(ComponentSuite):
    """What holds for every data validator."""

    kind: ClassVar[str] = "data_validator"

    def table(self, rows: Rows) -> Any:
        """Return rows as a table that the validator takes; by default a list of dicts."""
        return copy.deepcopy(rows)

    def rows(self, table: Any) -> Rows:
        """Return a table as rows again."""
        return list(table)

    def suite(self, kit: Kit) -> Any:
        """Return, for the capability `native`, a suite of the tool: it demands that `age` is at most 120."""
        return None

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

    def test_a_failure_tells_people(self, kit: Kit) -> None:
        """A failed result has a message that names the column, and a sample of values where rows break the rule."""
        for rule, (expectation, broken, unexpected) in self._cases(kit):
            [result] = self._validate(kit, broken, [expectation]).results
            sampled = result.sample or not unexpected or rule == "not_null"
            require(
                result.message.strip() and expectation.column in result.message and sampled,
                tried=f"{rule} on a table that breaks it",
                came=(result.message, result.sample),
                do="write one sentence with the column into `message`, and a few values into `sample`",
            )

    def test_bounds_are_included(self, kit: Kit) -> None:
        """What lies exactly at a bound passes, and None leaves a side open."""
        self._judged(kit, AT_A_BOUND, do="include the bounds")

    def test_missing_values_are_left_out(self, kit: Kit) -> None:
        """Missing values count neither for nor against a rule, in sums and shares neither; `not_null` is about them."""
        self._judged(kit, WITH_MISSING, do="look only at the values that are there")

    def test_quantiles_are_interpolated(self, kit: Kit) -> None:
        """A quantile between two values is interpolated linearly."""
        self._judged(kit, BETWEEN_VALUES, do="interpolate linearly")

    def test_unnamed_values_count_together(self, kit: Kit) -> None:
        """Of `shares_near`: values that are not named are one more value; its share is what the others leave."""
        self._judged(kit, UNNAMED, do="halve the sum of the differences, one of them that of all unnamed values")

    def test_a_rule_that_does_not_fit_fails(self, kit: Kit) -> None:
        """A rule about numbers fails on a column of texts, and does not raise."""
        self._judged(kit, UNFIT, do="give a failed result whose message says what is in the column")

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
        for rule, (expectation, _, _) in self._cases(kit):
            if expectation.column and rule != "not_null":
                empty = [{**row, expectation.column: None} for row in GOOD]
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

    def test_a_profile_knows_the_numbers(self, kit: Kit) -> None:
        """Capability `profile`: by column, `type`, `nulls`, and what numbers and texts have; as plain data."""
        self._declares(kit, "profile")
        profile = json.loads(json.dumps(kit.component.profile(self.table(KNOWN))))
        columns = profile["columns"] if isinstance(profile.get("columns"), dict) else {}
        for name, facts in KNOWN_FACTS.items():
            came = columns.get(name, {})
            require(
                isinstance(came.get("type"), str) and all(_agrees(came.get(fact), facts[fact]) for fact in facts),
                tried=f"profile(table)['columns'][{name!r}]",
                came=came,
                do=f"return at least `type` and {facts}; std is that of a sample, `top` has texts and shares",
            )

    def test_a_report_stands_alone(self, kit: Kit) -> None:
        """Capability `report`: one HTML page that loads nothing from elsewhere."""
        html, page = self._report(kit, self._broken(kit))
        begins = html.lstrip()[:9].lower()
        require(
            begins in ("<!doctype", "<html>", "<html lan") and page.tags.count("html") <= 1 and not page.loads,
            tried="report(result)",
            came=page.loads or html[:80],
            do="return one page, from <!doctype html> on, with all styles and images in it",
        )

    def test_a_report_shows_the_checks(self, kit: Kit) -> None:
        """Capability `report`: it shows the rule and the column of each check."""
        result = self._broken(kit)
        _, page = self._report(kit, result)
        wanted = {text for each in result.results for text in (each.rule, each.column)}
        unseen = sorted(text for text in wanted if text not in page.text)
        require(not unseen, tried="report(result)", came=f"not shown: {unseen}", do="show rule and column of each")

    def test_a_report_escapes_markup(self, kit: Kit) -> None:
        """Capability `report`: what looks like markup in names, messages and values is shown as it is."""
        check = CheckResult(
            rule=MARKUP, column=MARKUP, message=MARKUP, sample=(MARKUP,), unexpected=1, total=1, passed=False
        )
        unlike = self._validate(kit, changed(city=MARKUP), [e for _, (e, _, _) in self._cases(kit)])
        for result in (ValidationResult(results=(check,)), unlike):
            html, page = self._report(kit, result)
            at = html.find("<u-zen")
            require("u-zen" not in page.tags, tried=f"report of {MARKUP}", came=html[at - 80 : at + 20], do="escape it")

    def test_suites_of_the_tool_are_known(self, kit: Kit) -> None:
        """Capability `native`: `accepts_suite` is true for a suite of the tool, and false for anything else."""
        suite, component = self._suite(kit), kit.component
        require(component.accepts_suite(suite) is True, tried=f"accepts_suite({suite!r})", came=False, do="answer True")
        for other in (object(), "suite", [expect.columns("id")], None):
            answer = component.accepts_suite(other)
            require(answer is False, tried=f"accepts_suite({other!r})", came=answer, do="answer False")

    def test_suites_of_the_tool_judge(self, kit: Kit) -> None:
        """Capability `native`: a table that meets the suite passes; one that breaks it fails, with column and count."""
        suite = self._suite(kit)
        good = kit.component.validate_suite(self.table(GOOD), suite)
        require(
            good.passed and good.results and all(each.rule for each in good.results),
            tried="validate_suite(table that meets it, suite)",
            came=good,
            do="return a passed result for each check of the suite, with its rule",
        )
        bad = kit.component.validate_suite(self.table(changed(age=300)), suite)
        failed = [(each.column, each.unexpected, each.total) for each in bad.results if not each.passed]
        require(
            failed == [("age", 1, len(GOOD))]
            and from_json(ValidationResult, json.loads(json.dumps(to_json(bad)))) == bad,
            tried="validate_suite(table with one age of 300, suite)",
            came=bad,
            do="return a failed result, as plain data, with `column`, `unexpected` and `total`",
        )

    def test_suites_of_the_tool_leave_the_table(self, kit: Kit) -> None:
        """Capability `native`: checking a table with a suite of the tool does not change it."""
        suite, table = self._suite(kit), self.table(GOOD)
        kit.component.validate_suite(table, suite)
        require(self.rows(table) == GOOD, tried="validate_suite(table)", came=self.rows(table), do="work on a copy")

    def _suite(self, kit: Kit) -> Any:
        self._declares(kit, "native")
        suite = self.suite(kit)
        if suite is None:
            raise NotVerified("no suite of the tool was tried", give=self._wanted("suite(self, kit)"))
        return suite

    def _judged(self, kit: Kit, cases: Sequence[Case], *, do: str) -> None:
        judged = [case for case in cases if case[0].rule in getattr(kit.component_class, "rules", ())]
        if not judged:
            raise DoesNotApply("`rules` has none of these")
        for expectation, rows, meets in judged:
            [result] = self._validate(kit, rows, [expectation]).results
            seen = [row.get(expectation.column) for row in rows] if expectation.column else rows
            require(result.passed is meets, tried=f"{expectation} on {seen}", came=result, do=do)

    def _broken(self, kit: Kit) -> ValidationResult:
        cases = [case for _, case in self._cases(kit)]
        broken = [self._validate(kit, rows, [expectation]).results for expectation, rows, _ in cases]
        return ValidationResult(results=tuple(result for results in broken for result in results))

    def _report(self, kit: Kit, result: ValidationResult) -> tuple[str, Page]:
        self._declares(kit, "report")
        html = kit.component.report(result)
        return html, Page(html)

    def _cases(self, kit: Kit) -> list[tuple[str, tuple[Expectation, Rows, int]]]:
        rules: frozenset[str] = getattr(kit.component_class, "rules", frozenset())
        return [(rule, case) for rule, case in CASES.items() if rule in rules]

    def _validate(self, kit: Kit, rows: Rows, expectations: Sequence[Expectation]) -> ValidationResult:
        result = kit.component.validate(self.table(rows), expectations)
        assert isinstance(result, ValidationResult), f"validate returned {result!r}: return a ValidationResult"
        return result


def _agrees(came: Any, known: Any) -> bool:
    """Say whether a fact is the known one: numbers to a billionth, lists as far as they are known."""
    if isinstance(known, dict):
        return isinstance(came, dict) and all(_agrees(came.get(name), known[name]) for name in known)
    if isinstance(known, list):
        return isinstance(came, list) and len(came) >= len(known) and all(map(_agrees, came, known))
    if isinstance(known, str):
        return bool(came == known)
    return isinstance(came, (int, float)) and abs(came - known) < 1e-9
