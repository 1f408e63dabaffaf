"""The law of frames: values, dtypes, index, labels and attributes come back the same, or saving refuses."""

import datetime as dt
import decimal
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from zen.errors import MaterializerError
from zen.testing.artifacts import round_trip, save
from zen_plugin_pandas.materializers import FrameMaterializer, IndexMaterializer, SeriesMaterializer

BERLIN = "Europe/Berlin"
WHEN = pd.to_datetime(["2024-01-01", None, "2024-06-01"])


def _check_same_objects(one, other):
    for left, right in zip(one, other, strict=True):
        assert type(left) is type(right)
        assert repr(left) == repr(right)


def _check_same_index(one, other):
    pd.testing.assert_index_equal(one, other, exact=True, check_exact=True)
    assert getattr(one, "freq", None) == getattr(other, "freq", None)
    _check_same_objects(one.names, other.names)
    if one.dtype == object and one.nlevels == 1:
        _check_same_objects(one, other)


def _check_same(one, other):
    pd.testing.assert_frame_equal(one, other, check_exact=True, check_freq=True)
    _check_same_index(one.index, other.index)
    _check_same_index(one.columns, other.columns)
    for position, dtype in enumerate(one.dtypes):
        assert dtype == other.dtypes.iloc[position]
        assert getattr(dtype, "storage", "") == getattr(other.dtypes.iloc[position], "storage", "")
        if dtype == object:
            _check_same_objects(one.iloc[:, position], other.iloc[:, position])
    assert repr(one.attrs) == repr(other.attrs)


def _objects(*values):
    array = np.empty(len(values), object)
    for position, value in enumerate(values):
        array[position] = value
    return pd.Series(array, dtype=object)


COLUMNS = {
    "bool": pd.Series([True, False, True]),
    "uint8": pd.Series([1, 2, 255], dtype="uint8"),
    "int64": pd.Series([2**63 - 1, -(2**63), 0]),
    "uint64": pd.Series([2**64 - 1, 0, 1], dtype="uint64"),
    "float32": pd.Series([0.1, np.nan, -0.0], dtype="float32"),
    "float64": pd.Series([0.1, np.nan, np.inf]),
    "big endian": pd.Series(np.array([1, 2, 3], ">i4")),
    "seconds": pd.Series(np.array(["2024-01-01", "NaT", "1500-01-01"], "M8[s]")),
    "nanoseconds": pd.Series(np.array(["2024-01-01T00:00:00.000000001", "NaT", "2000-01-01"], "M8[ns]")),
    "zone": pd.Series(WHEN.tz_localize(BERLIN)),
    "zone in ns": pd.Series(WHEN.tz_localize(BERLIN).as_unit("ns")),
    "zone in seconds": pd.Series(WHEN.tz_localize(BERLIN).as_unit("s")),
    "offset": pd.Series(WHEN.tz_localize("+05:30")),
    "utc": pd.Series(WHEN.tz_localize("UTC")),
    "durations": pd.Series(np.array([1, "NaT", 3], "m8[s]")),
    "ordered categories": pd.Series(pd.Categorical(["a", None, "b"], categories=["c", "b", "a"], ordered=True)),
    "integer categories": pd.Series(pd.Categorical([1, 2, None], categories=[3, 2, 1])),
    "time categories": pd.Series(pd.Categorical(WHEN.tz_localize(BERLIN))),
    "no categories": pd.Series(pd.Categorical([None, None, None])),
    "bins": pd.cut(pd.Series([1.0, 5.0, np.nan]), [0, 2, 10]),
    "object categories": pd.Series(pd.Categorical(["a", 1, "a"])),
    "empty text category": pd.Series(pd.Categorical(["", "b", None])),
    "Int64": pd.Series([1, None, 2**62 + 1], dtype="Int64"),
    "UInt8": pd.Series([1, None, 3], dtype="UInt8"),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "Float64": pd.Series([1.5, None, 3], dtype="Float64"),
    "string[python]": pd.Series(["a", None, "ü"], dtype="string[python]"),
    "string[pyarrow]": pd.Series(["a", None, ""], dtype="string[pyarrow]"),
    "default text": pd.Series(["a", None, "c"]),
    "period": pd.Series(pd.period_range("2024-01", "2024-03", freq="M")),
    "interval": pd.Series(pd.interval_range(0, 3, closed="left")),
    "time interval": pd.Series(pd.interval_range(pd.Timestamp("2024", tz=BERLIN), periods=3)),
    "arrow list": pd.Series([[1], [2], None], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
    "arrow decimal": pd.Series([decimal.Decimal("1.10")] * 3, dtype=pd.ArrowDtype(pa.decimal128(5, 2))),
    "arrow time": pd.Series(pd.to_datetime(["2024-01-01"] * 3)).astype(pd.ArrowDtype(pa.timestamp("s", "UTC"))),
    "arrow struct": pd.Series([{"a": 1}, None, {"a": 2}], dtype=pd.ArrowDtype(pa.struct({"a": pa.int8()}))),
    "arrow int8": pd.Series([1, None, 3], dtype="int8[pyarrow]"),
    "text and None": _objects("a", None, "c"),
    "text and nan": _objects("a", np.nan, "c"),
    "text and NA": _objects("a", pd.NA, "c"),
    "text and two kinds of missing": _objects("a", None, np.nan),
    "nothing": _objects(None, None, None),
    "nothing but nan": _objects(np.nan, np.nan, np.nan),
    "integers": _objects(1, 2, 3),
    "large integers": _objects(2**70, None, 1),
    "truths": _objects(True, None, False),
    "mixed": _objects(1, "a", 2.0),
    "numbers": _objects(1, True, 1.0),
    "lists": _objects([1], [2, 3], None),
    "mixed lists": _objects([1, "a"], [], None),
    "arrays": _objects(np.array([1.0]), np.array([2.0, 3]), None),
    "integer arrays": _objects(np.array([1], "i2"), np.array([], "i2"), np.array([3], "i2")),
    "dictionaries": _objects({"a": 1}, {"b": [2.5, None]}, None),
    "decimals": _objects(decimal.Decimal("1.10"), decimal.Decimal("2"), None),
    "dates": _objects(dt.date(2024, 1, 1), None, dt.date(2024, 1, 2)),
    "times": _objects(dt.time(1), None, dt.time(2)),
    "bytes": _objects(b"a", None, b"\0\xff"),
    "uuids": _objects(uuid.UUID(int=1), None, uuid.UUID(int=2)),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_come_back_the_same(name):
    frame = pd.DataFrame({"x": COLUMNS[name], "y": [1, 2, 3]})
    _check_same(frame, round_trip(FrameMaterializer(), frame))
    _check_same(frame.iloc[:0], round_trip(FrameMaterializer(), frame.iloc[:0]))


def test_a_fresh_process_loads_frames():
    frame = pd.DataFrame(COLUMNS)
    _check_same(frame, round_trip(FrameMaterializer(), frame, fresh_process=True))


INDEXES = {
    "range": pd.RangeIndex(5, 11, 2, name="r"),
    "text": pd.Index(["a", "b", "a"], name="n"),
    "named by a number": pd.Index([1, 2, 3], name=7),
    "named by a tuple": pd.Index([1, 2, 3], name=("a", 1)),
    "named like a column": pd.Index([1, 2, 3], name="x"),
    "daily": pd.date_range("2024", periods=3, freq="D"),
    "hourly in a zone": pd.date_range("2024", periods=3, freq="h", tz=BERLIN),
    "month ends": pd.date_range("2024", periods=3, freq="ME" if pd.__version__ >= "2.2" else "M"),
    "no frequency": pd.DatetimeIndex(["2024-01-01", "2024-01-03", None]),
    "durations": pd.timedelta_range("1h", periods=3),
    "categories": pd.CategoricalIndex(["a", "b", "a"], categories=["b", "a", "z"], ordered=True),
    "intervals": pd.interval_range(0, 3),
    "periods": pd.period_range("2024-01", periods=3, freq="M"),
    "objects": pd.Index([1, "a", None], dtype=object),
    "floats": pd.Index([1.5, np.nan, 2]),
    "Int64": pd.Index([1, None, 2], dtype="Int64"),
    "levels": pd.MultiIndex.from_product([["a"], [1, 2, 3]], names=["x", None]),
    "levels of one name": pd.MultiIndex.from_arrays([["a", None, "b"], WHEN], names=["x", "x"]),
}


@pytest.mark.parametrize("name", INDEXES)
def test_indexes_come_back_the_same(name):
    frame = pd.DataFrame({"x": [1, 2, 3]}, index=INDEXES[name])
    _check_same(frame, round_trip(FrameMaterializer(), frame))
    _check_same(frame[[]], round_trip(FrameMaterializer(), frame[[]]))
    _check_same_index(INDEXES[name], round_trip(IndexMaterializer(), INDEXES[name]))


LABELS = {
    "numbers": [0, 1],
    "range": pd.RangeIndex(2),
    "mixed": [1, "a"],
    "number and its text": [1, "1"],
    "repeated": ["a", "a"],
    "None": [None, "a"],
    "times": pd.date_range("2024", periods=2),
    "periods": pd.period_range("2024-01", periods=2, freq="M"),
    "dates": [dt.date(2024, 1, 1), dt.date(2024, 1, 2)],
    "truths": [True, False],
    "categories": pd.CategoricalIndex(["a", "b"]),
    "named": pd.Index(["a", "b"], name="cols"),
    "objects": pd.Index(["a", "b"], dtype=object),
    "string": pd.Index(["a", "b"], dtype="string"),
    "levels": pd.MultiIndex.from_tuples([("a", "x"), ("b", "y")], names=["l1", None]),
    "like an index level": ["index_0", "index_0_2"],
    "none": [],
    "empty text": ["", " "],
}


@pytest.mark.parametrize("name", LABELS)
def test_column_labels_come_back_the_same(name):
    frame = pd.DataFrame(np.arange(3.0 * len(LABELS[name])).reshape(3, -1), columns=LABELS[name], index=[3, 4, 5])
    _check_same(frame, round_trip(FrameMaterializer(), frame))


@pytest.mark.parametrize("name", [None, "x", 3, ("a", 1), pd.Timestamp("2024")], ids=repr)
@pytest.mark.parametrize("column", ["float64", "ordered categories", "text and nan"])
def test_series_come_back_the_same(name, column):
    series = COLUMNS[column].rename(name).set_axis(INDEXES["daily"])
    series.attrs = {"unit": "m"}
    loaded = round_trip(SeriesMaterializer(), series)
    pd.testing.assert_series_equal(series, loaded, check_exact=True, check_freq=True)
    assert type(loaded.name) is type(name)
    assert loaded.attrs == {"unit": "m"}


_dtypes = (
    numpy_strategies.boolean_dtypes()
    | numpy_strategies.integer_dtypes()
    | numpy_strategies.floating_dtypes(sizes=(32, 64))
    | st.sampled_from([np.dtype(f"{kind}8[{unit}]") for kind in "Mm" for unit in ("s", "ms", "us", "ns")])
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(_dtypes, min_size=1, max_size=4).flatmap(
        lambda dtypes: st.integers(0, 5).flatmap(
            lambda rows: st.tuples(*(numpy_strategies.arrays(dtype, rows) for dtype in dtypes))
        )
    )
)
def test_numbers_and_times_come_back_bit_by_bit(arrays):
    frame = pd.DataFrame(dict(enumerate(arrays)))
    assume(not any(array.dtype == "M8[s]" and (abs(array.astype("i8")) > 2**53).any() for array in arrays))
    loaded = round_trip(FrameMaterializer(), frame)
    assert list(loaded.dtypes) == list(frame.dtypes)
    for label, array in enumerate(arrays):
        if array.dtype.kind in "iub":
            assert loaded[label].to_numpy().tobytes() == frame[label].to_numpy().tobytes()
    pd.testing.assert_frame_equal(frame, loaded, check_exact=True)


_items = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates()


@settings(max_examples=150, deadline=None)
@given(st.lists(_items | st.lists(_items, max_size=3) | st.dictionaries(st.text(), _items, max_size=3), max_size=4))
def test_objects_come_back_the_same_or_are_refused(items):
    frame = pd.DataFrame({"x": _objects(*items)})
    try:
        reader = save(FrameMaterializer(), frame)
    except MaterializerError:
        return
    _check_same_objects(frame["x"], FrameMaterializer().load(reader)["x"])


def test_attributes_come_back():
    frame = pd.DataFrame({"x": [1]})
    frame.attrs = {"source": {"rows": [1, 2.5, None]}}
    _check_same(frame, round_trip(FrameMaterializer(), frame))


def test_a_loaded_frame_can_be_changed():
    frame = pd.DataFrame({"x": [1, 2], "y": [0.5, 1.5], "z": pd.to_datetime(["2024", "2025"])})
    loaded = round_trip(FrameMaterializer(), frame)
    loaded.loc[0, "x"] = 9
    loaded["y"].to_numpy(copy=True)[0] = 9
    loaded.iloc[0, 2] = pd.Timestamp("2030")
    assert loaded["x"].tolist() == [9, 2]


def test_equal_frames_give_equal_bytes():
    one, other = (save(FrameMaterializer(), pd.DataFrame(COLUMNS)) for _ in range(2))
    assert [one.read(name) for name in one.names] == [other.read(name) for name in other.names]


def test_other_tools_read_the_same_columns(tmp_path):
    frame = pd.DataFrame({"city": pd.Categorical(["Oslo", "Rome"]), "n": [1, 2]}, index=pd.Index([7, 8], name="id"))
    table = pq.read_table(save(FrameMaterializer(), frame, tmp_path).path("data.parquet"))
    assert table.to_pydict() == {"id": [7, 8], "city": ["Oslo", "Rome"], "n": [1, 2]}


class Frame(pd.DataFrame):
    pass


def _attributes():
    frame = pd.DataFrame({"x": [1]})
    frame.attrs = {"a": (1, 2)}
    return frame


REFUSED = {
    "far future": (pd.DataFrame({"x": np.array([2**62, 0], "M8[s]")}), "years beyond 292 million"),
    "far past": (pd.DataFrame({"x": np.array([-(2**63 // 1000) - 1], "M8[s]")}), "years beyond 292 million"),
    "complex": (pd.DataFrame({"x": [1j]}), "the column 'x' has the dtype complex128"),
    "sparse": (pd.DataFrame({"x": pd.arrays.SparseArray([0, 1])}), "the column 'x' has the dtype Sparse"),
    "objects": (
        pd.DataFrame({"x": _objects(object())}),
        "the column 'x' holds objects that Parquet cannot keep: builtins.object",
    ),
    "tuples": (pd.DataFrame({"x": _objects((1, 2))}), "builtins.tuple"),
    "numpy scalars": (pd.DataFrame({"x": _objects(np.int64(1), "a")}), "numpy.int64"),
    "deep arrays": (pd.DataFrame({"x": _objects(np.zeros((2, 2)))}), "numpy.ndarray"),
    "subclass": (Frame({"x": [1]}), "test_pandas_frames.Frame is not a DataFrame of pandas itself"),
    "attributes": (_attributes(), "the attributes (.attrs) {'a': (1, 2)} do not come back"),
    "name": (pd.DataFrame({"x": [1]}, index=pd.Index([1], name=b"n")), "the name b'n' is a bytes"),
    "labels": (pd.DataFrame([[1]], columns=pd.Index([object()], dtype=object)), "the index holds objects"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_lost_is_refused(name):
    value, message = REFUSED[name]
    with pytest.raises(MaterializerError) as caught:
        save(FrameMaterializer(), value)
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("data", [b"", b"PAR1", b"\0" * 100], ids=["empty", "magic", "zeros"])
def test_a_damaged_file_is_a_clear_error(data, tmp_path):
    reader = save(FrameMaterializer(), pd.DataFrame({"x": [1]}), tmp_path)
    (tmp_path / "data.parquet").chmod(0o644)
    (tmp_path / "data.parquet").write_bytes(data)
    with pytest.raises(MaterializerError, match=r"data\.parquet is not a table that zen wrote"):
        FrameMaterializer().load(reader)


def test_a_table_of_another_tool_is_a_clear_error(tmp_path):
    reader = save(FrameMaterializer(), pd.DataFrame({"x": [1]}), tmp_path)
    (tmp_path / "data.parquet").chmod(0o644)
    for metadata in ({}, {"zen": "[]"}, {"zen": "{}"}, {"zen": '{"rows": 1, "levels": [], "index": {}}'}):
        table = pa.table({"x": [1]}).replace_schema_metadata(metadata)
        pq.write_table(table, tmp_path / "data.parquet")
        with pytest.raises(MaterializerError):
            FrameMaterializer().load(reader)


def test_rows_and_columns_are_described():
    frame = pd.DataFrame({"a": [1], "b": pd.Categorical(["x"])})
    described = dict(FrameMaterializer().describe(frame))
    assert set(described.pop("statistics")) == {"rows", "columns"}
    assert described == {
        "rows": 1,
        "column_count": 2,
        "columns": [["a", "int64"], ["b", "category"]],
    }
    assert SeriesMaterializer().describe(frame["a"]) == {"rows": 1, "dtype": "int64"}
