"""What the rules mean, where Great Expectations and pandas have ideas of their own."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from zen import expect
from zen.errors import ComponentError
from zen.expect import RULES, Expectation
from zen.records import CheckResult
from zen_plugin_great_expectations import compiling
from zen_plugin_great_expectations.validator import GreatExpectationsValidator

NOON = dt.datetime(2026, 1, 1, 12)


def check(validator: GreatExpectationsValidator, values: Any, expectation: Expectation) -> CheckResult:
    table = values if isinstance(values, pd.DataFrame) else pd.DataFrame({"c": values})
    (result,) = validator.validate(table, [expectation]).results
    assert result.passed is (result.message == "")
    return result


def test_every_rule_is_compiled() -> None:
    compiled = compiling._TABLE_RULES.keys() | compiling._COLUMN_RULES.keys()
    assert compiled == GreatExpectationsValidator.rules == set(RULES)


@pytest.mark.parametrize(
    ("values", "type", "sample"),
    [
        ([1, 2], "int", ()),
        ([1, 2], "float", ()),
        ([1.0, 2.0], "int", (1.0, 2.0)),
        ([True, False], "int", (True, False)),
        ([True, False], "bool", ()),
        (["a", None], "str", ()),
        ([1, 2], "str", (1, 2)),
        (pd.Series([1, None], dtype="Int64"), "int", ()),
        (pd.Series(["a", "b"], dtype="category"), "str", ()),
        (pd.Series([1, 2], dtype="category"), "str", (1, 2)),
        (pd.Series(["a", "b"], dtype="string"), "str", ()),
        (pd.Series([1, True, "a", 2.5, None, Decimal(1)], dtype=object), "int", (True, "a", 2.5, 1.0)),
        (pd.Series([1, np.int8(1), 2.5, True], dtype=object), "float", (True,)),
        (pd.to_datetime(["2026-01-01", None]), "datetime", ()),
        (pd.to_datetime(["2026-01-01"], utc=True), "datetime", ()),
        (pd.Series([NOON, NOON.date()], dtype=object), "datetime", ("2026-01-01",)),
    ],
)
def test_types_are_those_of_the_values(
    validator: GreatExpectationsValidator, values: Any, type: str, sample: tuple[Any, ...]
) -> None:
    result = check(validator, values, expect.of_type("c", type))
    assert (result.passed, result.sample, result.unexpected) == (not sample, sample, len(sample))


def test_rows_keep_their_types(validator: GreatExpectationsValidator) -> None:
    rows = [{"n": 1, "m": 1, "s": "a"}, {"n": None, "m": 2.5, "t": 2**80}]
    checks = [expect.of_type("n", "int"), expect.of_type("m", "int"), expect.of_type("t", "int"), expect.not_null("s")]
    results = validator.validate(rows, checks).results
    assert [each.passed for each in results] == [True, False, True, False]
    assert results[1].sample == (2.5,)


@pytest.mark.parametrize(
    ("values", "low", "high", "sample"),
    [
        ([1, 300, -1, None], 0, 120, (300, -1)),
        ([0, 120], 0, 120, ()),
        (pd.Series([1, "x", 300, None], dtype=object), 0, 120, ("x", 300)),
        (pd.Series([1, None, 300], dtype="Int64"), 0, 120, (300,)),
        ([float("inf")], 0, None, ()),
        ([float("inf")], 0, 120, ("inf",)),
        ([NOON], 0, 120, (NOON.isoformat(),)),
        ([5], 7, 3, (5,)),
        (["x", 7], None, None, ()),
        ([2**53 + 1], None, 2**53, (2**53 + 1,)),
    ],
)
def test_ranges(
    validator: GreatExpectationsValidator, values: Any, low: Any, high: Any, sample: tuple[Any, ...]
) -> None:
    assert check(validator, values, expect.in_range("c", low, high)).sample == sample


@pytest.mark.parametrize(
    ("values", "pattern", "meets"),
    [
        (["Köln", None], r"\w+", True),
        (["Köln"], "K", False),
        (["ab\n"], "[a-z]+", False),
        (["ab", "cd"], "ab|cd", True),
        (["AB"], "(?i)ab", True),
        (["abab"], r"(ab)\1", True),
        (["ab"], "(?x) a b  # both", True),
        ([12, 3], r"\d+", True),
    ],
)
def test_patterns_are_pythons_and_match_as_a_whole(
    validator: GreatExpectationsValidator, values: Any, pattern: str, meets: bool
) -> None:
    assert check(validator, values, expect.matches("c", pattern)).passed is meets


def test_quantiles_are_exact(validator: GreatExpectationsValidator) -> None:
    # Great Expectations itself lets a bound be missed by 0.01 %.
    assert not check(validator, [100.0, 100.005], expect.quantile_in_range("c", 1, None, 100)).passed
    assert check(validator, [1, 2], expect.quantile_in_range("c", 0.5, 1.5, 1.5)).passed
    assert check(validator, [True, False], expect.quantile_in_range("c", 0.5, 0.5, 0.5)).passed


def test_means_are_of_numbers(validator: GreatExpectationsValidator) -> None:
    texts = check(validator, pd.Series(["1", "2", None], dtype=object), expect.mean_in_range("c", 0, 9))
    assert (texts.passed, texts.unexpected, texts.total) == (False, 2, 3)
    assert texts.message == "column 'c': 2 of 3 values are not numbers ('1', '2')"
    assert check(validator, [Decimal("1.5"), Decimal("2.5")], expect.mean_in_range("c", 2, 2)).passed
    assert check(validator, ["a", "b"], expect.mean_in_range("c")).passed is False


@pytest.mark.parametrize(
    ("missing", "most", "meets"), [(7, 0.7, True), (8, 0.7, False), (1, 0.1, True), (1, 0.0, False)]
)
def test_a_share_of_missing_values_is_exact(
    validator: GreatExpectationsValidator, missing: int, most: float, meets: bool
) -> None:
    values = [None] * missing + ["a"] * (10 - missing)
    assert check(validator, values, expect.not_null("c", most=most)).passed is meets


def test_shares_go_by_texts(validator: GreatExpectationsValidator) -> None:
    assert check(validator, [1, 1, 2, 3], expect.shares_near("c", {"1": 0.5, "2": 0.25}, most=0)).passed
    assert check(
        validator, pd.Series([True, 1, "1"], dtype=object), expect.shares_near("c", {"True": 1 / 3}, most=0)
    ).passed
    far = check(validator, ["a", "b", None, None], expect.shares_near("c", {"a": 1.0}, most=0.25))
    assert far.message == (
        "column 'c': the shares of its values differ by 0.5, more than 0.25: 'a' 0.5 instead of 1, others 0.5 instead of 0"
    )


def test_sets_hold_unicode_and_several_types(validator: GreatExpectationsValidator) -> None:
    assert check(validator, ["Köln", "Ω", None], expect.in_set("c", ["Ω", "Köln"])).passed
    assert check(validator, pd.Series([1, "a"], dtype=object), expect.in_set("c", ["a", 1])).passed
    assert check(validator, [1, 2], expect.in_set("c", [])).unexpected == 2


def test_values_that_cannot_be_compared_fail(validator: GreatExpectationsValidator) -> None:
    result = check(validator, pd.Series([{1}, {1}], dtype=object), expect.unique("c"))
    assert not result.passed  # pandas 2 refuses to compare them
    assert "2 of 2 values" in result.message or "could not be checked" in result.message


@pytest.mark.parametrize("values", [[], [None, None], pd.Series([None], dtype=object), pd.Series([], dtype="float64")])
def test_without_values_only_not_null_fails(validator: GreatExpectationsValidator, values: Any) -> None:
    checks = [
        expect.of_type("c", "int"),
        expect.unique("c"),
        expect.in_range("c", 0, 1),
        expect.in_set("c", [1]),
        expect.matches("c", "a"),
        expect.mean_in_range("c", 0, 1),
        expect.quantile_in_range("c", 0.5, 0, 1),
        expect.shares_near("c", {"a": 1.0}, most=0),
    ]
    table = pd.DataFrame({"c": values})
    assert all(each.passed for each in validator.validate(table, checks).results)
    assert check(validator, table, expect.not_null("c")).passed is (len(table) == 0)


def test_row_counts(validator: GreatExpectationsValidator) -> None:
    assert check(validator, [], expect.row_count()).passed
    assert check(validator, [1], expect.row_count(least=2)).message == "the table has 1 row, not at least 2"
    assert check(validator, [1, 2], expect.row_count(most=1)).message == "the table has 2 rows, not between 0 and 1"


def test_messages_name_column_count_and_values(validator: GreatExpectationsValidator) -> None:
    ages = pd.DataFrame({"age": [30] * 97 + [300, -1, 999]})
    result = check(validator, ages, expect.in_range("age", 0, 120))
    assert result.message == "column 'age': 3 of 100 values are not between 0 and 120 (300, -1, 999)"
    assert (result.unexpected, result.total, result.sample) == (3, 100, (300, -1, 999))


def test_a_missing_column_is_named(validator: GreatExpectationsValidator) -> None:
    result = check(validator, pd.DataFrame({"b": [1], "a": [2]}), expect.unique("größe"))
    assert result.message == "the table has no column 'größe'; it has 'b', 'a'"
    table = check(validator, pd.DataFrame({"b": [1], "a": [2]}), expect.columns("a", "größe"))
    assert table.message == "the table has no column 'größe'; it has 'b', 'a'"


def test_labels_are_texts(validator: GreatExpectationsValidator) -> None:
    table = pd.DataFrame([[1, 2, None]], columns=[0, "a", "a"], index=["x"])
    results = validator.validate(table, [expect.not_null("0"), expect.columns("a"), expect.not_null("a")]).results
    assert [each.passed for each in results] == [True, True, False]
    assert results[2].message == "the table has 2 columns 'a'"
    assert list(table.columns) == [0, "a", "a"]


@pytest.mark.parametrize(
    "expectation",
    [
        expect.of_type("c", "decimal"),
        expect.matches("c", "("),
        expect.quantile_in_range("c", 50, 0, 1),
        Expectation(rule="no_drift", column="c"),
    ],
)
def test_what_means_nothing_is_refused(validator: GreatExpectationsValidator, expectation: Expectation) -> None:
    with pytest.raises(ComponentError):
        validator.validate(pd.DataFrame({"c": [1]}), [expectation])
