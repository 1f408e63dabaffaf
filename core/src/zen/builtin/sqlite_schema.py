"""Migrations of a SQLite database: forward only, each in one transaction that is checked before it commits.

A migration that fails leaves those before it. An older zen does not even read a newer database: what a row means may
have changed with the schema, and the first thing that every command does is to write, namely which runs are dead.
"""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from zen.builtin.disk import full, replace
from zen.errors import SchemaTooNew, StorageError, listing
from zen.interfaces import Migration

_VERSIONS = """CREATE TABLE IF NOT EXISTS zen_schema (number INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT"""
_OF_THE_DISK = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT})


def version(connection: sqlite3.Connection) -> int:
    """Return the number of the last migration that the database holds, 0 for none."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'zen_schema'").fetchone():
        return 0
    (number,) = connection.execute("SELECT coalesce(max(number), 0) FROM zen_schema").fetchone()
    return int(number)


def pending(connection: sqlite3.Connection, migrations: Sequence[Migration], path: Path) -> list[Migration]:
    """Return the migrations that the database lacks, in order.

    Raises:
        SchemaTooNew: When it holds a migration that is not among these.
    """
    held = version(connection)
    last = newest(migrations)
    if held > last:
        raise too_new(path, held, last)
    return sorted((item for item in migrations if item.number > held), key=lambda item: item.number)


def newest(migrations: Sequence[Migration]) -> int:
    """Return the highest number of these migrations, 0 for none."""
    return max((migration.number for migration in migrations), default=0)


def too_new(path: Path, held: int, known: int) -> SchemaTooNew:
    """Return the error for a database that a newer zen has migrated."""
    kept = [backup.name for backup in backups(path)]
    older = f"; or use a copy from before, without what was recorded since: {listing(kept)}" if kept else ""
    return SchemaTooNew(
        f"the metadata store {path} has schema {held}, this zen knows schemas up to {known}",
        hint=f"upgrade zen: pip install --upgrade zen-hub{older}",
        path=path,
        held=held,
        known=known,
        backups=tuple(kept),
    )


def apply(connection: sqlite3.Connection, migrations: Sequence[Migration], path: Path, at: dt.datetime) -> Path | None:
    """Back up a database that is not empty, then apply the migrations, each whole or not at all.

    The caller holds the store's lock. Returns the backup.

    Raises:
        StorageError: When a statement fails, or what came out is not consistent; the database is then as the migration
            before that one left it.
    """
    kept = back_up(connection, path) if _tables(connection) else None
    # A table that is rebuilt under its old name would take the rows that refer to it along; checked as a whole below.
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        for migration in migrations:
            # The sync of the last one takes those before it along.
            connection.execute(f"PRAGMA synchronous = {'FULL' if migration is migrations[-1] else 'NORMAL'}")
            _apply(connection, migration, path, at, kept)
    finally:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    return kept


def backups(path: Path) -> list[Path]:
    """Return the copies that migrations have made of a database, in the order of their names."""
    from glob import escape

    return sorted(path.parent.glob(f"{escape(path.name)}.v*.backup"))


def back_up(connection: sqlite3.Connection, path: Path) -> Path:
    """Copy the database to `NAME.vN.backup` beside it, N being the version that it holds, and return that file.

    An earlier copy is never written over: `NAME.vN.2.backup` is next, unless an earlier one is the same.

    Raises:
        StorageError: When there is no space for it.
    """
    stem = f"{path.name}.v{version(connection)}"
    draft = path.with_name(f"{stem}.backup.draft")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        _copy(connection, draft, path)
        backup = _place(draft, stem)
        if not backup.exists():
            replace(draft, backup)
        return backup
    finally:
        draft.unlink(missing_ok=True)


def _place(draft: Path, stem: str) -> Path:
    """Return where a copy belongs: the earlier one that is the same, as after a kill, or a name that is free."""
    from filecmp import cmp

    number = 1
    while True:
        place = draft.with_name(f"{stem}.backup" if number == 1 else f"{stem}.{number}.backup")
        if not place.exists() or cmp(draft, place, shallow=False):
            return place
        number += 1


def _copy(connection: sqlite3.Connection, draft: Path, path: Path) -> None:
    copy = sqlite3.connect(draft)
    try:
        connection.backup(copy)
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise full("copy, before its migration, the metadata store", path, size=path.stat().st_size) from error
        raise
    finally:
        copy.close()


def _apply(
    connection: sqlite3.Connection, migration: Migration, path: Path, at: dt.datetime, backup: Path | None
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_VERSIONS)
        for statement in migration.statements:
            _execute(connection, statement, migration, path, backup)
        connection.execute(
            "INSERT INTO zen_schema (number, applied_at) VALUES (?, ?)",
            (migration.number, at.isoformat(timespec="seconds")),
        )
        _verify(connection, migration, path, backup)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _execute(
    connection: sqlite3.Connection, statement: str, migration: Migration, path: Path, backup: Path | None
) -> None:
    try:
        connection.execute(statement)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_THE_DISK:
            raise
        first = statement.strip().partition("\n")[0]
        raise _failed(migration, f"{first!r} failed: {error}", path, backup) from error


def _verify(connection: sqlite3.Connection, migration: Migration, path: Path, backup: Path | None) -> None:
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise _failed(migration, f"the database is not sound after it: {verdict}", path, backup)
    orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
    if orphan is not None:
        reason = f"after it a row of {orphan[0]} refers to a row of {orphan[2]} that is not there"
        raise _failed(migration, reason, path, backup)


def _failed(migration: Migration, reason: str, path: Path, backup: Path | None) -> StorageError:
    copied = f"; a copy from before is {backup}" if backup else ""
    return StorageError(
        f"the metadata store {path} could not be migrated to schema {migration.number}: {reason}",
        hint=f"nothing of that migration was kept{copied}; use the earlier zen, and report this as a bug",
        path=path,
        backup=backup,
        number=migration.number,
    )


def _tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
