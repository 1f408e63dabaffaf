"""Save what can be read of a damaged database into a new one; the damaged one is only read."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path

from zen.builtin import sqlite_schema
from zen.builtin.disk import replace
from zen.builtin.sqlite_finding import Found, Shape, find
from zen.builtin.sqlite_pages import Pages
from zen.builtin.sqlite_trees import Damage, Stored, Tree, rows
from zen.errors import UsageError
from zen.interfaces import Change, Migration, RecoveredTable, Recovery

_SCHEMA = "zen_schema"


def recover(
    path: Path, target: Path, migrations: Sequence[Migration], mending: Sequence[Change], at: dt.datetime
) -> Recovery:
    """Write what can be read of the database at `path`, and of its log, to the new file `target`.

    Raises:
        UsageError: When `target` is there already.
        SchemaTooNew: When a newer zen wrote it.
        StorageError: When there is nothing to read, or SQLite refuses to make the new file.
    """
    if target.exists() or target.is_symlink():
        raise UsageError(f"{target} is there already", hint="name a file that is not there yet", path=target)
    draft = target.with_name(f"{target.name}.draft")
    draft.unlink(missing_ok=True)
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with Pages(path) as pages, closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            recovery = _recovered(pages, connection, migrations, mending, at)
        replace(draft, target)
    finally:
        for leftover in (draft, *(draft.with_name(f"{draft.name}-{end}") for end in ("wal", "shm"))):
            with suppress(OSError):
                leftover.unlink()
    return recovery


def _recovered(
    pages: Pages,
    connection: sqlite3.Connection,
    migrations: Sequence[Migration],
    mending: Sequence[Change],
    at: dt.datetime,
) -> Recovery:
    notes: list[str] = []
    number = _version(pages, migrations, notes)
    sqlite_schema.apply(connection, [each for each in migrations if each.number <= number], pages.path, at)
    connection.execute("PRAGMA foreign_keys = OFF")
    shapes = _shapes(connection)
    found = find(pages, shapes, notes)
    connection.execute("BEGIN IMMEDIATE")
    # They judge changes to what is recorded, and rows of an earlier schema may be older than the rule.
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f'DROP TRIGGER "{name}"')
    filled = {name: _fill(connection, name, shapes[name], pages, each) for name, each in found.items()}
    orphans = _drop_orphans(connection, mending)
    for _, sql in triggers:
        connection.execute(sql)
    connection.execute("COMMIT")
    tables = [_told(name, each, *filled[name], orphans[name]) for name, each in found.items()]
    return Recovery(schema=number, tables=tuple(tables), notes=tuple(dict.fromkeys([*pages.problems, *notes])))


def _version(pages: Pages, migrations: Sequence[Migration], notes: list[str]) -> int:
    newest = sqlite_schema.newest(migrations)
    seen: set[int] = set()
    for entry in (row for leaf in Tree(pages, 1, index=False, seen=seen).leaves for row in rows(pages, leaf)):
        if isinstance(entry, Stored) and entry.values[:2] == ("table", _SCHEMA) and isinstance(entry.values[3], int):
            leaves = Tree(pages, entry.values[3], index=False, seen=seen).leaves
            held = [row.number for leaf in leaves for row in rows(pages, leaf) if isinstance(row, Stored)]
            if held and max(held) > newest:
                raise sqlite_schema.too_new(pages.path, max(held), newest)
            if held:
                return max(held)
    notes.append(f"which schema it has cannot be read; it is taken for {newest}")
    return newest


def _shapes(connection: sqlite3.Connection) -> dict[str, Shape]:
    tables = connection.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'").fetchall()
    return {name: _shape(connection, name, root) for name, root in tables if name != _SCHEMA}


def _shape(connection: sqlite3.Connection, name: str, root: int) -> Shape:
    listed = connection.execute(f'PRAGMA table_info("{name}")').fetchall()
    needed = [index for index, _, _, required, default, key in listed if (required and default is None) or key]
    keys = [index for index, _, kind, _, _, key in listed if key and kind == "INTEGER"]
    number = keys[0] if len(keys) == sum(bool(each[5]) for each in listed) == 1 else None
    return Shape(
        columns=tuple((column, kind, not required) for _, column, kind, required, _, _ in listed),
        least=max(needed, default=0) + 1,
        root=root,
        number=number,
    )


def _fill(connection: sqlite3.Connection, name: str, shape: Shape, pages: Pages, found: Found) -> tuple[int, int]:
    """Add the rows of a table; return how many, and how many could not be read or were refused."""
    added = refused = 0
    empty = False
    for row in _read(pages, found.leaves):
        if isinstance(row, Damage) or not shape.fits(row):
            refused += 1
            continue
        if not empty:
            connection.execute(f'DELETE FROM "{name}"')  # what a migration put in
            empty = True
        columns = ", ".join(column for column, _, _ in shape.columns[: len(row.values)])
        places = ", ".join("?" * len(row.values))
        try:
            connection.execute(f'INSERT INTO "{name}" ({columns}) VALUES ({places})', shape.values(row))
            added += 1
        except sqlite3.IntegrityError:
            refused += 1
    return added, refused


def _read(pages: Pages, leaves: Iterable[int]) -> Iterable[Stored | Damage]:
    for leaf in leaves:
        yield from rows(pages, leaf)


def _drop_orphans(connection: sqlite3.Connection, mending: Sequence[Change]) -> Counter[str]:
    """Delete rows that refer to rows that are lost, where they cannot be mended; return how many of each table."""
    dropped: Counter[str] = Counter()
    _mend(connection, mending)
    while orphans := {(table, number) for table, number, *_ in connection.execute("PRAGMA foreign_key_check")}:
        for table, number in orphans:
            connection.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (number,))
            dropped[table] += 1
        _mend(connection, mending)
    return dropped


def _mend(connection: sqlite3.Connection, mending: Sequence[Change]) -> None:
    for change in mending:
        connection.execute(change.sql, change.parameters)


def _told(name: str, found: Found, added: int, refused: int, orphans: int) -> RecoveredTable:
    if found.expected is not None:
        lost: int | None = max(found.expected - added, 0)
    else:
        lost = None if found.broken else refused
    return RecoveredTable(name=name, saved=added - orphans, lost=lost, orphans=orphans)
