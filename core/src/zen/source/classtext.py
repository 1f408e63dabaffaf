"""The text of a class, as far as it can be known to be what the class was made from.

Members are looked at as they are. The text is needed for decorators, and where a library takes part in making a class
and leaves something else of what was written: fields with validators, columns, tables.
"""

from __future__ import annotations

import ast
import os
import sys
import time
import types
from pathlib import Path
from typing import Any

from zen.source.mentions import Mentions, mentions_of
from zen.source.names import file_of
from zen.source.normal import Form, form_of
from zen.source.scopes import FUNCTIONS, nodes_in, own_nodes
from zen.source.syntax import File, file_named

_IMPORTED = time.time_ns()


class ClassText:
    """The text of a class.

    Attributes:
        node: Its tree, or None.
        file: The file that it stands in.
        space: The global names of its module.
        refusal: Why the tree is not certainly what the class was made from; empty if it is.
    """

    def __init__(self, node: ast.ClassDef | None, file: File | None, space: dict[str, Any], refusal: str) -> None:
        self.node = node
        self.file = file
        self.space = space
        self.refusal = refusal
        self._form: str | None = None

    def form(self) -> str:
        """Return the normal form of everything but methods and decorators."""
        if self._form is None:
            assert self.node is not None
            shell = ast.ClassDef(
                **{**dict(ast.iter_fields(self.node)), "body": self._statements(), "decorator_list": []}
            )
            found: Form = form_of(shell)
            self._form = found.text
        return self._form

    def mentions(self) -> Mentions:
        """Return what everything but methods and decorators mentions."""
        assert self.node is not None
        texts = [
            parsed
            for inner in self._statements()
            if isinstance(inner, ast.AnnAssign)
            for text in nodes_in(inner.annotation)
            if isinstance(text, ast.Constant) and isinstance(text.value, str) and (parsed := _parsed(text.value))
        ]
        return mentions_of([*self.node.bases, *self.node.keywords, *self._statements(), *texts])

    def assigned(self) -> set[str]:
        """Return the names that the body of the class assigns."""
        nodes = own_nodes(self.node) if self.node else []
        return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}

    def sets(self, name: str) -> bool:
        """Say whether a method gives each object an attribute of that name, which hides the class's own."""
        return any(
            isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Store)
            for node in (nodes_in(self.node) if self.node else ())
        )

    def _statements(self) -> list[ast.stmt]:
        assert self.node is not None
        return [statement for statement in self.node.body if not isinstance(statement, FUNCTIONS)]


_known: dict[int, tuple[type, File | None, ClassText]] = {}
_MOST = 4096


def class_text(cls: type, root: Path) -> ClassText:
    """Return the text of a class, read once per version of its file."""
    del root
    space, file = _place(cls)
    known = _known.get(id(cls))
    if known is None or known[0] is not cls or known[1] is not file:
        if len(_known) >= _MOST:
            _known.clear()
        known = _known[id(cls)] = cls, file, _find(cls, space, file)
    return known[2]


def _find(cls: type, space: dict[str, Any], file: File | None) -> ClassText:
    if file is None:
        return ClassText(None, None, space, "its source is not available")
    nodes = _nodes(file.tree, cls.__qualname__.replace(".<locals>", "").split("."))
    if len(nodes) > 1:
        lines = {vars(cls).get("__firstlineno__")} | {each.__code__.co_firstlineno for each in _functions(cls)}
        nodes = [
            node for node in nodes if any(line and node.lineno <= line <= (node.end_lineno or 0) for line in lines)
        ]
    if len(nodes) != 1:
        reason = "its source is not available" if not nodes else "several classes in its file have its name"
        return ClassText(None, file, space, reason)
    refusal = ""
    if file.modified > _started():
        refusal = "its file was written after this process was started, so its text may not be what runs"
    return ClassText(nodes[0], file, space, refusal)


def _place(cls: type) -> tuple[dict[str, Any], File | None]:
    module = sys.modules.get(cls.__module__)
    functions = _functions(cls)
    space = vars(module) if module is not None else functions[0].__globals__ if functions else {}
    for function in functions:
        file = file_named(function.__code__.co_filename, function.__globals__)
        if file is not None and _nodes(file.tree, cls.__qualname__.replace(".<locals>", "").split(".")):
            return space, file
    return space, file_of(space) or _cell(cls)


def _cell(cls: type) -> File | None:
    """Return the last cell of a notebook that defines a class without methods."""
    import linecache

    path = cls.__qualname__.replace(".<locals>", "").split(".")
    for name in reversed(list(linecache.cache)):
        if name.startswith("<ipython-input") or "ipykernel_" in name:
            file = file_named(name)
            if file is not None and _nodes(file.tree, path):
                return file
    return None


def _nodes(tree: ast.AST, path: list[str]) -> list[ast.ClassDef]:
    found = [tree]
    for part in path:
        found = [child for node in found for child in _children(node) if getattr(child, "name", "") == part]
    return [node for node in found if isinstance(node, ast.ClassDef)]


def _children(node: ast.AST) -> list[ast.AST]:
    children: list[ast.AST] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            children.append(child)
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            children += _children(child)
    return children


def _functions(cls: type) -> list[types.FunctionType]:
    found = []
    for member in vars(cls).values():
        function = getattr(member, "__func__", getattr(member, "fget", member))
        if isinstance(function, types.FunctionType) and function.__module__ == cls.__module__:
            found.append(function)
    return found


def _parsed(text: str) -> ast.AST | None:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return None


def _started() -> int:
    """Return when this process was started, in nanoseconds since 1970; at the latest when this module was imported."""
    try:
        return min(_IMPORTED, os.stat("/proc/self").st_ctime_ns)
    except OSError:
        return _IMPORTED
