"""The pieces of code that a function reaches, as the nodes of a graph; and what collects them.

A piece refers to other pieces by the order in which it mentions them, never by their names: so a helper may move to
another module. The graph is walked from the function, breadth first and in a fixed order; the numbers that the pieces
get on the way are the same in every process, and loops need no care.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Literal, Protocol

from zen.source.syntax import Binding, File

Kind = Literal["function", "class", "constant"]
Identity = Any  # Plain data that `zen.identity.canonical` can encode.


@dataclass(eq=False, slots=True)
class Piece:
    """A function, class or constant that is reached.

    Attributes:
        kind: What it is.
        name: Its module and qualified name, for people: `features.Scaler.fit`.
        label: Its qualified name.
        place: Its file, for people.
        space: The global names of the module that it stands in.
        file: The source file, if there is one.
        number: Its place in the order of the walk.
        content: What it is by itself; `("piece", 2)` stands for the third of `references`.
        references: The pieces that it mentions.
        early: Which of them are only used while modules are imported: decorators.
        changes: Why it must not be run by a cached step: what it changes.
        docs: What counts if anything reached reads docstrings, annotations or the names of modules.
    """

    kind: Kind
    name: str
    label: str
    place: str
    space: dict[str, Any]
    file: File | None
    number: int
    content: Identity = None
    references: list[Piece] = field(default_factory=list)
    early: set[int] = field(default_factory=set)
    changes: list[str] = field(default_factory=list)
    docs: dict[str, Identity] = field(default_factory=dict)

    def refer(self, other: Piece, *, early: bool = False) -> Identity:
        """Return how the content of this piece mentions another one."""
        index = len(self.references)
        for known, reference in enumerate(self.references):
            if reference is other and (known in self.early) == early:
                index = known
        if index == len(self.references):
            self.references.append(other)
            if early:
                self.early.add(index)
        return ("piece", index)


class Walker(Protocol):
    """What describes a piece sees of the walk."""

    root: Path

    def refuse(self, piece: Piece, reason: str) -> None:
        """Note why the function cannot be cached."""

    def read(self, kinds: Iterable[str]) -> None:
        """Note that something reads docstrings, annotations or the names of modules."""

    def distribution(self, name: str, version: str) -> None:
        """Note a distribution that is reached."""

    def function(self, function: FunctionType) -> Piece:
        """Return the piece of a function of the project."""

    def class_(self, cls: type) -> Piece:
        """Return the piece of a class of the project."""

    def constant(self, space: dict[str, Any], name: str) -> Piece:
        """Return the piece of the value that a global name is bound to."""

    def static(self, path: str, name: str) -> Piece:
        """Return the piece of a name at the top of a module that is read without being imported."""

    def sentinel(self, value: object) -> Piece:
        """Return the piece of an object that is nothing but itself."""

    def value(self, value: Any, piece: Piece, what: str, name: str = "") -> Identity:
        """Return what identifies a value; a reason is noted where nothing does.

        Args:
            value: Anything.
            piece: Where it is used.
            what: What it is, for the reason: ``the default of `rate` ``.
            name: The global name that is bound to it, if one is.
        """

    def chain(self, path: str, attributes: tuple[str, ...], piece: Piece, module: ModuleType | None = None) -> Identity:
        """Return what identifies that which a module and a chain of attributes lead to."""

    def imported(self, binding: Binding, attributes: tuple[str, ...], piece: Piece) -> Identity:
        """Return what identifies that which an import statement binds, and what is taken from it."""


def running(pieces: list[Piece]) -> Iterator[Piece]:
    """Yield the pieces whose code may run when the first one does, and not only while modules are imported."""
    seen = {0}
    pending = [pieces[0]]
    while pending:
        piece = pending.pop()
        yield piece
        for index, other in enumerate(piece.references):
            if index not in piece.early and other.number not in seen:
                seen.add(other.number)
                pending.append(other)
