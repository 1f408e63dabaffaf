"""What must hold of a store whatever happened to the processes that wrote it, looked up without zen.

Only SQLite and SHA-256 are used, so that an error of zen cannot hide another one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

INLINE_LIMIT = 32 * 1024
_KNOWN = ("metadata.db", "snapshot-", "stackfile.json", ".gitignore")


class Audit:
    """The findings about one state folder. `problems` must be empty; the counts are for the record.

    Args:
        state: The folder `.zen` of a project.
        acknowledged: What writers have said they committed, as lines; see `acknowledging.Teller`.
        lasting: Whether what was acknowledged must be there (not after a power cut of a relaxed store).
        bytes_follow: Whether a row must have its bytes (as before).
    """

    def __init__(
        self, state: Path, acknowledged: Iterable[str] = (), *, lasting: bool = True, bytes_follow: bool = True
    ) -> None:
        self.state = state
        self._strict = bytes_follow
        self.problems: list[str] = []
        self.lost: list[str] = []
        self.without_bytes: list[str] = []
        self.unreferenced = self.staged = self.rows = self.acknowledged = 0
        if not (state / "metadata.db").exists():
            self.lost += list(acknowledged)
            self._finish(lasting, bytes_follow)
            return
        with contextlib.closing(sqlite3.connect(state / "metadata.db")) as self._db:
            self._structure()
            self._runs_and_steps()
            named = self._bytes()
            self._leftovers(named)
            self._acknowledged(acknowledged)
        self._finish(lasting, bytes_follow)

    def facts(self) -> dict[str, Any]:
        """Return the findings as JSON data."""
        names = ("problems", "lost", "without_bytes", "unreferenced", "staged", "rows", "acknowledged")
        return {name: getattr(self, name) for name in names}

    def _finish(self, lasting: bool, bytes_follow: bool) -> None:
        self.problems += [f"acknowledged and lost: {line}" for line in self.lost] if lasting else []
        self.problems += self.without_bytes if bytes_follow else []

    def _all(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, parameters).fetchall()

    def _structure(self) -> None:
        for check in ("integrity_check", "foreign_key_check"):
            found = self._all(f"PRAGMA {check}")
            if found not in ([], [("ok",)]):
                self.problems.append(f"{check}: {found[:3]}")

    def _runs_and_steps(self) -> None:
        wrong = {
            "a run that nobody runs": "SELECT id FROM run WHERE state IN ('pending', 'running')",
            "an open step of a finished run": (
                "SELECT s.id FROM step_run s JOIN run r ON r.id = s.run WHERE s.state IN ('pending', 'running')"
                " AND r.state NOT IN ('pending', 'running')"
            ),
            "a completed step without an output": (
                "SELECT id FROM step_run s WHERE state IN ('completed', 'cached')"
                " AND NOT EXISTS (SELECT 1 FROM edge e WHERE e.step_run = s.id AND e.direction = 'out')"
            ),
            "an output of a step that did not complete": (
                "SELECT a.id FROM artifact a JOIN step_run s ON s.id = a.step_run WHERE s.state <> 'completed'"
            ),
            "an artifact that no step gives": (
                "SELECT id FROM artifact a WHERE step_run <> '' AND NOT EXISTS"
                " (SELECT 1 FROM edge e WHERE e.artifact = a.id AND e.direction = 'out')"
            ),
            "a cache entry of a step that did not complete": (
                "SELECT c.key FROM cache_entry c JOIN step_run s ON s.id = c.step_run WHERE s.state <> 'completed'"
            ),
            "two results of one step": (
                "SELECT run, name FROM step_run WHERE state IN ('completed', 'cached')"
                " GROUP BY run, name HAVING COUNT(*) > 1"
            ),
            "two results of one cache key": (
                "SELECT cache_key FROM step_run WHERE state = 'completed' AND cache_key <> ''"
                " GROUP BY cache_key HAVING COUNT(*) > 1"
            ),
            "a gap in the versions": (
                "SELECT name FROM artifact GROUP BY name HAVING COUNT(*) <> MAX(version) OR MIN(version) <> 1"
            ),
            "a completed run with a step that did not": (
                "SELECT s.id FROM step_run s JOIN run r ON r.id = s.run WHERE r.state = 'completed'"
                " AND s.state NOT IN ('completed', 'cached') AND s.attempt = (SELECT MAX(attempt) FROM step_run t"
                " WHERE t.run = s.run AND t.name = s.name)"
            ),
        }
        if not self._strict:  # a damaged result is made again
            del wrong["two results of one cache key"]
        for what, sql in wrong.items():
            self.problems += [f"{what}: {row}" for row in self._all(sql)]

    def _bytes(self) -> set[str]:
        """Compare every byte that a row names; return the digests that are named."""
        named: dict[str, int] = {}
        for where, digest, size in self._entries():
            self.rows += 1
            if digest not in named and (problem := self._problem(digest, size)):
                self.without_bytes.append(f"{where} names {digest}, which is {problem}")
            named[digest] = size
        return set(named)

    def _entries(self) -> Iterator[tuple[str, str, int]]:
        for name, manifest in self._all("SELECT name, manifest FROM artifact"):
            for entry in json.loads(manifest).get("files", ()):
                yield f"artifact {name}", entry["digest"], entry["size"]
        for run, digest in self._all("SELECT id, snapshot FROM run WHERE snapshot <> ''"):
            found = self._all("SELECT data FROM object WHERE digest = ?", digest)
            if not found:
                self.without_bytes.append(f"run {run} names its snapshot {digest}, which is gone")
                continue
            yield f"run {run}", digest, len(found[0][0])
            for entry in json.loads(found[0][0])["files"]:
                yield f"the snapshot of run {run}", entry["digest"], entry["size"]

    def _problem(self, digest: str, size: int) -> str:
        if size <= INLINE_LIMIT:
            found = self._all("SELECT data FROM object WHERE digest = ?", digest)
            data = found[0][0] if found else None
        else:
            name = digest.partition(":")[2]
            file = self.state / "artifacts" / "objects" / "sha256" / name[:2] / name[2:]
            data = file.read_bytes() if file.is_file() else None
        if data is None:
            return "gone"
        if len(data) != size:
            return f"{len(data)} bytes long instead of {size}"
        return "" if "sha256:" + hashlib.sha256(data).hexdigest() == digest else "other bytes"

    def _leftovers(self, named: set[str]) -> None:
        for file in self.state.rglob("*"):
            place = file.relative_to(self.state).parts
            if file.is_dir() or place[0].startswith(_KNOWN) or place == ("artifacts", "format.json"):
                continue
            if place[:2] == ("artifacts", "objects"):
                self.unreferenced += "sha256:" + "".join(place[3:]) not in named
            elif place[:2] == ("artifacts", "staging"):
                self.staged += 1
            else:
                self.problems.append(f"left behind: {'/'.join(place)}")

    def _acknowledged(self, lines: Iterable[str]) -> None:
        runs = dict(self._all("SELECT id, state FROM run"))
        steps = dict(self._all("SELECT id, state FROM step_run"))
        outputs: dict[str, dict[str, str]] = {}
        for step, slot, artifact in self._all("SELECT step_run, slot, artifact FROM edge WHERE direction = 'out'"):
            outputs.setdefault(step, {})[slot] = artifact
        for line in lines:
            said = json.loads(line)
            if said["what"] == "run":
                self.acknowledged += 1
                kept = runs.get(said["id"]) == "completed"
            elif said["what"] == "step":
                self.acknowledged += 1
                kept = steps.get(said["id"]) == "completed" and outputs.get(said["id"]) == said["outputs"]
            else:
                continue
            if not kept:
                self.lost.append(line)


def age(state: Path) -> None:
    """Make what processes left behind two days old, so that the next opening may sweep it."""
    long_ago = time.time() - 2 * 24 * 3600
    for folder in (state / "artifacts" / "staging", state / "runs"):
        for path in folder.rglob("*") if folder.is_dir() else ():
            os.utime(path, (long_ago, long_ago))
