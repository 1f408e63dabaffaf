"""The canonical encoding: one byte string for each plain value, and the digests over it.

The scheme is described in docs/identity.md and is final for its version: a change of the bytes is a new `SCHEME`.
Every value is a type letter, the decimal length of its body, a colon, and the body; so `1`, `1.0`, `True` and `"1"`
differ, and no two values can run into each other.
"""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import math
import pathlib
import struct
import uuid
from collections.abc import Callable
from typing import Any

from zen.identity.zones import zone_key

SCHEME = "zen-id/1"
_NAN = b"\x7f\xf8\x00\x00\x00\x00\x00\x00"


def canonical(value: Any) -> bytes:
    """Return the canonical bytes of plain data.

    Mappings and sets are ordered by their encoded keys, so neither insertion order nor the hash seed counts. All NaNs
    are one value; `-0.0` and `0.0` are two.

    Raises:
        TypeError: For anything that is not plain data (subclasses of plain types included: they may carry more).
        RecursionError: For a structure that contains itself, or is nested too deep.
    """
    encode = _ENCODERS.get(type(value))
    if encode is None:
        raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} has no canonical encoding")
    letter, body = encode(value)
    return b"%s%d:%s" % (letter, len(body), body)


def digest(record_type: str, value: Any) -> str:
    """Return `sha256:…` over the scheme, the record type and the canonical bytes of `value`."""
    return "sha256:" + hashlib.sha256(canonical((SCHEME, record_type, value))).hexdigest()


def digest_bytes(data: bytes) -> str:
    """Return `sha256:…` of raw bytes: the name of a stored object."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _text(letter: bytes, of: Callable[[Any], str]) -> Callable[[Any], tuple[bytes, bytes]]:
    return lambda value: (letter, of(value).encode("utf-8", "surrogatepass"))


def _sequence(letter: bytes) -> Callable[[Any], tuple[bytes, bytes]]:
    return lambda values: (letter, b"".join(map(canonical, values)))


def _unordered(letter: bytes) -> Callable[[Any], tuple[bytes, bytes]]:
    return lambda values: (letter, b"".join(sorted(map(canonical, values))))


def _time(value: dt.datetime | dt.time) -> str:
    key = zone_key(value.tzinfo)
    if not key:
        return f"{value.isoformat()}/{value.fold}"
    # A zone with rules goes by its name: the offset that its rules give today is not part of the value.
    return f"{value.replace(tzinfo=None).isoformat()}/{value.fold}/{key}"


def _float(value: float) -> tuple[bytes, bytes]:
    return b"f", _NAN if math.isnan(value) else struct.pack(">d", value)


def _mapping(value: dict[Any, Any]) -> tuple[bytes, bytes]:
    pairs = sorted((canonical(key), canonical(item)) for key, item in value.items())
    return b"d", b"".join(key + item for key, item in pairs)


_ENCODERS: dict[type, Callable[[Any], tuple[bytes, bytes]]] = {
    type(None): lambda value: (b"n", b""),
    bool: lambda value: (b"b", b"1" if value else b"0"),
    int: _text(b"i", lambda value: format(value, "x")),  # decimal digits have a limit, and take quadratic time
    float: _float,
    str: _text(b"s", str),
    bytes: lambda value: (b"y", value),
    list: _sequence(b"l"),
    tuple: _sequence(b"t"),
    dict: _mapping,
    set: _unordered(b"e"),
    frozenset: _unordered(b"z"),
    dt.datetime: _text(b"D", _time),
    dt.date: _text(b"A", dt.date.isoformat),
    dt.time: _text(b"T", _time),
    dt.timedelta: _text(b"L", lambda value: f"{value.days},{value.seconds},{value.microseconds}"),
    decimal.Decimal: _text(b"M", lambda value: str(value).upper()),  # the case of `E` is a setting of the thread
    uuid.UUID: _text(b"U", str),
    # A path of the machine, whichever machine: one that was traced on Windows is the same input on Linux.
    pathlib.PosixPath: _text(b"P", str),
    pathlib.WindowsPath: _text(b"P", pathlib.PurePath.as_posix),
    pathlib.PurePosixPath: _text(b"p", str),
    pathlib.PureWindowsPath: _text(b"w", str),
}
