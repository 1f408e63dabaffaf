"""Removing objects so that nobody who is about to name one loses it.

Whoever may remove looks first, and removes afterwards, and both take long. So a removal carries what was seen: how many
runs and artifacts were recorded. It takes place only if that is still so, in the same transaction. For large objects,
whose bytes lie elsewhere, that transaction condemns them, see `zen.storage.holding`; then their bytes go, and then the
condemnation does.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from zen.errors import StoreBusy, WriteConflict
from zen.interfaces import ArtifactStore, Change
from zen.records.codec import record
from zen.storage.database import Database
from zen.storage.filelock import FileLock
from zen.storage.holding import HOLD_LASTS, LIVE, LOCK, Owner, chunks, marks, withdraw_of_dead
from zen.storage.objects import key_of
from zen.storage.quarantine import UNNAMED, Quarantine
from zen.storage.rows import micros

SOME = 200
"""How many objects are removed at a time."""
_LOCK_SECONDS = 10.0
_COUNTS = (
    "(SELECT COUNT(*) FROM run), (SELECT COUNT(*) FROM artifact),"
    " COALESCE((SELECT value FROM counter WHERE name = 'deletions'), 0)"
)


@record()
class Seen:
    """What was recorded at a moment: as long as it is the same, nothing else names an object.

    Attributes:
        runs: How many runs.
        artifacts: How many artifacts.
        deletions: How often runs were deleted.
        at: The moment, on the store's clock.
    """

    runs: int
    artifacts: int
    deletions: int
    at: dt.datetime

    @classmethod
    def now(cls, database: Database) -> Seen:
        """Return what is recorded now."""
        at = database.now()  # first: a hold that is written after it counts
        [row] = database.read(f"SELECT {_COUNTS}")
        return cls(runs=int(row[0]), artifacts=int(row[1]), deletions=int(row[2]), at=at)

    def unchanged(self) -> Change:
        """Return the change that fails unless that is still so, and that tells others of a removal."""
        return Change(
            sql=f"UPDATE counter SET value = value + 1 WHERE name = 'collections' AND ({_COUNTS}) = (?, ?, ?)",
            parameters=(self.runs, self.artifacts, self.deletions),
            expect=1,
        )


class Collector:
    """Removes objects; one at a time for each state folder. Used in a `with`.

    Args:
        database: Has the small objects.
        store: Has the large ones.
        state: The state folder.

    Raises:
        StoreBusy: When another process of this machine collects.
    """

    def __init__(self, database: Database, store: ArtifactStore, state: Path) -> None:
        self._database = database
        self._store = store
        self._state = state
        self._lock = FileLock(state / LOCK)
        self.owner = Owner.here(os.urandom(4).hex(), state)

    def __enter__(self) -> Self:
        if not self._lock.acquire(_LOCK_SECONDS):
            holder = self._lock.holder()
            raise StoreBusy(
                "another `zen store gc` is under way" + (f" in process {holder}" if holder else ""),
                hint="wait for its end",
            )
        try:
            withdraw_of_dead(self._database, self._state)
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.withdraw()
        finally:
            self._lock.release()

    def remove_small(self, digests: Sequence[str], seen: Seen) -> bool:
        """Remove objects of the database; False if something was recorded since they were found to be garbage."""
        sql = f"DELETE FROM object WHERE digest IN ({marks(digests)})"
        return self._written([*self._alone(), seen.unchanged(), Change(sql=sql, parameters=tuple(digests))])

    def condemn(self, digests: Sequence[str], unchanged: Change, since: dt.datetime) -> list[str] | None:
        """Condemn large objects that nobody holds, and return them; None if something was recorded meanwhile.

        Args:
            digests: The objects.
            unchanged: Fails if so.
            since: When it was found that they may go: who took a hold after that may have named the object since.
        """
        now = self._database.now()
        expired, owner = micros(now - HOLD_LASTS), str(self.owner)
        insert = (
            "INSERT INTO condemned (digest, owner, at) SELECT ?, ?, ? WHERE NOT "
            + LIVE.format(digest="?")
            + " ON CONFLICT (digest) DO NOTHING"
        )
        condemned = [
            Change(sql=insert, parameters=(digest, owner, micros(now), digest, expired, micros(since)))
            for digest in digests
        ]
        # What is left of holds is of dead writers: should one come to life, the proof of its hold fails.
        holds = "DELETE FROM hold WHERE digest IN (SELECT digest FROM condemned WHERE owner = ?)"
        if not self._written([*self._alone(), unchanged, *condemned, Change(sql=holds, parameters=(owner,))]):
            return None
        return [str(row[0]) for row in self._database.read("SELECT digest FROM condemned WHERE owner = ?", (owner,))]

    def remove_large(self, digests: Sequence[str], *, quarantine: bool = False) -> None:
        """Remove the bytes of condemned objects, or move them aside."""
        end = time.time() + HOLD_LASTS.total_seconds() / 2
        for digest in digests:
            if time.time() > end:  # this machine slept: others may take us for dead by now
                raise StoreBusy("the collection was suspended for too long, and ends here", hint="start it again")
            if quarantine:
                Quarantine(self._store).move(digest, {"why": UNNAMED})
            else:
                self._store.delete(key_of(digest))

    def withdraw(self) -> None:
        """Let everybody use again what was condemned."""
        change = Change(sql="DELETE FROM condemned WHERE owner = ?", parameters=(str(self.owner),))
        self._database.write([change], durable=False)

    def forget_holds(self) -> None:
        """Remove the holds that do not count any more."""
        sql = (
            "DELETE FROM hold WHERE (at <= ? OR EXISTS (SELECT 1 FROM run r WHERE r.id = hold.run))"
            " AND NOT EXISTS (SELECT 1 FROM run r WHERE r.id = hold.run AND r.state IN ('pending', 'running'))"
        )
        expired = micros(self._database.now() - HOLD_LASTS)
        self._database.write([Change(sql=sql, parameters=(expired,))], durable=False)

    def _alone(self) -> list[Change]:
        """Return what lets no other transaction run beside one; SQLite has one writer anyway."""
        if self._database.store.dialect == "sqlite":
            return []
        return [Change(sql="LOCK TABLE run, artifact, object, hold, condemned, counter IN SHARE ROW EXCLUSIVE MODE")]

    def _written(self, batch: Sequence[Change]) -> bool:
        try:
            self._database.write(batch)
        except WriteConflict:
            return False
        return True


def held(database: Database) -> set[str]:
    """Return the digests of all objects that somebody holds."""
    sql = (
        "SELECT DISTINCT h.digest FROM hold h LEFT JOIN run r ON r.id = h.run"
        " WHERE r.state IN ('pending', 'running') OR (r.id IS NULL AND h.at > ?)"
    )
    return {str(row[0]) for row in database.read(sql, (micros(database.now() - HOLD_LASTS),))}


__all__ = ["SOME", "Collector", "Seen", "chunks", "held"]
