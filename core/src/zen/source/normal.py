"""The normal form of code: what is left of a text when everything is gone that cannot change a result.

Positions, comments, formatting and docstrings are gone; variables of functions are numbered. The names of parameters,
attributes, functions, classes and global names stay: others may use them.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from zen.source.scopes import Bound, FunctionNode, nodes_in, outside

_DROPPED = frozenset({"ctx", "kind", "type_comment", "decorator_list"})
_NAMED = (ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping)
_WORD = re.compile(r"[^\W\d]\w*")

# Calls that may look into the frame of their caller, where variables have their names.
_FRAME_READERS = frozenset(
    {
        "currentframe",
        "dir",
        "eval",
        "evaluate",
        "exec",
        "execute",
        "locals",
        "query",
        "sql",
        "stack",
        "vars",
        "_getframe",
    }
)


class Form(NamedTuple):
    """The normal form of a piece of code, as digests.

    Attributes:
        text: The code itself.
        docs: Its docstrings, which count only where something reads them.
        annotations: The annotations of its functions, which count only where something may read them.
    """

    text: str
    docs: str
    annotations: str


def form_of(node: ast.AST, nodes: list[ast.AST] | None = None, *, decorators: bool = False) -> Form:
    """Return the normal form of a function, a statement or an expression.

    Args:
        node: Its tree.
        nodes: The tree and everything below, where that is known already.
        decorators: Whether the decorators of `node` itself belong to it; those of what is inside it always do.
    """
    writer = _Writer(node, nodes or nodes_in(node))
    text = writer.write(node)
    if decorators:
        text += writer.write_list(getattr(node, "decorator_list", []))
    return Form(_hash(text), _hash("\0".join(writer.docs)), _hash("\0".join(writer.annotations)))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class _Scope:
    __slots__ = ("bound", "is_class", "numbers")

    def __init__(self, node: ast.AST) -> None:
        self.bound = Bound(node)
        self.is_class = isinstance(node, ast.ClassDef)
        self.numbers: dict[str, int] = {}


class _Writer:
    """Writes a tree as text; names of variables become the number of their scope and their own."""

    def __init__(self, root: ast.AST, nodes: list[ast.AST]) -> None:
        self.root = root
        self.docs: list[str] = []
        self.annotations: list[str] = []
        self._scopes: list[_Scope] = []
        self._fixed, self._keywords = _fixed_names(nodes)

    def write(self, node: Any) -> str:
        if isinstance(node, ast.AST):
            special = _SPECIAL.get(type(node))
            return self._plain(node) if special is None else special(self, node)
        if isinstance(node, list):
            return self.write_list(node)
        return repr(node)

    def write_list(self, items: list[Any]) -> str:
        return f"[{','.join([self.write(item) for item in items if not self._is_idle(item)])}]"

    def _plain(self, node: ast.AST, without: tuple[str, ...] = ()) -> str:
        # Versions of Python differ in which fields there are; those that are empty are left out.
        parts = []
        for name in node._fields:
            value = getattr(node, name, None)
            if value is not None and value != [] and name not in _DROPPED and name not in without:
                parts.append(f"{name}={self.write(value)}")
        return f"{type(node).__name__}({','.join(parts)})"

    def _is_idle(self, item: Any) -> bool:
        if type(item) is ast.Expr and type(item.value) is ast.Constant:
            if isinstance(item.value.value, str):
                self.docs.append(item.value.value)
            return True
        return type(item) is ast.Pass

    # Names

    def _name(self, name: str) -> str:
        """Return a name as it is, or its number where it is the variable of a function."""
        for depth in range(len(self._scopes) - 1, -1, -1):
            scope = self._scopes[depth]
            innermost = depth == len(self._scopes) - 1
            if scope.is_class and not innermost:
                continue
            if name in scope.bound.globals or (scope.is_class and name in scope.bound.names):
                return name
            if scope.is_class or name not in scope.bound.names:
                continue
            if name in scope.bound.fixed or name in self._fixed:
                return name
            return f"${depth}.{scope.numbers.setdefault(name, len(scope.numbers))}"
        return name

    def _variable(self, node: ast.Name) -> str:
        return f"Name({self._name(node.id)})"

    def _nonlocal(self, node: ast.Nonlocal) -> str:
        return f"Nonlocal({','.join(map(self._name, node.names))})"

    def _naming(self, node: ast.AST) -> str:
        field = "rest" if isinstance(node, ast.MatchMapping) else "name"
        name = getattr(node, field)
        return f"{self._name(name) if name else ''}:{self._plain(node, (field,))}"

    def _import(self, node: ast.Import) -> str:
        # Which module it is counts as what is reached; its place in the project does not.
        return f"Import({','.join(alias.asname or alias.name.partition('.')[0] for alias in node.names)})"

    def _import_from(self, node: ast.ImportFrom) -> str:
        return f"ImportFrom({','.join(f'{alias.name} as {alias.asname or alias.name}' for alias in node.names)})"

    # Values

    def _constant(self, node: ast.Constant) -> str:
        value = node.value
        return f"int:{value:x}" if type(value) is int else f"{type(value).__name__}:{value!r}"

    def _annotated(self, node: ast.AnnAssign) -> str:
        inside_function = bool(self._scopes) and not self._scopes[-1].is_class
        if not (inside_function and node.simple and isinstance(node.target, ast.Name)):
            return self._plain(node)
        self.annotations.append(self.write(node.annotation))
        if node.value is None:
            return f"Declare({self.write(node.target)})"
        return f"Assign(targets={self.write_list([node.target])},value={self.write(node.value)})"

    # Scopes

    def _function(self, node: FunctionNode) -> str:
        decorated = [] if node is self.root else getattr(node, "decorator_list", [])
        given = node.args
        around = [self.write_list(decorated), self.write_list(given.defaults), self.write_list(given.kw_defaults)]
        annotations = [self.write(part) for part in outside(node) if _is_annotation(node, part)]
        (around if decorated else self.annotations).append("/".join(annotations))
        scope = _Scope(node)
        if isinstance(node, ast.Lambda):
            self._free_parameter(node, scope)
        self._scopes.append(scope)
        names = (
            f"{kind}:{','.join(self._name(each.arg) for each in group)}"
            for kind, group in (
                ("/", given.posonlyargs),
                ("", given.args),
                ("*", [given.vararg] if given.vararg else []),
                ("k", given.kwonlyargs),
                ("**", [given.kwarg] if given.kwarg else []),
            )
        )
        text = f"{type(node).__name__}({getattr(node, 'name', '')}({';'.join(names)}),{self.write(node.body)}"
        text += f",{self.write_list(getattr(node, 'type_params', []))},{''.join(around)})"
        self._scopes.pop()
        return text

    def _free_parameter(self, node: ast.Lambda, scope: _Scope) -> None:
        # The only parameter of a lambda is hardly ever given by name; two could be exchanged by whoever does.
        given = node.args
        name = given.args[0].arg if given.args else ""
        if len(scope.bound.fixed) == 1 and name in scope.bound.fixed - self._keywords and not given.defaults:
            scope.bound.fixed.discard(name)
            scope.bound.variables.add(name)

    def _class(self, node: ast.ClassDef) -> str:
        around = [self.write_list(node.bases), self.write_list(node.keywords)]
        if node is not self.root:
            around.append(self.write_list(node.decorator_list))
        self._scopes.append(_Scope(node))
        text = f"ClassDef({node.name},{self.write(node.body)},{self.write_list(getattr(node, 'type_params', []))}"
        self._scopes.pop()
        return f"{text},{','.join(around)})"

    def _comprehension(self, node: Any) -> str:
        first = self.write(node.generators[0].iter)  # Evaluated outside.
        self._scopes.append(_Scope(node))
        parts = []
        for index, generator in enumerate(node.generators):
            source = first if index == 0 else self.write(generator.iter)
            conditions = self.write_list(generator.ifs)
            parts.append(f"{self.write(generator.target)}<{source}?{conditions}{generator.is_async}")
        fields = ("elt",) if hasattr(node, "elt") else ("key", "value")
        text = ",".join(self.write(getattr(node, field)) for field in fields)
        self._scopes.pop()
        return f"{type(node).__name__}({text};{';'.join(parts)})"


_SPECIAL: dict[type[ast.AST], Callable[[_Writer, Any], str]] = {
    ast.AnnAssign: _Writer._annotated,
    ast.AsyncFunctionDef: _Writer._function,
    ast.ClassDef: _Writer._class,
    ast.Constant: _Writer._constant,
    ast.DictComp: _Writer._comprehension,
    ast.ExceptHandler: _Writer._naming,
    ast.FunctionDef: _Writer._function,
    ast.GeneratorExp: _Writer._comprehension,
    ast.Import: _Writer._import,
    ast.ImportFrom: _Writer._import_from,
    ast.Lambda: _Writer._function,
    ast.ListComp: _Writer._comprehension,
    ast.MatchAs: _Writer._naming,
    ast.MatchMapping: _Writer._naming,
    ast.MatchStar: _Writer._naming,
    ast.Name: _Writer._variable,
    ast.Nonlocal: _Writer._nonlocal,
    ast.SetComp: _Writer._comprehension,
}


def _is_annotation(node: FunctionNode, part: ast.AST) -> bool:
    given = node.args
    return part not in getattr(node, "decorator_list", ()) and part not in given.defaults + given.kw_defaults


def _fixed_names(nodes: list[ast.AST]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that variables keep, because a text may name them, and those by which arguments are given."""
    words: set[str] = set()
    names: set[str] = set()
    keywords: set[str] = set()
    idle: set[int] = set()
    frames = False
    for node in nodes:
        if isinstance(node, ast.Expr):
            idle.add(id(node.value))  # A docstring is one.
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in idle:
            words.update(_WORD.findall(node.value))
        elif isinstance(node, ast.keyword) and node.arg:
            keywords.add(node.arg)
        elif isinstance(node, ast.Name):
            names.add(node.id)
            frames = frames or node.id in _FRAME_READERS
        elif isinstance(node, ast.Attribute):
            frames = frames or node.attr in _FRAME_READERS
        elif isinstance(node, _NAMED):
            names.add(getattr(node, "name", None) or getattr(node, "rest", None) or "")
    return frozenset(words | names) if frames else frozenset(words), frozenset(keywords)
