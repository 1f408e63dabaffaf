"""What zen's rules mean for the values of a column: plain pandas, without Great Expectations.

`of_type`, `in_range` and `matches` are given the values that are there.
"""

from __future__ import annotations

import datetime as dt
import decimal
import numbers
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

_INTEGERS = (int, np.integer)
_FLOATS = (*_INTEGERS, float, np.floating)
_BOOLEANS = (bool, np.bool_)
_CLASSES: dict[str, tuple[type, ...]] = {
    "int": _INTEGERS,
    "float": _FLOATS,
    "str": (str,),
    "bool": _BOOLEANS,
    "datetime": (dt.datetime, np.datetime64),
}
_DTYPES = {"int": "iu", "float": "iuf", "str": "", "bool": "b", "datetime": "M"}
TYPES = tuple(_CLASSES)
"""The names of types that `of_type` knows."""
_MOST_DIFFERENCES = 20


def of_type(column: pd.Series, name: str) -> pd.Series:
    """Say of each value whether it has the type: by its dtype, and one by one where that says nothing."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if column.dtype == object:
        return _of_classes(column, _CLASSES[name], () if name == "bool" else _BOOLEANS)
    fits = column.dtype.type is str if name == "str" else column.dtype.kind in _DTYPES[name]
    return pd.Series(bool(fits), index=column.index)


def in_range(column: pd.Series, low: float | None, high: float | None) -> pd.Series:
    """Say of each value whether it lies within the bounds, both included; what cannot be compared does not."""
    return column.map(lambda value: _lies(value, low, high)).astype(bool)


def matches(column: pd.Series, pattern: str) -> pd.Series:
    """Say of each value whether its text matches as a whole, in Python's syntax whatever pandas would use."""
    matching = re.compile(pattern).fullmatch
    return pd.Series([matching(text) is not None for text in _texts(column)], index=column.index, dtype=bool)


def statistic(column: pd.Series, quantile: float | None) -> dict[str, Any]:
    """Return the quantile of the numbers that are there, or their mean; and what in the column are no numbers."""
    there = column.dropna()
    fits = _are_numbers(there)
    if not fits.all():
        return {"value": None, "strangers": there[~fits].tolist(), "total": len(column)}
    values = there.astype("float64")
    value = values.mean() if quantile is None else values.quantile(quantile, interpolation="linear")
    return {"value": float(value), "strangers": [], "total": len(column)}


def strangers(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `statistic` found among the numbers, as Great Expectations tells unexpected values."""
    return {
        "observed_value": None,
        "element_count": found["total"],
        "unexpected_count": len(found["strangers"]),
        "unexpected_percent": 100 * len(found["strangers"]) / found["total"],
        "partial_unexpected_list": found["strangers"][:1000],
    }


def shares(column: pd.Series) -> dict[str, float]:
    """Return the share of each value that is there by its text, most frequent first."""
    counts = Counter(_texts(column.dropna()))
    return {text: count / counts.total() for text, count in counts.most_common()}


def distance(found: Mapping[str, float], wanted: Mapping[str, float]) -> tuple[float, list[dict[str, Any]]]:
    """Return half the sum of all differences, and the largest ones; values that are not named are one, None."""
    pairs: list[tuple[str | None, float, float]] = [(text, found.get(text, 0.0), wanted[text]) for text in wanted]
    unnamed = sum(share for text, share in found.items() if text not in wanted)
    pairs.append((None, unnamed, 1.0 - sum(wanted.values())))
    ordered = sorted(pairs, key=lambda pair: -abs(pair[1] - pair[2]))
    differences = [{"value": text, "share": share, "expected": expected} for text, share, expected in ordered]
    return sum(abs(share - expected) for _, share, expected in pairs) / 2, differences[:_MOST_DIFFERENCES]


def _of_classes(column: pd.Series, classes: tuple[type, ...], but: tuple[type, ...]) -> pd.Series:
    types = column.map(type)
    fits = {cls: issubclass(cls, classes) and not issubclass(cls, but) for cls in types.unique()}
    return types.map(fits).astype(bool)


def _are_numbers(column: pd.Series) -> pd.Series:
    if column.dtype == object:
        return _of_classes(column, (numbers.Real, decimal.Decimal, np.bool_), ())
    return pd.Series(column.dtype.kind in "biuf", index=column.index)


def _lies(value: Any, low: float | None, high: float | None) -> bool:
    try:
        return bool((low is None or value >= low) and (high is None or value <= high))
    except (TypeError, ValueError):  # texts have no order among numbers, arrays no truth
        return False


def _texts(column: pd.Series) -> list[str]:
    return [str(value) for value in column.tolist()]
