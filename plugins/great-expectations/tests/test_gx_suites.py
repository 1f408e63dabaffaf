"""What was written with Great Expectations itself, as objects and as names of a project."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
import pytest

from zen.errors import ComponentError, ComponentUnavailable
from zen_plugin_great_expectations.validator import GreatExpectationsValidator

TABLE = pd.DataFrame({"age": [30, 41, 300], "other": [31, 40, 299], "city": ["Köln", None, "Rom"]})


@pytest.fixture(autouse=True)
def own_project() -> Iterator[None]:
    """Let no context of one test be the current one of the next."""
    yield
    gx.data_context.data_context.context_factory.project_manager.set_project(None)


def ages(name: str = "ages") -> Any:
    return gx.ExpectationSuite(name=name, expectations=[gxe.ExpectColumnValuesToBeBetween(column="age", max_value=120)])


def definition(context: Any, name: str = "ages") -> Any:
    source = context.data_sources.add_pandas("frames")
    data = source.add_dataframe_asset("people").add_batch_definition_whole_dataframe("all")
    suite = context.suites.add(ages(name))
    return context.validation_definitions.add(gx.ValidationDefinition(name=f"{name} of people", data=data, suite=suite))


def project(folder: Path) -> None:
    """Make a project with a suite, a validation definition and a checkpoint."""
    context = gx.get_context(mode="file", project_root_dir=folder)
    found = definition(context)
    context.checkpoints.add(gx.Checkpoint(name="daily", validation_definitions=[found], result_format="COMPLETE"))
    context.suites.add(gx.ExpectationSuite(name="daily"))


def test_a_suite_gives_a_result_for_each_expectation(validator: GreatExpectationsValidator) -> None:
    expectations = [
        gxe.ExpectColumnValuesToBeBetween(column="age", max_value=120),
        gxe.ExpectColumnMeanToBeBetween(column="age", max_value=50),
        gxe.ExpectColumnValuesToNotBeNull(column="city", description="cities are known"),
        gxe.ExpectColumnPairValuesToBeEqual(column_A="age", column_B="other"),
        gxe.ExpectTableRowCountToEqual(value=3),
    ]
    suite = gx.ExpectationSuite(name="people", expectations=expectations)
    result = validator.validate_suite(TABLE, suite)
    found = [(each.rule, each.column, each.passed, each.unexpected, each.total) for each in result.results]
    assert sorted(found) == [
        ("expect_column_mean_to_be_between", "age", False, 0, 3),
        ("expect_column_pair_values_to_be_equal", "age, other", False, 3, 3),
        ("expect_column_values_to_be_between", "age", False, 1, 3),
        ("expect_column_values_to_not_be_null", "city", False, 1, 3),
        ("expect_table_row_count_to_equal", "", True, 0, 0),
    ]
    messages = {each.rule.removeprefix("expect_"): each.message for each in result.results}
    assert messages["column_values_to_be_between"] == (
        "column 'age': 1 of 3 values breaks expect_column_values_to_be_between (max_value=120.0) (300)"
    )
    assert "'cities are known'" in messages["column_values_to_not_be_null"]
    assert "observed 123.66666666666667" in messages["column_mean_to_be_between"]


def test_a_single_expectation_is_a_suite(validator: GreatExpectationsValidator) -> None:
    expectation = gxe.ExpectColumnValuesToNotBeNull(column="city")
    assert validator.accepts_suite(expectation)
    (result,) = validator.validate_suite(TABLE, expectation).results
    assert (result.column, result.unexpected) == ("city", 1)
    assert expectation.id is None


def test_what_the_tool_cannot_check_fails(validator: GreatExpectationsValidator) -> None:
    (result,) = validator.validate_suite(TABLE, gxe.ExpectColumnMeanToBeBetween(column="nowhere", max_value=1)).results
    assert not result.passed
    assert "nowhere" in result.message
    assert "Traceback" not in str(validator.validate_suite(TABLE, gxe.ExpectColumnToExist(column="nowhere")))


def test_own_classes_of_expectations_are_taken(validator: GreatExpectationsValidator) -> None:
    class ExpectAdults(gxe.ExpectColumnValuesToBeBetween):  # type: ignore[misc]
        column: str = "age"
        min_value: float = 40

    (result,) = validator.validate_suite(TABLE, ExpectAdults()).results
    assert (result.rule, result.sample) == ("expect_adults", (30,))


def test_validation_definitions_run_in_their_context(validator: GreatExpectationsValidator) -> None:
    context = gx.get_context(mode="ephemeral")
    (result,) = validator.validate_suite(TABLE, definition(context)).results
    assert (result.column, result.unexpected) == ("age", 1)
    assert len(context.validation_results_store.list_keys()) == 1


def test_checkpoints_act(validator: GreatExpectationsValidator) -> None:
    context = gx.get_context(mode="ephemeral")
    acted: list[Any] = []

    class Act(gx.checkpoint.actions.ValidationAction):  # type: ignore[misc]
        type: str = "zen_test"

        def run(self, checkpoint_result: Any, action_context: Any = None) -> dict[str, Any]:
            acted.append(checkpoint_result.success)
            return {}

    checkpoint = gx.Checkpoint(name="daily", validation_definitions=[definition(context)], actions=[Act(name="act")])
    context.checkpoints.add(checkpoint)
    assert not validator.validate_suite(TABLE, checkpoint).passed
    assert acted == [False]


def test_only_one_thread_is_in_the_tool(validator: GreatExpectationsValidator) -> None:
    context = gx.get_context(mode="ephemeral")
    inside, leave = threading.Event(), threading.Event()

    class Wait(gx.checkpoint.actions.ValidationAction):  # type: ignore[misc]
        type: str = "zen_test_wait"

        def run(self, checkpoint_result: Any, action_context: Any = None) -> dict[str, Any]:
            inside.set()
            leave.wait(30)
            return {}

    checkpoint = gx.Checkpoint(name="slow", validation_definitions=[definition(context)], actions=[Wait(name="wait")])
    context.checkpoints.add(checkpoint)
    first = threading.Thread(target=validator.validate_suite, args=(TABLE, checkpoint))
    second = threading.Thread(target=validator.validate_suite, args=(TABLE, gxe.ExpectColumnToExist(column="age")))
    first.start()
    assert inside.wait(30)
    second.start()
    second.join(0.5)
    assert second.is_alive()
    leave.set()
    first.join(30)
    second.join(30)
    assert not second.is_alive()


def test_suites_leave_the_table(validator: GreatExpectationsValidator) -> None:
    given = pd.DataFrame({"d": pd.Series([Decimal(1), Decimal("2.5")], dtype=object)})
    assert validator.validate_suite(given, gxe.ExpectColumnMeanToBeBetween(column="d", max_value=2)).passed
    assert given["d"].tolist() == [Decimal(1), Decimal("2.5")]
    assert {type(value) for value in given["d"]} == {Decimal}


def test_a_checkpoint_that_reads_by_itself_is_refused(validator: GreatExpectationsValidator, tmp_path: Path) -> None:
    context = gx.get_context(mode="ephemeral")
    TABLE.to_csv(tmp_path / "people.csv")
    asset = context.data_sources.add_pandas("files").add_csv_asset("people", tmp_path / "people.csv")
    data = asset.add_batch_definition("all")
    found = gx.ValidationDefinition(name="people", data=data, suite=context.suites.add(ages()))
    with pytest.raises(ComponentError, match="reads by itself"):
        validator.validate_suite(TABLE, context.validation_definitions.add(found))


def test_what_was_not_added_to_a_context_says_so(validator: GreatExpectationsValidator) -> None:
    context = gx.get_context(mode="ephemeral")
    data = context.data_sources.add_pandas("f").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
    with pytest.raises(ComponentError, match="must be added") as caught:
        validator.validate_suite(TABLE, gx.ValidationDefinition(name="x", data=data, suite=ages()))
    assert caught.value.__cause__ is not None


def test_suites_of_a_project_go_by_name(make: Any, tmp_path: Path) -> None:
    project(tmp_path)
    gx.data_context.data_context.context_factory.project_manager.set_project(None)
    file = (tmp_path / "gx" / "great_expectations.yml").read_bytes()
    validator = make(context="file", sample=0)
    assert validator.accepts_suite("ages")
    for name in ("ages", "ages of people", "checkpoint:daily"):
        (result,) = validator.validate_suite(TABLE, name).results
        assert (result.column, result.unexpected, result.sample) == ("age", 1, ())
    assert "300" not in str(validator.validate_suite(TABLE, "checkpoint:daily"))
    assert (tmp_path / "gx" / "great_expectations.yml").read_bytes() == file


def test_names_that_are_wrong_say_which_there_are(make: Any, tmp_path: Path) -> None:
    project(tmp_path)
    validator = make(context="file", project="gx")
    with pytest.raises(ComponentError, match="ages, ages of people, daily") as caught:
        validator.validate_suite(TABLE, "agess")
    assert caught.value.hint == "did you mean 'ages'?"
    with pytest.raises(ComponentError, match="a suite and of a checkpoint"):
        validator.validate_suite(TABLE, "daily")


def test_a_project_that_is_not_there_is_told(make: Any, tmp_path: Path) -> None:
    with pytest.raises(ComponentUnavailable, match="great_expectations.yml"):
        make(context="file", project="quality")
    assert not list(tmp_path.iterdir())


def test_other_objects_are_no_suites(validator: GreatExpectationsValidator) -> None:
    class ExpectationSuite: ...

    assert not validator.accepts_suite(ExpectationSuite())
    with pytest.raises(ComponentError, match="no suite"):
        validator.validate_suite(TABLE, "ages")
