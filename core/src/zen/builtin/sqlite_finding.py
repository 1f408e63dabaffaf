"""Which pages of a damaged SQLite file hold the rows of which table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from zen.builtin.sqlite_pages import Pages
from zen.builtin.sqlite_trees import Damage, Stored, Tree, Value, is_leaf, rows

_KINDS: dict[str, tuple[type, ...]] = {"TEXT": (str,), "INTEGER": (int,), "REAL": (float, int), "BLOB": (bytes,)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What a row of a table looks like.

    Attributes:
        columns: The names and types, in order, and whether NULL is allowed.
        least: How many values the shortest row has: those after it were added later, and have a default.
        root: The first page of the table in a database that was never migrated.
        number: The column that is the number of the row itself, and is not stored, if there is one.
    """

    columns: tuple[tuple[str, str, bool], ...]
    least: int
    root: int
    number: int | None = None

    def fits(self, row: Stored) -> bool:
        """Whether a row can be one of this table."""
        return self.least <= len(row.values) <= len(self.columns) and all(map(_may_be, row.values, self.columns))

    def values(self, row: Stored) -> list[Value]:
        """Return the values of a row, with its number where it belongs."""
        values = list(row.values)
        if self.number is not None and self.number < len(values):
            values[self.number] = row.number
        return values


@dataclass(kw_only=True, slots=True)
class Found:
    """Where the rows of one table are.

    Attributes:
        leaves: Pages.
        expected: How many rows there were, where an index tells.
        broken: Whether pages of it are missing.
    """

    leaves: list[int] = field(default_factory=list)
    expected: int | None = None
    broken: bool = False


def find(pages: Pages, shapes: Mapping[str, Shape], notes: list[str]) -> dict[str, Found]:
    """Return where the rows of these tables are; `notes` gets what was noticed on the way."""
    seen: set[int] = set()
    schema = Tree(pages, 1, index=False, seen=seen)
    entries = [row for leaf in schema.leaves for row in rows(pages, leaf)]
    lost_schema = bool(schema.broken) or any(isinstance(row, Damage) for row in entries)
    if lost_schema:
        notes.append("the list of tables is damaged: tables are looked for where zen puts them")
    listed = [row.values for row in entries if isinstance(row, Stored) and _names_a_root(row)]
    roots = {(str(values[0]), str(values[1])): values for values in listed}
    found = {name: _table(pages, shape, roots.get(("table", name)), seen) for name, shape in shapes.items()}
    _count(pages, found, roots, seen)
    _adopt(pages, shapes, found, seen, notes)
    return found


def _may_be(value: Value, column: tuple[str, str, bool]) -> bool:
    _, kind, nullable = column
    return nullable if value is None else isinstance(value, _KINDS.get(kind, (object,)))


def _names_a_root(row: Stored) -> bool:
    return len(row.values) == 5 and isinstance(row.values[3], int) and row.values[3] > 0


def _table(pages: Pages, shape: Shape, listed: tuple[Value, ...] | None, seen: set[int]) -> Found:
    if listed is not None and isinstance(listed[3], int):
        tree = Tree(pages, listed[3], index=False, seen=seen)
        return Found(leaves=tree.leaves, broken=tree.broken > 0)
    # Not in the list, which is damaged then, or it is of an earlier schema: there is only one place to look at.
    trial = set(seen)
    tree = Tree(pages, shape.root, index=False, seen=trial)
    if tree.broken or not all(_fits(pages, leaf, shape) for leaf in tree.leaves):
        return Found(broken=True)
    seen |= trial
    return Found(leaves=tree.leaves)


def _fits(pages: Pages, leaf: int, shape: Shape) -> bool:
    found = list(rows(pages, leaf))
    return all(isinstance(row, Stored) and shape.fits(row) for row in found)


def _count(
    pages: Pages, found: Mapping[str, Found], roots: Mapping[tuple[str, str], tuple[Value, ...]], seen: set[int]
) -> None:
    """Count the entries of the indexes: each has one for every row of its table."""
    for (kind, _), (_, _, table, root, sql) in roots.items():
        if kind != "index" or not isinstance(root, int):
            continue
        tree = Tree(pages, root, index=True, seen=seen)
        whole = not re.search(r"\bWHERE\b", str(sql or ""), re.IGNORECASE)
        if whole and not tree.broken and str(table) in found:
            found[str(table)].expected = max(found[str(table)].expected or 0, tree.entries)


def _adopt(
    pages: Pages, shapes: Mapping[str, Shape], found: Mapping[str, Found], seen: set[int], notes: list[str]
) -> None:
    """Give pages that no tree leads to any more to the one table that they can belong to."""
    broken = [name for name, each in found.items() if each.broken]
    free = pages.free() if broken else set()
    unplaced = 0
    for number in _strays(pages, seen | free) if broken else ():
        able = [name for name in broken if _fits(pages, number, shapes[name])]
        if len(able) == 1:
            found[able[0]].leaves.append(number)
        elif able:
            unplaced += sum(isinstance(row, Stored) for row in rows(pages, number))
    if unplaced:
        notes.append(f"{unplaced} rows could belong to several tables, and were not taken")


def _strays(pages: Pages, known: set[int]) -> Iterator[int]:
    for number in range(1, len(pages) + 1):
        if number not in known and is_leaf(pages, number) and any(rows(pages, number)):
            yield number
