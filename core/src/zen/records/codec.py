"""Records as JSON and back.

The JSON form is minimal: a field that has its default value is left out. Reading ignores fields that it does not know,
because records only ever gain fields; so an older zen reads what a newer one wrote.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import types
import typing
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from zen.identity import from_plain, to_plain

R = TypeVar("R")


@typing.dataclass_transform(frozen_default=True, kw_only_default=True)
def record() -> Callable[[type[R]], type[R]]:
    """Make a class a record: a frozen dataclass with slots, whose fields are given by name."""
    return dataclasses.dataclass(frozen=True, kw_only=True, slots=True)


def to_json(value: Any, names: Collection[str] | None = None) -> Any:
    """Return the minimal JSON form of a record, or of tuples, mappings and lists of records.

    Args:
        value: The record.
        names: The only fields to write; all by default.
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is float:
        return to_plain(value)  # JSON has no NaN and no infinities
    if kind is tuple or kind is list:
        return [to_json(item) for item in value]
    if kind is dict:
        return {key: to_json(item) for key, item in value.items()}
    if kind is dt.datetime:
        return value.isoformat()
    result = {}
    for name, default in _defaults(kind):
        if names is not None and name not in names:
            continue
        item = getattr(value, name)
        if default is _REQUIRED or item != default or type(item) is not type(default):
            result[name] = to_json(item)
    return result


def from_json(cls: type[R], data: Any) -> R:
    """Return the record of type `cls` whose JSON form is `data`.

    Raises:
        TypeError: When a field without a default is missing.
    """
    decoders = _decoders(cls)
    return cls(**{name: decoders[name](item) for name, item in data.items() if name in decoders})


_SCALARS = frozenset({type(None), bool, int, str})
_REQUIRED = object()


def _find_defaults(cls: Any) -> tuple[tuple[str, Any], ...]:
    def default(field: dataclasses.Field[Any]) -> Any:
        if field.default is not dataclasses.MISSING:
            return field.default
        return field.default_factory() if field.default_factory is not dataclasses.MISSING else _REQUIRED

    return tuple((field.name, default(field)) for field in dataclasses.fields(cls))


def _find_decoders(cls: Any) -> dict[str, Callable[[Any], Any]]:
    return {name: _decoder(hint) for name, hint in typing.get_type_hints(cls).items()}


# Typed here, because a cached function asks for hashable arguments in a way that classes do not satisfy for mypy.
_defaults: Callable[[Any], tuple[tuple[str, Any], ...]] = functools.cache(_find_defaults)
_decoders: Callable[[Any], dict[str, Callable[[Any], Any]]] = functools.cache(_find_decoders)


def _same(value: Any) -> Any:
    return value


def _decoder(hint: Any) -> Callable[[Any], Any]:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return functools.partial(from_json, hint)
    if hint is dt.datetime:
        return dt.datetime.fromisoformat
    if hint is float:
        return from_plain
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType or origin is typing.Union:
        inner = [argument for argument in arguments if argument is not type(None)]
        decode = _decoder(inner[0]) if len(inner) == 1 else _same
        return lambda value: None if value is None else decode(value)
    if origin is tuple:
        item = _decoder(arguments[0])
        return lambda values: tuple(item(value) for value in values)
    if origin is dict:
        item = _decoder(arguments[1])
        return lambda values: {key: item(value) for key, value in values.items()}
    return _same
