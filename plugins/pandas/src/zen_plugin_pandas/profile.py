"""Cheap facts about the columns of a frame, as plain data: what people want to see, and what drift is judged by.

Smallest, largest, mean and standard deviation of numbers are exact. What would need sorting or counting is taken from a
sample in longer columns, and such a column says so: `sampled`, the number of rows that were looked at.
"""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zen_plugin_pandas import moments

MOST_COLUMNS = 200
MOST_ROWS = 100_000  # that are all sorted or counted
SAMPLE = 50_000  # rows of longer frames
QUANTILES = (0.25, 0.5, 0.75)
_MANY_COLUMNS = 50
_LONGEST_LABEL = 200
_LONGEST_TEXT = 100
_GOLDEN = 0.6180339887498949
_LARGEST_EXACT = 2.0**53  # among the integers that are floats
_is = pd.api.types

Facts = dict[str, Any]
Rows = NDArray[np.int64]


def profile(frame: pd.DataFrame) -> Facts:
    """Return the number of rows, and for each column (of the first 200) what is known of it.

    Every column has `type` and `nulls`. Numbers have `min`, `max`, `mean`, `std` (of a sample: n - 1) and `quantiles`,
    all without infinities; times have `min` and `max`; other values `distinct` (None if only a sample was looked at)
    and `top`, the most frequent of them as text with their shares of those that are there. Of columns whose labels are
    the same text, the first counts; `omitted` says how many were left out.
    """
    most = 20 if frame.shape[1] <= _MANY_COLUMNS else 5
    rows = _sampled_rows(len(frame))
    columns: dict[str, Facts] = {}
    for position, label in enumerate(frame.columns[:MOST_COLUMNS]):
        name = _cut(str(label), _LONGEST_LABEL)
        if name not in columns:
            columns[name] = _facts(frame.iloc[:, position], rows, most)
    omitted = frame.shape[1] - len(columns)
    return {"rows": len(frame), "columns": columns} | ({"omitted": omitted} if omitted else {})


def _facts(values: pd.Series, rows: Rows | None, most: int) -> Facts:
    facts: Facts = {"type": _cut(str(values.dtype), _LONGEST_LABEL)}
    try:
        return facts | _about(values, rows, most)
    except Exception as error:  # noqa: BLE001  # other packages' values do what they like when compared or shown
        return facts | {"problem": _cut(f"{type(error).__name__}: {error}", _LONGEST_LABEL)}


def _about(values: pd.Series, rows: Rows | None, most: int) -> Facts:
    """Return what there is to say about a column beside its type."""
    dtype = values.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        array = values.to_numpy()
        return _truths(array) if dtype.kind == "b" else _numbers(array, values, rows)
    if isinstance(dtype, pd.CategoricalDtype):
        return _categories(values, most)
    nulls = int(values.isna().sum())
    return {"nulls": nulls} | (_of_others(values, nulls, rows, most) if nulls < len(values) else {})


def _of_others(values: pd.Series, nulls: int, rows: Rows | None, most: int) -> Facts:
    dtype = values.dtype
    if _is.is_bool_dtype(dtype):
        return _counted(values.value_counts(), most)
    if _is.is_numeric_dtype(dtype):
        if _is.is_complex_dtype(dtype):
            return {}
        facts = _numbers(_plain_array(values, nulls), values, rows)
        return {name: fact for name, fact in facts.items() if name != "nulls"}
    if dtype.kind in "mM" or isinstance(dtype, pd.PeriodDtype):
        return {"min": _text_of(values.min()), "max": _text_of(values.max())}
    looked_at = values if rows is None else values.iloc[rows]
    facts = _objects(looked_at.dropna(), most)
    return facts if rows is None else _of_a_sample(facts, len(rows))


def _plain_array(values: pd.Series, nulls: int) -> moments.Numbers:
    """Return numbers of a nullable dtype as an array of NumPy; what is missing is NaN."""
    plain = getattr(values.dtype, "numpy_dtype", None)
    if nulls or not isinstance(plain, np.dtype) or plain.kind not in "iuf":
        array: moments.Numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        array = values.to_numpy(dtype=plain)
    return array


def _truths(array: moments.Numbers) -> Facts:
    true = int(np.count_nonzero(array))
    counts = pd.Series({True: true, False: len(array) - true})
    return {"nulls": 0} | _counted(counts[counts > 0].sort_values(ascending=False, kind="stable"), 2)


def _numbers(array: moments.Numbers, values: pd.Series, rows: Rows | None) -> Facts:
    """Return the facts about numbers, of those that are finite."""
    found = moments.of(array)
    facts: Facts = {"nulls": found.missing}
    if not found.numbers:
        return facts
    low, high = found.low, found.high
    if _is.is_integer_dtype(values.dtype):
        is_exact = max(abs(low), abs(high)) <= _LARGEST_EXACT
        low, high = (int(low), int(high)) if is_exact else (int(values.min()), int(values.max()))
    facts |= {"min": low, "max": high}
    facts |= {name: value for name, value in (("mean", found.mean), ("std", found.std)) if math.isfinite(value)}
    return facts | _quantiles(array, rows)


def _quantiles(array: moments.Numbers, rows: Rows | None) -> Facts:
    looked_at = (array if rows is None else array[rows]).astype(np.float64, copy=False)
    finite = looked_at[np.isfinite(looked_at)]
    facts: Facts = {} if rows is None else {"sampled": len(rows)}
    if len(finite):
        with np.errstate(over="ignore", invalid="ignore"):
            found = np.quantile(finite, QUANTILES).tolist()
        facts["quantiles"] = {
            str(at): value for at, value in zip(QUANTILES, found, strict=True) if math.isfinite(value)
        }
    return facts


def _categories(values: pd.Series, most: int) -> Facts:
    codes = values.cat.codes.to_numpy()
    counts = np.zeros(len(values.cat.categories), dtype=np.int64)
    for start in range(0, len(codes), moments.CHUNK):
        part = codes[start : start + moments.CHUNK]
        counts += np.bincount(part[part >= 0], minlength=len(counts))
    found = pd.Series(counts, index=values.cat.categories)
    return {"nulls": len(codes) - int(counts.sum())} | _counted(
        found[found > 0].sort_values(ascending=False, kind="stable"), most
    )


def _objects(there: pd.Series, most: int) -> Facts:
    """Return the facts about texts, or about objects of one simple kind."""
    if there.dtype != object:
        return _counted(there.value_counts(), most) if _is.is_string_dtype(there.dtype) else {}
    kinds: set[type] = set(map(type, there))
    if kinds <= {int, float, Decimal} and kinds:
        numbers = there.to_numpy(dtype=np.float64)
        return {name: fact for name, fact in _numbers(numbers, there, None).items() if name != "nulls"}
    if kinds in ({dt.date}, {dt.datetime}, {pd.Timestamp}, {dt.time}):
        return {"min": _text_of(min(there)), "max": _text_of(max(there))}
    is_text = kinds <= {str, bool, int, float}
    return _counted(there.map(str).value_counts(), most) if is_text else {}


def _counted(counts: pd.Series, most: int) -> Facts:
    """Return how many different values there are, and the shares of the first; long texts are no use as names."""
    total = int(counts.sum())
    top: list[list[Any]] = [[str(value), int(count) / total] for value, count in counts.head(most).items()]
    return {"distinct": len(counts), "top": [each for each in top if len(each[0]) <= _LONGEST_TEXT]}


def _of_a_sample(facts: Facts, rows: int) -> Facts:
    return facts | ({"distinct": None} if "distinct" in facts else {}) | ({"sampled": rows} if facts else {})


def _sampled_rows(length: int) -> Rows | None:
    """Return the rows of the sample, always the same; None for all.

    One row of each stride, at another place in each, so that a pattern in the data is not taken for the whole.
    """
    if length <= MOST_ROWS:
        return None
    numbers = np.arange(SAMPLE)
    stride = length / SAMPLE
    rows: Rows = ((numbers + (numbers * _GOLDEN) % 1.0) * stride).astype(np.int64)
    return rows


def _text_of(value: Any) -> str:
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return _cut(str(text), _LONGEST_LABEL)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
