"""What SQLite's errors mean to the person who reads them."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from zen.builtin import sqlite_schema
from zen.builtin.disk import full, refusal
from zen.errors import PermissionDenied, StorageError, StoreBusy, StoreDamaged, ZenError, listing

# sqlite3 exports them by these names from Python 3.11 on.
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REFUSED = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})
_NO_SPACE = 64 * 1024
_UNIQUE = frozenset(
    {sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_ROWID}
)


def explained(error: sqlite3.Error, path: Path, *, waited: float) -> ZenError:
    """Return what to raise for an error of SQLite on the database at a path.

    Args:
        error: What SQLite said.
        path: The database file.
        waited: For how many seconds SQLite waits for others.
    """
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return busy(path, waited, holder=None)
    if code in _DAMAGED:
        return damaged(path, str(error))
    if code == sqlite3.SQLITE_CANTOPEN and not path.exists():
        return damaged(path, "the file is gone")
    if code == sqlite3.SQLITE_FULL:
        return full("write to the metadata store", path)
    if code == sqlite3.SQLITE_IOERR:
        return _failing_disk(error, path)
    if code in _REFUSED or (code == sqlite3.SQLITE_CANTOPEN and not _usable(path)):
        return PermissionDenied(
            f"may not write to the metadata store {path}: {error}",
            hint="give this user the right to write the file and its folder, or configure another path",
            path=path,
        )
    if code == sqlite3.SQLITE_CANTOPEN and (reason := _reason(path)):
        return refusal(reason, "open the metadata store", path)
    return StorageError(f"SQLite refused on the metadata store {path}: {error}", path=path)


def _failing_disk(error: sqlite3.Error, path: Path) -> StorageError:
    """Return the error for a disk that failed; without space for its shared memory SQLite says just that."""
    from shutil import disk_usage

    if disk_usage(path.parent).free < _NO_SPACE:
        return full("use the metadata store", path)
    name = getattr(error, "sqlite_errorname", "")
    return StorageError(
        f"the disk failed under the metadata store {path}: {error} ({name})",
        hint="nothing of that was kept; look at the disk and its limits, then run `zen doctor`",
        path=path,
    )


def _reason(path: Path) -> OSError | None:
    """Return why a file that is there cannot be opened: SQLite does not tell. It needs four descriptors at a time."""
    opened: list[int] = []
    try:
        for place in (path, path, path, path.parent):
            opened.append(os.open(place, os.O_RDONLY))  # noqa: PERF401  # what is open when one fails is closed
    except OSError as error:
        return error
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return None


def is_duplicate(error: sqlite3.Error) -> bool:
    """Whether the error is a second row under a key that exists."""
    return getattr(error, "sqlite_errorcode", 0) in _UNIQUE


def busy(path: Path, waited: float, *, holder: int | None) -> StoreBusy:
    """Return the error for a store that another process keeps to itself."""
    who = "another process" if holder is None else f"process {holder}"
    return StoreBusy(
        f"the metadata store {path} is busy: {who} has held it for {waited:g} s",
        hint="wait for that process, or end it",
        path=path,
        holder=holder,
    )


def damaged(path: Path, reason: str) -> StoreDamaged:
    """Return the error for a file that is no database any more, with the backups that there are."""
    backups = [backup.name for backup in sqlite_schema.backups(path)]
    older = f"; {listing(backups)} beside it is from before a migration" if backups else ""
    return StoreDamaged(
        f"the metadata store {path} is damaged: {reason}",
        hint=f"`zen doctor --recover FILE` saves what can be read into a new file; zen does not touch this one{older}",
        path=path,
        reason=reason,
        backups=tuple(backups),
    )


def _usable(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)
