"""The source of a function, as a tree, but only if it is the source of what runs.

A file may have been edited since it was imported, or an import hook may have rewritten it. So the tree is compiled
again and compared with the function's code object; a function whose source is not its own has no source.
"""

from __future__ import annotations

import ast
import functools
import os
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from zen.source.scopes import FUNCTIONS, FunctionNode, nodes_in

_FUTURE_ANNOTATIONS = 0x1000000  # The only future statement that still changes what is compiled.
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


class Binding(NamedTuple):
    """What an import statement binds a name to: a module, or an attribute of one. `level` counts leading dots."""

    module: str
    attribute: str = ""
    level: int = 0

    def path(self, package: str) -> str:
        """Return the absolute name of the module, for a statement in a module of that package."""
        if not self.level:
            return self.module
        base = package.rsplit(".", self.level - 1)[0] if self.level > 1 else package
        return f"{base}.{self.module}" if self.module else base


class Syntax(NamedTuple):
    """A function's own tree, and the file that it stands in."""

    node: FunctionNode
    file: File


class SourceUnavailable(Exception):
    """There is no source that is certainly the function's; the text says why."""


def syntax_of(function: FunctionType) -> Syntax:
    """Return the tree of a function, read once per version of its file.

    Raises:
        SourceUnavailable: When there is no source, or another one than that which runs.
    """
    code = function.__code__
    file = file_named(code.co_filename, function.__globals__)
    if file is None:
        raise SourceUnavailable("its source is not available")
    for statement in file.statements_at(code.co_firstlineno):
        nodes = [node for node in file.functions_in(statement) if _is_at(node, code)]
        if nodes and file.compiles_to(statement, code):
            if len(nodes) > 1:
                raise SourceUnavailable("several functions stand on its line")
            return Syntax(nodes[0], file)
    raise SourceUnavailable("its source is not what runs: the file changed after its import, or was rewritten by it")


def imports_among(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, Binding]]:
    """Yield the names that the import statements among some nodes bind, with what they bind them to."""
    for inner in nodes:
        if isinstance(inner, ast.Import):
            for alias in inner.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or whole, Binding(whole)
                if whole != alias.name:
                    yield whole, Binding(alias.name)
        elif isinstance(inner, ast.ImportFrom):
            for alias in inner.names:
                yield alias.asname or alias.name, Binding(inner.module or "", alias.name, inner.level)


def first_line(node: Any) -> int:
    """Return the line on which a statement or function begins, decorators included."""
    first: int = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
    return first


def _is_at(node: ast.AST, code: CodeType) -> bool:
    return first_line(node) == code.co_firstlineno and getattr(node, "name", "<lambda>") == code.co_name


class File:
    """One version of a source file.

    Attributes:
        name: Its path, or the name of a notebook's cell.
        text: Its bytes, or the text of a cell.
        tree: Its syntax.
        modified: When it was written, in nanoseconds since 1970; 0 for what is no file and does not change.
    """

    def __init__(self, name: str, text: bytes | str, modified: int = 0) -> None:
        self.name = name
        self.text = text
        self.modified = modified
        self.tree = ast.parse(text)
        self._import_statements = list(_module_imports(self.tree.body))
        self._functions: dict[int, list[FunctionNode]] = {}
        self._compiled: dict[tuple[int, int], list[CodeType]] = {}

    @functools.cached_property
    def imports(self) -> dict[str, set[Binding]]:
        """What the import statements anywhere in the file bind names to."""
        found: dict[str, set[Binding]] = {}
        for bound, binding in imports_among(nodes_in(self.tree)):
            found.setdefault(bound, set()).add(binding)
        return found

    def statements_at(self, line: int) -> Iterator[ast.stmt]:
        """Yield the statements at the top of the file that a line belongs to."""
        for statement in self.tree.body:
            if first_line(statement) <= line <= (statement.end_lineno or 0):
                yield statement

    def functions_in(self, statement: ast.stmt) -> list[FunctionNode]:
        """Return the functions that a statement at the top of the file defines, at any depth."""
        found = self._functions.get(id(statement))
        if found is None:
            found = [node for node in nodes_in(statement) if isinstance(node, FUNCTIONS)]
            self._functions[id(statement)] = found
        return found

    def compiles_to(self, statement: ast.stmt, code: CodeType) -> bool:
        """Say whether `code` is what `statement` compiles to, positions included (code objects compare by value)."""
        flags = code.co_flags & _FUTURE_ANNOTATIONS
        # The compiler treats attributes of imported modules in a way of its own, so it has to see the imports.
        if code in self._codes(id(statement), [*self._import_statements, statement], flags):
            return True
        return code in self._codes(0, self.tree.body, flags)

    def _codes(self, key: int, statements: list[ast.stmt], flags: int) -> list[CodeType]:
        found = self._compiled.get((key, flags))
        if found is None:
            found = self._compiled[key, flags] = self._compile(statements, flags)
        return found

    def _compile(self, statements: list[ast.stmt], flags: int) -> list[CodeType]:
        try:
            compiled = compile(ast.Module(statements, []), self.name, "exec", flags=flags, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError):
            return []
        return list(_codes(compiled))


def _module_imports(statements: Iterable[ast.AST]) -> Iterator[ast.stmt]:
    for node in statements:
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module != "__future__"):
            yield node
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case) and not isinstance(node, _SCOPES):
            yield from _module_imports(ast.iter_child_nodes(node))


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


_files: dict[str, tuple[object, File | None]] = {}


def file_named(name: str, module_globals: dict[str, Any] | None = None) -> File | None:
    """Return a source file as it is now, or the cell of a notebook; None for what is not there or is no Python."""
    modified = 0
    try:
        status = os.stat(name)
        modified = status.st_mtime_ns
        version: object = (modified, status.st_size, status.st_ino)
    except (OSError, ValueError):
        version = "".join(_lines(name, module_globals or {}))
    known = _files.get(name)
    if known is None or known[0] != version:
        known = _files[name] = version, _read(name, version, modified)
    return known[1]


def _lines(name: str, module_globals: dict[str, Any]) -> list[str]:
    """Return the lines of what is no file: a notebook's cell, a prompt's input, a module in an archive."""
    import linecache

    return linecache.getlines(name, module_globals)


def _read(name: str, version: object, modified: int) -> File | None:
    try:
        if isinstance(version, str):
            return File(name, version) if version else None
        with open(name, "rb") as file:
            return File(name, file.read(), modified)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
