"""Functions of the project in the hands of installed decorators, whose objects do not show what they hold."""

from __future__ import annotations

import ast
import sys
import types
from pathlib import Path
from typing import Any

from zen.source.address import at, layers, origin_of_code, quietly
from zen.source.origin import origin_of
from zen.source.reach import reach_of
from zen.source.scopes import nodes_in
from zen.source.syntax import File, SourceUnavailable


def decorated_by_installed(root: Path, value: Any) -> types.FunctionType | None:
    """Return the function that installed decorators have made `value` of, if nothing else can have made it.

    The decorators are written above the function, and with what they mention they are part of it. That is all that
    there is to know as long as its name is bound by that definition only.
    """
    inner = layers(value)[-1]
    if inner is value or not isinstance(inner, types.FunctionType) or type(value).__module__.startswith("zen."):
        return None
    found = at(str(quietly(value, "__module__")), str(quietly(value, "__qualname__")))
    if found is not value and quietly(found, "__wrapped__") is not value:  # A step holds the function that it calls.
        return None
    if origin_of_code(inner, root).kind != "project":
        return None
    try:
        reach = reach_of(inner)
    except SourceUnavailable:
        return None
    space = inner.__globals__
    for decorator in reach.decorators:
        found = space.get(decorator.chain[0]) if decorator.chain else None
        module = found.__name__ if isinstance(found, types.ModuleType) else getattr(found, "__module__", None)
        if not module or origin_of(module, root).kind not in ("python", "distribution", "zen"):
            return None
    if not reach.decorators or not _is_bound_once(reach.file, inner.__name__) or inner.__module__ not in sys.modules:
        return None
    return inner


def _is_bound_once(file: File, name: str) -> bool:
    count = 0
    for node in nodes_in(file.tree):
        if isinstance(node, ast.Name | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            count += name == (node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            count += name == node.name
        elif isinstance(node, ast.alias):
            count += name == (node.asname or node.name)
    return count == 1
