"""Exceptions that show a secret, as ones of the same type that do not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, TypeVar, cast

from zen.secrets.redaction import redactor

E = TypeVar("E", bound=BaseException)


def shown(error: E) -> E:
    """Return the exception; where it or one of its causes tells a secret, one of the same type that tells it masked.

    That one is an instance of a subclass: who catches the type still does. Its attributes are those of the original,
    with their texts masked.
    """
    if not redactor.active or not any(redactor.text(text) != text for text in _texts(error, set())):
        return error
    return cast(E, _stand_in(error, {}))


def said(error: BaseException) -> str:
    """Return the text of an exception, whatever its `__str__` does."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # somebody's own __str__
        return f"<{type(error).__qualname__} whose message cannot be shown>"


def _texts(error: BaseException, seen: set[int]) -> Iterator[str]:
    if id(error) in seen:
        return
    seen.add(id(error))
    yield said(error)
    with contextlib.suppress(Exception):  # somebody's own __repr__
        yield repr(error)
    yield from (note for note in getattr(error, "__notes__", ()) if isinstance(note, str))
    for inner in _inner(error):
        yield from _texts(inner, seen)


def _inner(error: BaseException) -> list[BaseException]:
    grouped = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return [each for each in (error.__cause__, error.__context__, *grouped) if each is not None]


def _stand_in(error: BaseException, made: dict[int, BaseException]) -> BaseException:
    if id(error) in made:
        return made[id(error)]
    cls, text = type(error), redactor.text(said(error))
    body = {
        "__str__": lambda self: text,
        "__repr__": lambda self: f"{cls.__qualname__}({text!r})",
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
    }
    try:
        new = _copied(type(cls.__name__, (cls,), body), error, made)
    except Exception:  # noqa: BLE001  # somebody's own class, which refuses to be subclassed or made so
        new = Exception(f"{cls.__qualname__}: {text}")
    made[id(error)] = new
    for name in ("__cause__", "__context__"):
        inner = getattr(error, name)
        setattr(new, name, _stand_in(inner, made) if inner is not None else None)
    new.__suppress_context__ = error.__suppress_context__
    return new.with_traceback(error.__traceback__)


def _copied(kind: Any, error: BaseException, made: dict[int, BaseException]) -> BaseException:
    arguments = tuple(_masked(each) for each in error.args)
    if isinstance(error, BaseExceptionGroup):
        arguments = (redactor.text(error.message), [_stand_in(each, made) for each in error.exceptions])
    new: BaseException = kind.__new__(kind, *arguments)
    new.args = arguments
    new.__dict__.update({name: _masked(value) for name, value in vars(error).items()})
    return new


def _masked(value: Any) -> Any:
    return redactor.text(value) if isinstance(value, str) else redactor.data(value)
