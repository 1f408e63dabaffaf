"""The transitive closure: from a function to every piece of the project that it reaches."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from zen.identity import digest
from zen.source.address import is_of_project
from zen.source.classes import describe_class
from zen.source.functions import describe_function
from zen.source.modules import module_name, project_name
from zen.source.names import chain, file_of, imported
from zen.source.origin import origin_of
from zen.source.pieces import Identity, Kind, Piece, running
from zen.source.slices import describe_static, kind_of
from zen.source.state import MISSING, changer_of
from zen.source.syntax import Binding, File
from zen.source.values import identify

_MOST = 20_000  # Pieces. Who reaches more reaches everything.
_MUTABLE = (list, dict, set, bytearray)
_DEEPEST = 50  # Containers in containers.
_SHORT = len("sha256:") + 16


class Walk:
    """Collects pieces breadth first, so that their numbers depend on nothing but the code."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.pieces: list[Piece] = []
        self.reasons: set[str] = set()
        self.distributions: dict[str, str] = {}
        self._kinds: set[str] = set()
        self._numbers: dict[Any, Piece] = {}
        self._waiting: list[Callable[[], None]] = []
        self._kept: list[Any] = []
        self._shared: dict[int, Piece] = {}
        self._depth = 0

    def start(self, subject: Any) -> None:
        """Follow a function, a class, or whatever else can be called."""
        if isinstance(subject, types.FunctionType) and is_of_project(subject, self.root):
            self.function(subject)
        elif isinstance(subject, type) and origin_of(subject.__module__, self.root).kind == "project":
            self.class_(subject)
        else:
            piece = self._piece("constant", "", "", {}, None)
            piece.content = self.value(subject, piece, "a callable object")
        for describe in self._waiting:  # Grows meanwhile.
            if len(self.pieces) > _MOST:
                self.reasons.add(f"reaches more than {_MOST:,} pieces of code")
                break
            describe()
        for piece in running(self.pieces):
            for reason in piece.changes:
                self.refuse(piece, reason)

    def identity(self) -> str:
        """Return the digest of everything that was reached."""
        kinds = sorted(self._kinds)
        return digest(
            "fingerprint/2",
            [
                (piece.content, [other.number for other in piece.references], [piece.docs.get(kind) for kind in kinds])
                for piece in self.pieces
            ],
        )

    def parts(self) -> tuple[tuple[str, str, str], ...]:
        """Return kind, name and short digest of each piece by itself, sorted by name."""
        found: dict[tuple[str, str], list[str]] = {}
        for piece in self.pieces:
            if piece.name:
                own = digest("piece/1", (piece.content, [other.label for other in piece.references]))
                found.setdefault((piece.name, piece.kind), []).append(own)
        return tuple(
            (kind, name, (digests[0] if len(digests) == 1 else digest("pieces/1", sorted(digests)))[:_SHORT])
            for (name, kind), digests in sorted(found.items())
        )

    # What descriptions of pieces ask for

    def refuse(self, piece: Piece, reason: str) -> None:
        """Note why the function cannot be cached, and where that stands."""
        where = f", in {piece.name}" if piece.name else ""
        self.reasons.add(f"{reason}{where} ({piece.place})" if piece.place else f"{reason}{where}")

    def read(self, kinds: Iterable[str]) -> None:
        """Note that something reads docstrings, annotations or the names of modules."""
        self._kinds.update(kinds)

    def distribution(self, name: str, version: str) -> None:
        """Note a distribution that is reached."""
        self.distributions[name] = version

    def function(self, function: types.FunctionType) -> Piece:
        """Return the piece of a function of the project."""
        name = f"{module_name(function, self.root)}.{function.__qualname__}"
        file = function.__code__.co_filename
        return self._once(
            id(function),
            lambda: self._piece("function", name, function.__qualname__, function.__globals__, file),
            lambda piece: describe_function(self, piece, function),
            function,
        )

    def class_(self, cls: type) -> Piece:
        """Return the piece of a class of the project."""
        name = f"{module_name(cls, self.root)}.{cls.__qualname__}"
        return self._once(
            id(cls),
            lambda: self._piece("class", name, cls.__qualname__, {}, _file_name(cls.__module__)),
            lambda piece: describe_class(self, piece, cls),
            cls,
        )

    def constant(self, space: dict[str, Any], name: str) -> Piece:
        """Return the piece of the value that a global name is bound to."""
        module = project_name(str(space.get("__name__", "")), self.root)
        return self._once(
            (id(space), name),
            lambda: self._piece("constant", f"{module}.{name}", name, space, space.get("__file__")),
            lambda piece: self._describe_constant(piece, name),
            space,
        )

    def static(self, path: str, name: str) -> Piece:
        """Return the piece of a name at the top of a module that is read without being imported."""
        kind, file = kind_of(path, name)
        return self._once(
            (path, name),
            lambda: self._piece(kind, f"{path}.{name}", name, {"__package__": path}, file.name if file else None),  # type: ignore[arg-type]  # One of the kinds.
            lambda piece: describe_static(self, piece, path, name),
            path,
        )

    def sentinel(self, value: object) -> Piece:
        """Return the piece of an object that is nothing but itself."""
        piece = self._once(id(value), lambda: self._piece("constant", "", "object", {}, None), lambda _: None, value)
        piece.content = ("object",)
        return piece

    def value(self, value: Any, piece: Piece, what: str, name: str = "") -> Identity:
        """Return what identifies a value."""
        if self._depth >= _DEEPEST:
            self.refuse(piece, f"uses {what}, which contains itself or is nested too deep")
            return None
        self._depth += 1
        try:
            return identify(self, value, piece, what, name)
        finally:
            self._depth -= 1

    def chain(
        self, path: str, attributes: tuple[str, ...], piece: Piece, module: types.ModuleType | None = None
    ) -> Identity:
        """Return what identifies that which a module and a chain of attributes lead to."""
        return chain(self, path, attributes, piece, module)

    def imported(self, binding: Binding, attributes: tuple[str, ...], piece: Piece) -> Identity:
        """Return what identifies that which an import statement binds, and what is taken from it."""
        return imported(self, binding, attributes, piece)

    def _describe_constant(self, piece: Piece, name: str) -> None:
        value = piece.space.get(name, MISSING)
        first = self._shared.setdefault(id(value), piece)
        if first is not piece and isinstance(value, _MUTABLE):
            piece.content = ("same", piece.refer(first))
            return
        before = len(self.reasons)
        piece.content = ("constant", self.value(value, piece, f"the global `{name}`", name))
        if len(self.reasons) == before:
            changer = changer_of(value, name, piece.space, self.root)
            if changer:
                self.refuse(piece, f"uses the global `{name}`, which {changer} changes")

    def _once(self, key: Any, make: Callable[[], Piece], describe: Callable[[Piece], None], subject: Any) -> Piece:
        piece = self._numbers.get(key)
        if piece is None:
            piece = self._numbers[key] = make()
            self._kept.append(subject)  # Its id is taken only as long as it lives.
            self._waiting.append(lambda: describe(piece))
        return piece

    def _piece(self, kind: Kind, name: str, label: str, space: dict[str, Any], file: str | None) -> Piece:
        piece = Piece(kind, name, label, self._place(file), space, _source(space), len(self.pieces))
        self.pieces.append(piece)
        return piece

    def _place(self, file: str | None) -> str:
        base = f"{self.root}/"
        return file[len(base) :] if file and file.startswith(base) else file or ""


def _source(space: dict[str, Any]) -> File | None:
    return None if not space.get("__file__") else file_of(space)


def _file_name(module: str) -> str | None:
    import sys

    return getattr(sys.modules.get(module), "__file__", None)
