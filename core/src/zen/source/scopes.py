"""Which names a function, a class body or a comprehension binds for itself, as the compiler decides it."""

from __future__ import annotations

import ast

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (*FUNCTIONS, ast.ClassDef, *COMPREHENSIONS)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Bound:
    """The names that one scope binds.

    Attributes:
        variables: Plain variables, whose names nobody outside of the scope sees.
        fixed: Names that others may see: of parameters, imports, functions and classes inside.
        globals: Names that are declared global.
        nonlocals: Names that are declared to belong to a function around.
    """

    __slots__ = ("fixed", "globals", "nonlocals", "variables")

    def __init__(self, node: ast.AST) -> None:
        self.variables: set[str] = set()
        self.fixed: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        if isinstance(node, COMPREHENSIONS):
            for generator in node.generators:
                self._targets(generator.target)
        else:
            self._parameters(node)
            for inner in own_nodes(node):
                self._take(inner)
        self.fixed -= self.globals | self.nonlocals
        self.variables -= self.fixed | self.globals | self.nonlocals

    @property
    def names(self) -> set[str]:
        """Every name that belongs to the scope."""
        return self.variables | self.fixed

    def _targets(self, target: ast.AST) -> None:
        for inner in nodes_in(target):
            if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
                self.variables.add(inner.id)

    def _parameters(self, node: ast.AST) -> None:
        if isinstance(node, FUNCTIONS):
            self.fixed.update(parameters(node))
        for parameter in getattr(node, "type_params", ()):
            self.fixed.add(parameter.name)

    def _take(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                self.variables.add(node.id)
        elif isinstance(node, ast.Global):
            self.globals.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            self.nonlocals.update(node.names)
        elif isinstance(node, _DEFINITIONS):
            self.fixed.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self.fixed.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            if node.name:
                self.variables.add(node.name)
        elif isinstance(node, ast.MatchMapping):
            if node.rest:
                self.variables.add(node.rest)
        elif type(node).__name__ == "TypeAlias":  # Python 3.12
            self.fixed.add(node.name.id)  # type: ignore[attr-defined]  # Its field.


def parameters(node: FunctionNode) -> list[str]:
    """Return the names of a function's parameters."""
    given = node.args
    found = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return found + [argument.arg for argument in (given.vararg, given.kwarg) if argument is not None]


def nodes_in(root: ast.AST) -> list[ast.AST]:
    """Return a node and everything below it, level by level: `ast.walk` in half of the time."""
    found = [root]
    for node in found:  # Grows meanwhile.
        found += _children(node)
    return found


def _children(node: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
            found.append(value)
    return found


def own_nodes(scope: ast.AST) -> list[ast.AST]:
    """Return the nodes that belong to a scope itself, and those that open scopes inside it, but not their insides.

    What is evaluated outside of an inner scope though it is written in it (defaults, decorators, the first iterable of
    a comprehension) belongs to this scope, and so do the names that `:=` binds in a comprehension.
    """
    found: list[ast.AST] = []
    body = getattr(scope, "body", [])
    for part in body if isinstance(body, list) else [body]:
        _collect(part, found)
    return found


def _collect(node: ast.AST, found: list[ast.AST]) -> None:
    found.append(node)
    if isinstance(node, COMPREHENSIONS):
        _collect(node.generators[0].iter, found)
        _collect_assigned(node, found)
    elif isinstance(node, _SCOPES):
        for outer in outside(node):
            _collect(outer, found)
    else:
        for child in _children(node):
            _collect(child, found)


def _collect_assigned(node: ast.AST, found: list[ast.AST]) -> None:
    for child in _children(node):
        if isinstance(child, ast.NamedExpr):
            found.append(child.target)
        if not isinstance(child, FUNCTIONS):
            _collect_assigned(child, found)


def outside(node: ast.AST) -> list[ast.AST]:
    """Return what is written in a function or class but evaluated around it."""
    found: list[ast.AST] = list(getattr(node, "decorator_list", ()))
    if isinstance(node, FUNCTIONS):
        given = node.args
        found += [default for default in (*given.defaults, *given.kw_defaults) if default is not None]
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        found += [argument.annotation for argument in arguments if argument is not None and argument.annotation]
        if not isinstance(node, ast.Lambda) and node.returns:
            found.append(node.returns)
    elif isinstance(node, ast.ClassDef):
        found += [*node.bases, *(keyword.value for keyword in node.keywords)]
    return found
