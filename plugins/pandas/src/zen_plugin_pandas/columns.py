"""One column as an Arrow array, and back: how each dtype is kept."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from zen.errors import MaterializerError
from zen_plugin_pandas import objects

Form = dict[str, Any]


def encode(values: pd.Series, place: str, put: Callable[[pd.Index], str]) -> tuple[Any, Form]:
    """Return a column as an Arrow array, and the form that `decode` needs.

    Args:
        values: The column.
        place: What errors call it.
        put: Saves an index beside the table and returns its name.

    Raises:
        MaterializerError: For a dtype that would not come back the same.
    """
    dtype = values.dtype
    try:
        if isinstance(dtype, pd.CategoricalDtype):
            return _encode_categories(values, put)
        if isinstance(dtype, np.dtype):
            return objects.encode(values.to_numpy(), place) if dtype.kind == "O" else _encode_numpy(values, place)
        if isinstance(dtype, pd.IntervalDtype):
            return _encode_intervals(values, place, put)
        return _encode_extension(values, place)
    except MaterializerError:
        raise
    except (pa.ArrowException, OverflowError, TypeError) as error:
        raise _refused(dtype, place, str(error)) from error


def decode(column: pa.ChunkedArray, form: Form, get: Callable[[str], pd.Index]) -> Any:
    """Return the pandas or NumPy array of a column."""
    match form["kind"]:
        case "category":
            return _decode_categories(column, form, get(form["categories"]))
        case "numpy":
            return _writable(column.to_numpy().astype(np.dtype(form["dtype"]), copy=False))
        case "zoned":
            dtype = pd.api.types.pandas_dtype(form["dtype"])
            return pd.DatetimeIndex(_instants(column, dtype.unit)).tz_localize("UTC").tz_convert(dtype.tz).array
        case "string":
            return _string_dtype(form).__from_arrow__(column)
        case "arrow":
            wanted = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(form["type"]))).field(0).type
            return pd.ArrowDtype(wanted).__from_arrow__(column.cast(wanted))
        case "interval":
            sides = (decode(pc.struct_field(column, side), form[side], get) for side in ("left", "right"))
            return pd.arrays.IntervalArray.from_arrays(*map(pd.Index, sides), closed=form["closed"])
        case "pandas":
            return pd.api.types.pandas_dtype(form["dtype"]).__from_arrow__(column)
    return pd.Series(objects.decode(column, form), dtype=object, copy=False).array  # an array would be made text


def _encode_numpy(values: pd.Series, place: str) -> tuple[Any, Form]:
    """Booleans, numbers, times and durations; NaN is kept as NaN, NaT as a null."""
    dtype = values.dtype
    if dtype.kind not in "biufmM":
        raise _refused(dtype, place, "Parquet has no such type")
    native = values.to_numpy().astype(dtype.newbyteorder("="), copy=False)
    if dtype.kind == "M":
        _check_range(native, place)
    return pa.array(native, from_pandas=False), {"kind": "numpy", "dtype": dtype.str}


def _encode_extension(values: pd.Series, place: str) -> tuple[Any, Form]:
    dtype, array = values.dtype, values.array
    if isinstance(dtype, pd.DatetimeTZDtype):
        instants = values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        _check_range(instants, place)
        return pa.array(instants, pa.timestamp(dtype.unit, "UTC")), {"kind": "zoned", "dtype": _named(dtype, place)}
    if isinstance(dtype, pd.StringDtype):
        form = {"kind": "string", "storage": dtype.storage, "missing": "NA" if dtype.na_value is pd.NA else "nan"}
        if _string_dtype(form) != dtype:
            raise _refused(dtype, place, "it is not a string dtype of pandas' own")
        return pa.array(array), form
    if isinstance(dtype, pd.ArrowDtype):
        schema = pa.schema([pa.field("", dtype.pyarrow_dtype)]).serialize().to_pybytes()
        return pa.array(array), {"kind": "arrow", "type": base64.b64encode(schema).decode()}
    if not f"{type(dtype).__module__}.".startswith("pandas.") or not hasattr(dtype, "__from_arrow__"):
        raise _refused(dtype, place, "pandas cannot read it from Arrow data")
    return pa.array(array), {"kind": "pandas", "dtype": _named(dtype, place)}


def _check_range(instants: np.ndarray[Any, Any], place: str) -> None:
    """Refuse seconds that are too many as milliseconds: Parquet has no seconds, and Arrow wraps some silently."""
    seconds = instants.view("i8")[~np.isnat(instants)]
    limit = np.iinfo("i8").max // 1000
    if instants.dtype == "M8[s]" and ((seconds > limit) | (seconds < -limit)).any():
        raise _refused(instants.dtype, place, "it holds years beyond 292 million")


def _named(dtype: Any, place: str) -> str:
    """Return the name of a dtype, if pandas makes the same dtype of it."""
    name = str(dtype)
    try:
        if pd.api.types.pandas_dtype(name) == dtype:
            return name
    except (TypeError, ValueError, KeyError):
        pass
    raise _refused(dtype, place, "pandas cannot make it from its name")


def _string_dtype(form: Form) -> Any:
    if form["missing"] == "nan" and form["storage"] != "pyarrow_numpy":  # so called by pandas before 2.3
        return pd.StringDtype(form["storage"], na_value=np.nan)
    return pd.StringDtype(form["storage"])


def _encode_categories(values: pd.Series, put: Callable[[pd.Index], str]) -> tuple[Any, Form]:
    """The codes; text categories are written as text, which other tools read too."""
    categories = values.cat.categories
    codes = values.cat.codes.to_numpy()
    array = pa.array(codes, mask=codes < 0)
    form = {"kind": "category", "ordered": bool(values.cat.ordered), "categories": put(categories)}
    if pd.api.types.infer_dtype(categories, skipna=False) == "string":
        return pa.DictionaryArray.from_arrays(array, pa.array(list(categories), pa.string())), form
    return array, form


def _encode_intervals(values: pd.Series, place: str, put: Callable[[pd.Index], str]) -> tuple[Any, Form]:
    """Both ends, each as a column of its dtype: not every version of pandas makes Arrow data of them."""
    left, left_form = encode(pd.Series(values.array.left), place, put)
    right, right_form = encode(pd.Series(values.array.right), place, put)
    form = {"kind": "interval", "closed": values.dtype.closed, "left": left_form, "right": right_form}
    return pa.StructArray.from_arrays([left, right], names=["left", "right"]), form


def _decode_categories(column: pa.ChunkedArray, form: Form, categories: pd.Index) -> Any:
    if not pa.types.is_integer(column.type):
        known = pa.array(list(categories), pa.string())
        dense = column.cast(pa.string())
        column = pc.index_in(dense, value_set=known)
    codes = pc.fill_null(column, -1).to_numpy()
    return pd.Categorical.from_codes(codes, categories=categories, ordered=form["ordered"])


def _instants(column: pa.ChunkedArray, unit: str) -> np.ndarray[Any, Any]:
    instants: np.ndarray[Any, Any] = column.cast(pa.timestamp(column.type.unit)).to_numpy()
    return instants.astype(f"M8[{unit}]")


def _writable(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array if array.flags.writeable else array.copy()


def _refused(dtype: Any, place: str, reason: str) -> MaterializerError:
    return MaterializerError(
        f"{place} has the dtype {dtype}, which does not come back from Parquet" + (f" ({reason})" if reason else ""),
        hint=_ADVICE.get(type(dtype).__name__, "convert it with .astype(…) before you return it"),
        place=place,
        dtype=str(dtype),
    )


_ADVICE = {
    "SparseDtype": "make it dense with .sparse.to_dense()",
    "Complex128DType": "split it into .real and .imag",
}
