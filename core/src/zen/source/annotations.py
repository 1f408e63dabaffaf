"""The types that annotations name, whether they are objects, text, or both."""

from __future__ import annotations

import ast
import builtins
import types
import typing
from collections.abc import Iterator
from typing import Any

from zen.source.names import installed
from zen.source.pieces import Piece, Walker
from zen.source.syntax import Binding

_PLAIN = (str, bytes, int, float, complex, bool, type(None), type(...))


def note_types(walk: Walker, value: Any, piece: Piece, names: dict[str, Any] | None = None, where: str = "") -> None:
    """Note the types that an annotation names: their methods are what code calls on its arguments.

    Args:
        walk: The walk.
        value: The annotation.
        piece: Where it stands.
        names: Names that it may use besides the global ones.
        where: What it is, to refuse what it names in vain; empty where that does not matter.
    """
    for item in _named_types(value, piece, names or {}):
        if isinstance(item, Binding):
            walk.imported(item, (), piece)
        elif isinstance(item, str):
            if where:
                walk.refuse(piece, f"{where} names {item!r}, which cannot be resolved")
        elif isinstance(item, types.ModuleType):
            walk.chain(item.__name__, (), piece, item)
        else:
            installed(walk, item, piece, reading=False)


def _named_types(value: Any, piece: Piece, names: dict[str, Any]) -> Iterator[Any]:
    """Yield what an annotation is made of.

    Types, modules and other objects come as they are. A name that only a type checker imports comes as the `Binding` of
    that import, and one that nothing defines as its text.
    """
    if isinstance(value, typing.ForwardRef):
        value = value.__forward_arg__
    if isinstance(value, str):
        yield from _named_in_text(value, piece, names)
        return
    for part in _parts(value):
        if part is value:
            yield value
        else:
            yield from _named_types(part, piece, names)
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


def _named_in_text(text: str, piece: Piece, names: dict[str, Any]) -> Iterator[Any]:
    imports = piece.file.imports if piece.file else {}
    try:
        value = eval(text, piece.space, names)  # noqa: S307  # The user's own code, as typing evaluates it.
    except Exception:  # noqa: BLE001  # The user's annotation, which may import only while type checking.
        yield from _roots(text, {**vars(builtins), **piece.space, **names}, imports)
    else:
        if not isinstance(value, str):
            yield from _named_types(value, piece, names)


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
