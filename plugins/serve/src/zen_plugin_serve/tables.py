"""From checked rows to what a model's `predict` is given."""

from __future__ import annotations

from typing import Any

from zen_plugin_serve.signature import Column, Signature

__all__ = ["given"]


def given(signature: Signature, data: dict[str, list[Any]] | list[Any]) -> Any:
    """Return what the model gets.

    A table where it was trained with one and pandas is installed; an array where it takes a number of features and
    NumPy is installed; else lists of rows, as the request has them.
    """
    if isinstance(data, dict):
        return _table(signature.columns, data)
    if signature.features and data:
        return _array(data)
    return data


def _table(columns: tuple[Column, ...], data: dict[str, list[Any]]) -> Any:
    try:
        import pandas as pd
    except ImportError:
        return [list(row) for row in zip(*data.values(), strict=True)]
    return pd.DataFrame({column.name: _series(pd, column, data[column.name]) for column in columns})


def _series(pd: Any, column: Column, values: list[Any]) -> Any:
    if column.form == "time":
        return _times(pd, column, values)
    try:
        wanted = pd.CategoricalDtype(column.categories) if column.categories else pd.api.types.pandas_dtype(column.type)
    except TypeError:  # a name that pandas does not have, such as `number`
        return pd.Series(values)
    if column.form == "text" and wanted.kind != "O" and not pd.api.types.is_extension_array_dtype(wanted):
        wanted = "object"  # before pandas 3 `str` made a text of None
    return pd.Series(values, dtype=wanted)


def _times(pd: Any, column: Column, values: list[Any]) -> Any:
    try:
        wanted = pd.api.types.pandas_dtype(column.type)
    except TypeError:
        wanted = None
    zoned = getattr(wanted, "tz", None) is not None
    times = pd.Series(pd.to_datetime(values, utc=zoned or None, format="ISO8601"))
    return times if wanted is None else times.astype(wanted)


def _array(data: list[Any]) -> Any:
    try:
        import numpy as np
    except ImportError:
        return data
    try:
        return np.asarray(data, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):  # texts, for a model that takes them
        return np.array(data, dtype=object)
