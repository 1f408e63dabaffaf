"""What a module of the project contributes that a function imports by itself, when it runs.

Such a module may not be imported yet, and importing it could take long and do anything; so its text is read. Of the
text counts the slice that the imported names need: the statements that bind them, and those that bind what they use.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass

from zen.source.blind import hides
from zen.source.changes import changes_among, changes_of_file
from zen.source.mentions import mentions_of
from zen.source.normal import form_of
from zen.source.origin import module_file, origin_of
from zen.source.pieces import Identity, Piece, Walker
from zen.source.scopes import FUNCTIONS, Bound, nodes_in
from zen.source.syntax import Binding, File, file_named, imports_among


@dataclass(slots=True)
class _Module:
    file: File
    bound: dict[str, list[ast.stmt]]
    touched: dict[str, list[ast.stmt]]

    def statements(self, name: str) -> list[ast.stmt]:
        """Return the statements that bind a name or may change what it is bound to, in their order."""
        found = {id(each): each for each in (*self.bound[name], *self.touched.get(name, ()))}
        return sorted(found.values(), key=lambda each: (each.lineno, each.col_offset))

    def bindings(self, name: str) -> list[Binding]:
        """Return the imports that bind a name, if nothing but imports does."""
        found = [
            binding
            for statement in self.bound.get(name, ())
            for bound, binding in imports_among(nodes_in(statement))
            if bound == name
        ]
        plain = all(
            isinstance(each, ast.Import | ast.ImportFrom | ast.If | ast.Try) for each in self.bound.get(name, ())
        )
        return found if plain else []


_modules: dict[str, _Module] = {}


def slice_of(walk: Walker, path: str, attributes: tuple[str, ...], piece: Piece) -> Identity:
    """Return what identifies a name of a project module that is read and not imported."""
    if not attributes:
        walk.refuse(piece, f"uses the project module {path} as a whole")
        return None
    module = _module(path)
    if module is None:
        walk.refuse(piece, f"uses the project module {path}, whose source is not available")
        return None
    name, rest = attributes[0], attributes[1:]
    if name in module.bound:
        handed_on = module.bindings(name)
        if handed_on:
            return tuple(_follow(walk, path, binding, rest, piece) for binding in sorted(handed_on))
        return piece.refer(walk.static(path, name))
    for star in sorted(module.file.imports.get("*", ())):
        target = star.path(_package(path, module))
        if origin_of(target, walk.root).kind == "project" and _defines(target, name):
            return slice_of(walk, target, attributes, piece)
    inner = f"{path}.{name}"
    if module_file(inner) and origin_of(inner, walk.root).kind == "project":
        return slice_of(walk, inner, rest, piece)
    how = "which it makes when it is asked for" if "__getattr__" in module.bound else "which it does not define"
    walk.refuse(piece, f"uses the project name {path}.{name}, {how}")
    return None


def describe_static(walk: Walker, piece: Piece, path: str, name: str) -> None:
    """Fill in the piece of a name at the top of a module."""
    module = _module(path)
    if module is None:
        walk.refuse(piece, f"uses the project module {path}, whose source is not available")
        return
    parts = []
    docs = []
    for statement in module.statements(name):
        form = form_of(statement, decorators=True)
        docs.append(form.docs)
        parts.append((form.text, _mentioned(walk, piece, path, module, statement)))
        _note_changes(walk, piece, module, name, statement)
    is_class = any(isinstance(statement, ast.ClassDef) for statement in module.bound[name])
    piece.content = ("static", f"{path}.{name}" if is_class else "", tuple(parts))
    piece.docs = {"docs": tuple(docs), "modules": path}


def kind_of(path: str, name: str) -> tuple[str, File | None]:
    """Return whether a name of a module is a function, a class or a constant, and its file."""
    module = _module(path)
    if module is None:
        return "constant", None
    statement = module.bound[name][-1]
    kind = "class" if isinstance(statement, ast.ClassDef) else "constant"
    return "function" if isinstance(statement, FUNCTIONS) else kind, module.file


def _mentioned(walk: Walker, piece: Piece, path: str, module: _Module, statement: ast.stmt) -> Identity:
    mentions = mentions_of([statement])
    walk.read(mentions.reads)
    for reason in mentions.hidden:
        walk.refuse(piece, reason)
    local = _local(statement)
    found = [
        _follow(walk, path, binding, (), piece)
        for _, binding in sorted(imports_among(nodes_in(statement)))
        if binding.attribute or origin_of(binding.path(_package(path, module)), walk.root).kind != "project"
    ]
    for root, attributes in mentions.chains:
        by_star = any(_defines(star.path(_package(path, module)), root) for star in _stars(module))
        if root in module.bound or (root not in local and by_star):
            found.append((root, slice_of(walk, path, (root, *attributes), piece)))
        elif root not in local and hasattr(builtins, root) and hides(f"builtins.{root}") and root != "getattr":
            walk.refuse(piece, hides(f"builtins.{root}"))
    return tuple(found)


def _note_changes(walk: Walker, piece: Piece, module: _Module, name: str, statement: ast.stmt) -> None:
    local = _local(statement)
    for node in nodes_in(statement):
        if isinstance(node, ast.Global):
            piece.changes += [f"assigns the global `{each}`" for each in node.names]
    if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        roots = {change.chain[0] for change in changes_among(nodes_in(statement))} - local
        piece.changes += [
            f"changes the global `{root}`"
            for root in sorted(roots)
            if root in module.bound and not module.bindings(root)
        ]
        return
    for function in changes_of_file(module.file.tree).functions:
        # Any module may have called it when it was imported; which did so cannot be read.
        if any(change.chain[0] == name and name not in function.own for change in function.changes):
            walk.refuse(piece, f"is changed by {function.owner}")


def _follow(walk: Walker, path: str, binding: Binding, rest: tuple[str, ...], piece: Piece) -> Identity:
    module = _module(path)
    target = binding.path(_package(path, module)) if module else binding.module
    attributes = (binding.attribute, *rest) if binding.attribute else rest
    if origin_of(target, walk.root).kind == "project":
        return slice_of(walk, target, attributes, piece)
    return (walk.chain(target, attributes, piece), attributes)


def _module(path: str) -> _Module | None:
    name = module_file(path)
    file = file_named(name) if name and name.endswith(".py") else None
    if file is None:
        return None
    known = _modules.get(path)
    if known is None or known.file is not file:
        bound: dict[str, list[ast.stmt]] = {}
        for statement in file.tree.body:
            for each in sorted(Bound(ast.Module([statement], [])).names):
                bound.setdefault(each, []).append(statement)
        touched: dict[str, list[ast.stmt]] = {}
        for statement in filter(_has_effects, file.tree.body):
            for node in nodes_in(statement):
                if isinstance(node, ast.Name) and node.id in bound:
                    touched.setdefault(node.id, []).append(statement)
        known = _modules[path] = _Module(file, bound, touched)
    return known


def _has_effects(statement: ast.stmt) -> bool:
    """Say whether a statement at the top of a module may change objects that it names."""
    if isinstance(statement, ast.If) and any(
        getattr(node, "id", "") == "__name__" for node in nodes_in(statement.test)
    ):
        return False
    if isinstance(statement, ast.Expr):
        return not isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Assign | ast.AugAssign | ast.Delete):
        targets = getattr(statement, "targets", None) or [statement.target]  # type: ignore[union-attr]  # One or the other.
        return any(isinstance(node, ast.Attribute | ast.Subscript) for target in targets for node in nodes_in(target))
    return isinstance(statement, ast.If | ast.For | ast.While | ast.With | ast.Try)


def _defines(path: str, name: str) -> bool:
    module = _module(path)
    return module is not None and name in module.bound


def _stars(module: _Module) -> list[Binding]:
    return sorted(module.file.imports.get("*", ()))


def _package(path: str, module: _Module) -> str:
    return path if module.file.name.endswith("__init__.py") else path.rpartition(".")[0]


def _local(statement: ast.stmt) -> set[str]:
    names: set[str] = set()
    for node in nodes_in(statement):
        if isinstance(node, FUNCTIONS):
            names |= Bound(node).names
    return names
