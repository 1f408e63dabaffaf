"""A configuration file as data that remembers where each value stands.

A `Document` is the values of one file with their places; a `Place` is a cursor into it, which reports faults. What
checks configuration takes a value and its place, and so knows neither files nor lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from zen.errors import Fault, StackFileError, nearest
from zen.stacks.scalars import Scalar

Path = tuple[Scalar, ...]
"""The keys and indexes that lead to a value: `("stacks", "prod", "experiment_tracker", 0, "project")`."""

_ABSENT = object()


@dataclass(kw_only=True, slots=True)
class Marks:
    """Places of values and keys, as (line, column) from 1, by path.

    Attributes:
        words: Unquoted words that became something else than a text, as they were written.
        aliases: Where an alias (`*name`) leads: places below it are those of its anchor.
    """

    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    words: dict[Path, str] = field(default_factory=dict)
    aliases: dict[Path, Path] = field(default_factory=dict)

    def written(self, path: Path) -> Path:
        """Return the path at which the value is written out, aliases followed."""
        here: Path = ()
        for key in path:
            here = self.aliases.get((*here, key), (*here, key))
        return here

    def find(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Return the place of a value, or of its key; of the nearest enclosing one where there is none."""
        if key:
            parent = (*self.written(path[:-1]), *path[-1:])
            if parent in self.keys:
                return self.keys[parent]
        for length in range(len(path), -1, -1):
            place = self.values.get(self.written(path[:length]))
            if place:
                return place
        return (0, 0)


class Document:
    """The values of one file, with their places.

    Args:
        file: How messages name the file.
        data: Its values: texts, numbers, booleans, `None`, lists and dicts.
        marks: The places; called once, when the first one is asked for.
        faults: What is wrong with the file as such; `data` is then what could be read of it.
    """

    def __init__(
        self, file: str, data: Any, *, marks: Callable[[], Marks] = Marks, faults: Iterable[Fault] = ()
    ) -> None:
        self.file = file
        self.data = data
        self.faults = tuple(faults)
        self._find_marks = marks
        self._marks: Marks | None = None

    @property
    def marks(self) -> Marks:
        """Where everything stands."""
        if self._marks is None:
            self._marks = self._find_marks()
        return self._marks

    def value(self, path: Path, default: Any = None) -> Any:
        """Return the value at a path, or `default` where there is none."""
        value = self.data
        for key in path:
            try:
                value = value[key]
            except (LookupError, TypeError):
                return default
        return value

    def fault(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> Fault:
        """Return a fault at the place of a value, or of its key."""
        line, column = self.marks.find(path, key=key)
        return Fault(message=message, hint=hint, file=self.file, line=line, column=column)

    def root(self, faults: list[Fault]) -> Place:
        """Return the place of the whole document, which reports to `faults`."""
        return Place(faults, self)

    def check(self) -> None:
        """Raise all faults of the file, if there are any.

        Raises:
            StackFileError: With every fault.
        """
        raise_faults(self.faults)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, and where its faults are reported.

    Attributes:
        faults: Collects what is reported here and below.
        document: The file, or None for data that comes from no file.
        path: The keys and indexes that lead to the value.
    """

    faults: list[Fault]
    document: Document | None = None
    path: Path = ()

    def at(self, *keys: Scalar) -> Place:
        """Return the place of a value further down."""
        return Place(self.faults, self.document, (*self.path, *keys))

    def report(self, message: str, hint: str = "", *, key: bool = False) -> None:
        """Report a fault of this value, or of its key."""
        if self.document is None:
            self.faults.append(Fault(message=message, hint=hint))
        else:
            self.faults.append(self.document.fault(self.path, message, hint, key=key))

    def expected(self, what: str, value: Any, hint: str = "") -> None:
        """Report that something else was expected here than the value that was found."""
        self.report(f"{self}: expected {what}, found {self.found(value)}", hint or self._quoting(what, value))

    def unknown(self, known: Iterable[str], hint: str = "") -> None:
        """Report that this value has a key that nobody knows; `known` are the keys that may stand here."""
        names = sorted(known)
        key = self.path[-1]
        close = nearest(key, names) if isinstance(key, str) else ""
        allowed = ", ".join(names) or "no keys at all"
        self.report(
            f"{Place([], None, self.path[:-1])}: unknown key {key!a}; known: {allowed}", hint or close, key=True
        )

    def found(self, value: Any) -> str:
        """Return a few words about a value, as it is written in the file: values of variables are not shown."""
        if self.document is None:
            return describe(value)
        word = self.document.marks.words.get(self.document.marks.written(self.path))
        raw = self.document.value(self.path, _ABSENT)
        return (
            f"{_kind(value)} {word}".strip()
            if word and value is not None
            else describe(value if raw is _ABSENT else raw)
        )

    def _quoting(self, what: str, value: Any) -> str:
        if "text" not in what or not isinstance(value, (int, float)) or self.document is None:
            return ""
        word = self.document.marks.words.get(self.document.marks.written(self.path), value)
        return f'put it in quotes: "{word}"'

    def __str__(self) -> str:
        text = ""
        for key in self.path:
            text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
        return text or "the file"


def describe(value: Any) -> str:
    """Return a few words about a value, for the 'found' part of a message."""
    if isinstance(value, str):
        return f"the text {value if len(value) <= 60 else value[:57] + '…'!a}"
    if isinstance(value, (bool, int, float)):
        return f"{_kind(value)} {str(value).lower()}".strip()
    return _kind(value)


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return ""
    if isinstance(value, (int, float)):
        return "the number"
    return "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else type(value).__name__


def raise_faults(faults: Sequence[Fault], *, hint: str = "", cause: BaseException | None = None) -> None:
    """Raise all faults as one error, in the order of the file; do nothing when there are none.

    Raises:
        StackFileError: With every fault.
    """
    if faults:
        ordered = sorted(faults, key=lambda fault: (fault.file, fault.line, fault.column))
        raise StackFileError(ordered, hint=hint) from cause
