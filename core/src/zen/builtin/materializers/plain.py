"""Plain data as JSON text, and bytes as they are."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from zen.errors import MaterializerError
from zen.identity import from_plain, to_plain
from zen.interfaces import ArtifactReader, ArtifactWriter, Materializer

MOST_LEVELS = 100
NO_FORM = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What reading the JSON form of plain data raises for JSON that is none: the constructors are those of the types."""
_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_SEQUENCES = frozenset({list, tuple})
_SETS = frozenset({set, frozenset})


class PlainMaterializer(Materializer):
    """Saves None, bool, int, float, str, list, dict, tuple, set, frozenset, dates, times, Decimal and UUID.

    Nothing is lost: what JSON lacks is tagged (`zen.identity.plain`), a mapping keeps its order, and a value that
    would come back changed is refused. Paths inside of a container are kept as names; only a path that is itself the
    value takes its files along.

    Attributes:
        exact: It saves these very types, no subclass of them: `IntEnum` and `OrderedDict` are not plain.
    """

    format: ClassVar[str] = "json"
    exact: ClassVar[bool] = True

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the value as UTF-8 JSON; equal values in the same order give equal bytes."""
        writer.write(encode_json(plain_form(value)))

    def load(self, reader: ArtifactReader) -> Any:
        """Return the value."""
        data = decode_json(reader.read())
        try:
            return from_plain(data)
        except NO_FORM as error:
            raise MaterializerError(f"the stored JSON is not plain data: {error}") from error

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return a number or truth value itself, and the length of what has one."""
        if type(value) in (type(None), bool, float) or (type(value) is int and value.bit_length() <= 64):
            return {"value": value}
        return {"length": len(value)} if hasattr(value, "__len__") else {}


class BytesMaterializer(Materializer):
    """Saves a lone `bytes` or `bytearray` as a file of these very bytes."""

    format: ClassVar[str] = "bytes"
    exact: ClassVar[bool] = True

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the bytes."""
        if type(value) not in (bytes, bytearray):
            raise MaterializerError(f"a {type_name(type(value))} is not bytes", type=type_name(type(value)))
        writer.write(value)

    def load(self, reader: ArtifactReader) -> bytes | bytearray:
        """Return the bytes, as the type that was saved."""
        data = reader.read()
        return bytearray(data) if reader.type == "builtins.bytearray" else data

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return the length in bytes."""
        return {"length": len(value)}


_ADVICE = "return it as an output of its own, so that the materializer of its type saves it; or make it plain data"


def type_name(cls: type) -> str:
    """Return the name of a class for people and records: `module.qualname`, built-in types without module."""
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def plain_form(value: Any) -> Any:
    """Return the JSON form of plain data.

    Raises:
        MaterializerError: For what is not plain, or would come back changed; `place` says where in the value.
    """
    try:
        _check(value, MOST_LEVELS)
    except _Refused as refusal:
        place = "the value" + "".join(reversed(refusal.place))
        raise MaterializerError(
            f"{place} cannot be kept as JSON: {refusal.reason}", hint=_ADVICE, place=place, type=type_name(refusal.kind)
        ) from None
    return to_plain(value)


def encode_json(data: Any) -> bytes:
    """Return JSON data as compact UTF-8 text; keys keep their order, and a lone surrogate is kept as it is."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def decode_json(data: bytes) -> Any:
    """Return the JSON data that those bytes hold.

    Raises:
        MaterializerError: When they are not JSON text.
    """
    try:
        return json.loads(data.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise MaterializerError(f"the stored bytes are not JSON: {error}") from error


class _Refused(Exception):
    """A part that is not plain; the place is put together while the checks return."""

    def __init__(self, kind: type, reason: str) -> None:
        self.kind, self.reason = kind, reason
        self.place: list[str] = []


def _check(value: Any, levels: int) -> None:
    """Refuse what `to_plain` would refuse without a place, or would take apart without an end."""
    kind = type(value)
    if kind in _SCALARS:
        return
    if kind in _SEQUENCES:
        _check_items(value, levels)
    elif kind in _SETS:
        _check_items(value, levels, place="{%s}")
    elif kind is dict:
        _check_items(value, levels, place=".keys()[%s]")
        _check_items(value.values(), levels, names=value)
    else:
        try:
            to_plain(value)
        except TypeError as error:
            raise _Refused(kind, str(error)) from None


def _check_items(items: Any, levels: int, *, place: str = "[%s]", names: Iterable[Any] | None = None) -> None:
    if _SCALARS.issuperset(map(type, items)):  # the common case, at the speed of C
        return
    if not levels:
        raise _Refused(type(items), f"it is nested deeper than {MOST_LEVELS} levels, or contains itself")
    for name, item in zip(range(len(items)) if names is None else names, items, strict=True):
        try:
            _check(item, levels - 1)
        except _Refused as refusal:
            refusal.place.append(place % (reprlib.repr(name) if type(name) in _SCALARS else "…"))
            raise
