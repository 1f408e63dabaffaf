"""Who is about to name a large object, and who is about to remove one: of the two, one comes first.

A writer holds an object before its bytes are put, unless the object is condemned. A collector condemns an object before
its bytes are removed, unless somebody holds it. Each looks for the other in the very statement that writes its own row,
so no object is both held and condemned. What names the object in the end proves that the hold still stands.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from zen.errors import StoreBusy, WriteConflict
from zen.interfaces import Change
from zen.records.codec import record
from zen.storage.database import Database
from zen.storage.filelock import FileLock
from zen.storage.rows import micros

LOCK = "gc.lock"
"""File of the state folder that a collector keeps locked for as long as it lives."""
HOLD_LASTS = dt.timedelta(hours=24)
"""How long a hold counts that belongs to no recorded run; also when a collector elsewhere is dead."""
PATIENCE = 60.0
"""For how many seconds a writer waits for a collector."""
_MANY = 500

T = TypeVar("T")

LIVE = (
    "EXISTS (SELECT 1 FROM hold h LEFT JOIN run r ON r.id = h.run WHERE h.digest = {digest}"
    " AND (r.state IN ('pending', 'running') OR (r.id IS NULL AND h.at > ?) OR h.at > ?))"
)
"""SQL: whether somebody holds an object. Parameters: since when holds without a run count, and since when all count."""


@record()
class Owner:
    """The collector that condemned an object, as `condemned.owner` has it."""

    id: str
    host: str
    pid: int
    state: str

    @classmethod
    def here(cls, collection: str, state: Path) -> Owner:
        """Return this process as the owner of a collection."""
        return cls(id=collection, host=platform.node(), pid=os.getpid(), state=str(state.resolve()))

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Read an owner; what cannot be read is somebody on an unknown machine."""
        try:
            collection, pid, host, state = text.split(" ", 3)
            return cls(id=collection, host=host, pid=int(pid), state=state)
        except ValueError:
            return cls(id=text, host="", pid=0, state="")

    def is_of(self, state: Path) -> bool:
        """Say whether the lock in that state folder tells if it lives."""
        return self.host == platform.node() and self.state == str(state.resolve())

    def __str__(self) -> str:
        return f"{self.id} {self.pid} {self.host} {self.state}"


class Holds:
    """The holds of the writers of one store.

    Args:
        database: The store's metadata.
        state: The state folder, where a collector of this machine has its lock.
    """

    def __init__(self, database: Database, state: Path) -> None:
        self._database = database
        self._state = state

    def take(self, digests: Sequence[str], holder: str) -> None:
        """Hold objects, all in one batch; wait while one of them is being removed.

        Args:
            digests: The objects.
            holder: Id of the run that will name them, or of what else will.

        Raises:
            StoreBusy: When a collector does not come to its end.
        """
        end = time.monotonic() + PATIENCE
        pause = 0.02
        while True:
            at = micros(self._database.now())
            try:
                self._database.write([_hold(digest, holder, at) for digest in digests], durable=False)
            except WriteConflict:
                self._wait(digests, end, pause)
                pause = min(pause * 1.5, 0.5)
            else:
                return

    def _wait(self, digests: Sequence[str], end: float, pause: float) -> None:
        owners = condemners(self._database, digests)
        if not owners or withdraw_dead(self._database, self._state):
            return
        if time.monotonic() >= end:
            first = owners[0]
            raise StoreBusy(
                f"process {first.pid} on {first.host or 'another machine'} is removing objects that are to be saved"
                f" anew, and did not end within {PATIENCE:.0f} s",
                hint="wait for its `zen store gc`, or end it; the next `zen store gc` cleans up after it",
                owner=str(first),
            )
        time.sleep(pause)


def proof(digests: Sequence[str], holder: str) -> list[Change]:
    """Return the changes that fail unless the holds still stand; written with what names the objects."""
    changes = []
    for some in chunks(sorted(set(digests)), _MANY):
        sql = f"UPDATE hold SET at = at WHERE run = ? AND digest IN ({marks(some)})"
        changes.append(Change(sql=sql, parameters=(holder, *some), expect=len(some)))
    return changes


def release(holder: str) -> Change:
    """Return the change that gives up all holds of what is no run; written with what names the objects."""
    return Change(sql="DELETE FROM hold WHERE run = ?", parameters=(holder,))


def condemners(database: Database, digests: Sequence[str]) -> list[Owner]:
    """Return who is removing any of these objects."""
    found: dict[str, None] = {}
    for some in chunks(digests, _MANY):
        sql = f"SELECT DISTINCT owner FROM condemned WHERE digest IN ({marks(some)}) ORDER BY owner"
        found.update((str(row[0]), None) for row in database.read(sql, some))
    return [Owner.parse(text) for text in found]


def withdraw_dead(database: Database, state: Path) -> bool:
    """Take away what dead collectors of this machine have condemned, and return whether there is no living one.

    What they removed is gone, and what they did not remove is as it was: nobody who may name it takes it for there.
    """
    lock = FileLock(state / LOCK)
    if not lock.try_acquire():
        return False
    try:
        withdraw_of_dead(database, state)
    finally:
        lock.release()
    return not any(not Owner.parse(str(row[0])).is_of(state) for row in _owners(database))


def withdraw_of_dead(database: Database, state: Path) -> None:
    """Do so for who holds the lock: others with this lock are dead, and those of elsewhere are after a day."""
    old = micros(database.now() - HOLD_LASTS)
    dead = [str(row[0]) for row in _owners(database) if Owner.parse(str(row[0])).is_of(state)]
    changes = [Change(sql="DELETE FROM condemned WHERE owner = ?", parameters=(owner,)) for owner in dead]
    if changes or database.read("SELECT 1 FROM condemned WHERE at < ? LIMIT 1", (old,)):
        old_ones = Change(sql="DELETE FROM condemned WHERE at < ?", parameters=(old,))
        database.write([*changes, old_ones], durable=False)


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the items, some at a time: a statement takes a limited number of parameters."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def marks(items: Sequence[object]) -> str:
    """Return a question mark for each item, as SQL lists have them."""
    return ", ".join("?" * len(items))


def _owners(database: Database) -> list[tuple[object, ...]]:
    return database.read("SELECT DISTINCT owner FROM condemned")


def _hold(digest: str, holder: str, at: int | None) -> Change:
    return Change(
        sql=(
            "INSERT INTO hold (digest, run, at) SELECT ?, ?, ?"
            " WHERE NOT EXISTS (SELECT 1 FROM condemned WHERE digest = ?)"
            " ON CONFLICT (digest, run) DO UPDATE SET at = excluded.at"
        ),
        parameters=(digest, holder, at, digest),
        expect=1,
    )
