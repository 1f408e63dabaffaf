"""Columns of Python objects: as Arrow data, as text or as JSON text, whichever gives the very same objects back."""

from __future__ import annotations

import decimal
import json
import math
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from zen.errors import MaterializerError

_MISSING: dict[str, Any] = {"None": None, "nan": math.nan, "NA": pd.NA, "NaT": pd.NaT}
_AS_TEXT: dict[type, tuple[str, Callable[[str], Any]]] = {
    decimal.Decimal: ("decimal", decimal.Decimal),
    uuid.UUID: ("uuid", uuid.UUID),
}
_FROM_TEXT = dict(_AS_TEXT.values())


def encode(values: np.ndarray[Any, Any], place: str) -> tuple[pa.Array, dict[str, Any]]:
    """Return objects as an Arrow array, and the form that `decode` needs.

    Raises:
        MaterializerError: When no form gives the same objects back, naming the types and the place.
    """
    marker, kinds = _look(values)
    if marker != "several" and kinds <= {str}:
        return pa.array(values, pa.large_string(), from_pandas=True), {"kind": "text", "missing": marker}
    if marker != "several" and len(kinds) == 1 and (known := _AS_TEXT.get(next(iter(kinds)))):
        texts = [None if _missing(value) else str(value) for value in values]
        return pa.array(texts, pa.large_string()), {"kind": known[0], "missing": marker}
    for attempt in (_as_arrow, _as_json):
        found = attempt(values, marker)
        if found and _leads_back(found, values):
            return found
    names = ", ".join(sorted(f"{kind.__module__}.{kind.__qualname__}" for kind in kinds))
    raise MaterializerError(
        f"{place} holds objects that Parquet cannot keep: {names}",
        hint="convert it to one dtype, to text or to plain lists and dictionaries; or return it by itself",
        place=place,
    )


def decode(column: pa.Array | pa.ChunkedArray, form: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Return the objects as a NumPy array of dtype object."""
    kind, missing = form["kind"], _MISSING[form.get("missing", "None")]
    if kind == "text":
        values: Any = column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    else:
        values = column.to_pylist()
        if kind == "json":
            values = [json.loads(text) for text in values]
        elif kind in _FROM_TEXT:
            values = [None if text is None else _FROM_TEXT[kind](text) for text in values]
        elif kind == "arrays":
            dtype = np.dtype(form["dtype"])
            values = [None if item is None else np.array(item, dtype) for item in values]
    result = np.empty(len(values), object)
    result[:] = values if kind == "text" else pd.Series(values, dtype=object)
    if missing is not None:
        result[[value is None for value in result]] = missing
    return result


def _look(values: np.ndarray[Any, Any]) -> tuple[str, set[type]]:
    """Return which kind of missing value there is (`several` for more than one), and the types of the others."""
    kinds = set(map(type, values))
    markers = [name for name, value in _MISSING.items() if name != "nan" and type(value) in kinds]
    if float in kinds and all(math.isnan(value) for value in values if type(value) is float):
        kinds.discard(float)
        markers.append("nan")
    kinds -= {type(value) for name, value in _MISSING.items() if name != "nan"}
    return (markers[0] if len(markers) == 1 else "several" if markers else "None"), kinds


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (type(value) is float and math.isnan(value))


def _as_arrow(values: np.ndarray[Any, Any], marker: str) -> tuple[pa.Array, dict[str, Any]] | None:
    items = [None if _missing(value) else value for value in values] if marker != "None" else list(values)
    form: dict[str, Any] = {"kind": "objects", "missing": marker}
    arrays = [item for item in items if isinstance(item, np.ndarray)]
    if arrays:
        if marker == "several" or len({array.dtype for array in arrays}) > 1 or arrays[0].dtype.kind not in "biuf":
            return None
        form = {"kind": "arrays", "missing": marker, "dtype": arrays[0].dtype.str}
    try:
        return None if marker == "several" else (pa.array(items, from_pandas=False), form)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return None


def _as_json(values: np.ndarray[Any, Any], marker: str) -> tuple[pa.Array, dict[str, Any]] | None:
    try:
        return pa.array([json.dumps(value) for value in values], pa.large_string()), {"kind": "json"}
    except (TypeError, ValueError, RecursionError):
        return None


def _leads_back(found: tuple[pa.Array, dict[str, Any]], values: np.ndarray[Any, Any]) -> bool:
    try:
        return _same(decode(*found), values)
    except ValueError:  # Arrow took bytes for text, which they are not
        return False


def _same(ones: np.ndarray[Any, Any], others: np.ndarray[Any, Any]) -> bool:
    """Compare types and printed forms: `1 == 1.0 == True`, and a NaN is no NaN's equal."""
    return all(map(_same_object, ones, others))


def _same_object(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    return repr(one) == repr(other)
