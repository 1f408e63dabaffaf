"""The .npy format without pickle: which dtypes it keeps, and files that are what they claim to be."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from zen.errors import MaterializerError
from zen.interfaces import ArtifactWriter

MOST_HEADER = 1 << 20
_PREFIX = {(1, 0): 2, (2, 0): 4, (3, 0): 4}  # bytes that hold the length of the header, by version of the format


def write(array: np.ndarray[Any, Any], writer: ArtifactWriter) -> None:
    """Write an array as one .npy file.

    Raises:
        MaterializerError: When the format cannot keep its dtype.
    """
    check_dtype(array.dtype)
    with writer.open() as stream:
        if array.dtype.names is None:
            npy.write_array(stream, array, allow_pickle=False)
        else:
            _write_records(array, stream)


def check_dtype(dtype: np.dtype[Any]) -> None:
    """Refuse a dtype that would be pickled, or would come back as another one.

    Raises:
        MaterializerError: With advice for arrays of objects.
    """
    if dtype.hasobject:
        raise MaterializerError(
            f"an array of dtype {dtype} holds Python objects, which only pickle could save",
            hint="convert it first: .astype(str), .astype(float) or .tolist()",
            dtype=str(dtype),
        )
    descr = npy.dtype_to_descr(dtype)
    if npy.descr_to_dtype(descr) != dtype:
        raise MaterializerError(
            f"the .npy format cannot keep the dtype {dtype}",
            hint="convert the array to one of NumPy's own dtypes, or save its bytes: .view('uint8')",
            dtype=str(dtype),
        )
    if len(repr(descr)) > MOST_HEADER // 2:
        raise MaterializerError(f"a dtype of {len(dtype.names or ()):,} fields is more than a .npy header takes")


def _write_records(array: np.ndarray[Any, Any], stream: BinaryIO) -> None:
    """Write records with zeros in the gaps between their fields, where other arrays' memory may shine through."""
    clean = np.zeros(array.shape, array.dtype, order="F" if array.flags.fnc else "C")  # zeros_like leaves the gaps
    _copy_fields(array, clean)
    header = npy.header_data_from_array_1_0(clean)
    try:
        npy.write_array_header_1_0(stream, header)
    except UnicodeEncodeError:  # names beyond Latin-1 need version 3, which only write_array writes
        npy.write_array(stream, clean, allow_pickle=False)
        return
    except ValueError:  # longer than 64 KiB
        npy.write_array_header_2_0(stream, header)
    stream.write(clean.tobytes("A"))


def _copy_fields(source: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> None:
    for name in source.dtype.names or ():
        if source.dtype[name].names is None:
            target[name] = source[name]
        else:
            _copy_fields(source[name], target[name])


def open_mapped(path: Path) -> np.ndarray[Any, Any]:
    """Return the array of a .npy file, mapped copy-on-write: it can be changed, the file cannot.

    Raises:
        MaterializerError: When the file is damaged, holds objects, or is not as long as its header says.
    """
    try:
        with path.open("rb") as stream:
            check_length(stream, path.stat().st_size)
        mapped: np.ndarray[Any, Any] = np.load(path, mmap_mode="c", allow_pickle=False, max_header_size=MOST_HEADER)
    except (OSError, ValueError, TypeError, SyntaxError, OverflowError, RecursionError, MemoryError) as error:
        raise MaterializerError(f"the stored file is not an array that zen wrote: {error}") from error
    return np.asarray(mapped)


def check_length(stream: BinaryIO, size: int) -> None:
    """Compare what the header says with the length of the file, before anything is allocated.

    Raises:
        ValueError: When they differ, or there is no such header.
    """
    version = npy.read_magic(stream)
    if version not in _PREFIX:
        raise ValueError(f"unknown version {version} of the .npy format")
    length = int.from_bytes(stream.read(_PREFIX[version]), "little")
    if length > MOST_HEADER:
        raise ValueError(f"a header of {length:,} bytes")
    header = ast.literal_eval(stream.read(length).decode("latin1" if version < (3, 0) else "utf-8").strip())
    if not isinstance(header, dict) or not {"descr", "shape"} <= header.keys():
        raise ValueError("a header without dtype or shape")
    shape, dtype = header["shape"], npy.descr_to_dtype(header["descr"])
    if not (isinstance(shape, tuple) and all(type(extent) is int and extent >= 0 for extent in shape)):
        raise ValueError(f"the impossible shape {shape!r}")
    expected = math.prod(shape) * dtype.itemsize
    if expected != size - stream.tell():
        raise ValueError(
            f"a shape of {shape} and dtype {dtype} need {expected:,} bytes; {size - stream.tell():,} are there"
        )
