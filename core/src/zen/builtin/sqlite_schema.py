"""Migrations of a SQLite database: forward only, all that are pending in one transaction, checked before it commits."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from zen.builtin.disk import replace
from zen.errors import SchemaTooNew, StorageError
from zen.interfaces import Migration

_VERSIONS = """CREATE TABLE IF NOT EXISTS zen_schema (number INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT"""


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
    last = max((migration.number for migration in migrations), default=0)
    if held > last:
        raise SchemaTooNew(
            f"the metadata store {path} has schema {held}, this zen knows schemas up to {last}",
            hint="upgrade zen: pip install --upgrade zen-hub",
            path=path,
            held=held,
            known=last,
        )
    return sorted((item for item in migrations if item.number > held), key=lambda item: item.number)


def apply(connection: sqlite3.Connection, migrations: Sequence[Migration], path: Path, at: dt.datetime) -> None:
    """Back up a database that is not empty, then apply the migrations, all or none. The caller holds the store's lock.

    Raises:
        StorageError: When a statement fails, or what came out is not consistent; the database is as it was then.
    """
    kept = back_up(connection, path) if _tables(connection) else None
    # A table that is rebuilt under its old name would take the rows that refer to it along; checked as a whole below.
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(_VERSIONS)
            for migration in migrations:
                _apply(connection, migration, path, at, kept)
            _verify(connection, path, kept)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def back_up(connection: sqlite3.Connection, path: Path) -> Path:
    """Copy the database to `NAME.vN.backup` beside it, N being the version that it holds, and return that file."""
    backup = path.with_name(f"{path.name}.v{version(connection)}.backup")
    draft = path.with_name(f"{backup.name}.draft")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    copy = sqlite3.connect(draft)
    try:
        connection.backup(copy)
    finally:
        copy.close()
    replace(draft, backup)
    return backup


def _apply(
    connection: sqlite3.Connection, migration: Migration, path: Path, at: dt.datetime, backup: Path | None
) -> None:
    for statement in migration.statements:
        try:
            connection.execute(statement)
        except sqlite3.Error as error:
            first = statement.strip().partition("\n")[0]
            raise _failed(f"migration {migration.number} failed at {first!r}: {error}", path, backup) from error
    connection.execute(
        "INSERT INTO zen_schema (number, applied_at) VALUES (?, ?)",
        (migration.number, at.isoformat(timespec="seconds")),
    )


def _verify(connection: sqlite3.Connection, path: Path, backup: Path | None) -> None:
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise _failed(f"the database is not sound after the migration: {verdict}", path, backup)
    orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
    if orphan is not None:
        raise _failed(
            f"after the migration a row of {orphan[0]} refers to a row of {orphan[2]} that is not there", path, backup
        )


def _failed(reason: str, path: Path, backup: Path | None) -> StorageError:
    return StorageError(
        f"the metadata store {path} could not be migrated: {reason}",
        hint="it is as it was before"
        + (f"; a copy is in {backup}" if backup else "")
        + "; report this as a bug of zen",
        path=path,
        backup=backup,
    )


def _tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
