"""A metadata store that is a SQLite file in the host's state folder, in the fewest lines that keep its promises."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from zen.errors import ComponentError, SchemaTooNew, StoreBusy, WriteConflict
from zen.interfaces import Change, Host, MetadataStore, Migration, Row


class TemporaryMetadataStore(MetadataStore):
    """A SQLite file, opened anew for each call: slow, and safe for any number of threads and processes."""

    path: Path

    def open(self, host: Host) -> None:
        """Remember where the file is."""
        super().open(host)
        self.path = host.state / "testing.db"

    @property
    def dialect(self) -> Literal["sqlite"]:
        """The SQL dialect."""
        return "sqlite"

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query."""
        with self._connection() as connection:
            return connection.execute(sql, parameters).fetchall()

    def write(self, batch: Sequence[Change], *, durable: bool = True) -> None:
        """Apply all changes or none."""
        with self._transaction() as connection:
            for index, change in enumerate(batch):
                self._apply(connection, change, index)

    def migrate(self, migrations: Sequence[Migration]) -> None:
        """Apply the migrations that are missing, all or none."""
        with self._transaction() as connection:
            (held,) = connection.execute("PRAGMA user_version").fetchone()
            last = max((each.number for each in migrations), default=0)
            if held > last:
                raise SchemaTooNew(f"the store has schema {held}, newer than {last}", held=held, known=last)
            for migration in sorted(migrations, key=lambda each: each.number):
                for statement in migration.statements if migration.number > held else ():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {last}")

    def now(self) -> dt.datetime:
        """Return the time of this machine."""
        return dt.datetime.now(dt.UTC)

    def _apply(self, connection: sqlite3.Connection, change: Change, index: int) -> None:
        try:
            touched = connection.execute(change.sql, change.parameters).rowcount
        except sqlite3.IntegrityError as error:
            raise WriteConflict(f"change {index} breaks the schema: {error}", index=index) from error
        if change.expect is not None and touched != change.expect:
            raise WriteConflict(f"change {index} touched {touched} rows instead of {change.expect}", index=index)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=30)) as connection:
                # A process may die, the machine will not: it is for tests.
                connection.execute("PRAGMA synchronous = OFF")
                yield connection
        except sqlite3.OperationalError as error:
            kind = StoreBusy if "locked" in str(error) else ComponentError
            raise kind(f"SQLite refused: {error}") from error
        except sqlite3.Error as error:
            raise ComponentError(f"SQLite refused: {error}") from error
