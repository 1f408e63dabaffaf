"""Schemas that were written with pandera: one result for each check."""

import pandas as pd
import pandera.pandas as pa
import pandera.polars
import polars as pl
import pytest

from zen.errors import ComponentError
from zen_plugin_pandera.validator import PanderaValidator

TABLE = pd.DataFrame({"age": [30.0, 300, -1, None], "city": ["a", "b", "b", None], "id": [1, 1, 2, 3]})


def check(suite, table=TABLE):
    """Return rule, column, whether it passed, counts, samples and messages of each result."""
    before = table.clone() if isinstance(table, pl.DataFrame) else table.copy(deep=True)
    results = PanderaValidator(None).validate_suite(table, suite).results
    assert table.equals(before)
    return results


def failed(suite, table=TABLE):
    return [(r.rule, r.column, r.unexpected, r.total, r.sample, r.message) for r in check(suite, table) if not r.passed]


def test_each_check_is_a_result():
    schema = pa.DataFrameSchema(
        {
            "age": pa.Column(float, [pa.Check.ge(-10), pa.Check.le(1000)], nullable=True),
            "id": pa.Column(int, required=False),
            "optional": pa.Column(int, required=False),
            "c.*": pa.Column(regex=True, nullable=True),
        },
        checks=pa.Check(lambda table: len(table) == 4, name="four"),
    )
    assert [(r.rule, r.column) for r in check(schema) if r.passed] == [
        ("column_in_dataframe", "age"),
        ("dtype", "age"),
        ("greater_than_or_equal_to", "age"),
        ("less_than_or_equal_to", "age"),
        ("dtype", "id"),
        ("not_nullable", "id"),
        ("column_in_dataframe", "city"),
        ("four", ""),
    ]
    assert failed(schema) == []


def test_failures_have_rule_column_counts_and_sample():
    schema = pa.DataFrameSchema(
        {
            "id": pa.Column(bool),
            "age": pa.Column(float, pa.Check.in_range(0, 120)),
            "city": pa.Column(unique=True, nullable=True),
            "nowhere": pa.Column(int),
        },
        strict=True,
    )
    assert failed(schema, TABLE.assign(zip="0150")) == [
        ("dtype", "id", 0, 4, (), "column 'id': the type is int64, not bool"),
        ("not_nullable", "age", 1, 4, (), "column 'age': 1 of 4 values is missing"),
        ("in_range", "age", 2, 4, (300.0, -1.0), "column 'age': 2 of 4 values fail in_range(0, 120) (300.0, -1.0)"),
        ("unique", "city", 2, 4, ("b",), "column 'city': 2 of 4 values are not unique ('b')"),
        ("column_in_dataframe", "nowhere", 0, 4, (), "column 'nowhere': it is not in the table"),
        ("column_in_schema", "", 0, 4, ("zip",), "the table: there are columns that the schema does not have ('zip')"),
    ]


class Young(pa.DataFrameModel):
    age: float = pa.Field(le=120, nullable=True)

    @pa.check("age")
    def positive(cls, values):
        return values > 0

    @pa.dataframe_check
    def small_ids(cls, table):
        return table["id"] < 3


def test_models_are_checked():
    wrong = "column 'age': 1 of 4 values fails"
    assert failed(Young) == [
        ("less_than_or_equal_to", "age", 1, 4, (300.0,), f"{wrong} less_than_or_equal_to(120) (300.0)"),
        ("positive", "age", 1, 4, (-1.0,), f"{wrong} positive (-1.0)"),
        ("small_ids", "", 1, 4, ({"id": 3},), "the table: 1 of 4 rows fails small_ids"),
    ]


def test_a_check_that_raises_fails():
    [result] = failed(pa.DataFrameSchema({"id": pa.Column(int, pa.Check(lambda values: 1 / 0, name="odd"))}))
    assert result[:2] == ("odd", "id")
    assert "could not be made: ZeroDivisionError" in result[-1]


def test_conversions_are_tried_on_a_copy():
    assert failed(pa.DataFrameSchema({"id": pa.Column(str, coerce=True)})) == []
    [result, _] = failed(pa.DataFrameSchema({"city": pa.Column(int, coerce=True)}))
    assert result[-1].startswith("column 'city': 4 of 4 values cannot be made int64 ('a', 'b'")


def test_rows_that_a_schema_would_drop_are_failures():
    schema = pa.DataFrameSchema({"id": pa.Column(int, pa.Check.lt(3))}, drop_invalid_rows=True)
    assert [result[:4] for result in failed(schema)] == [("less_than", "id", 1, 4)]
    assert schema.drop_invalid_rows


def test_the_index_is_checked():
    schema = pa.DataFrameSchema(index=pa.Index(int, pa.Check.lt(2)))
    assert [result[:4] for result in failed(schema)] == [("less_than", "index", 2, 4)]


def test_several_columns_are_unique_together():
    schema = pa.DataFrameSchema({"city": pa.Column(nullable=True), "id": pa.Column()}, unique=["city", "id"])
    table = pd.concat([TABLE, TABLE[:1]], ignore_index=True)
    assert failed(schema, table) == [
        ("unique", "", 2, 5, ({"city": "a", "id": 1},), "the table: 2 of 5 rows are not unique")
    ]


def test_many_failures_stay_cheap():
    table = pd.DataFrame({"x": range(200_000), "y": 1.0})
    wide = pa.DataFrameSchema({"x": pa.Column(int, pa.Check.lt(0))}, checks=pa.Check(lambda each: each["x"] < 0))
    assert [(result[2], len(result[4])) for result in failed(wide, table)] == [(200_000, 5), (200_000, 5)]


def test_polars_schemas_are_checked():
    class Model(pandera.polars.DataFrameModel):
        age: int = pandera.polars.Field(le=120)
        city: int

    table = pl.DataFrame({"age": [30, 300, None], "city": ["a", "b", "c"]})
    assert failed(Model, table) == [
        ("not_nullable", "age", 1, 3, (), "column 'age': 1 of 3 values is missing"),
        (
            "less_than_or_equal_to",
            "age",
            1,
            3,
            (300,),
            "column 'age': 1 of 3 values fails less_than_or_equal_to(120) (300)",
        ),
        ("dtype", "city", 0, 3, (), "column 'city': the type is String, not Int64"),
    ]


def test_other_suites_are_refused():
    validator = PanderaValidator(None)
    for suite in (pa.DataFrameModel, pa.Column(int), pa.SeriesSchema(int), pd.DataFrame, {}):
        assert not validator.accepts_suite(suite)
    with pytest.raises(ComponentError, match=r"a dict is no schema of pandera"):
        validator.validate_suite(TABLE, {})
    with pytest.raises(
        ComponentError, match=r"the schema is one of pandera\.polars, and the table a DataFrame of pandas"
    ):
        validator.validate_suite(TABLE, pandera.polars.DataFrameSchema())


def test_a_schema_that_breaks_is_told():
    schema = pa.DataFrameSchema({"id": pa.Column(int, parsers=pa.Parser(lambda values: 1 / 0))})
    with pytest.raises(ComponentError, match=r"pandera cannot check the table with this schema: ZeroDivisionError"):
        check(schema)
