"""What one function's code reaches by its names, read from its source and its compiled code together."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from opcode import EXTENDED_ARG, opmap
from types import CodeType, FunctionType

from zen.source.changes import Change, changes_among
from zen.source.mentions import Chain, Mentions, chain_of, mentions_of
from zen.source.normal import Form, form_of
from zen.source.scopes import nodes_in
from zen.source.syntax import Binding, File, Syntax, imports_among, syntax_of

# Opcode → how far its argument is shifted; what is missing in a version of Python does not occur in its code.
_LOADS = {
    opmap[name]: shift
    for name, shift in (("LOAD_GLOBAL", 1), ("LOAD_NAME", 0), ("LOAD_FROM_DICT_OR_GLOBALS", 0))
    if name in opmap
}
_STORES = frozenset({opmap["STORE_GLOBAL"], opmap["DELETE_GLOBAL"]})


@dataclass(frozen=True, slots=True)
class Decorator:
    """A decorator: the chain that it starts with (None for other expressions), its form, and what it mentions."""

    chain: Chain | None
    text: str
    form: str
    mentions: Mentions


@dataclass(frozen=True, slots=True)
class Reach:
    """What one code object reaches.

    Attributes:
        form: Its normal form, without its own decorators.
        names: Global names that are read.
        assigned: Global names that are assigned or deleted.
        mentions: Names with their attributes, and blind spots.
        local_imports: Names that the function itself imports.
        decorators: The decorators of the function itself.
        changes: What it obviously changes.
        rebound: Names of functions around that it assigns.
        file: The file that it stands in.
    """

    form: Form
    names: frozenset[str]
    assigned: frozenset[str]
    mentions: Mentions
    local_imports: tuple[tuple[str, Binding], ...]
    decorators: tuple[Decorator, ...]
    changes: frozenset[Change]
    rebound: frozenset[str]
    file: File


_known: dict[int, tuple[CodeType, Reach]] = {}
_MOST = 4096


def reach_of(function: FunctionType) -> Reach:
    """Return what a function reaches; computed once per code object.

    Raises:
        SourceUnavailable: When its source is missing or another one.
    """
    code = function.__code__
    known = _known.get(id(code))
    if known is None or known[0] is not code:
        if len(_known) >= _MOST:  # A notebook defines its functions again and again.
            _known.clear()
        known = _known[id(code)] = code, _analyse(code, syntax_of(function))
    return known[1]


def global_names(code: CodeType) -> tuple[set[str], set[str]]:
    """Return the global names that a code object and those inside it read, and those that it assigns or deletes."""
    loads: set[str] = set()
    stores: set[str] = set()
    for operation, argument in _instructions(code.co_code):
        if operation in _LOADS:
            loads.add(code.co_names[argument >> _LOADS[operation]])
        elif operation in _STORES:
            stores.add(code.co_names[argument])
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner_loads, inner_stores = global_names(constant)
            loads |= inner_loads
            stores |= inner_stores
    return loads, stores


def decorator_of(expression: ast.expr) -> Decorator:
    """Return what a decorator reaches."""
    called = expression.func if isinstance(expression, ast.Call) else expression
    return Decorator(chain_of(called), ast.unparse(called), form_of(expression).text, mentions_of([expression]))


def _instructions(code: bytes) -> Iterator[tuple[int, int]]:
    # A tenth of the time of `dis`, which a test compares it with.
    extended = 0
    for index in range(0, len(code), 2):
        argument = code[index + 1] | extended
        if code[index] == EXTENDED_ARG:
            extended = argument << 8
        else:
            yield code[index], argument
            extended = 0


def _analyse(code: CodeType, syntax: Syntax) -> Reach:
    node = syntax.node
    nodes = nodes_in(node)
    loads, stores = global_names(code)
    return Reach(
        form=form_of(node, nodes),
        names=frozenset(loads),
        assigned=frozenset(stores),
        mentions=mentions_of(list(node.body) if isinstance(node.body, list) else [node.body]),
        local_imports=tuple(sorted(imports_among(nodes))),
        decorators=tuple(decorator_of(expression) for expression in getattr(node, "decorator_list", ())),
        changes=changes_among(nodes),
        rebound=frozenset(name for inner in nodes if isinstance(inner, ast.Nonlocal) for name in inner.names),
        file=syntax.file,
    )
