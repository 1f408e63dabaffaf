"""What identifies an object that the project has made: its class and its state, as long as nothing changes it."""

from __future__ import annotations

import functools
import types
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

from zen.source.origin import origin_of
from zen.source.pieces import Identity, Piece, Walker
from zen.source.reach import reach_of
from zen.source.state import is_called
from zen.source.syntax import SourceUnavailable

_CONTENT = (dict, list, set, tuple, frozenset, str, int, float, bytes)  # What a class may be derived from.
_STANDARD = (Counter, OrderedDict, defaultdict, deque)
_KNOWN_BASES = frozenset({"pydantic.main.BaseModel", "pydantic_settings.main.BaseSettings"})
_MAKING = frozenset({"__init__", "__new__", "__post_init__", "__setstate__", "__set_name__", "model_post_init"})
_POINTER = 8


def state_of(walk: Walker, value: Any, piece: Piece, what: str) -> Identity:
    """Return what identifies an object by its class and state; None where that does not show everything."""
    kind = type(value)
    if kind in _STANDARD:
        return _standard(walk, value, piece, what)
    if origin_of(kind.__module__, walk.root).kind != "project":
        frozen = getattr(getattr(kind, "__dataclass_params__", None), "frozen", False)
        return ("object", *_parts(walk, value, piece, what)) if frozen else None
    if not _shows_itself(walk, kind):
        return None
    changer = _changer(walk, kind)
    if changer:
        walk.refuse(piece, f"uses {what}, a {kind.__qualname__} that {changer} changes")
        return ("object", None)
    content = next((base for base in _CONTENT if isinstance(value, base)), None)
    inside = None if content is None else walk.value(content(value), piece, what)
    return ("object", inside, *_parts(walk, value, piece, what))


def _parts(walk: Walker, value: Any, piece: Piece, what: str) -> tuple[Identity, Identity]:
    return walk.value(type(value), piece, what), walk.value(_attributes(value), piece, what)


def _standard(walk: Walker, value: Any, piece: Piece, what: str) -> Identity:
    content: Any
    if isinstance(value, deque):
        content = (list(value), value.maxlen)
    elif isinstance(value, defaultdict):
        content = (dict(value), value.default_factory)
    else:
        content = dict(value)
    return (type(value).__qualname__, walk.value(content, piece, what))


def _attributes(value: Any) -> dict[str, Any]:
    """Return the attributes of an object in a fixed order, without those that were only computed and kept."""
    kind = type(value)
    kept = {
        name
        for base in kind.__mro__
        for name, member in vars(base).items()
        if isinstance(member, functools.cached_property)
    }
    found = {name: item for name, item in getattr(value, "__dict__", {}).items() if name not in kept}
    for base in kind.__mro__:
        for name, member in vars(base).items():
            if isinstance(member, types.MemberDescriptorType):
                try:
                    found[name] = member.__get__(value)
                except AttributeError:
                    continue  # A slot without a value.
    return {name: found[name] for name in sorted(found)}


def _shows_itself(walk: Walker, kind: type) -> bool:
    """Say whether the classes of an object keep its state where it can be seen, and have no methods that hide."""
    slots = 0
    for base in kind.__mro__:
        slots += sum(isinstance(member, types.MemberDescriptorType) for member in vars(base).values())
        name = f"{base.__module__}.{base.__qualname__}"
        whose = origin_of(base.__module__, walk.root).kind
        if whose not in ("project", "python") and name not in _KNOWN_BASES:
            return False
    content = next((base for base in _CONTENT if issubclass(kind, base)), object)
    hidden = kind.__basicsize__ - content.__basicsize__ - _POINTER * slots
    return hidden <= _POINTER * ((kind.__dictoffset__ > 0) + (kind.__weakrefoffset__ > 0))


def _changer(walk: Walker, kind: type) -> str:
    """Return the method that changes the objects of a class after they are made, or an empty string."""
    parameters = getattr(kind, "__dataclass_params__", None)
    if parameters is not None and parameters.frozen:
        return ""
    for base in kind.__mro__:
        if origin_of(base.__module__, walk.root).kind != "project":
            continue
        for name, member in vars(base).items():
            function = getattr(member, "__wrapped__", member)
            changes = isinstance(function, types.FunctionType) and name not in _MAKING and _changes_itself(function)
            if changes and (name.startswith("__") or is_called(name, walk.root, base.__module__)):
                return f"{base.__qualname__}.{name}"
    return ""


def _changes_itself(function: types.FunctionType) -> bool:
    try:
        changes = reach_of(function).changes
    except SourceUnavailable:
        return False  # Which is a reason of its own, where the class is described.
    code = function.__code__
    return bool(code.co_argcount) and any(change.chain[0] == code.co_varnames[0] for change in changes)
