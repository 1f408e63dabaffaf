"""The component: what it leaves as it was, what it keeps, and how it is used."""

from __future__ import annotations

import gc
import json
import os
import threading
from decimal import Decimal
from typing import Any

import great_expectations as gx
import pandas as pd
import pytest

from zen import expect
from zen.errors import ComponentError
from zen.records import ValidationResult, from_json, to_json
from zen_plugin_great_expectations.config import GreatExpectationsConfig
from zen_plugin_great_expectations.validator import GreatExpectationsValidator

ALL = [
    expect.columns("n", "d"),
    expect.of_type("n", "int"),
    expect.not_null("n"),
    expect.unique("n"),
    expect.in_range("n", 0, 1),
    expect.in_set("n", [1]),
    expect.matches("s", "a"),
    expect.row_count(most=1),
    expect.mean_in_range("d", 0, 1),
    expect.quantile_in_range("n", 0.5, 0, 1),
    expect.shares_near("s", {"a": 1.0}),
]


def table() -> pd.DataFrame:
    columns = {"n": [1, 2, 300], "d": [Decimal(1), None, Decimal("2.5")], "s": ["a", None, "ü"]}
    return pd.DataFrame(columns, index=[7, 7, 8])


def test_the_table_stays_as_it_is(validator: GreatExpectationsValidator) -> None:
    given, before = table(), table()
    validator.validate(given, ALL)
    validator.profile(given)
    pd.testing.assert_frame_equal(given, before)
    assert [type(value) for value in given["d"]] == [type(value) for value in before["d"]]


def test_results_and_details_are_plain(validator: GreatExpectationsValidator) -> None:
    odd = pd.DataFrame({"f": [float("nan"), float("inf"), -1.0], "t": pd.to_datetime(["2026-01-01"] * 3)})
    odd["o"] = pd.Series([{"a": {1}}, b"x", "\ud800"], dtype=object)
    checks = [*(expect.in_set(name, [0]) for name in odd), expect.mean_in_range("o"), expect.unique("o")]
    result = validator.validate(odd, checks)
    text = json.dumps(to_json(result), allow_nan=False, ensure_ascii=False)
    assert from_json(ValidationResult, json.loads(text.encode())) == result


def test_a_sample_is_as_long_as_configured(make: Any) -> None:
    many = pd.DataFrame({"n": range(100)})
    for length in (0, 2):
        result = make(sample=length).validate(many, [expect.in_range("n", None, 9), expect.mean_in_range("n", 0, 1)])
        assert (result.results[0].unexpected, len(result.results[0].sample)) == (90, length)
        (told, _) = result.statistics["great_expectations"]["results"]
        assert len(told["result"]["partial_unexpected_list"]) == length
    assert make(sample=0).validate(many, [expect.in_range("n", None, 9)]).results[0].message == (
        "column 'n': 90 of 100 values are not at most 9"
    )


def test_other_contexts_and_the_environment_stay(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "perhaps")
    theirs = gx.get_context(mode="ephemeral")
    before = dict(os.environ)
    make().validate(table(), ALL)
    assert dict(os.environ) == before
    assert gx.data_context.data_context.context_factory.project_manager._project is theirs
    suite = theirs.suites.add(gx.ExpectationSuite(name="theirs"))
    suite.add_expectation(gx.expectations.ExpectColumnToExist(column="n"))
    assert [each.name for each in theirs.suites.all()] == ["theirs"]


def test_tables_are_let_go(validator: GreatExpectationsValidator) -> None:
    validator.validate(pd.DataFrame({"a column to find": [1]}), [expect.unique("a column to find")])
    gc.collect()
    frames = [each for each in gc.get_objects() if isinstance(each, pd.DataFrame)]
    assert not any("a column to find" in each.columns for each in frames)


def test_threads_take_turns(validator: GreatExpectationsValidator) -> None:
    wrong = []

    def work(rows: int) -> None:
        for _ in range(5):
            (result,) = validator.validate([{"n": 1}] * rows, [expect.row_count(most=0)]).results
            if f"has {rows} row" not in result.message:
                wrong.append(result)

    threads = [threading.Thread(target=work, args=(rows,)) for rows in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_same_expectation_twice_gives_two_results(validator: GreatExpectationsValidator) -> None:
    results = validator.validate(table(), [expect.unique("n"), expect.not_null("s"), expect.unique("n")]).results
    assert [each.rule for each in results] == ["unique", "not_null", "unique"]


def test_what_was_not_opened_says_so() -> None:
    with pytest.raises(ComponentError, match="not opened"):
        GreatExpectationsValidator(GreatExpectationsConfig()).validate([{"a": 1}], [expect.unique("a")])


def test_profile_tells_how_columns_are_distributed(validator: GreatExpectationsValidator) -> None:
    odd = pd.DataFrame(
        {
            "t": pd.to_datetime(["2026-01-01", "2026-03-01", None]),
            "b": [True, False, True],
            "m": pd.Series([1, "x", None], dtype=object),
            "e": [None] * 3,
            "i": pd.Series([1, None, 3], dtype="Int64"),
        }
    )
    profile = json.loads(json.dumps(validator.profile(odd), allow_nan=False))
    columns = profile["columns"]
    assert profile["rows"] == 3
    assert [columns[name]["type"] for name in odd] == ["datetime", "bool", "mixed", "empty", "int"]
    assert (columns["t"]["min"], columns["t"]["nulls"]) == ("2026-01-01T00:00:00", 1)
    assert columns["b"]["top"] == [["True", 2 / 3], ["False", 1 / 3]]
    assert (columns["i"]["min"], columns["i"]["mean"], columns["i"]["quantiles"]["0.5"]) == (1, 2.0, 2.0)


@pytest.mark.parametrize("rows", [[], [{}], [{"a": None}]])
def test_small_tables_have_profiles(validator: GreatExpectationsValidator, rows: list[dict[str, Any]]) -> None:
    assert validator.profile(rows)["rows"] == len(rows)
    assert validator.validate(rows, [expect.row_count(least=len(rows), most=len(rows))]).passed
