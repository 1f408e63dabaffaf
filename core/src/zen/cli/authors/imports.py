"""The imports that generated code needs, from the annotations that it repeats."""

from __future__ import annotations

import ast
import builtins
import importlib
import sys
import types
from collections.abc import Mapping

__all__ = ["Imports"]

_PUBLIC = ("zen.interfaces", "zen.records", "zen.expect", "zen.secrets", "zen.plugins", "zen.testing")


class Imports:
    """Collects names and writes the lines that import them, sorted as ruff sorts them."""

    def __init__(self) -> None:
        self._modules: set[str] = set()
        self._names: dict[str, set[str]] = {}

    def add(self, module: str, name: str) -> None:
        """Take a name of a module."""
        self._names.setdefault(module, set()).add(name)

    def need(self, annotation: str, module: str) -> None:
        """Take what an annotation names that stands in a module, from where the public finds it.

        Raises:
            LookupError: When neither the module itself nor a public one of ours knows a name.
        """
        known = vars(sys.modules[module])
        for node in ast.walk(ast.parse(annotation, mode="eval")):
            if isinstance(node, ast.Name) and not hasattr(builtins, node.id):
                self._take(node.id, known)

    def _take(self, name: str, known: Mapping[str, object]) -> None:
        value = known[name] if name in known else _public(name)
        if isinstance(value, types.ModuleType):
            self._modules.add(value.__name__ if value.__name__ == name else f"{value.__name__} as {name}")
        else:
            self.add(_home(name, value, str(known["__name__"])), name)

    def lines(self, own: str) -> str:
        """Return the import lines in blocks: standard library, others, the package `own`."""
        blocks: list[list[str]] = [[f"import {module}" for module in sorted(self._modules)], [], []]
        for module in sorted(self._names):
            top = module.partition(".")[0]
            block = 2 if top == own else 0 if top in sys.stdlib_module_names else 1
            blocks[block].append(_line(module, sorted(self._names[module])))
        return "\n\n".join("\n".join(block) for block in blocks if block)


def _public(name: str) -> object:
    """Return what a public module of ours calls by a name that a module imports for type checkers only."""
    for public in _PUBLIC:
        module = importlib.import_module(public)
        if name in getattr(module, "__all__", ()):
            return getattr(module, name)
    raise LookupError(name)


def _home(name: str, value: object, where: str) -> str:
    """Return the module to import a name from: a public one of ours, else the one that says it defines it."""
    for public in _PUBLIC:
        module = importlib.import_module(public)
        if name in getattr(module, "__all__", ()) and getattr(module, name) is value:
            return public
    module_name = getattr(value, "__module__", None) or where
    # Path of Python 3.13 says that it is of pathlib._local.
    return ".".join(part for part in module_name.split(".") if not part.startswith("_"))


def _line(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= 120:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])
