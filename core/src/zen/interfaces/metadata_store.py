"""Metadata stores: a raw SQL database. All SQL, and all meaning, is zen's own (`zen.storage`)."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from zen.interfaces.artifact_store import Reach
from zen.interfaces.component import Component
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
