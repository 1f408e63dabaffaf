"""The source of a piece by its name, for those who compare two versions of it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

from zen.source.origin import module_file
from zen.source.scopes import FUNCTIONS, Bound
from zen.source.syntax import first_line


def excerpt(name: str, root: Path, read: Callable[[str], str | None] | None) -> str | None:
    """Return the text of a piece; see `zen.source.source_of`."""
    parts = name.replace(".<locals>", "").split(".")
    for count in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:count])
        text = read(module) if read else _text(module, root)
        if text is not None:
            return _excerpt(text, parts[count:])
    return None


def _excerpt(text: str, path: list[str]) -> str | None:
    try:
        scopes: list[ast.AST] = [ast.parse(text)]
    except (SyntaxError, ValueError):
        return None
    lines = text.splitlines(keepends=True)
    for index, part in enumerate(path):
        found = [statement for scope in scopes for statement in _binding(scope, part)]
        definitions = [statement for statement in found if isinstance(statement, (*FUNCTIONS, ast.ClassDef))]
        if index + 1 == len(path):
            return (
                "".join("".join(lines[first_line(each) - 1 : each.end_lineno]) for each in definitions or found) or None
            )
        scopes = list(definitions)
    return None


def _binding(scope: ast.AST, name: str) -> list[ast.stmt]:
    """Return the innermost statements of a scope that bind a name."""
    found = []
    for statement in _statements(scope):
        inner = _statements(statement) if not isinstance(statement, (*FUNCTIONS, ast.ClassDef)) else []
        if inner:
            found += _binding(statement, name)
        elif name in Bound(ast.Module([statement], [])).names:
            found.append(statement)
    return found


def _statements(node: ast.AST) -> list[ast.stmt]:
    children: list[ast.stmt] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            children.append(child)
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            children += _statements(child)
    return children


def _text(module: str, root: Path) -> str | None:
    stem = root.joinpath(*module.split("."))
    for file in (module_file(module), stem.with_suffix(".py"), stem / "__init__.py"):
        if file and Path(file).is_file() and str(file).endswith(".py"):
            return Path(file).read_text(encoding="utf-8")
    return None
