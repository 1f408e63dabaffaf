"""What a tree mentions: names with the attributes taken from them, and what hides a name from this reading."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

Chain = tuple[str, tuple[str, ...]]

# Attributes through which code gets at names that it does not spell out.
_REFLECTION = frozenset(
    [
        "__builtins__",
        "__closure__",
        "__code__",
        "__getattribute__",
        "__globals__",
        "__subclasses__",
        "f_back",
        "f_globals",
        "f_locals",
    ]
)

# Names by which code reads what else is no part of what it does, with the kind of text that counts then.
_READERS = {
    "__doc__": "docs",
    "getdoc": "docs",
    "__annotations__": "annotations",
    "get_annotations": "annotations",
    "get_type_hints": "annotations",
    "signature": "annotations",
    "__module__": "modules",
    "__qualname__": "modules",
    "getmodule": "modules",
}


class Mentions(NamedTuple):
    """What a tree mentions.

    Attributes:
        chains: Names with the attributes taken from them, sorted: `np.linalg.norm` is `("np", ("linalg", "norm"))`.
        quoted: Names after an `@` in texts, where data frames' query languages look for variables.
        hidden: Why this reading cannot be complete.
        reads: What it reads besides code: `docs`, `annotations`, `modules`.
    """

    chains: tuple[Chain, ...]
    quoted: frozenset[str]
    hidden: tuple[str, ...]
    reads: frozenset[str]


def mentions_of(nodes: list[ast.AST]) -> Mentions:
    """Return what some trees mention together."""
    visitor = _Visitor()
    for node in nodes:
        visitor.visit(node)
    return Mentions(
        tuple(sorted(visitor.chains)),
        frozenset(visitor.quoted),
        tuple(sorted(visitor.hidden)),
        frozenset(visitor.reads),
    )


def chain_of(node: ast.AST) -> Chain | None:
    """Return a name with its attributes, where `getattr(x, "constant")` counts as an attribute; else None."""
    attributes: list[str] = []
    while True:
        if isinstance(node, ast.Name):
            return node.id, tuple(reversed(attributes))
        if isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call) and len(node.args) == 2 and (name := _constant_getattr(node)) is not None:
            attributes.append(name)
            node = node.args[0]
        else:
            return None


class _Visitor(ast.NodeVisitor):
    """Collects the longest chains; a chain inside another one is not visited again."""

    def __init__(self) -> None:
        self.chains: set[Chain] = set()
        self.hidden: set[str] = set()
        self.quoted: set[str] = set()
        self.reads: set[str] = set()

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and "@" in node.value:
            self.quoted.update(re.findall(r"@(\w+)", node.value))

    def visit_Name(self, node: ast.Name) -> None:
        self._take((node.id, ()))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = chain_of(node)
        if chain is not None:
            self._take(chain)
        else:
            self._reflect(node.attr)
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if not (isinstance(node.func, ast.Name) and node.func.id == "getattr"):
            self.generic_visit(node)
            return
        name = _constant_getattr(node)
        chain = chain_of(node.args[0]) if name is not None else None
        if name is None:
            self.hidden.add("uses getattr with a computed name")
        elif chain is not None:
            self._take((chain[0], (*chain[1], name)))
        else:
            self._reflect(name)
        for argument in (*node.args[2 if chain else 0 :], *node.keywords):
            self.visit(argument)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.reads.update(_READERS[alias.name] for alias in node.names if alias.name in _READERS)

    def _take(self, chain: Chain) -> None:
        self.chains.add(chain)
        for attribute in (chain[0], *chain[1]):
            self._reflect(attribute)

    def _reflect(self, attribute: str) -> None:
        if attribute in _REFLECTION:
            self.hidden.add(f"uses {attribute}")
        if attribute in _READERS:
            self.reads.add(_READERS[attribute])


def _constant_getattr(node: ast.Call) -> str | None:
    if not (isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) >= 2):
        return None
    name = node.args[1]
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None
