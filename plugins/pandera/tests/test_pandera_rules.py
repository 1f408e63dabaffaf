"""What the rules find in columns of all types, and the sentences in which they tell it."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest

from zen import expect
from zen.errors import ComponentError
from zen_plugin_pandera.validator import PanderaValidator

TABLE = pd.DataFrame(
    {
        "age": [30, 300, -1, 999, None, 20],
        "city": ["a", "b", "b", None, "oslo", "Zz"],
        "id": [1, 1, 1, 2, 3, 4],
        "size": pd.Categorical(["x", "y", "x", None, "x", "z"]),
        "at": pd.date_range("2024", periods=6),
        "any": [1, "a", None, 2.5, True, [1]],
    }
)


def check(expectation, table=TABLE):
    [result] = PanderaValidator(None).validate(table, [expectation]).results
    assert (result.rule, result.column) == (expectation.rule, expectation.column)
    return result


SENTENCES = [
    (expect.columns("age", "nope", "no"), "the table has no columns 'nope', 'no'"),
    (expect.in_range("nope", 0, 1), "the table has no column 'nope'"),
    (expect.of_type("any", "int"), "column 'any': 4 of 6 values are not of type int ('a', 2.5, True, '[1]')"),
    (expect.not_null("city", most=0.1), "column 'city': 1 of 6 values is missing, more than the share of 0.1"),
    (expect.unique("id"), "column 'id': 2 of 6 values repeat earlier ones (1)"),
    (expect.in_range("age", 0, 120), "column 'age': 3 of 6 values are not between 0 and 120 (300, -1, 999)"),
    (expect.in_range("age", None, 300), "column 'age': 1 of 6 values is not at most 300 (999)"),
    (expect.in_set("size", ["x", "y"]), "column 'size': 1 of 6 values is not one of 'x', 'y' ('z')"),
    (expect.matches("city", "[a-z]"), "column 'city': 2 of 6 values do not match '[a-z]' ('oslo', 'Zz')"),
    (expect.row_count(least=7), "the table has 6 rows, not at least 7"),
    (expect.row_count(most=5), "the table has 6 rows, not between 0 and 5"),
    (expect.mean_in_range("age", 0, 100), "column 'age': the mean 269.6 is not between 0 and 100"),
    (expect.quantile_in_range("age", 0.5, 0, 1), "column 'age': the median 30 is not between 0 and 1"),
    (expect.quantile_in_range("id", 0.9, 9), "column 'id': the 0.9 quantile 3.5 is not at least 9"),
    (
        expect.mean_in_range("at", 0, 1),
        f"column 'at': the values are no numbers but {TABLE['at'].dtype} ('2024-01-01T00:00:00')",
    ),
    (
        expect.shares_near("size", {"x": 0.1, "y": 0.9}),
        "column 'size': the shares differ by 0.7 from those expected, more than 0.1"
        " ('y' has 0.2, not 0.9; 'x' has 0.6, not 0.1)",
    ),
]


@pytest.mark.parametrize(("expectation", "message"), SENTENCES, ids=lambda value: getattr(value, "rule", ""))
def test_a_failure_is_a_sentence(expectation, message):
    result = check(expectation)
    assert not result.passed
    assert result.message == message


MET = [
    expect.columns("age", "id"),
    expect.of_type("age", "int"),  # whole numbers between gaps
    expect.of_type("age", "float"),
    expect.of_type("size", "str"),
    expect.of_type("at", "datetime"),
    expect.not_null("city", most=1 / 6),
    expect.in_range("at", "2024-01-01", "2024-01-06"),
    expect.in_set("any", [1, "a", 2.5, [1]]),
    expect.matches("size", "[xyz]"),
    expect.matches("age", r"-?\d+"),
    expect.shares_near("age", {"30": 0.2, "300": 0.2}, most=0),
    expect.shares_near("any", {"1": 0.2, "True": 0.2, "[1]": 0.2}, most=0),
]


@pytest.mark.parametrize("expectation", MET, ids=lambda each: f"{each.rule} {each.column}")
def test_what_is_met_passes(expectation):
    assert check(expectation).passed


def test_a_passed_check_counts_what_was_allowed():
    result = check(expect.not_null("city", most=0.2))
    assert (result.passed, result.unexpected, result.total, result.message) == (True, 1, 6, "")


TYPES = {
    "int": ["int64", "UInt8", "int32[pyarrow]"],
    "float": ["float32", "Float64", "int64", "double[pyarrow]"],
    "str": [object, "string", "string[pyarrow]", "category"],
    "bool": ["bool", "boolean", "bool[pyarrow]"],
    "datetime": ["datetime64[s]", "timestamp[us][pyarrow]"],
}
SAMPLES = {"int": 1, "float": 2.0, "str": "a", "bool": True, "datetime": dt.datetime(2024, 1, 1)}


@pytest.mark.parametrize(("name", "dtype"), [(name, dtype) for name, found in TYPES.items() for dtype in found])
def test_a_type_has_many_dtypes(name, dtype):
    table = pd.DataFrame({"x": pd.Series([SAMPLES[name]] * 2).astype(dtype)})
    met = {other for other in TYPES if check(expect.of_type("x", other), table).passed}
    assert met == ({"int", "float"} if name == "int" or dtype == "int64" else {name})


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "int64[pyarrow]", "double[pyarrow]", "float32", object])
def test_missing_values_of_any_kind_are_left_out(dtype):
    table = pd.DataFrame({"x": pd.Series([1, None, 3], dtype=dtype)})
    assert check(expect.mean_in_range("x", 2, 2), table).passed
    assert check(expect.quantile_in_range("x", 0.25, 1.5, 1.5), table).passed
    assert check(expect.in_range("x", 1, 2), table).sample == (3,)
    assert check(expect.not_null("x"), table).unexpected == 1
    assert check(expect.unique("x"), table).passed


def test_infinities_are_values():
    table = pd.DataFrame({"x": [1.0, np.inf, -np.inf]})
    assert check(expect.in_range("x", 0), table).sample == ("-inf",)
    assert check(expect.mean_in_range("x", 0, 1), table).message == "column 'x': the mean nan is not between 0 and 1"


def test_rounding_is_no_drift():
    table = pd.DataFrame({"x": [0.1, 0.2, 0.3], "c": list("aab")})
    assert check(expect.mean_in_range("x", 0.2, 0.2), table).passed
    assert check(expect.shares_near("c", {"a": 2 / 3, "b": 1 / 3}, most=0), table).passed


def test_labels_are_known_by_their_text():
    table = pd.DataFrame([[1, 2]], columns=[0, "a b"])
    assert check(expect.in_range("0", 1, 1), table).passed
    assert check(expect.columns("0", "a b"), table).passed


def test_a_name_of_several_columns_is_told():
    table = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert check(expect.not_null("a"), table).message == "the table has several columns 'a'"


def test_odd_indexes_do_not_matter():
    table = TABLE.set_axis(pd.MultiIndex.from_product([["a"], [1, 1, 1, 2, 2, 2]]))
    assert check(expect.in_range("age", 0, 120), table).unexpected == 3


def test_empty_tables_meet_all_rules_about_values():
    empty = TABLE[:0]
    met = [expectation for expectation in MET if expectation.column]
    assert PanderaValidator(None).validate(empty, met).passed
    assert check(expect.row_count(least=0, most=0), pd.DataFrame()).passed


@pytest.mark.parametrize("setting", [{"validation_enabled": False}, {"validation_depth": "SCHEMA_ONLY"}])
def test_settings_of_pandera_switch_nothing_off(setting):
    from pandera.config import ValidationDepth, config_context

    depth = {name: ValidationDepth(value) if name == "validation_depth" else value for name, value in setting.items()}
    with config_context(**depth):
        assert not check(expect.in_range("age", 0, 120)).passed


@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        (expect.no_drift("age", "train"), "pandera has no rule 'no_drift' of zen.expect; it has: columns, "),
        (expect.matches("city", "["), "column 'city': '[' is no regular expression: unterminated character set"),
    ],
)
def test_what_cannot_be_checked_is_refused(expectation, message):
    with pytest.raises(ComponentError) as caught:
        check(expectation)
    assert message in caught.value.message


POLARS = pl.DataFrame(
    {
        "age": [30, 300, -1, None],
        "share": [1.0, float("nan"), None, 3.0],
        "size": pl.Series(["a", "b", None, "a"], dtype=pl.Categorical),
        "list": [[1], [2], None, [1]],
    }
)


def test_polars_tables_are_checked_alike():
    assert check(expect.in_range("age", 0, 120), POLARS).sample == (300, -1)
    assert check(expect.of_type("age", "int"), POLARS).passed
    assert check(expect.not_null("share"), POLARS).unexpected == 2
    assert check(expect.mean_in_range("share", 2, 2), POLARS).passed
    assert check(expect.shares_near("size", {"a": 0.5, "b": 0.5}, most=0), POLARS).passed is False
    assert check(expect.unique("list"), POLARS).sample == ("[1]",)
