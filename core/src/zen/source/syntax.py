"""The source of a function, as a tree, but only if it is the source of what runs.

A file may have been edited since it was imported, or an import hook may have rewritten it. So the tree is compiled
again and compared with the function's code object; a function whose source is not its own has no source.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any, NamedTuple

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_FUTURE_ANNOTATIONS = 0x1000000  # The only future statement that still changes what is compiled.
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_DROPPED = frozenset({"ctx", "kind", "type_comment"})


class Binding(NamedTuple):
    """What an import statement binds a name to: a module, or an attribute of one. `level` counts leading dots."""

    module: str
    attribute: str = ""
    level: int = 0


class Syntax(NamedTuple):
    """A function's own tree, and what the import statements of its file bind."""

    node: FunctionNode
    imports: dict[str, set[Binding]]


class SourceUnavailable(Exception):
    """There is no source that is certainly the function's; the text says why."""


def syntax_of(function: FunctionType) -> Syntax:
    """Return the tree of a function, read once per version of its file.

    Raises:
        SourceUnavailable: When there is no source, or another one than that which runs.
    """
    code = function.__code__
    file = _file(code.co_filename, function.__globals__)
    if file is None:
        raise SourceUnavailable("its source is not available")
    for statement in file.statements_at(code.co_firstlineno):
        nodes = [node for node in ast.walk(statement) if _is_at(node, code)]
        if nodes and file.compiles_to(statement, code):
            if len(nodes) > 1:
                raise SourceUnavailable("several functions stand on its line")
            return Syntax(nodes[0], file.imports)  # type: ignore[arg-type]  # _is_at lets only functions through.
    raise SourceUnavailable("its source is not what runs: the file changed after its import, or was rewritten by it")


def imports_in(node: ast.AST) -> Iterator[tuple[str, Binding]]:
    """Yield the names that the import statements inside `node` bind, with what they bind them to."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Import):
            for alias in inner.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or whole, Binding(whole)
                if whole != alias.name:
                    yield whole, Binding(alias.name)
        elif isinstance(inner, ast.ImportFrom):
            for alias in inner.names:
                yield alias.asname or alias.name, Binding(inner.module or "", alias.name, inner.level)


def normal_form(node: FunctionNode) -> str:
    """Return a function's tree as text: no positions, comments, docstrings, own decorators; everything else counts."""
    keep_docstrings = any(getattr(inner, "attr", getattr(inner, "id", "")) == "__doc__" for inner in ast.walk(node))
    fields = [name for name in node._fields if name != "decorator_list"]
    return type(node).__name__ + _fields(node, fields, keep_docstrings)


def _fields(node: ast.AST, names: list[str] | tuple[str, ...], docstrings: bool) -> str:
    return f"({','.join([_dump(getattr(node, name, None), docstrings) for name in names if name not in _DROPPED])})"


def _dump(value: Any, docstrings: bool) -> str:
    if isinstance(value, ast.Constant):
        return f"{type(value.value).__name__}:{value.value!r}"
    if isinstance(value, ast.AST):
        return type(value).__name__ + _fields(value, value._fields, docstrings)
    if isinstance(value, list):
        return f"[{','.join([_dump(item, docstrings) for item in value if not _is_idle(item, docstrings)])}]"
    return repr(value)


def _is_idle(item: Any, docstrings: bool) -> bool:
    if type(item) is ast.Expr and type(item.value) is ast.Constant:
        return not docstrings
    return type(item) is ast.Pass


def _is_at(node: ast.AST, code: CodeType) -> bool:
    if not isinstance(node, _FUNCTIONS):
        return False
    return _first_line(node) == code.co_firstlineno and getattr(node, "name", "<lambda>") == code.co_name


def _first_line(node: Any) -> int:
    first: int = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
    return first


class _File:
    """One version of a source file."""

    def __init__(self, name: str, text: bytes | str) -> None:
        self.name = name
        self.tree = ast.parse(text)
        self.imports: dict[str, set[Binding]] = {}
        for bound, binding in imports_in(self.tree):
            self.imports.setdefault(bound, set()).add(binding)
        self._import_statements = list(_module_imports(self.tree.body))
        self._whole: dict[int, list[CodeType]] = {}

    def statements_at(self, line: int) -> Iterator[ast.stmt]:
        for statement in self.tree.body:
            if _first_line(statement) <= line <= (statement.end_lineno or 0):
                yield statement

    def compiles_to(self, statement: ast.stmt, code: CodeType) -> bool:
        """Say whether `code` is what `statement` compiles to, positions included (code objects compare by value)."""
        flags = code.co_flags & _FUTURE_ANNOTATIONS
        # The compiler treats attributes of imported modules in a way of its own, so it has to see the imports.
        if code in self._compile([*self._import_statements, statement], flags):
            return True
        if flags not in self._whole:
            self._whole[flags] = self._compile(self.tree.body, flags)
        return code in self._whole[flags]

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
        elif not isinstance(node, _SCOPES):
            yield from _module_imports(ast.iter_child_nodes(node))


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


_files: dict[str, tuple[object, _File | None]] = {}


def _file(name: str, module_globals: dict[str, Any]) -> _File | None:
    try:
        status = os.stat(name)
        version: object = (status.st_mtime_ns, status.st_size, status.st_ino)
    except (OSError, ValueError):
        version = "".join(_lines(name, module_globals))
    known = _files.get(name)
    if known is None or known[0] != version:
        known = _files[name] = version, _read(name, version)
    return known[1]


def _lines(name: str, module_globals: dict[str, Any]) -> list[str]:
    """Return the lines of what is no file: a notebook's cell, a prompt's input, a module in an archive."""
    import linecache

    return linecache.getlines(name, module_globals)


def _read(name: str, version: object) -> _File | None:
    try:
        if isinstance(version, str):
            return _File(name, version) if version else None
        with open(name, "rb") as file:
            return _File(name, file.read())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
