"""The columns of a table as pandas columns, whatever the table is made with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd


def columns_of(data: Any, names: Iterable[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return the columns of these names, as far as there are any, and the names that several columns have.

    Labels that are no text are known by their text. The rows are numbered from 0; values are shared, not copied.
    """
    labels = [str(label) for label in data.columns]
    repeated = [name for name in dict.fromkeys(names) if labels.count(name) > 1]
    found = {name: column_at(data, labels.index(name)) for name in names if labels.count(name) == 1}
    return pd.DataFrame(found, index=pd.RangeIndex(len(data)), copy=False), repeated


def column_at(data: Any, position: int) -> pd.Series:
    """Return the column at a position; its rows are numbered from 0."""
    if isinstance(data, pd.DataFrame):
        values = data.iloc[:, position]
        return pd.Series(values.array, dtype=values.dtype, copy=False)
    # polars: Arrow columns keep integers with gaps as integers; NaN is as missing as null, as it is in pandas.
    values = data.to_series(position)
    if values.dtype.is_nested() or str(values.dtype) == "Object":
        return pd.Series(values.to_list(), dtype=object)
    values = values.fill_nan(None) if values.dtype.is_float() else values
    return values.to_pandas(use_pyarrow_extension_array=True)
