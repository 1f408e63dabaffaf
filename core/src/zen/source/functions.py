"""What identifies a function of the project: its text, and what its names, closure and defaults are bound to."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

from zen.source.address import CODE, at
from zen.source.annotations import note_types
from zen.source.blind import hides
from zen.source.changes import Change
from zen.source.modules import module_name
from zen.source.names import bound
from zen.source.origin import origin_of
from zen.source.pieces import Identity, Piece, Walker
from zen.source.reach import Decorator, Reach, reach_of
from zen.source.state import MISSING, resolve
from zen.source.syntax import SourceUnavailable

_PLAIN = (bool, int, float, complex, str, bytes, tuple, frozenset, type(None))


def describe_function(walk: Walker, piece: Piece, function: types.FunctionType) -> None:
    """Fill in the piece of a function. The first piece of a walk is the step itself: its annotations count."""
    try:
        reach = reach_of(function)
    except SourceUnavailable as missing:
        walk.refuse(piece, str(missing))
        return
    piece.file = reach.file
    _Description(walk, piece, function, reach).fill()


class _Description:
    def __init__(self, walk: Walker, piece: Piece, function: types.FunctionType, reach: Reach) -> None:
        self.walk = walk
        self.piece = piece
        self.function = function
        self.reach = reach
        self.chains: dict[str, list[tuple[str, ...]]] = {}
        for name, attributes in reach.mentions.chains:
            self.chains.setdefault(name, []).append(attributes)

    def fill(self) -> None:
        walk, piece, form = self.walk, self.piece, self.reach.form
        for reason in self.reach.mentions.hidden:
            walk.refuse(piece, reason)
        walk.read(self.reach.mentions.reads)
        decorators = self._decorators()
        first = piece.number == 0
        foreign = any(kind != "project" for _, _, kind in decorators)  # Installed decorators may read what they get.
        self._annotations(first=first)
        piece.content = (
            "function",
            form.text,
            form.annotations if first or foreign else "",
            form.docs if foreign else "",
            [each[:2] for each in decorators],
            self._globals(),
            self._closure(),
            self._defaults(),
            self._attributes(),
            self._local_imports(),
        )
        piece.docs = {
            "docs": form.docs,
            "annotations": form.annotations,
            "modules": f"{module_name(self.function, walk.root)}.{self.function.__qualname__}",
        }
        self._changes()
        self._owner()

    # Names

    def _globals(self) -> dict[str, Identity]:
        found: dict[str, Identity] = {}
        space = self.function.__globals__
        for name in sorted(self.reach.names | self.reach.mentions.quoted.intersection(space)):
            if name == "getattr" and name not in self.chains:
                continue  # Only called, and looked at already.
            value = space.get(name, MISSING)
            if value is MISSING:
                value = _builtins(space).get(name, MISSING)
            if value is MISSING:
                self.walk.refuse(self.piece, f"uses the name `{name}`, which is not defined")
            else:
                found[name] = self._special(name, value) or self._bound(name, value, "global")
        return found

    def _special(self, name: str, value: Any) -> Identity:
        """Return `__name__` and `__file__` as they are in every process and on every machine."""
        if name == "__name__":
            return ("name", module_name(self.function, self.walk.root))
        if name == "__file__" and isinstance(value, str):
            root, path = self.walk.root.resolve(), Path(value).resolve()
            return ("file", path.relative_to(root).as_posix()) if path.is_relative_to(root) else None
        return None

    def _bound(self, name: str, value: Any, noun: str) -> Identity:
        if isinstance(value, types.ModuleType):
            chains = self.chains.get(name, [()])
            return tuple(
                (attributes, self.walk.chain(value.__name__, attributes, self.piece, value)) for attributes in chains
            )
        what = f"the {noun} `{name}`"
        if noun == "global" and name in self.function.__globals__:
            return bound(self.walk, self.function.__globals__, name, value, self.piece, what)
        return self.walk.value(value, self.piece, what)

    def _closure(self) -> dict[str, Identity]:
        found: dict[str, Identity] = {}
        for name, cell in zip(self.function.__code__.co_freevars, self.function.__closure__ or (), strict=True):
            if cell == types.CellType():
                self.walk.refuse(self.piece, f"uses the outer variable `{name}`, which has no value yet")
            else:
                found[name] = self._bound(name, cell.cell_contents, "outer variable")
        return found

    def _defaults(self) -> Identity:
        given = (self.function.__defaults__ or (), sorted((self.function.__kwdefaults__ or {}).items()))
        return self.walk.value(given, self.piece, "a default")

    def _attributes(self) -> Identity:
        """Return the attributes that were set on the function; what it wraps is in its closure as well."""
        if not self.function.__dict__:
            return ()
        given = {name: value for name, value in sorted(self.function.__dict__.items()) if name != "__wrapped__"}
        found = self.walk.value(given, self.piece, "its attributes")
        wrapped = self.function.__dict__.get("__wrapped__")
        return (found, None if wrapped is None else self.walk.value(wrapped, self.piece, "what it wraps"))

    def _local_imports(self) -> list[Identity]:
        found = []
        for name, binding in self.reach.local_imports:
            path = binding.path(self.piece.space.get("__package__") or "")
            is_project = origin_of(path, self.walk.root).kind == "project"
            if not is_project:
                found.append((name, self.walk.imported(binding, (), self.piece)))
            below = not binding.attribute and binding.module.startswith(f"{name}.")  # `import a.b` binds `a`, too.
            chains = [] if below else [chain for chain in self.chains.get(name, ()) if is_project or chain]
            found += [(name, self.walk.imported(binding, chain, self.piece)) for chain in chains]
        return found

    def _annotations(self, *, first: bool) -> None:
        names: dict[str, Any] = {each.__name__: each for each in getattr(self.function, "__type_params__", ())}
        for name, cell in zip(self.function.__code__.co_freevars, self.function.__closure__ or (), strict=True):
            if cell != types.CellType():
                names[name] = cell.cell_contents
        for name, value in self.function.__annotations__.items():
            note_types(self.walk, value, self.piece, names, f"the annotation of {name!r}" if first else "")

    # Decorators

    def _decorators(self) -> list[tuple[str, Identity, str]]:
        """Return the text of each decorator that is not zen's, with what it reaches and whose it is."""
        found = []
        for decorator in self.reach.decorators:
            kind = self._whose(decorator)
            if kind == "zen":
                continue
            for reason in decorator.mentions.hidden:
                self.walk.refuse(self.piece, reason)
            found.append((decorator.form, tuple(self._mentioned(decorator)), kind))
        return found

    def _whose(self, decorator: Decorator) -> str:
        if decorator.chain is None:
            return "unknown"
        name = decorator.chain[0]
        value = self.function.__globals__.get(name, MISSING)
        if value is MISSING:  # Imported inside the function that defines the step, or a name of the class around.
            package = self.piece.space.get("__package__") or ""
            paths = [binding.path(package) for binding in self.reach.file.imports.get(name, ())]
        else:
            value = getattr(value, "func", value)  # A partial of zen's decorator.
            paths = [value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", "") or ""]
        kinds = {origin_of(path, self.walk.root).kind for path in paths}
        if kinds == {"zen"}:
            return "zen"
        return "project" if kinds <= {"project", "python"} else "distribution"

    def _mentioned(self, decorator: Decorator) -> list[Identity]:
        found: list[Identity] = []
        space = self.function.__globals__
        owner = vars(self._class()) if self._class() else {}
        before = len(self.piece.references)
        for name, attributes in decorator.mentions.chains:
            value = owner.get(name, space.get(name, _builtins(space).get(name, MISSING)))
            if value is MISSING:
                self._unresolved(name)
            elif isinstance(value, types.ModuleType):
                found.append(self.walk.chain(value.__name__, attributes, self.piece, value))
            elif name not in owner:
                found.append(bound(self.walk, space, name, value, self.piece, f"the decorator {decorator.text}"))
        self.piece.early.update(range(before, len(self.piece.references)))
        return found

    def _unresolved(self, name: str) -> None:
        # What is defined neither here nor at the top of the module has done its work: the outcome is what is looked at.
        for binding in sorted(self.reach.file.imports.get(name, ())):
            self.walk.imported(binding, (), self.piece)

    # The class around, and changes

    def _class(self) -> type | None:
        holder = self.function.__qualname__.rpartition(".")[0]
        found = at(self.function.__module__, holder) if holder and "<locals>" not in holder else None
        return found if isinstance(found, type) else None

    def _owner(self) -> None:
        holder = self.function.__qualname__.rpartition(".")[0]
        if holder and not holder.endswith("<locals>") and self.piece.number == 0:
            cls = self._class()
            if cls is None:
                self.walk.refuse(self.piece, f"is a method of {holder}, which cannot be found")
            else:
                self.piece.refer(self.walk.class_(cls))

    def _changes(self) -> None:
        notes = self.piece.changes
        notes += [f"assigns the global `{name}`" for name in sorted(self.reach.assigned)]
        cells = dict(zip(self.function.__code__.co_freevars, self.function.__closure__ or (), strict=True))
        outer = {name: cell.cell_contents for name, cell in cells.items() if cell != types.CellType()}
        space = {name: self.function.__globals__.get(name, MISSING) for name in self.reach.names}
        for change in sorted(self.reach.changes):
            root = change.chain[0]
            where = outer if root in outer else space
            if where.get(root, MISSING) is not MISSING:
                reason = _refusal(self.walk, change, where)
                if reason:
                    notes.append(reason)
            elif self.piece.number and _mutable_default(self.function, root) and len(change.chain) == 1:
                notes.append(f"changes the default of `{root}`")
        for name in sorted(self.reach.rebound & outer.keys()):
            notes.append(f"assigns the outer variable `{name}`")


def _refusal(walk: Walker, change: Change, space: dict[str, Any]) -> str:
    """Return why code that makes this change must not be cached, or an empty string."""
    dotted = ".".join((*change.chain, *filter(None, [change.attribute])))
    value = space[change.chain[0]]
    for depth in range(1, len(change.chain) + 1):
        if isinstance(value, types.ModuleType) and origin_of(value.__name__, walk.root).kind != "project":
            return _patch(change, depth, value, dotted)
        if depth < len(change.chain):
            value = resolve(("x", change.chain[depth]), {"x": value})
    if value is MISSING:
        return ""
    if isinstance(value, types.ModuleType | type | types.FunctionType):
        return f"assigns {dotted}" if change.attribute or not isinstance(value, type) else ""
    if isinstance(value, _PLAIN):
        return ""
    return f"changes the global `{'.'.join(change.chain)}`"


def _patch(change: Change, depth: int, module: types.ModuleType, dotted: str) -> str:
    """Refuse to replace the code of an installed module; its settings may be set."""
    if hides(".".join((module.__name__, *change.chain[depth:]))):
        return f"changes {dotted}"
    path = (*change.chain[depth:], *filter(None, [change.attribute]))
    current = resolve(("x", *path), {"x": module})
    holder = resolve(("x", *path[:-1]), {"x": module})
    replaces = change.attribute and (isinstance(current, (*CODE, types.ModuleType)) or isinstance(holder, type))
    return f"replaces {dotted}" if replaces else ""


def _mutable_default(function: types.FunctionType, name: str) -> bool:
    code = function.__code__
    defaults = function.__defaults__ or ()
    positional = code.co_varnames[: code.co_argcount][len(code.co_varnames[: code.co_argcount]) - len(defaults) :]
    given = {**dict(zip(positional, defaults, strict=True)), **(function.__kwdefaults__ or {})}
    return name in given and not isinstance(given[name], _PLAIN)


def _builtins(space: dict[str, Any]) -> dict[str, Any]:
    builtins = space.get("__builtins__", {})
    return builtins if isinstance(builtins, dict) else vars(builtins)
