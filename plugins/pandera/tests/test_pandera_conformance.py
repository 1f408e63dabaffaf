"""The conformance kit on the validator, once with tables of pandas and once with those of polars."""

import pandas as pd
import pandera.pandas as pa
import pandera.polars
import polars as pl

from zen.testing import DataValidatorSuite


class TestPandas(DataValidatorSuite):
    flavor = "pandera"
    lacks = {"unreachable": "pandera is a library: there is no service to reach"}

    def table(self, rows):
        return pd.DataFrame(rows)

    def rows(self, table):
        return table.to_dict("records")

    def suite(self, kit):
        return pa.DataFrameSchema({"age": pa.Column("int64", pa.Check.le(120)), "city": pa.Column()})


def _series(name, values):
    """Return a column, one of objects if the types differ: polars would make texts of them all."""
    types = {type(value) for value in values} - {type(None)}
    return pl.Series(name, values, dtype=pl.Object if len(types) > 1 else None)


class TestPolars(TestPandas):
    def table(self, rows):
        return pl.DataFrame([_series(name, [row[name] for row in rows]) for name in rows[0]])

    def rows(self, table):
        return table.to_dicts()

    def suite(self, kit):
        return pandera.polars.DataFrameSchema(
            {"age": pandera.polars.Column(int, pandera.polars.Check.le(120)), "city": pandera.polars.Column()}
        )
