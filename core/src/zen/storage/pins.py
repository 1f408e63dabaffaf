"""Pins: whose word lets an artifact from elsewhere be loaded although its bytes can run code."""

from __future__ import annotations

import datetime as dt

from zen.interfaces import Change
from zen.records.codec import record
from zen.storage.database import Database
from zen.storage.rows import micros, time

_COLUMNS = "SELECT digest, who, at, reason FROM trust"


@record()
class Pin:
    """A decision to load what has this digest: who made it, when, and why. Holds for equal bytes, wherever."""

    digest: str
    who: str
    at: dt.datetime | None
    reason: str


class Pins:
    """The pins of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, digest: str) -> Pin | None:
        """Return the pin of a manifest's digest, or None."""
        found = self._database.read(f"{_COLUMNS} WHERE digest = ?", (digest,))
        return Pin(digest=found[0][0], who=found[0][1], at=time(found[0][2]), reason=found[0][3]) if found else None

    def list(self) -> list[Pin]:
        """Return all pins, oldest first."""
        found = self._database.read(f"{_COLUMNS} ORDER BY at, digest")
        return [Pin(digest=row[0], who=row[1], at=time(row[2]), reason=row[3]) for row in found]

    def put(self, digest: str, *, who: str, reason: str) -> None:
        """Pin a digest; the newest word for it is kept."""
        sql = (
            "INSERT INTO trust (digest, who, at, reason) VALUES (?, ?, ?, ?) ON CONFLICT (digest)"
            " DO UPDATE SET who = excluded.who, at = excluded.at, reason = excluded.reason"
        )
        self._database.write([Change(sql=sql, parameters=(digest, who, micros(self._database.now()), reason))])

    def remove(self, digest: str) -> None:
        """Take a pin back; none is harmless."""
        self._database.write([Change(sql="DELETE FROM trust WHERE digest = ?", parameters=(digest,))])
