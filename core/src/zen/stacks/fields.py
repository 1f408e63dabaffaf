"""Checks values against the annotations of a dataclass, and reports every one that does not fit."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zen.errors import PluginLoadError, nearest
from zen.secrets import Secret
from zen.stacks.document import Place
from zen.stacks.references import BY_REFERENCE, UNRESOLVED, VariableText

INVALID: Any = object()
"""What `convert` returns for a value that does not fit."""


def convert(hint: Any, value: Any, place: Place) -> Any:
    """Return `value` as `hint` wants it, or INVALID after every fault in it was reported to `place`.

    Raises:
        PluginLoadError: For an annotation that configurations cannot have.
    """
    if value is UNRESOLVED:
        return INVALID
    if hint in _SCALARS:
        return _SCALARS[hint](value, place)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _object(hint, value, place)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in _CONTAINERS or origin in _CONTAINERS:
        return _CONTAINERS[origin or hint](arguments, value, place)
    if origin in (types.UnionType, typing.Union):
        return _union(arguments, value, place)
    if origin is typing.Literal:
        return _literal(arguments, value, place)
    raise PluginLoadError(
        f"{place}: configurations that are dataclasses cannot have fields of type {hint}",
        hint="its plugin's author can use a pydantic model instead",
    )


def name_of(hint: Any) -> str:
    """Return how messages call an annotation: `a text`, `a whole number`, `'full' or 'relaxed'`."""
    if hint in _NAMES:
        return _NAMES[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " or ".join(repr(argument) for argument in arguments)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(name_of(argument) for argument in arguments)
    if hint in _CONTAINERS or origin in _CONTAINERS:
        return "a mapping" if (origin or hint) in (dict, Mapping) else "a list"
    return "a mapping"


def plain(value: Any) -> Any:
    """Return a value with texts from variables as ordinary texts."""
    if isinstance(value, VariableText):
        return str(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@functools.cache
def hints_of(cls: type) -> dict[str, Any]:
    """Return the annotations of a dataclass by the name of the field.

    Raises:
        PluginLoadError: When one of them cannot be evaluated.
    """
    try:
        return typing.get_type_hints(cls)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise PluginLoadError(
            f"the annotations of {cls.__module__}.{cls.__qualname__} cannot be evaluated: {error}",
            hint="its plugin's author has to import, at run time, what they name",
        ) from error


def required(field: dataclasses.Field[Any]) -> bool:
    """Say whether a field has no default."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _object(cls: type, value: Any, place: Place) -> Any:
    if not isinstance(value, Mapping):
        place.expected("a mapping", value)
        return INVALID
    hints, fields = hints_of(cls), {field.name: field for field in dataclasses.fields(cls) if field.init}
    for key in value:
        if key not in fields:
            place.at(key).unknown(fields)
    for name, field in fields.items():
        if required(field) and name not in value:
            place.report(f"{place}: {name!r} is missing ({name_of(hints[name])})", f"add `{name}:`")
    arguments = {name: convert(hints[name], item, place.at(name)) for name, item in value.items() if name in fields}
    if any(item is INVALID for item in arguments.values()):
        return INVALID
    if any(required(field) and name not in value for name, field in fields.items()):
        return INVALID
    try:
        return cls(**arguments)
    except Exception as error:  # noqa: BLE001  # the class's own check is somebody else's code
        place.report(f"{place}: {error}")
        return INVALID


def _union(arms: tuple[Any, ...], value: Any, place: Place) -> Any:
    if value is None and type(None) in arms:
        return None
    arms = tuple(arm for arm in arms if arm is not type(None))
    if len(arms) == 1:
        return convert(arms[0], value, place)
    for arm in arms:
        scratch = Place([], place.document, place.path)
        result = convert(arm, value, scratch)
        if not scratch.faults:
            return result
    if Secret in arms and isinstance(value, str):
        return convert(Secret, value, place)
    place.expected(" or ".join(name_of(arm) for arm in arms), value)
    return INVALID


def _literal(members: tuple[Any, ...], value: Any, place: Place) -> Any:
    for member in members:
        same = type(value) is type(member) and value == member
        if same or (isinstance(value, VariableText) and value == str(member)):
            return member
    close = ""
    if isinstance(value, str):
        close = nearest(value, [member for member in members if isinstance(member, str)])
    place.expected(" or ".join(repr(member) for member in members), value, close)
    return INVALID


def _list(arguments: tuple[Any, ...], value: Any, place: Place) -> Any:
    if not isinstance(value, list):
        place.expected("a list", value)
        return INVALID
    hint = arguments[0] if arguments else Any
    items = [convert(hint, item, place.at(index)) for index, item in enumerate(value)]
    return INVALID if any(item is INVALID for item in items) else items


def _tuple(arguments: tuple[Any, ...], value: Any, place: Place) -> Any:
    items = _list(arguments[:1], value, place)
    return items if items is INVALID else tuple(items)


def _dict(arguments: tuple[Any, ...], value: Any, place: Place) -> Any:
    if not isinstance(value, Mapping):
        place.expected("a mapping", value)
        return INVALID
    hint = arguments[1] if arguments else Any
    for key in value:
        if not isinstance(key, str):
            place.at(key).report(f"{place}: the key {key!r} is not a text", f'put it in quotes: "{key}"', key=True)
    items = {key: convert(hint, item, place.at(key)) for key, item in value.items()}
    return INVALID if any(item is INVALID for item in items.values()) else items


def _text(value: Any, place: Place) -> Any:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Secret):
        place.report(f"{place}: takes no secret", "only fields that are made for secrets keep them out of records")
    else:
        place.expected("a text", value)
    return INVALID


def _boolean(value: Any, place: Place) -> Any:
    words = {"true": True, "false": False}
    if isinstance(value, VariableText) and value.lower() in words:
        return words[value.lower()]
    if isinstance(value, bool):
        return value
    like = {"yes": "true", "on": "true", "no": "false", "off": "false"}
    word = like.get(value.lower(), "") if isinstance(value, str) else ""
    place.expected("true or false", value, f"write {word}" if word else "")
    return INVALID


def _integer(value: Any, place: Place) -> Any:
    if isinstance(value, VariableText):
        with contextlib.suppress(ValueError):
            return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    place.expected("a whole number", value)
    return INVALID


def _float(value: Any, place: Place) -> Any:
    number = value
    if isinstance(value, VariableText):
        with contextlib.suppress(ValueError):
            number = float(value)
    if isinstance(number, (int, float)) and not isinstance(number, bool) and math.isfinite(number):
        return float(number)
    place.expected("a number", value)
    return INVALID


def _path(value: Any, place: Place) -> Any:
    if isinstance(value, str) and value:
        return Path(value)
    place.expected("a path", value)
    return INVALID


def _secret(value: Any, place: Place) -> Any:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        place.report(f"{place}: a secret is given by reference, found a literal (not shown)", BY_REFERENCE)
    else:
        place.report(f"{place}: a secret is given by reference", BY_REFERENCE)
    return INVALID


def _anything(value: Any, _: Place) -> Any:
    return plain(value)


_SCALARS: dict[Any, Callable[[Any, Place], Any]] = {
    str: _text,
    bool: _boolean,
    int: _integer,
    float: _float,
    Path: _path,
    Secret: _secret,
    Any: _anything,
    object: _anything,
}
_CONTAINERS: dict[Any, Callable[[tuple[Any, ...], Any, Place], Any]] = {
    list: _list,
    Sequence: _list,
    tuple: _tuple,
    dict: _dict,
    Mapping: _dict,
}
_NAMES: dict[Any, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Path: "a path",
    Secret: "a secret",
    Any: "anything",
    object: "anything",
    type(None): "nothing",
}
