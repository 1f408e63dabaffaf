"""The law of arrays: dtype, shape, order and every byte come back, or saving refuses."""

import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from zen.errors import MaterializerError
from zen.testing.artifacts import round_trip, save
from zen_plugin_numpy import arrays
from zen_plugin_numpy.arrays import ArrayMaterializer

_dtypes = numpy_strategies.scalar_dtypes() | numpy_strategies.array_dtypes()


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return (one.dtype, one.shape) == (other.dtype, other.shape) and one.tobytes() == other.tobytes()


@pytest.mark.filterwarnings("ignore:Stored array in format")
@settings(max_examples=200, deadline=None)
@given(
    _dtypes.flatmap(
        lambda dtype: numpy_strategies.arrays(dtype, numpy_strategies.array_shapes(min_dims=0, min_side=0, max_dims=4))
    ),
    st.sampled_from("CF"),
)
def test_arrays_come_back_the_same(array, order):
    array = np.asarray(array, order=order)
    loaded = round_trip(ArrayMaterializer(), array)
    assert _same(loaded, array)
    assert loaded.flags.f_contiguous == array.flags.f_contiguous


ARRAYS = {
    "strided": np.arange(24).reshape(4, 6)[::2, ::-3],
    "big endian": np.arange(3, dtype=">i4"),
    "read-only": np.broadcast_to(np.float32(1), (3, 2)),
    "aligned fields": np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "unicode fields": np.zeros(2, [("größe λ", "f4")]),
    "many fields": np.zeros(1, [(f"field {index}", "f4") for index in range(2_000)]),
    "no bytes": np.zeros((3, 0, 2)),
    "NaT": np.array(["NaT", "2024-01-01"], "datetime64[D]"),
    "a scalar's array": np.array(3),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.filterwarnings("ignore:Stored array in format")
def test_awkward_arrays_come_back_the_same(name):
    assert _same(round_trip(ArrayMaterializer(), ARRAYS[name]), ARRAYS[name])


def test_a_fresh_process_loads_arrays():
    assert _same(round_trip(ArrayMaterializer(), ARRAYS["strided"], fresh_process=True), ARRAYS["strided"])


def test_gaps_between_fields_are_zeros():
    array = np.frombuffer(b"\xff" * 72, np.dtype([("a", "i1"), ("b", [("c", "i1"), ("d", "f8")])], align=True))[::1]
    loaded = round_trip(ArrayMaterializer(), array)
    assert loaded["b"]["c"].tolist() == array["b"]["c"].tolist()
    assert loaded[:1].tobytes() == b"\xff" + bytes(7) + b"\xff" + bytes(7) + b"\xff" * 8


def test_records_keep_their_order_in_memory():
    array = np.zeros((2, 3), [("a", "i1"), ("b", "f8")], order="F")
    array["b"] = np.arange(6).reshape(2, 3)
    for value in (array, array.T, array[:, ::2], np.asfortranarray(array)[..., None]):
        loaded = round_trip(ArrayMaterializer(), value)
        assert loaded.tolist() == value.tolist()


def test_a_small_array_can_be_changed(tmp_path):
    reader = save(ArrayMaterializer(), np.zeros(3), tmp_path)
    ArrayMaterializer().load(reader)[0] = 1
    assert ArrayMaterializer().load(reader)[0] == 0


def test_a_large_array_is_mapped_and_changes_never_reach_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAPPED_FROM", 100)
    reader = save(ArrayMaterializer(), np.zeros(100), tmp_path)
    before = reader.read()
    loaded = ArrayMaterializer().load(reader)
    assert type(loaded) is np.ndarray
    assert isinstance(loaded.base, np.memmap)
    loaded[:] = 1
    assert reader.read() == before
    assert not ArrayMaterializer().load(reader).any()


def test_a_mapped_array_is_saved_again(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(5))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert _same(round_trip(ArrayMaterializer(), mapped), np.arange(5))


@pytest.mark.parametrize(
    "array", [np.array([object()]), np.array([["a", None]], object), np.zeros(1, [("a", "O")])], ids=["1", "2", "field"]
)
def test_arrays_of_objects_are_refused_with_advice(array):
    with pytest.raises(MaterializerError, match="holds Python objects") as caught:
        save(ArrayMaterializer(), array)
    assert ".astype(str)" in caught.value.hint


@pytest.mark.parametrize("array", [np.ma.array([1], mask=[True]), np.rec.array([(1,)])], ids=type)
def test_subclasses_are_refused(array):
    with pytest.raises(MaterializerError, match="more than a plain array"):
        save(ArrayMaterializer(), array)


def test_a_dtype_that_the_format_cannot_keep_is_refused():
    strings = getattr(getattr(np, "dtypes", None), "StringDType", None)
    if strings is None:
        pytest.skip("NumPy before 2.0 has no such dtype")
    with pytest.raises(MaterializerError, match="StringDType"):
        save(ArrayMaterializer(), np.array(["a"], dtype=strings()))


def test_a_dtype_of_another_package_is_refused(monkeypatch):
    monkeypatch.setattr(arrays.write.__globals__["npy"], "dtype_to_descr", lambda dtype: "|V2")
    with pytest.raises(MaterializerError, match="cannot keep the dtype float16"):
        save(ArrayMaterializer(), np.zeros(1, np.float16))


def _npy(shape: object, descr: object = "<f8", data: bytes = b"\0" * 24) -> bytes:
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}}}".encode("latin1")
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def _pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([print], object), allow_pickle=True)
    return buffer.getvalue()


DAMAGED = {
    "huge": _npy((10**15,)),
    "wraps to zero": _npy((2**32, 2**32)),
    "wraps to three": _npy((3, 2**61 + 1)),
    "negative": _npy((-3,)),
    "long": _npy((2,)),
    "short": _npy((4,)),
    "no tuple": _npy(3),
    "code": _npy("__import__('os')"),
    "not a shape": _npy((math.inf,)),
    "no dtype": _npy((3,), "nonsense"),
    "objects": _npy((3,), "|O"),
    "pickle": _pickled(),
    "not a dict": b"\x93NUMPY\x01\x00\x02\x00[]",
    "version": b"\x93NUMPY\x09\x00" + b"\0" * 100,
    "long header": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b"\0" * 100,
    "empty": b"",
    "zip": b"PK\x03\x04" + b"\0" * 100,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_a_clear_error(name, tmp_path):
    reader = save(ArrayMaterializer(), np.zeros(3), tmp_path)
    (tmp_path / "data").chmod(0o644)
    (tmp_path / "data").write_bytes(DAMAGED[name])
    with pytest.raises(MaterializerError, match="not an array that zen wrote"):
        ArrayMaterializer().load(reader)


def test_shape_and_dtype_are_described():
    assert ArrayMaterializer().describe(np.zeros((2, 3), "f4")) == {"shape": [2, 3], "dtype": "float32"}
