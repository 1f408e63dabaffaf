"""Frames as Parquet files: columns, the row index, and the labels of both.

The table of `data.parquet` holds the levels of the row index first and the columns after them. How they become a frame
again is JSON in the schema's metadata under `zen`, so nothing depends on how a version of pandas or pyarrow guesses.
Labels that are not plain text, and the categories of categorical columns, are tables of their own beside it.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from zen.errors import MaterializerError
from zen.interfaces import ArtifactReader, ArtifactWriter
from zen_plugin_pandas import columns

DATA = "data.parquet"
_KEY = b"zen"
_SCALARS = (type(None), str, bool, int, float)


class FrameWriter:
    """Writes one frame, or one index, and what lies beside it."""

    def __init__(self, writer: ArtifactWriter) -> None:
        self.writer = writer
        self.beside = 0

    def frame(self, frame: pd.DataFrame) -> None:
        """Write a frame to `data.parquet`."""
        fields, levels, index = self._index(frame.index, "the index")
        labels = self._labels(frame.columns)
        forms = []
        for position, label in enumerate(frame.columns):
            array, form = columns.encode(frame.iloc[:, position], f"the column {label!r}", self.put)
            fields.append((str(label), array))
            forms.append(form)
        self._write(
            DATA,
            fields,
            {"rows": len(frame), "levels": levels, "index": index, "labels": labels, "columns": forms}
            | {"attrs": _plain_attributes(frame.attrs)},
        )

    def put(self, index: pd.Index) -> str:
        """Write an index to a file of its own and return the file's name."""
        self.beside += 1
        name = f"index-{self.beside}.parquet"
        self.index(index, name)
        return name

    def index(self, index: pd.Index, name: str = DATA) -> None:
        """Write an index."""
        fields, levels, form = self._index(index, "the index")
        self._write(name, fields, {"rows": len(index), "levels": levels, "index": form})

    def _index(self, index: pd.Index, place: str) -> tuple[list[tuple[str, Any]], list[columns.Form], dict[str, Any]]:
        names = [_label_form(name) for name in index.names]
        if isinstance(index, pd.RangeIndex):
            return [], [], {"names": names, "range": [index.start, index.stop, index.step]}
        fields, forms = [], []
        for number, name in enumerate(index.names):
            values = _as_series(index.get_level_values(number))
            array, form = columns.encode(values, f"level {number} of {place}" if index.nlevels > 1 else place, self.put)
            fields.append((f"index_{number}" if name is None else str(name), array))
            forms.append(form)
        return fields, forms, {"names": names, "multi": isinstance(index, pd.MultiIndex), "freq": _frequency(index)}

    def _labels(self, labels: pd.Index) -> dict[str, Any]:
        """Return the labels of columns: in the metadata if they are text, else in a table of their own."""
        if type(labels) is pd.Index and set(map(type, labels)) <= {str}:
            _, form = columns.encode(_as_series(labels), "the column labels", self.put)
            return {"text": list(labels), "form": form, "names": [_label_form(labels.name)]}
        return {"file": self.put(labels)}

    def _write(self, name: str, fields: Sequence[tuple[str, Any]], form: dict[str, Any]) -> None:
        names = _unique(field for field, _ in fields)
        table = pa.Table.from_arrays([array for _, array in fields], names=names)
        table = table.replace_schema_metadata({_KEY: json.dumps(form).encode()})
        path = self.writer.path(name)
        try:
            pq.write_table(table, path)
            _check_types(table.schema, pq.read_schema(path))
        except pa.ArrowException as error:
            raise MaterializerError(f"Parquet cannot keep the data: {error}") from error


class FrameReader:
    """Reads what a `FrameWriter` wrote."""

    def __init__(self, reader: ArtifactReader) -> None:
        self.reader = reader

    def frame(self) -> pd.DataFrame:
        """Return the frame of `data.parquet`."""
        table, form = self._read(DATA)
        index = self._index(table, form)
        first = len(form["levels"])
        arrays = [
            columns.decode(table.column(first + position), column, self.index)
            for position, column in enumerate(form["columns"])
        ]
        series = {position: pd.Series(array, index, array.dtype, copy=False) for position, array in enumerate(arrays)}
        frame = pd.DataFrame(series, index=index, copy=False)
        frame.columns = self._labels(form["labels"])
        frame.attrs = form["attrs"]
        return frame

    def index(self, name: str = DATA) -> pd.Index:
        """Return the index of a file."""
        return self._index(*self._read(name))

    def _read(self, name: str) -> tuple[pa.Table, dict[str, Any]]:
        try:
            table = pq.ParquetFile(self.reader.path(name), memory_map=True).read()
            form = json.loads(table.schema.metadata[_KEY])
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
            raise MaterializerError(f"{name} is not a table that zen wrote: {error}") from error
        if table.num_columns and table.num_rows != form["rows"]:
            raise MaterializerError(f"{name} has {table.num_rows:,} rows where {form['rows']:,} were saved")
        return table, form

    def _index(self, table: pa.Table, form: dict[str, Any]) -> pd.Index:
        kept = form["index"]
        names = [_label(name) for name in kept["names"]]
        if "range" in kept:
            return pd.RangeIndex(*kept["range"], name=names[0])
        levels = [columns.decode(table.column(n), level, self.index) for n, level in enumerate(form["levels"])]
        if kept["multi"]:
            return pd.MultiIndex.from_arrays([_as_index(level, None) for level in levels], names=names)
        index = _as_index(levels[0], names[0])
        if kept["freq"] is not None:
            index.freq = kept["freq"]
        return index

    def _labels(self, form: dict[str, Any]) -> pd.Index:
        if "file" in form:
            return self.index(form["file"])
        values = pa.chunked_array([pa.array(form["text"], pa.large_string())])
        array = columns.decode(values, form["form"], self.index)
        return _as_index(array, _label(form["names"][0]))


def _as_series(index: pd.Index) -> pd.Series:
    return pd.Series(index.array, dtype=index.dtype, copy=False)


def _as_index(array: Any, name: Hashable) -> pd.Index:
    """Return an index of just that dtype: pandas would make text of an array of objects."""
    return pd.Index(array, dtype=object if array.dtype == object else array.dtype, name=name, tupleize_cols=False)


def _check_types(written: pa.Schema, stored: pa.Schema) -> None:
    """Refuse a column whose Arrow type Parquet has changed into one that does not lead back."""
    for before, after in zip(written, stored, strict=True):
        if before.type != after.type and not pa.types.is_dictionary(before.type):
            pa.chunked_array([], after.type).cast(before.type)


def _unique(names: Iterable[str]) -> list[str]:
    """Return the names, with a number after each that was there before: Parquet wants them to differ."""
    taken: dict[str, None] = {}
    for name in names:
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name}_{number}"
        taken[free] = None
    return list(taken)


def _frequency(index: pd.Index) -> str | None:
    """Return the frequency of a DatetimeIndex or TimedeltaIndex; the others have it in their dtype, or none."""
    if isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) and index.freq is not None:
        return str(index.freqstr)
    return None


def _label_form(label: Hashable) -> Any:
    """Return the JSON form of a name: a scalar as it is, a tuple as `{"tuple": [...]}`."""
    if type(label) in _SCALARS:
        return label
    if type(label) is tuple:
        return {"tuple": [_label_form(item) for item in label]}
    raise MaterializerError(
        f"the name {label!r} is a {type(label).__qualname__}",
        hint="name indexes and series with text, numbers, or tuples of them",
    )


def _label(form: Any) -> Hashable:
    return tuple(_label(item) for item in form["tuple"]) if isinstance(form, dict) else form


def _plain_attributes(attributes: dict[Any, Any]) -> dict[Any, Any]:
    try:
        if repr(json.loads(json.dumps(attributes))) == repr(attributes):
            return attributes
    except (TypeError, ValueError):
        pass
    raise MaterializerError(
        f"the attributes (.attrs) {attributes!r} do not come back from JSON",
        hint="keep text, numbers, lists and dictionaries with text keys in .attrs, or clear it",
    )
