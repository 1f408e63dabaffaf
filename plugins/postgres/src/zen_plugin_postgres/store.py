"""The PostgreSQL metadata store: one database for all machines of a team.

Every batch is one serializable transaction in one round trip: its statements, the counts that they must touch, and the
commit are sent together, and the database itself fails the transaction where a count is another one. A transaction that
got in another one's way is tried again. Each durable batch leaves a number of its own: when the connection is lost
between the commit and its answer, the number says whether it was kept.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import psycopg
from psycopg import Connection, conninfo, errors, sql
from psycopg_pool import ConnectionPool, PoolTimeout

from zen.errors import ComponentUnavailable, StorageError
from zen.interfaces import Change, Host, MetadataStore, Migration, Row
from zen_plugin_postgres import faults
from zen_plugin_postgres.config import PostgresConfig
from zen_plugin_postgres.statements import EXPECT, statement, translated

_LOCK = 0x7A656E  # "zen": the advisory lock of migrations
_KEPT = "1 day"  # how long the numbers of batches are kept: far longer than anybody waits for an answer
_BEGIN = "BEGIN ISOLATION LEVEL SERIALIZABLE"
_TABLES = (
    "CREATE TABLE IF NOT EXISTS zen_schema (number BIGINT PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())",
    "CREATE TABLE IF NOT EXISTS zen_batch (id TEXT PRIMARY KEY, at TIMESTAMPTZ NOT NULL DEFAULT now())",
    EXPECT,
)
_NUMBER = "INSERT INTO zen_batch (id) VALUES (%s)"


class _Refused(Exception):
    """A batch that was not kept, as far as is known, with the place of the statement that failed."""

    def __init__(self, error: psycopg.Error, index: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.index = index


class PostgresStore(MetadataStore):
    """A PostgreSQL database, 12 or newer. Its clock is that of all machines."""

    reach: ClassVar[Literal["process", "host", "network"]] = "network"
    config: PostgresConfig
    where: str
    """The database, without a password, as messages name it."""

    def __init__(self, config: PostgresConfig) -> None:
        """Keep the configuration."""
        super().__init__(config)
        self._guard = threading.Lock()
        self._pools: dict[int, ConnectionPool[Connection[Any]]] = {}
        self._opened = False

    @property
    def dialect(self) -> Literal["postgresql"]:
        """The SQL dialect."""
        return "postgresql"

    def open(self, host: Host) -> None:
        """Connect to the database.

        Raises:
            ComponentUnavailable: When it cannot be reached.
            PermissionDenied: When it refuses the user.
        """
        super().open(host)
        try:
            given: dict[str, Any] = conninfo.conninfo_to_dict(host.secrets.reveal(self.config.url))
        except psycopg.ProgrammingError:  # its message may hold the password
            raise ComponentUnavailable(
                "the url of the metadata store cannot be read", hint="write postgresql://USER@HOST/DATABASE"
            ) from None
        given = {"application_name": "zen", "connect_timeout": self._seconds(), **given}
        self._address = conninfo.make_conninfo(**given)
        self.where = _shown(given)
        self._opened = True
        try:
            with self._connection() as connection:
                connection.execute("SELECT 1")
        except BaseException:
            self.close()
            raise

    def check(self) -> None:
        """Ask for the time and the rights to write.

        Raises:
            ComponentUnavailable: When the database cannot be reached, or is a standby that takes no writes.
            PermissionDenied: When the user may not write.
        """
        ((readonly, may),) = self.read(
            "SELECT pg_is_in_recovery(), has_schema_privilege(current_schema(), 'CREATE')",
        )
        if readonly:
            raise ComponentUnavailable(f"the metadata store {self.where} is a standby: it takes no writes")
        if not may:
            from zen.errors import PermissionDenied

            raise PermissionDenied(
                f"the user of the metadata store {self.where} may not make tables in {self.config.namespace!r}",
                hint=f"GRANT CREATE, USAGE ON SCHEMA {self.config.namespace} TO …",
            )

    def close(self) -> None:
        """Close the connections of this process."""
        with self._guard:
            self._opened = False
            pool = self._pools.pop(os.getpid(), None)
        if pool is not None:
            pool.close()

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query; see the interface."""
        if any(isinstance(value, str) and "\0" in value for value in parameters):
            return []  # PostgreSQL keeps no such text, so nothing answers to it
        for last in (False, True):
            try:
                with self._connection() as connection:
                    return connection.execute(translated(sql).encode(), parameters).fetchall()
            except psycopg.Error as error:
                if last or not faults.is_lost(error):
                    raise self._explained(error) from error
        raise AssertionError("unreachable")

    def write(self, batch: Sequence[Change], *, durable: bool = True) -> None:
        """Apply all changes or none; see the interface.

        Raises:
            WriteConflict: Also when a change adds a row under a key that exists.
            StoreBusy: When other transactions got in its way for `busy_timeout` seconds.
            ComponentUnavailable: When the connection was lost and did not come back; nobody knows then what became of
                the batch, and resuming the run finds out.
            StorageError: When the database refuses a statement; nothing was written then.
        """
        if not batch:
            return
        number, deadline, pause = uuid.uuid4().hex, time.monotonic() + self.config.busy_timeout, 0.005
        unknown = False
        while True:
            try:
                with self._connection() as connection:
                    self._transact(connection, batch, number, durable=durable)
                return
            except _Refused as refused:
                error, index = refused.error, refused.index
                if unknown and index == len(batch) and isinstance(error, errors.UniqueViolation):
                    return  # it was kept, and only the answer was lost
                unknown = unknown or faults.is_lost(error)
                if not (isinstance(error, faults.AGAIN) or faults.is_lost(error)) or time.monotonic() > deadline:
                    conflict = faults.conflict(error, [change.sql for change in batch], index)
                    raise conflict or self._explained(error) from error
            # Those that meet once would meet again: each waits for another while.
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # no secret
            pause = min(pause * 2, 0.5)

    def migrate(self, migrations: Sequence[Migration]) -> None:
        """Bring the schema up to the last migration, each in a transaction of its own, under an advisory lock.

        Raises:
            SchemaTooNew: When a newer zen migrated it.
            StorageError: When a migration fails; the database is as it was before that one.
        """
        known = max((migration.number for migration in migrations), default=0)
        try:
            with self._connection() as connection:
                if self._version(connection) == known:
                    return
                with connection.transaction():
                    self._lock(connection)
                    for table in _TABLES:
                        connection.execute(table.encode())
                    connection.execute(f"DELETE FROM zen_batch WHERE at < now() - interval '{_KEPT}'".encode())
                for migration in sorted(migrations, key=lambda each: each.number):
                    self._apply(connection, migration)
                if (held := self._version(connection)) > known:
                    raise faults.too_new(self.where, held, known)
        except psycopg.Error as error:
            raise self._explained(error) from error

    def now(self) -> dt.datetime:
        """Return the time of the database's clock."""
        ((found,),) = self.read("SELECT clock_timestamp()")
        return found  # type: ignore[no-any-return]  # a timestamp with time zone

    # Inside

    def _transact(self, connection: Connection[Any], batch: Sequence[Change], number: str, *, durable: bool) -> None:
        done: list[psycopg.Cursor[Any]] = []
        try:
            with connection.pipeline():
                connection.execute(_BEGIN)
                if not durable:
                    connection.execute("SET LOCAL synchronous_commit = off")
                for index, change in enumerate(batch):
                    text, parameters = statement(change, index)
                    done.append(connection.execute(text.encode(), parameters))
                done.append(connection.execute(_NUMBER, (number,)))
                connection.execute("COMMIT")
        except psycopg.Error as error:
            if not connection.closed:
                connection.rollback()
            # Answers come in order: the first one that is missing is the statement's that failed.
            raise _Refused(error, sum(each.pgresult is not None for each in done)) from error

    def _apply(self, connection: Connection[Any], migration: Migration) -> None:
        with connection.transaction():
            self._lock(connection)
            done = connection.execute("SELECT 1 FROM zen_schema WHERE number = %s", (migration.number,)).fetchone()
            if done is not None:
                return
            for text in migration.statements:
                try:
                    connection.execute(text.encode())
                except psycopg.Error as error:
                    first = text.strip().partition("\n")[0]
                    raise StorageError(
                        f"the metadata store {self.where} could not be migrated: migration {migration.number} failed at"
                        f" {first[:80]!r}: {error.diag.message_primary or error}",
                        hint="it is as it was before that migration; report this as a bug of zen",
                    ) from error
            connection.execute("INSERT INTO zen_schema (number) VALUES (%s)", (migration.number,))

    def _lock(self, connection: Connection[Any]) -> None:
        connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, self.config.namespace))

    @staticmethod
    def _version(connection: Connection[Any]) -> int:
        if connection.execute("SELECT to_regclass('zen_schema')").fetchone() == (None,):
            return 0
        row = connection.execute("SELECT COALESCE(MAX(number), 0) FROM zen_schema").fetchone()
        return int(row[0]) if row else 0

    def _explained(self, error: psycopg.Error) -> Exception:
        return faults.explained(error, self.where, waited=self.config.busy_timeout)

    @contextmanager
    def _connection(self) -> Iterator[Connection[Any]]:
        try:
            with self._pool().connection() as connection:
                yield connection
        except PoolTimeout as error:
            raise ComponentUnavailable(
                f"the metadata store {self.where} gave no connection within {self.config.connect_timeout:g} s",
                hint="see that the server runs, the url, and how many connections it allows",
            ) from error

    def _pool(self) -> ConnectionPool[Connection[Any]]:
        """Return the connections of this process: those of the process that forked it are not touched."""
        with self._guard:
            if not self._opened:
                raise StorageError("the metadata store is closed", hint="open it before use")
            process = os.getpid()
            if process not in self._pools:
                self._pools[process] = self._connected()
            return self._pools[process]

    def _connected(self) -> ConnectionPool[Connection[Any]]:
        # One connection by hand: the pool tells no reason when there is none.
        try:
            with psycopg.connect(self._address) as probe:
                self._make_namespace(probe)
        except psycopg.Error as error:
            raise self._explained(error) from error
        return ConnectionPool(
            self._address,
            kwargs={"autocommit": True},
            min_size=1,
            max_size=self.config.pool_size,
            timeout=self.config.connect_timeout,
            configure=self._configure,
            check=ConnectionPool.check_connection if self.config.pool_size > 1 else None,
            open=True,
        )

    def _make_namespace(self, connection: Connection[Any]) -> None:
        known = "SELECT 1 FROM pg_namespace WHERE nspname = %s"
        if connection.execute(known, (self.config.namespace,)).fetchone() is None:
            name = sql.Identifier(self.config.namespace)
            try:
                connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
            except errors.UniqueViolation:  # another process made it in this moment
                connection.rollback()

    def _configure(self, connection: Connection[Any]) -> None:
        name = sql.Identifier(self.config.namespace)
        connection.execute(sql.SQL("SET search_path TO {}").format(name))
        connection.execute(
            "SELECT set_config('lock_timeout', %s, false)", (f"{int(self.config.busy_timeout * 1000)}ms",)
        )

    def _seconds(self) -> int:
        return max(2, round(self.config.connect_timeout))  # libpq takes whole seconds, and 1 for 2


def _shown(information: dict[str, Any]) -> str:
    host, port = information.get("host", "localhost"), information.get("port", "5432")
    return f"postgresql://{host}:{port}/{information.get('dbname', '')}"
