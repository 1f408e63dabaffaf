"""Facts about a table: exact, column by column."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from zen_plugin_pandera.frames import column_at

QUANTILES = (0.25, 0.5, 0.75)
_TOP = 20
_TEXT = 100


def profile(data: Any) -> dict[str, Any]:
    """Return rows, and for each column what is known of it; of columns with one name, the first."""
    columns: dict[str, Any] = {}
    for position, (label, dtype) in enumerate(zip(data.columns, data.dtypes, strict=True)):
        if str(label) not in columns:
            columns[str(label)] = _facts(column_at(data, position), str(dtype))
    return {"rows": len(data), "columns": columns}


def _facts(values: pd.Series, dtype: str) -> dict[str, Any]:
    there = values.dropna()
    facts: dict[str, Any] = {"type": dtype, "nulls": len(values) - len(there)}
    types = pd.api.types
    if types.is_bool_dtype(values.dtype) or not len(there):
        return facts | (_shares(there) if len(there) else {})
    if types.is_numeric_dtype(values.dtype) and not types.is_complex_dtype(values.dtype):
        return facts | _numbers(there.to_numpy(dtype=np.float64), whole=types.is_integer_dtype(values.dtype))
    if types.is_datetime64_any_dtype(values.dtype):
        return facts | {"min": pd.Timestamp(there.min()).isoformat(), "max": pd.Timestamp(there.max()).isoformat()}
    return facts | _shares(there)


def _numbers(values: np.ndarray[Any, np.dtype[np.float64]], *, whole: bool) -> dict[str, Any]:
    values = values[np.isfinite(values)]
    if not len(values):
        return {}
    low, high = values.min().item(), values.max().item()
    facts: dict[str, Any] = {"min": int(low) if whole else low, "max": int(high) if whole else high}
    found = {"mean": values.mean().item(), "std": values.std(ddof=1).item() if len(values) > 1 else math.nan}
    facts |= {name: value for name, value in found.items() if math.isfinite(value)}
    quantiles = np.quantile(values, QUANTILES).tolist()
    return facts | {"quantiles": dict(zip(map(str, QUANTILES), quantiles, strict=True))}


def _shares(there: pd.Series) -> dict[str, Any]:
    counts = there.map(str).value_counts()
    top = [[str(text)[:_TEXT], int(count) / len(there)] for text, count in counts.head(_TOP).items()]
    return {"distinct": len(counts), "top": top}
