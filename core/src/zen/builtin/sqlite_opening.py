"""How a SQLite file is made and opened, so that it is safe among processes and power cuts."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from zen.builtin.disk import replace, sync_path
from zen.builtin.sqlite_faults import damaged
from zen.errors import StorageError

_PRAGMAS = (
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA synchronous = FULL",
)


def connect(path: Path, timeout: float) -> sqlite3.Connection:
    """Return a connection to a database that exists.

    Raises:
        StoreDamaged: When the file is empty, or its log was taken from it.
        StorageError: When SQLite keeps no log for it.
        sqlite3.Error: Whatever SQLite says.
    """
    if os.path.exists(path) and not longer(path, 1):
        # SQLite would take it for a new database and delete the log beside it.
        raise damaged(path, "the file is empty")
    if os.path.exists(f"{path}-shm") and _log_is_missing(path):
        # Opened, it would be as it was some time ago, and nobody would know.
        raise damaged(path, f"its log {path}-wal is gone, and with it what was recorded last")
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StorageError(f"SQLite keeps no write-ahead log for {path}, only {mode}", path=path)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def create(path: Path) -> None:
    """Put an empty database in its place, in one step: a file of no bytes is never ours. The caller holds the lock.

    Raises:
        StoreDamaged: When the log of another database is there.
        OSError: Whatever the disk says.
    """
    log = f"{path}-wal"
    if os.path.exists(log):
        # SQLite would replay it into the new database.
        raise damaged(path, f"the file is gone, but its log {log} is there")
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(draft)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
    replace(draft, path)
    sync_path(path.parent.parent)  # the folder may be as new as the file, made by whoever keeps its state


def _log_is_missing(path: Path) -> bool:
    """Whether a database was in use when its process died, and its log is gone.

    SQLite makes the log before the index of it, and removes the log last; so there is no index alone. While others
    open and close the database it may look so for an instant, so that one look is not enough.
    """
    for pause in (0, *[0.005] * 20):
        time.sleep(pause)
        if not os.path.exists(f"{path}-shm") or os.path.exists(f"{path}-wal"):
            return False
    return True


def longer(file: Path | str, size: int) -> bool:
    """Whether a file is there and has that many bytes at least."""
    try:
        return os.stat(file).st_size >= size
    except OSError:
        return False
