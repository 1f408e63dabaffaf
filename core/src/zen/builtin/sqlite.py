"""The SQLite metadata store: one file, used by several threads and processes of one machine.

Write-ahead log with `synchronous=FULL`. Write transactions, checkpoints and closing stand under one file lock, and
automatic checkpoints are off: so a checkpoint never overlaps a commit, which is the condition of the corruption that
SQLite had in its write-ahead log up to 3.51.2, and processes queue for the lock instead of failing as busy.

Source: https://www.sqlite.org/wal.html#walresetbug, https://www.sqlite.org/howtocorrupt.html
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from zen.builtin import disk, sqlite_opening, sqlite_schema
from zen.builtin.sqlite_faults import busy, damaged, explained, is_duplicate
from zen.builtin.sqlite_opening import longer
from zen.errors import ComponentUnavailable, StorageError, WriteConflict
from zen.interfaces import Change, Host, MetadataStore, Migration, Recovery, Row
from zen.storage.filelock import FileLock

# 1,000 pages of 4 KiB and their headers, as SQLite's own default.
_LONG_LOG = 1000 * (4096 + 24)
# The log keeps its size after a checkpoint and is written over, at half the cost of a commit that makes it longer. So
# its size says nothing then, and we count.
_WRITES_BETWEEN_CHECKPOINTS = 256
_OLDEST = (3, 37)


@dataclass(frozen=True, kw_only=True, slots=True)
class SQLiteConfig:
    """Configuration of the SQLite metadata store.

    Attributes:
        path: The database file, relative to the project root; `metadata.db` in zen's state folder by default.
        busy_timeout: How many seconds to wait for other processes.
        network: Whether the file may lie on a network file system, where the locks and the shared memory that SQLite
            relies on may not work.
    """

    path: Path | None = None
    busy_timeout: float = 30.0
    network: bool = False


class SQLiteStore(MetadataStore):
    """A SQLite database file.

    One connection serves all threads in turn; a write waits for the file lock before it takes the connection, so that
    reads wait for running transactions only. The connection is closed before the process forks and opened again when
    it is needed, in the parent and in the child: SQLite keeps its locks in memory that a child must not inherit.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset({"backup", "recover"})
    path: Path

    def __init__(self, config: SQLiteConfig) -> None:
        """Keep the configuration."""
        super().__init__(config)
        self._guard = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._opened = False
        self._durable = True
        self._writes = _WRITES_BETWEEN_CHECKPOINTS
        self._known = 0

    @property
    def dialect(self) -> Literal["sqlite"]:
        """The SQL dialect."""
        return "sqlite"

    def open(self, host: Host) -> None:
        """Connect to the database, or make an empty one.

        Raises:
            PermissionDenied: When the file or its folder may not be written.
            StoreDamaged: When the file is not a database.
            ComponentUnavailable: When this Python's SQLite is too old, or a new file would be on a network disk.
        """
        super().open(host)
        if sqlite3.sqlite_version_info < _OLDEST:
            raise ComponentUnavailable(
                f"this Python has SQLite {sqlite3.sqlite_version}, the metadata store needs 3.37 or newer",
                hint="use a newer Python build",
            )
        self._find(host)
        self._opened = True
        _stores.add(self)
        try:
            with self._explaining():
                self._create()
                with self._guard:
                    self._connected()
        except BaseException:
            self._opened = False
            raise

    def _find(self, host: Host) -> None:
        configured: Path | None = self.config.path
        self.path = host.state / "metadata.db" if configured is None else host.root / Path(configured).expanduser()
        self._log = f"{self.path}-wal"
        self._lock = FileLock(self.path.with_name(f"{self.path.name}.lock"))

    def check(self) -> None:
        """Look for a network file system, and for damage.

        Raises:
            ComponentUnavailable: When the file lies where SQLite's locks and shared memory do not work.
            StoreDamaged: When its structure is not sound.
        """
        self._refuse_network()
        ((verdict,),) = self.read("PRAGMA quick_check(1)")
        if verdict != "ok":
            raise damaged(self.path, verdict)

    def close(self) -> None:
        """Close the connection. The last one of all processes moves the log into the database and removes it."""
        if not self._opened:
            return
        # Without the lock in time it is closed all the same: SQLite leaves the log alone while others have it open.
        locked = False
        with contextlib.suppress(OSError):
            locked = self._lock.acquire(self.config.busy_timeout)
        try:
            with self._guard:
                self._opened = False
                self._disconnect()
        finally:
            if locked:
                self._lock.release()

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query; see the interface."""
        try:
            with self._guard:
                return self._connected().execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def write(self, batch: Sequence[Change], *, durable: bool = True) -> None:
        """Apply all changes or none; see the interface.

        Raises:
            WriteConflict: Also when a change adds a row under a key that exists.
            StorageError: When the disk is full or fails, or SQLite refuses a statement; nothing was written then.
            SchemaTooNew: When a newer zen has migrated the database since.
        """
        if not batch:
            return
        with self._explaining(), self._alone() as connection:
            if durable is not self._durable:
                connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            self._transact(connection, batch)
            self._writes += 1
            if self._writes >= _WRITES_BETWEEN_CHECKPOINTS:
                self._shorten(connection)

    def migrate(self, migrations: Sequence[Migration]) -> None:
        """Bring the schema up to the last migration; a database with tables is copied to `NAME.vN.backup` before.

        Raises:
            SchemaTooNew: When a newer zen migrated it.
            StorageError: When a migration fails; the database is then as the one before left it.
        """
        with self._explaining():
            with self._guard:
                missing = sqlite_schema.pending(self._connected(), migrations, self.path)
            self._known = sqlite_schema.newest(migrations)
            if missing:
                self._migrate(migrations)

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        with self._alone() as connection:
            # Looked at again: somebody else may have had the lock before.
            missing = sqlite_schema.pending(connection, migrations, self.path)
            if not missing:
                return
            self._durable = True
            backup = sqlite_schema.apply(connection, missing, self.path, self.now())
        if backup is not None:
            self.host.log.warning(
                "the metadata store %s was brought from schema %d to %d; a copy from before is %s",
                self.path,
                missing[0].number - 1,
                missing[-1].number,
                backup,
            )

    def recover(
        self, host: Host, target: Path, migrations: Sequence[Migration], mending: Sequence[Change] = ()
    ) -> Recovery:
        """Save what can be read of the file, and of its log, page by page; see the interface."""
        from zen.builtin import sqlite_recovery

        self._find(host)
        if not self.path.exists():
            raise StorageError(f"there is no metadata store {self.path} to recover", path=self.path)
        try:
            locked = self._lock.acquire(self.config.busy_timeout)
        except OSError:  # on a disk that can only be read, where nobody writes
            locked = False
        try:
            return sqlite_recovery.recover(self.path, target, migrations, mending, self.now())
        except OSError as error:
            raise disk.refusal(error, f"recover {self.path} to", target) from error
        except sqlite3.Error as error:
            raise explained(error, target, waited=self.config.busy_timeout) from error
        finally:
            if locked:
                self._lock.release()

    def now(self) -> dt.datetime:
        """Return the time of this machine's clock, in UTC."""
        return dt.datetime.now(dt.UTC)

    def _transact(self, connection: sqlite3.Connection, batch: Sequence[Change]) -> None:
        execute = connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            self._current(connection)
            for index, change in enumerate(batch):
                try:
                    touched = execute(change.sql, change.parameters).rowcount
                except sqlite3.IntegrityError as error:
                    raise self._violated(error, batch, index) from error
                if change.expect is not None and touched != change.expect:
                    if touched < 0:  # Python counts for INSERT, UPDATE, DELETE and REPLACE, not for WITH … UPDATE
                        (touched,) = execute("SELECT changes()").fetchone()
                    if touched != change.expect:
                        raise self._conflict(batch, index, f"touched {touched} rows instead of {change.expect}")
            execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                execute("ROLLBACK")
            raise

    def _refuse_network(self) -> None:
        kind = "" if self.config.network else disk.network_file_system(self.path)
        if kind:
            raise ComponentUnavailable(
                f"the metadata store {self.path} is on a network file system ({kind}), where SQLite is not safe",
                hint="configure a path on a local disk; `network: true` allows it at your own risk",
                path=self.path,
            )

    def _current(self, connection: sqlite3.Connection) -> None:
        """Refuse to write what was migrated since this program opened it: it does not know what holds there now."""
        if self._known:
            (held,) = connection.execute("SELECT max(number) FROM zen_schema").fetchone()
            if held > self._known:
                raise sqlite_schema.too_new(self.path, held, self._known)

    def _violated(self, error: sqlite3.IntegrityError, batch: Sequence[Change], index: int) -> StorageError:
        if is_duplicate(error):
            return self._conflict(batch, index, f"adds what is there already ({error})")
        return StorageError(
            f"change {index + 1} of {len(batch)} breaks the schema of the metadata store {self.path}: {error}",
            path=self.path,
            index=index,
        )

    def _conflict(self, batch: Sequence[Change], index: int, what: str) -> WriteConflict:
        statement = " ".join(batch[index].sql.split())
        return WriteConflict(
            f"change {index + 1} of {len(batch)} {what}: {statement[:80]}; nothing of the batch was kept", index=index
        )

    def _shorten(self, connection: sqlite3.Connection) -> None:
        """Move a long log into the database, so that the next writer begins it anew. The caller holds the lock."""
        if not longer(self._log, _LONG_LOG):
            return
        self._writes = 0
        try:
            # Passive: waits for no reader. What one still needs is left for the next time.
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            # The write before it is safe, so it must not look failed.
            self.host.log.warning("the log of the metadata store %s could not be shortened: %s", self.path, error)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        self._take()
        try:
            with self._guard:
                yield self._connected()
        finally:
            self._lock.release()

    def _take(self) -> None:
        try:
            taken = self._lock.acquire(self.config.busy_timeout)
        except OSError as error:
            raise disk.refusal(error, "lock the metadata store", self.path) from error
        if not taken:
            raise busy(self.path, self.config.busy_timeout, holder=self._lock.holder())

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def _explained(self, error: sqlite3.Error) -> Exception:
        return explained(error, self.path, waited=self.config.busy_timeout)

    def _connected(self) -> sqlite3.Connection:
        """Return the connection, made if there is none. The caller holds the guard."""
        if self._connection is None:
            if not self._opened:
                raise StorageError("the metadata store is closed", hint="open it before use")
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite_opening.connect(self.path, self.config.busy_timeout)
        self._durable = True
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _create(self) -> None:
        """Put an empty database in its place, if there is none, in one step: a file of no bytes is never ours."""
        if os.path.exists(self.path):
            return
        self._refuse_network()
        try:
            disk.make_folder(self.path.parent)
        except OSError as error:
            raise disk.refusal(error, "make the folder of the metadata store", self.path) from error
        self._take()
        try:
            if not os.path.exists(self.path):
                sqlite_opening.create(self.path)
        except OSError as error:
            raise disk.refusal(error, "create the metadata store", self.path) from error
        finally:
            self._lock.release()


_stores: weakref.WeakSet[SQLiteStore] = weakref.WeakSet()
_paused: list[SQLiteStore] = []
_forking = threading.RLock()


def _pause() -> None:
    """Before a fork: wait until no thread is inside SQLite, and close what is open."""
    _forking.acquire()
    for store in list(_stores):
        store._guard.acquire()
        _paused.append(store)
        # Without the file lock, for which a thread of this process may be waiting with other locks held. It does no
        # harm: while any other process has the database open, SQLite leaves the log alone.
        store._disconnect()


def _resume() -> None:
    while _paused:
        _paused.pop()._guard.release()
    _forking.release()


def _renew() -> None:
    global _forking
    for store in _paused:
        store._guard = threading.RLock()
    _paused.clear()
    _forking = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_pause, after_in_parent=_resume, after_in_child=_renew)
