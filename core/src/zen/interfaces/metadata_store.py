"""Metadata stores: a raw SQL database. All SQL, and all meaning, is zen's own (`zen.storage`)."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from zen.errors import StorageError
from zen.interfaces.artifact_store import Reach
from zen.interfaces.component import Component
from zen.interfaces.host import Host
from zen.records.codec import record

Row = tuple[Any, ...]


@record()
class Change:
    """One statement of a batch.

    Attributes:
        sql: With `?` for each parameter, whatever the dialect.
        parameters: `None`, `int`, `float`, `str` or `bytes`.
        expect: How many rows it must touch. Another count undoes the whole batch, which is how compare-and-set and
            fencing are written. None expects nothing.
    """

    sql: str
    parameters: tuple[Any, ...] = ()
    expect: int | None = None


@record()
class Migration:
    """One step of the schema, applied once, whole, in the order of `number` (1, 2, …)."""

    number: int
    statements: tuple[str, ...]


@record()
class RecoveredTable:
    """What became of one table.

    Attributes:
        name: The table.
        saved: How many of its rows the new store has.
        lost: How many rows could not be read; None when nobody can tell.
        orphans: How many could be read, and were dropped because what they refer to is lost.
    """

    name: str
    saved: int
    lost: int | None = None
    orphans: int = 0


@record()
class Recovery:
    """What was saved of a damaged store.

    Attributes:
        schema: The number of the last migration that it held.
        tables: Every table of that schema.
        notes: What was found to be wrong, a sentence each.
    """

    schema: int
    tables: tuple[RecoveredTable, ...]
    notes: tuple[str, ...] = ()


class MetadataStore(Component):
    """A relational database that several threads and processes use at once.

    Attributes:
        dialect: Which SQL it speaks.
        reach: From where it can be used: this `process`, this `host`, or the `network`.
    """

    kind: ClassVar[str] = "metadata_store"
    reach: ClassVar[Reach] = "host"
    known_capabilities: ClassVar[Mapping[str, str]] = {
        "backup": "copies itself before a migration",
        "recover": "saves what can be read of a damaged store into a new file",
    }

    @property
    @abstractmethod
    def dialect(self) -> Literal["sqlite", "postgresql"]:
        """The SQL dialect."""

    @abstractmethod
    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query, from a consistent state that holds every acknowledged write.

        Raises:
            StoreBusy: When another process held the database for too long.
            StoreDamaged: When it cannot be read as a database.
        """

    @abstractmethod
    def write(self, batch: Sequence[Change], *, durable: bool = True) -> None:
        """Apply all changes or none, in order, in one transaction.

        With `durable` the batch survives a power cut once this returns; without, it survives the death of the process.

        Raises:
            WriteConflict: When a change touched another number of rows than it expects, or adds a row under a key
                that exists; `index` says which.
            StoreBusy: When another process held the database for too long.
        """

    @abstractmethod
    def migrate(self, migrations: Sequence[Migration]) -> None:
        """Bring the schema up to the last migration; two processes that start at once migrate once.

        Raises:
            SchemaTooNew: When the database holds a migration with a higher number than the last of these.
        """

    @abstractmethod
    def now(self) -> dt.datetime:
        """Return the time of the one clock that all users of this store share, with time zone."""

    def recover(
        self, host: Host, target: Path, migrations: Sequence[Migration], mending: Sequence[Change] = ()
    ) -> Recovery:
        """Save what can be read of a damaged store into a new file, which this store can then be configured with.

        Needs the capability `recover`. Called in place of `open`, which may fail then, and the damaged store is only
        read. What is saved keeps the schema that it has; rows that refer to lost rows are dropped.

        Args:
            host: As for `open`.
            target: A file that is not there yet.
            migrations: All that this zen knows.
            mending: What to change in the new file before rows that refer to nothing are dropped, and after; before
                the rules of the schema hold there.

        Raises:
            UsageError: When `target` is there already.
            SchemaTooNew: When a newer zen wrote the store.
            StorageError: When this store does not offer it, or cannot write the file.
        """
        raise StorageError(
            f"the {self.kind} {type(self).__name__} does not offer to recover a damaged store",
            hint="restore it from a backup, with the tools of its database",
        )
