"""What a function's code mentions: global names, attribute chains, imports, and what hides a name from this reading."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from opcode import EXTENDED_ARG, opmap
from types import CodeType, FunctionType

from zen.source.syntax import Binding, Syntax, imports_in, normal_form, syntax_of

# Opcode → how far its argument is shifted; what is missing in a version of Python does not occur in its code.
_LOADS = {
    opmap[name]: shift
    for name, shift in (("LOAD_GLOBAL", 1), ("LOAD_NAME", 0), ("LOAD_FROM_DICT_OR_GLOBALS", 0))
    if name in opmap
}
_STORES = frozenset({opmap["STORE_GLOBAL"], opmap["DELETE_GLOBAL"]})

# Attributes through which code gets at names that it does not spell out.
_REFLECTION = frozenset(
    {"__globals__", "__builtins__", "__subclasses__", "__getattribute__", "__closure__", "__code__"}
)

Chain = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Decorator:
    """A decorator of the function itself: the chain that it starts with (None for other expressions) and its text."""

    chain: Chain | None
    text: str


@dataclass(frozen=True, slots=True)
class Reach:
    """What one code object mentions.

    Attributes:
        form: Digest of the normalised source.
        names: Global names that are read.
        assigned: Global names that are assigned or deleted.
        chains: Names with the attributes taken from them: `np.linalg.norm` is `("np", ("linalg", "norm"))`.
        quoted: Names after an `@` in texts, where data frames' query languages look for variables.
        local_imports: Names that the function itself imports.
        hidden: Why this reading cannot be complete.
        imports: Names that import statements anywhere in the file bind.
    """

    form: str
    names: frozenset[str]
    assigned: frozenset[str]
    chains: tuple[Chain, ...]
    quoted: frozenset[str]
    local_imports: tuple[tuple[str, Binding], ...]
    hidden: tuple[str, ...]
    decorators: tuple[Decorator, ...]
    imports: dict[str, set[Binding]]


_known: dict[int, tuple[CodeType, Reach]] = {}
_MOST = 4096


def reach_of(function: FunctionType) -> Reach:
    """Return what a function mentions; computed once per code object.

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
    visitor = _Visitor()
    for part in node.body if isinstance(node.body, list) else [node.body]:
        visitor.visit(part)
    loads, stores = global_names(code)
    return Reach(
        form=hashlib.sha256(normal_form(node).encode("utf-8", "surrogatepass")).hexdigest(),
        names=frozenset(loads),
        assigned=frozenset(stores),
        chains=tuple(sorted(visitor.chains)),
        quoted=frozenset(visitor.quoted),
        local_imports=tuple(sorted(imports_in(node))),
        hidden=tuple(sorted(visitor.hidden)),
        decorators=tuple(_decorator(expression) for expression in getattr(node, "decorator_list", ())),
        imports=syntax.imports,
    )


def _decorator(expression: ast.expr) -> Decorator:
    called = expression.func if isinstance(expression, ast.Call) else expression
    return Decorator(chain_of(called), ast.unparse(called))


class _Visitor(ast.NodeVisitor):
    """Collects the longest chains; a chain inside another one is not visited again."""

    def __init__(self) -> None:
        self.chains: set[Chain] = set()
        self.hidden: set[str] = set()
        self.quoted: set[str] = set()

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

    def _take(self, chain: Chain) -> None:
        self.chains.add(chain)
        for attribute in chain[1]:
            self._reflect(attribute)

    def _reflect(self, attribute: str) -> None:
        if attribute in _REFLECTION:
            self.hidden.add(f"uses {attribute}")


def _constant_getattr(node: ast.Call) -> str | None:
    if not (isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) >= 2):
        return None
    name = node.args[1]
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None
