"""The types that annotations name, whether they are objects, text, or both."""

from __future__ import annotations

import ast
import builtins
import types
import typing
from collections.abc import Iterator
from typing import Any

from zen.source.syntax import Binding

_PLAIN = (str, bytes, int, float, complex, bool, type(None), type(...))


def named_types(value: Any, function: types.FunctionType, imports: dict[str, set[Binding]]) -> Iterator[Any]:
    """Yield what an annotation of `function` is made of.

    Types, modules and other objects come as they are. A name that only a type checker imports comes as the `Binding` of
    that import, and one that nothing defines as its text.
    """
    if isinstance(value, typing.ForwardRef):
        value = value.__forward_arg__
    if isinstance(value, str):
        yield from _named_in_text(value, function, imports)
        return
    for part in _parts(value):
        if part is value:
            yield value
        else:
            yield from named_types(part, function, imports)
    for item in getattr(value, "__metadata__", ()):
        if not isinstance(item, _PLAIN):
            yield item


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):  # The arguments of a Callable.
        yield from value
    elif isinstance(value, typing.TypeVar):
        yield from (bound for bound in (value.__bound__, *value.__constraints__) if bound is not None)
    elif hasattr(value, "__value__") and hasattr(value, "__type_params__"):  # type Alias = …
        yield value.__value__
    elif typing.get_origin(value) is typing.Annotated:
        yield value.__origin__
    elif typing.get_origin(value) is not None and not isinstance(value, type):
        if typing.get_origin(value) is not typing.Literal:
            yield from (typing.get_origin(value), *typing.get_args(value))
    elif not isinstance(value, _PLAIN) and type(value).__module__ != "typing":
        yield value


def _named_in_text(text: str, function: types.FunctionType, imports: dict[str, set[Binding]]) -> Iterator[Any]:
    names = _visible(function)
    try:
        value = eval(text, function.__globals__, names)  # noqa: S307  # The user's own code, as typing evaluates it.
    except Exception:  # noqa: BLE001  # The user's annotation, which may import only while type checking.
        yield from _roots(text, {**vars(builtins), **function.__globals__, **names}, imports)
    else:
        if not isinstance(value, str):
            yield from named_types(value, function, imports)


def _visible(function: types.FunctionType) -> dict[str, Any]:
    names: dict[str, Any] = {parameter.__name__: parameter for parameter in getattr(function, "__type_params__", ())}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if cell != types.CellType():
            names[name] = cell.cell_contents
    return names


def _roots(text: str, names: dict[str, Any], imports: dict[str, set[Binding]]) -> Iterator[Any]:
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        yield text
        return
    for root in sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}):
        if root in names:
            if isinstance(names[root], type | types.ModuleType):
                yield names[root]
        elif root in imports:
            yield from sorted(imports[root])
        else:
            yield root
