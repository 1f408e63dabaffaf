"""Which objects are named by what is recorded.

A digest is looked for in every column that could hold one, whatever it is called there: a reference that is added to
a record later is found by itself, and a text that only looks like one keeps an object too many, which is harmless.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from zen.records import FileEntry
from zen.storage.database import Database

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
NAMING = {
    "alias_event": ("detail",),
    "artifact": ("manifest", "detail"),
    "fact": ("value",),
    "model_version": ("detail",),
    "param": ("value",),
    "plan": ("body",),
    "run": ("snapshot", "detail"),
    "serving": ("detail",),
    "step_run": ("detail",),
    "trust": ("reason",),
}
"""The columns that may name objects, by table. `trust.digest` is somebody's word about bytes, and keeps none."""
_KEYS = {"plan": "digest", "artifact": "id", "run": "id", "step_run": "id"}
_PAGE = 2000


def named(database: Database) -> set[str]:
    """Return the digests that stand in the records; the files that a snapshot lists are named by the snapshot only."""
    found: set[str] = set()
    for table, columns in NAMING.items():
        for values in _rows(database, table, columns):
            for value in values:
                found.update(DIGEST.findall(value))
    return found


def snapshots(database: Database) -> list[str]:
    """Return the digests of the snapshots of all runs, each once."""
    return [str(row[0]) for row in database.read("SELECT DISTINCT snapshot FROM run WHERE snapshot <> ''")]


def small_objects(database: Database) -> Iterator[tuple[str, int]]:
    """Yield digest and size of the objects in the database."""
    last = ""
    while page := database.read(
        f"SELECT digest, LENGTH(data) FROM object WHERE digest > ? ORDER BY digest LIMIT {_PAGE}", (last,)
    ):
        yield from ((str(row[0]), int(row[1])) for row in page)
        last = str(page[-1][0])


class Names:
    """Which artifacts and runs name which objects, and of what size."""

    def __init__(self, database: Database) -> None:
        self.sizes: dict[str, int | None] = {}
        self.snapshots: dict[str, list[str]] = {}
        self._artifacts: dict[str, list[tuple[str, str]]] = {}
        self._runs: dict[str, list[str]] = {}
        for label, run, manifest in _artifacts(database):
            for entry in json.loads(manifest).get("files", ()):
                self.sizes[entry["digest"]] = entry["size"]
                self._artifacts.setdefault(entry["digest"], []).append((label, run))
        for run, snapshot, detail in database.read("SELECT id, snapshot, detail FROM run ORDER BY id"):
            if snapshot:
                self.snapshots.setdefault(snapshot, []).append(run)
            facts = json.loads(detail).get("environment", {})  # not the parameters, which are anything
            for digest in {snapshot, str(facts.get("distributions", ""))} - {""}:
                self.sizes.setdefault(digest, None)
                self._runs.setdefault(digest, []).append(run)

    def add_snapshot(self, digest: str, files: Iterable[FileEntry]) -> None:
        """Take the files that a snapshot lists."""
        for entry in files:
            self.sizes[entry.digest] = entry.size
            self._runs.setdefault(entry.digest, []).extend(self.snapshots[digest])

    def artifacts(self, digest: str) -> tuple[str, ...]:
        """Return the artifacts that name an object, as `name@version (id)`."""
        return tuple(label for label, _ in self._artifacts.get(digest, ()))

    def runs(self, digest: str) -> tuple[str, ...]:
        """Return the runs that name it; an empty id for artifacts that no run made."""
        made = [run for _, run in self._artifacts.get(digest, ())]
        return tuple(dict.fromkeys([*made, *self._runs.get(digest, ())]))


def _artifacts(database: Database) -> Iterator[tuple[str, str, str]]:
    last = ""
    sql = f"SELECT id, name, version, run, manifest FROM artifact WHERE id > ? ORDER BY id LIMIT {_PAGE}"
    while page := database.read(sql, (last,)):
        yield from (
            (f"{name}@{version} ({artifact})", run, manifest) for artifact, name, version, run, manifest in page
        )
        last = str(page[-1][0])


def _rows(database: Database, table: str, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the columns of the rows that have a digest somewhere, a page at a time where a table is long."""
    having = " OR ".join(f"{column} LIKE '%sha256:%'" for column in columns)
    key = _KEYS.get(table)
    if key is None:
        yield from database.read(f"SELECT {', '.join(columns)} FROM {table} WHERE {having}")
        return
    last = ""
    sql = f"SELECT {key}, {', '.join(columns)} FROM {table} WHERE {key} > ? AND ({having}) ORDER BY {key} LIMIT {_PAGE}"
    while page := database.read(sql, (last,)):
        yield from (row[1:] for row in page)
        last = str(page[-1][0])
