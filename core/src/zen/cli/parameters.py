"""Options made from the signature of a pipeline: `lr: float = 0.1` becomes `--lr FLOAT`."""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime as dt
import decimal
import enum
import inspect
import json
import types
import typing
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zen.engine.annotations import annotations_of
from zen.errors import UsageError

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # click before 8.5 has no type argument for it

__all__ = ["PREFIX", "given", "options"]

PREFIX = "p_"
"""Before the names of parameters inside click, so that none meets an option of ours."""


def options(function: Callable[..., Any], taken: Iterable[str] = ()) -> list[click.Option]:
    """Return an option for each parameter of a function.

    Args:
        function: The pipeline, or its function.
        taken: Option names that already mean something else; such a parameter is reached as `--param-<name>`.

    Raises:
        UsageError: For a parameter that can only be given by position.
    """
    annotations, reserved = annotations_of(inspect.unwrap(function)), set(taken)
    result = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise UsageError(
                f"the parameter {parameter.name!r} of the pipeline can only be given by position",
                hint="remove the '/' from its signature to give it as an option",
            )
        word = parameter.name.strip("_").replace("_", "-") or parameter.name
        if reserved & {f"--{word}", f"--no-{word}"}:
            word = f"param-{word}"
        option = _option(parameter, annotations.get(parameter.name, Any), f"--{word}")
        reserved.update(option.opts, option.secondary_opts)
        result.append(option)
    return result


def given(ctx: click.Context) -> dict[str, Any]:
    """Return the parameters that were given on the command line, by name; others keep the pipeline's own defaults."""
    from click.core import ParameterSource

    return {
        name.removeprefix(PREFIX): value
        for name, value in ctx.params.items()
        if name.startswith(PREFIX) and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }


def _option(parameter: inspect.Parameter, hint: Any, flag: str) -> click.Option:
    required = parameter.default is parameter.empty
    notes = ["Required." if required else ""]
    names = [f"{PREFIX}{parameter.name}", flag]
    if not required and _unknown(hint):
        hint = _inferred(parameter.default)
    hint = _without_none(hint)
    settings: dict[str, Any] = {"type": _converter(hint)}
    many = _items(hint)
    if hint is bool:
        names[1] = f"{flag}/--no-{flag[2:]}"
    elif many is not None:
        collect, item = many
        settings = {"type": _converter(item), "multiple": True, "callback": _collecting(collect)}
        notes.append("Give it once for each item.")
    notes.append("" if required else f"[default: {_shown(parameter.default)}]")
    # Never click's own `required` and `default`: a file may have the values, and defaults are the pipeline's.
    return click.Option(names, default=None, help=" ".join(filter(None, notes)), **settings)


def _collecting(collect: Callable[[Sequence[Any]], Any]) -> Callable[..., Any]:
    return lambda _ctx, _parameter, values: collect(values or ())


def _shown(default: Any) -> str:
    if isinstance(default, enum.Enum):
        return default.name
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, (str, int, float, Path)):
        return str(default)
    try:
        return json.dumps(default)
    except (TypeError, ValueError):
        return repr(default)


def _unknown(hint: Any) -> bool:
    return hint is Any or not (isinstance(hint, type) or typing.get_origin(hint))


def _inferred(default: Any) -> Any:
    """Return the type that a default value suggests for a parameter without an annotation."""
    if default is None:
        return Any
    if isinstance(default, (list, tuple)):
        kinds = {type(item) for item in default}
        return types.GenericAlias(list, (kinds.pop(),)) if len(kinds) == 1 else Any
    return type(default)


def _arguments(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint)


def _without_none(hint: Any) -> Any:
    """Return `T` for `Optional[T]` and `Annotated[T, …]`, and any other hint as it is."""
    if typing.get_origin(hint) is typing.Annotated:
        return _without_none(_arguments(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = [argument for argument in _arguments(hint) if argument is not type(None)]
        if len(inner) == 1:
            return _without_none(inner[0])
    return hint


_COLLECTIONS: dict[Any, Callable[[Sequence[Any]], Any]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
    collections.abc.Iterable: list,
    collections.abc.Collection: list,
}


def _items(hint: Any) -> tuple[Callable[[Sequence[Any]], Any], Any] | None:
    """Return how to collect several values and the type of one, or None for what is no plain collection."""
    origin = typing.get_origin(hint) or hint
    if origin not in _COLLECTIONS:
        return None
    inner = _arguments(hint)
    if origin is tuple and inner and inner[-1] is not Ellipsis and len(set(inner)) > 1:
        return None  # tuple[int, str]: one value of fixed shape, given as JSON
    return _COLLECTIONS[origin], inner[0] if inner else str


def _converter(hint: Any) -> ParamType:
    hint = _without_none(hint)
    if _unknown(hint):
        return Json(Any)
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if typing.get_origin(hint) is typing.Literal:
        return OneOf({str(value): value for value in _arguments(hint)})
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return AnyOf([_converter(argument) for argument in _arguments(hint) if argument is not type(None)])
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return OneOf({member.name: member for member in hint})
    if hint in _PARSERS:
        return Parsed(*_PARSERS[hint])
    return Json(hint)


class OneOf(ParamType):
    """A choice between texts that each stand for a value."""

    name = "choice"

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def get_metavar(self, *_: Any, **__: Any) -> str:
        """Return `[a|b]` for the help."""
        return f"[{'|'.join(self.values)}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value that the text stands for."""
        from zen.errors import nearest

        if value in self.values:
            return self.values[value]
        advice = nearest(str(value), self.values)
        return self.fail(
            f"{value!r} is none of {', '.join(self.values)}" + (f"; {advice}" if advice else ""), param, ctx
        )

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        """Complete the texts."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(text) for text in self.values if text.startswith(incomplete)]


class AnyOf(ParamType):
    """The first of several types that takes the text."""

    def __init__(self, converters: Sequence[ParamType]) -> None:
        # Whatever is text fits `str`, so that comes last: `str | int` reads 3 as a number.
        self.converters = sorted(converters, key=lambda converter: converter is click.STRING)
        self.name = "|".join(converter.name for converter in converters)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the first conversion that works."""
        for converter in self.converters:
            try:
                return converter.convert(value, param, ctx)
            except click.BadParameter:
                continue
        return self.fail(f"{value!r} is no {self.name.replace('|', ' and no ')}", param, ctx)


class Parsed(ParamType):
    """A text that a constructor of the standard library reads."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name, self.parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the parsed value."""
        try:
            return self.parse(value)
        except (ValueError, ArithmeticError):
            self.fail(f"{value!r} is no {self.name}", param, ctx)


class Json(ParamType):
    """JSON text, made into the annotated dataclass or pydantic model where there is one."""

    name = "json"

    def __init__(self, hint: Any = None) -> None:
        self.hint = hint

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value that the JSON describes."""
        try:
            data = json.loads(value)
        except ValueError as fault:
            if _unknown(self.hint):
                return value  # nothing is known about the type, so a bare word is a string
            self.fail(f"{value!r} is not JSON ({fault})", param, ctx)
        try:
            return _built(self.hint, data)
        except Exception as fault:  # noqa: BLE001  # constructors and validators of the user's own classes
            self.fail(f"{getattr(self.hint, '__name__', self.hint)} does not take {value}: {fault}", param, ctx)


def _built(hint: Any, data: Any) -> Any:
    if hasattr(hint, "model_validate"):
        return hint.model_validate(data)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(data, dict):
        return hint(**data)
    if typing.get_origin(hint) is tuple and isinstance(data, list):
        return tuple(data)
    return data


_SIMPLE: dict[Any, ParamType] = {
    str: click.STRING,
    int: click.INT,
    float: click.FLOAT,
    bool: click.BOOL,
    Path: click.Path(path_type=Path),
}
_PARSERS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    dt.datetime: ("ISO time", dt.datetime.fromisoformat),
    dt.date: ("ISO date", dt.date.fromisoformat),
    decimal.Decimal: ("decimal number", decimal.Decimal),
    uuid.UUID: ("UUID", uuid.UUID),
}
