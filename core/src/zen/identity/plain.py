"""Plain data as JSON, and back, without loss.

What JSON has is written as itself; what it lacks becomes an object with one key that starts with `$`:

    (1, 2)         {"$tuple": [1, 2]}         b"ab"        {"$bytes": "YWI="}
    {1, 2}         {"$set": [1, 2]}           nan          {"$float": "nan"}
    {1: "a"}       {"$dict": [[1, "a"]]}      Path("a/b")  {"$path": "a/b"}

So does what JSON readers do not keep: integers of hundreds of digits (`$int`), and texts in which two lone surrogates
would read as one character (`$str`). A mapping that has such a key of its own is written as `$dict`, so a user's data
is never taken for a tag.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import math
import pathlib
import re
import uuid
from collections.abc import Callable
from typing import Any

from zen.identity.zones import zone, zone_form

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]

_AS_IS = frozenset({type(None), bool})
_LONG_INT = 2000  # bits: fewer than 640 digits, the lowest limit that Python lets anybody set for reading them
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def is_plain(value: Any) -> bool:
    """Say whether `value`, all the way down, is plain data (exact types, not subclasses)."""
    try:
        to_plain(value)
    except (TypeError, RecursionError):
        return False
    return True


def to_plain(value: Any) -> Any:
    """Return the JSON form of plain data.

    Raises:
        TypeError: Naming the type that is not plain data.
        RecursionError: For a structure that contains itself, or is nested too deep.
    """
    kind = type(value)
    if kind in _AS_IS:
        return value
    if kind is str and (value.isascii() or not _SURROGATE_PAIR.search(value)):
        return value
    if kind is int and value.bit_length() <= _LONG_INT:
        return value
    if kind is float and math.isfinite(value):
        return value
    if kind is list:
        return [to_plain(item) for item in value]
    if kind is dict:
        if all(map(_is_key, value)):
            return {key: to_plain(item) for key, item in value.items()}
        return {"$dict": [[to_plain(key), to_plain(item)] for key, item in value.items()]}
    tagged = _TAGGED.get(kind)
    if tagged is None:
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} is not plain data")
    tag, encode, _ = tagged
    return {tag: encode(value)}


def from_plain(data: Any) -> Any:
    """Return the value whose JSON form is `data`.

    Raises:
        ValueError: For an unknown tag: the data was written by a newer zen, or by somebody else.
    """
    if type(data) is list:
        return [from_plain(item) for item in data]
    if type(data) is not dict:
        return data
    if len(data) == 1:
        [(tag, body)] = data.items()
        if tag.startswith("$"):
            if tag == "$dict":
                return {from_plain(key): from_plain(item) for key, item in body}
            if tag not in _DECODERS:
                raise ValueError(f"unknown tag {tag!r} in plain data")
            return _DECODERS[tag](body)
    return {key: from_plain(item) for key, item in data.items()}


_ENCODER = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False)


def dumps(data: Any) -> str:
    """Return compact ASCII JSON with sorted keys: the same text for the same data, safe for any database."""
    return _ENCODER.encode(data)


def _is_key(key: Any) -> bool:
    return type(key) is str and not key.startswith("$") and (key.isascii() or not _SURROGATE_PAIR.search(key))


def _time_to_plain(value: dt.datetime | dt.time) -> Any:
    """Return ISO text, or a list with what ISO text cannot say: the fold, and a zone by its name or its offset."""
    place = zone_form(value.tzinfo)
    if place is None:
        return [value.isoformat(), value.fold] if value.fold else value.isoformat()
    return [value.replace(tzinfo=None).isoformat(), value.fold, place]


def _time(read: Callable[[str], Any]) -> Callable[[Any], Any]:
    def decode(body: Any) -> Any:
        if type(body) is str:
            return read(body)
        text, fold, *place = body
        value = read(text).replace(fold=fold)
        return value.replace(tzinfo=zone(place[0])) if place else value

    return decode


def _sorted_items(values: Any) -> list[Any]:
    return sorted((to_plain(item) for item in values), key=dumps)


def _items(values: Any) -> list[Any]:
    return [to_plain(item) for item in values]


def _decoded(of: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda body: of(from_plain(item) for item in body)


_PATH: tuple[str, Callable[[Any], Any], Callable[[Any], Any]] = ("$path", pathlib.PurePath.as_posix, pathlib.Path)
_TAGGED: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    float: ("$float", repr, float),
    int: ("$int", hex, lambda body: int(body, 16)),
    str: (
        "$str",
        lambda value: base64.b64encode(value.encode("utf-8", "surrogatepass")).decode(),
        lambda body: base64.b64decode(body).decode("utf-8", "surrogatepass"),
    ),
    bytes: ("$bytes", lambda value: base64.b64encode(value).decode(), base64.b64decode),
    tuple: ("$tuple", _items, _decoded(tuple)),
    set: ("$set", _sorted_items, _decoded(set)),
    frozenset: ("$frozenset", _sorted_items, _decoded(frozenset)),
    dt.datetime: ("$datetime", _time_to_plain, _time(dt.datetime.fromisoformat)),
    dt.date: ("$date", dt.date.isoformat, dt.date.fromisoformat),
    dt.time: ("$time", _time_to_plain, _time(dt.time.fromisoformat)),
    dt.timedelta: (
        "$timedelta",
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda body: dt.timedelta(*body),
    ),
    decimal.Decimal: ("$decimal", str, decimal.Decimal),
    uuid.UUID: ("$uuid", str, uuid.UUID),
    pathlib.PosixPath: _PATH,
    pathlib.WindowsPath: _PATH,
    pathlib.PurePosixPath: ("$posixpath", str, pathlib.PurePosixPath),
    pathlib.PureWindowsPath: ("$windowspath", str, pathlib.PureWindowsPath),
}
_DECODERS = {tag: decode for tag, _, decode in _TAGGED.values()}
