"""What code obviously changes: objects whose attributes or items it assigns, or whose `append` and the like it calls.

Only what the text shows counts. An object that is handed to a function and changed there is not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from zen.source.scopes import FUNCTIONS, Bound, FunctionNode, nodes_in

_MUTATORS = frozenset(
    [
        "__delitem__",
        "__setattr__",
        "__setitem__",
        "add",
        "append",
        "appendleft",
        "clear",
        "difference_update",
        "discard",
        "extend",
        "extendleft",
        "insert",
        "intersection_update",
        "move_to_end",
        "pop",
        "popitem",
        "popleft",
        "remove",
        "reverse",
        "rotate",
        "setdefault",
        "sort",
        "subtract",
        "symmetric_difference_update",
        "update",
    ]
)

# Functions that change their first argument.
_CHANGING = frozenset(
    [
        "delattr",
        "delitem",
        "heapify",
        "heappop",
        "heappush",
        "heappushpop",
        "heapreplace",
        "insort",
        "insort_left",
        "insort_right",
        "next",
        "setattr",
        "setitem",
        "shuffle",
    ]
)
_PASSING_ON = frozenset({"get", "items", "setdefault", "values"})  # Methods that return what the object holds.


class Change(NamedTuple):
    """A change of an object.

    Attributes:
        chain: The name that leads to it, and the attributes from there: `("config", "RATES")`.
        attribute: The attribute of it that is assigned; empty where its content is changed.
        is_global: Whether the name itself is assigned, as `global` allows.
    """

    chain: tuple[str, ...]
    attribute: str = ""
    is_global: bool = False


def changes_among(nodes: Iterable[ast.AST]) -> frozenset[Change]:
    """Return what the code of a function changes, given its nodes, whatever the names in it are bound to."""
    reader = _Reader()
    for inner in nodes:
        reader.take(inner)
    return frozenset(reader.resolved())


class FunctionChanges(NamedTuple):
    """What one function of a file changes: its qualified name, the changes, and which names are its own."""

    owner: str
    changes: frozenset[Change]
    own: frozenset[str]


class FileChanges(NamedTuple):
    """What the functions of a file change when they run.

    Attributes:
        functions: Each function, with those inside it.
        called: Names that are mentioned inside of functions, other than in decorators: what may be called at run time
            and not only while modules are imported.
    """

    functions: tuple[FunctionChanges, ...]
    called: frozenset[str]


def changes_of_file(tree: ast.Module) -> FileChanges:
    """Return what the functions of a module change."""
    functions = []
    called: set[str] = set()
    for owner, node in _outermost(tree, ""):
        own: set[str] = set()
        declared: set[str] = set()
        nodes = nodes_in(node)
        for inner in nodes:
            if isinstance(inner, FUNCTIONS):
                bound = Bound(inner)
                own |= bound.names
                declared |= bound.globals
        changes = changes_among(nodes) | {Change((name,), is_global=True) for name in _assigned(nodes) & declared}
        functions.append(FunctionChanges(owner, changes, frozenset(own - declared)))
        called |= _mentioned(node)
    return FileChanges(tuple(functions), frozenset(called))


def _outermost(node: ast.AST, prefix: str) -> Iterator[tuple[str, FunctionNode]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS):
            yield prefix + getattr(child, "name", "<lambda>"), child
        elif isinstance(child, ast.ClassDef):
            yield from _outermost(child, f"{prefix}{child.name}.")
        else:
            yield from _outermost(child, prefix)


def _mentioned(node: FunctionNode) -> set[str]:
    body = node.body if isinstance(node.body, list) else [node.body]
    names: set[str] = set()
    for statement in body:
        for inner in nodes_in(statement):
            if isinstance(inner, ast.Name):
                names.add(inner.id)
            elif isinstance(inner, ast.Attribute):
                names.add(inner.attr)
    return names


def _assigned(nodes: list[ast.AST]) -> set[str]:
    stored = {inner.id for inner in nodes if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load)}
    defined = {inner.name for inner in nodes if isinstance(inner, ast.FunctionDef | ast.ClassDef)}
    return stored | defined


class _Reader:
    def __init__(self) -> None:
        self.changes: set[Change] = set()
        self.aliases: dict[str, set[tuple[str, ...]]] = {}
        self.exact: set[str] = set()
        self.added: set[str] = set()

    def take(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign | ast.Delete):
            for target in node.targets:
                self._target(target)
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._alias(target, node.value)
        elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For | ast.AsyncFor | ast.comprehension):
            self._target(node.target)
            if isinstance(node, ast.AugAssign):
                self.added.update(inner.id for inner in [node.target] if isinstance(inner, ast.Name))
            elif isinstance(node, ast.AnnAssign):
                self._alias(node.target, node.value)
            else:
                self._alias(node.target, ast.Subscript(node.iter, ast.Constant(0), ast.Load()))
        elif isinstance(node, ast.NamedExpr):
            self._alias(node.target, node.value)
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self._target(node.optional_vars)
        elif isinstance(node, ast.Call):
            self._call(node)

    def resolved(self) -> Iterator[Change]:
        for change in self.changes:
            for chain in self._roots(change.chain):
                yield change._replace(chain=chain)
        for name in self.added & self.exact:  # `rows = ROWS; rows += [1]` changes the list itself.
            for chain in self._roots((name,)):
                yield Change(chain)

    def _roots(self, chain: tuple[str, ...]) -> set[tuple[str, ...]]:
        found: set[tuple[str, ...]] = set()
        pending = [chain]
        while pending:
            current = pending.pop()
            if current not in found and len(current) < 10 and len(found) < 100:
                found.add(current)
                pending += [(*alias, *current[1:]) for alias in self.aliases.get(current[0], ())]
        return found

    def _target(self, target: ast.AST) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                self._target(element)
        elif isinstance(target, ast.Starred):
            self._target(target.value)
        elif isinstance(target, ast.Attribute):
            self._add(target.value, target.attr)
        elif isinstance(target, ast.Subscript):
            self._add(target.value)

    def _call(self, node: ast.Call) -> None:
        called = node.func
        if isinstance(called, ast.Attribute) and called.attr in _MUTATORS:
            self._add(called.value)
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name in _CHANGING and node.args:
            constant = node.args[1] if len(node.args) > 1 and name in ("setattr", "delattr") else None
            attribute = getattr(constant, "value", "") if isinstance(constant, ast.Constant) else ""
            self._add(node.args[0], str(attribute))

    def _add(self, node: ast.AST, attribute: str = "") -> None:
        chain = _leading(node)
        if chain:
            self.changes.add(Change(chain, attribute))

    def _alias(self, target: ast.AST, value: ast.AST | None) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            parts = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            for index, element in enumerate(target.elts):
                self._alias(element, parts[index] if len(parts) == len(target.elts) else value)
        elif isinstance(target, ast.Name) and value is not None:
            chain = _leading(value)
            if chain and chain != (target.id,):
                self.aliases.setdefault(target.id, set()).add(chain)
                if isinstance(value, ast.Name | ast.Attribute):
                    self.exact.add(target.id)


def _leading(node: ast.AST) -> tuple[str, ...]:
    """Return the name and attributes that lead to the object which an expression is, or is a part of."""
    attributes: list[str] = []
    while True:
        if isinstance(node, ast.Name):
            return (node.id, *reversed(attributes))
        if isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Subscript | ast.Starred):
            attributes.clear()
            node = node.value
        elif isinstance(node, ast.Call):
            attributes.clear()
            called = node.func
            if isinstance(called, ast.Attribute) and called.attr in _PASSING_ON:
                node = called.value
            elif isinstance(called, ast.Name) and called.id in ("enumerate", "reversed", "zip") and node.args:
                node = node.args[0]
            elif isinstance(called, ast.Name) and called.id == "type" and len(node.args) == 1:
                attributes.append("__class__")
                node = node.args[0]
            else:
                return ()
        else:
            return ()
