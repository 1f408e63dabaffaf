"""Annotations of steps and pipelines: what they declare, and whether a value fits.

What cannot be resolved or is not understood is unchecked, never an error.
"""

from __future__ import annotations

import builtins
import collections.abc
import numbers
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

UNCHECKED = Any


class _Unknown:
    """Stands in for a name that only exists for type checkers."""

    __iter__ = None  # or `__getitem__` would make it endless

    def __getattr__(self, name: str) -> _Unknown:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, item: Any) -> _Unknown:
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> _Unknown:
        return self

    def __or__(self, other: Any) -> _Unknown:
        return self

    __ror__ = __or__


class _Names(dict[str, Any]):
    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, _UNKNOWN)


_UNKNOWN = _Unknown()


def annotations_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of a function, each evaluated on its own; `Any` where that fails."""
    found = {}
    names: _Names | None = None
    for name, annotation in getattr(function, "__annotations__", {}).items():
        if isinstance(annotation, str):
            names = names or _names(function)
            annotation = _evaluated(annotation, names)
            if isinstance(annotation, str):  # quoted under `from __future__ import annotations`
                annotation = _evaluated(annotation, names)
        found[name] = None if annotation is type(None) else annotation
    return found


def plain_type(annotation: Any) -> Any:
    """Return an annotation without `Annotated`."""
    return plain_type(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def name_of(annotation: Any) -> str:
    """Return an annotation as people write it."""
    if annotation is None:
        return "None"
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__qualname__
    return str(annotation).replace("typing.", "")


def type_reference(annotation: Any) -> str:
    """Return `module.qualname` of a declared class, or an empty string."""
    bare = plain_type(annotation)
    bare = get_origin(bare) or bare
    return f"{bare.__module__}.{bare.__qualname__}" if isinstance(bare, type) else ""


def fits(value: Any, annotation: Any) -> bool:
    """Say whether a value fits an annotation, as far as that can be told cheaply."""
    if annotation is None:
        return value is None
    if annotation is Any or isinstance(annotation, _Unknown | str | typing.TypeVar):
        return True
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return fits(value, arguments[0]) and _fits_constraints(value, annotation)
    if origin is Union or origin is types.UnionType:
        return any(fits(value, argument) for argument in arguments)
    if origin is Literal:
        return any(value == choice and type(value) is type(choice) for choice in arguments)
    if isinstance(annotation, typing.NewType):
        return fits(value, annotation.__supertype__)
    if origin is not None:
        return _is_instance(value, origin) and _items_fit(value, origin, arguments)
    return _is_instance(value, annotation)


def connects(given: Any, wanted: Any) -> bool:
    """Say whether an output declared as `given` can be an argument declared as `wanted`; no only when it never can."""
    given, wanted = plain_type(given), plain_type(wanted)
    if given is Any or wanted is Any:  # a class since Python 3.11, and nobody's base class
        return True
    if get_origin(wanted) in (Union, types.UnionType):
        return any(connects(given, argument) for argument in get_args(wanted))
    if get_origin(given) in (Union, types.UnionType):
        return any(connects(argument, wanted) for argument in get_args(given))
    given = type(None) if given is None else get_origin(given) or given
    wanted = type(None) if wanted is None else get_origin(wanted) or wanted
    if not (isinstance(given, type) and isinstance(wanted, type)):
        return True
    if issubclass(wanted, numbers.Number) or wanted in (int, float, complex):
        return issubclass(given, _numeric(wanted)) or issubclass(wanted, given)
    try:
        return issubclass(given, wanted) or issubclass(wanted, given) or _is_earlier(given, wanted)
    except TypeError:  # a protocol that cannot be checked
        return True


def _numeric(wanted: type) -> type | tuple[type, ...]:
    return {int: numbers.Integral, float: numbers.Real, complex: numbers.Complex}.get(wanted, wanted)


def _is_instance(value: Any, cls: Any) -> bool:
    if not isinstance(cls, type):
        return True
    try:
        found = isinstance(value, (cls, _numeric(cls)) if cls in (int, float, complex) else cls)
        return found or any(_is_earlier(base, cls) for base in type(value).__mro__)
    except TypeError:  # a protocol that cannot be checked at run time
        return True


def _is_earlier(one: type, other: type) -> bool:
    """Say whether two classes are one of a notebook, whose cell was run again: steps may still be annotated with it."""
    return (
        one.__module__ == other.__module__ == "__main__"
        and one.__qualname__ == other.__qualname__
        and "<" not in one.__qualname__
    )


def _items_fit(value: Any, origin: Any, arguments: tuple[Any, ...]) -> bool:
    if not arguments or not isinstance(value, list | tuple | set | frozenset | dict):
        return True
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return all(fits(item, arguments[0]) for item in value)
        return len(value) == len(arguments) and all(map(fits, value, arguments))
    if isinstance(value, dict):
        return len(arguments) != 2 or all(fits(k, arguments[0]) and fits(v, arguments[1]) for k, v in value.items())
    if issubclass(origin, collections.abc.Iterable):
        return all(fits(item, arguments[0]) for item in value)
    return True


def _fits_constraints(value: Any, annotation: Any) -> bool:
    modules = {type(extra).__module__.partition(".")[0] for extra in annotation.__metadata__}
    if not modules & {"pydantic", "annotated_types"}:
        return True
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        return False
    return True


def _names(function: Callable[..., Any]) -> _Names:
    names = _Names(getattr(function, "__globals__", {}))
    code = getattr(function, "__code__", None)
    for name, cell in zip(code.co_freevars if code else (), getattr(function, "__closure__", None) or (), strict=False):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return names


def _evaluated(annotation: str, names: _Names) -> Any:
    try:
        return eval(annotation, {"__builtins__": {}}, names)  # noqa: S307  # the project's own source
    except Exception:  # noqa: BLE001  # the user's expression: unresolvable annotations are unchecked
        return Any
