"""Data checks in steps: what breaks them is told, kept, and fails or warns as asked."""

from __future__ import annotations

import json

import pytest

from zen import expect, validate
from zen.errors import RunFailed, UsageError, ValidationFailed

LIGHT = """
from zen.plugins import Flavor, hookimpl

@hookimpl
def zen_flavors():
    return [
        Flavor(kind="data_validator", name="rows", summary="Checks rows", implementation="zen.testing:MemoryValidator"),
        Flavor(kind="data_validator", name="few", summary="Knows little", implementation="few_parts:Few"),
    ]
"""
PARTS = """
from zen.testing import MemoryValidator

class Few(MemoryValidator):
    rules = frozenset({"not_null"})
    capabilities = frozenset()
"""
FLOW = """
from zen import expect

STATISTICS = {"columns": {
    "age": {"mean": 30.0, "std": 10.0, "quantiles": {"0.5": 30.0}},
    "city": {"top": [["Oslo", 0.5], ["Rom", 0.5]]},
}}
CHECKS = [expect.not_null("age"), expect.in_range("age", 0, 120)]

@step
def load(ages: list) -> Annotated[list, "people"]:
    return [{"age": age, "city": city} for age, city in zip(ages, ["Oslo", "Rom"] * 9)]

@step
def check(rows: list, mode: str = "fail") -> int:
    validate(rows, CHECKS, name="ages", on_failure=mode)
    return len(rows)

@pipeline(raise_on_failure=False)
def flow(ages: list = [30, 40], mode: str = "fail"):
    check(load(ages), mode)

def checked(**options):
    strict = load.with_options(**options)

    @pipeline(raise_on_failure=False)
    def lone(ages: list = [30]):
        strict(ages)

    return lone
"""


@pytest.fixture
def rows(home, install_plugin):
    """Install a validator for lists of dicts; return what chooses the validators of the stack."""
    install_plugin("rows", "rows", "few", light=LIGHT, few_parts=PARTS)

    def choose(*flavors: str) -> None:
        stacks = {"checked": {"data_validator": list(flavors)} if flavors else {}}
        (home / "zen.yaml").write_text(json.dumps({"default_stack": "checked", "stacks": stacks}))

    choose("rows")
    return choose


def test_data_that_meets_its_checks_passes_and_the_result_is_kept(define, home, rows) -> None:
    step = define(FLOW).flow().steps["check"]
    assert step.state == "completed"
    assert [check["passed"] if "passed" in check else None for check in step.outputs["ages"].load()["results"]] == [
        True,
        True,
    ]
    assert step.outputs["ages.html"].load().read_text().startswith("<!doctype html>")
    assert step.metadata == {"checks:ages": {"passed": True, "checks": 2, "failed": []}}


def test_data_that_breaks_its_checks_fails_the_step_and_the_result_is_kept(define, home, rows) -> None:
    run = define(FLOW).flow(ages=[30, 300, None])
    step = run.steps["check"]
    assert (run.state, step.error.type) == ("failed", "zen.errors.ValidationFailed")
    assert "2 of 2 checks of 'ages' failed" in step.error.message and "300" in step.error.message
    assert [check["rule"] for check in step.outputs["ages"].load()["results"]] == ["not_null", "in_range"]
    assert step.outputs["ages.html"].load().is_file()
    assert step.metadata["checks:ages"]["passed"] is False
    assert "output" not in step.outputs


def test_a_warning_lets_the_step_go_on(define, home, rows) -> None:
    run = define(FLOW).flow(ages=[300], mode="warn")
    assert run.steps["check"].state == "completed"
    assert "1 of 2 checks of 'ages' failed" in run.warnings[0]


def test_outputs_are_checked_before_they_are_kept(define, home, rows) -> None:
    flow = define(FLOW)
    strict = flow.checked(expect={"people": flow.CHECKS})
    assert strict(ages=[30]).steps["load"].state == "completed"
    step = strict(ages=[300]).steps["load"]
    assert (step.state, list(step.outputs)) == ("failed", ["people.checks", "people.checks.html"])
    lenient = flow.checked(expect=flow.CHECKS, on_failed_check="warn")
    assert "of 'people.checks' failed" in lenient(ages=[300]).warnings[0]


def test_changed_checks_are_made_again(define, home, rows) -> None:
    flow = define(FLOW)
    states = [flow.checked(expect=[expect.in_range("age", 0, high)])().steps["load"].state for high in (120, 120, 10)]
    assert states == ["completed", "cached", "failed"]


def test_drift_is_measured_against_a_reference(define, home, rows) -> None:
    flow = define(FLOW)
    people = [{"age": age, "city": city} for age, city in ((20, "Oslo"), (30, "Rom"), (40, "Oslo"), (30, "Rom"))]
    checks = [expect.no_drift("age", flow.STATISTICS), expect.no_drift("city", flow.STATISTICS)]
    assert validate(people, checks).passed
    older = [{**row, "age": row["age"] + 5} for row in people]
    with pytest.raises(ValidationFailed) as failed:
        validate(older, checks)
    assert [each.rule for each in failed.value.result.results if not each.passed] == [
        "mean_in_range",
        "quantile_in_range",
    ]
    movers = [{**row, "city": "Oslo"} for row in people]
    with pytest.raises(ValidationFailed, match="city"):
        validate(movers, checks)


@pytest.mark.parametrize(
    ("checks", "message"),
    [
        ([expect.no_drift("agee", {"columns": {"age": {}}})], "no column 'agee'"),
        ([expect.no_drift("age", {"columns": {"age": {}}})], "nothing is known of how the values of column 'age'"),
        ([expect.no_drift("age", [1])], "tells no statistics"),
        ([expect.no_drift("age", "nobody")], "no artifact 'nobody'"),
        ([expect.Expectation(rule="nott_null", column="age")], "no rule 'nott_null'"),
    ],
)
def test_checks_that_mean_nothing_are_refused(home, rows, checks, message) -> None:
    with pytest.raises(Exception, match=message):
        validate([{"age": 1}], checks)


def test_the_first_validator_that_can_is_taken_and_others_say_why_not(define, home, rows) -> None:
    rows("few", "rows")
    assert validate([{"age": 1}], [expect.in_range("age", 0, 2)]).passed
    assert validate([{"age": 1}], [expect.not_null("age")], validator="few").passed
    rows("few")
    with pytest.raises(UsageError, match="'few' does not know 'in_range'|'few' does not know in_range"):
        validate([{"age": 1}], [expect.in_range("age", 0, 2)])
    with pytest.raises(UsageError, match="'few' checks no int"):
        validate(3, [expect.not_null("age")])
    with pytest.raises(UsageError, match="'few' takes no dict"):
        validate([{"age": 1}], {"age": bool})
    with pytest.raises(UsageError, match="no data validator 'other'"):
        validate([], [], validator="other")


def test_a_suite_of_the_tool_itself_is_taken(home, rows) -> None:
    with pytest.raises(ValidationFailed, match="age"):
        validate([{"age": 0}], {"age": bool})


def test_a_stack_without_validator_says_how_to_get_one(define, home, rows) -> None:
    rows()
    with pytest.raises(RunFailed, match="has no data validator") as failed:
        define(FLOW).flow.with_options(raise_on_failure=True)()
    assert "pip install zen-plugin-pandera" in str(failed.value.__cause__)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"expect": {"other": [expect.unique("a")]}}, "expects something of 'other', and its outputs are: "),
        ({"expect": {"people": 3}}, "expects 3 of 'people'"),
        ({"on_failed_check": "ignore"}, "on_failed_check"),
    ],
)
def test_options_that_mean_nothing_are_refused_while_planning(define, home, rows, options, message) -> None:
    flow = define(FLOW)
    with pytest.raises(UsageError, match=message):
        flow.checked(**options).plan()


def test_what_was_compared_with_the_newest_table_is_not_cached(define, home, rows) -> None:
    pytest.importorskip("pandas")
    flow = define(
        """
        import pandas as pd
        from zen import expect

        @step
        def make(n: int) -> Annotated[pd.DataFrame, "people"]:
            return pd.DataFrame({"age": [n, n + 1]})

        @step
        def check(reference: str) -> list:
            rows = [{"age": 30}]
            validate(rows, [expect.no_drift("age", reference)], on_failure="warn")
            return rows

        @pipeline
        def flow(reference: str):
            check(reference, after=make(30))
        """
    )
    states = [flow.flow(reference).steps["check"].state for reference in ("people", "people", "people@1", "people@1")]
    assert states == ["completed", "completed", "completed", "cached"]
