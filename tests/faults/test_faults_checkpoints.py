"""Law: a checkpoint never overlaps a commit, and the file changes in checkpoints only, whatever SQLite's version.

That overlap is the condition under which SQLite before 3.51.3 can damage a database.

Source: https://www.sqlite.org/wal.html#walresetbug
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import pairwise
from types import SimpleNamespace

import pytest

from zen.builtin import sqlite, sqlite_opening
from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.interfaces import Change, Migration

FULL = os.environ.get("ZEN_FAULTS") == "full"
PROCESSES, WRITES = (16, 300) if FULL else (4, 50)
SCHEMA = Migration(number=1, statements=("CREATE TABLE line (process INTEGER, number INTEGER) STRICT",))

# Logs, with the clock that all processes share, when each commit, checkpoint and closing began and ended, and whether
# the file itself was changed meanwhile. A commit counts from when SQLite has let it in.
TRACED = """
import json, logging, os, sqlite3, sys, time
from pathlib import Path
from types import SimpleNamespace
from zen.builtin import sqlite, sqlite_opening
from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.interfaces import Change

sqlite._LONG_LOG, sqlite._WRITES_BETWEEN_CHECKPOINTS = 1, 3
folder, process, writes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
events = []

def stamp():
    status = os.stat(folder / "metadata.db")
    return status.st_mtime_ns, status.st_size

class Traced(sqlite3.Connection):
    def during(self, kind, work):
        start, before = time.monotonic_ns(), stamp()
        try:
            return work()
        finally:
            events.append((kind, start, time.monotonic_ns(), stamp() != before))

    def execute(self, sql, *parameters):
        run = super().execute
        if sql == "BEGIN IMMEDIATE":
            done = run(sql)
            self.begun, self.before = time.monotonic_ns(), stamp()
            return done
        if sql == "COMMIT":
            done = run(sql)
            events.append(("commit", self.begun, time.monotonic_ns(), stamp() != self.before))
            return done
        if "wal_checkpoint" in sql:
            return self.during("checkpoint", lambda: run(sql, *parameters))
        return run(sql, *parameters)

    def close(self):
        return self.during("close", super().close)

connect = sqlite3.connect
sqlite_opening.sqlite3 = SimpleNamespace(**{**vars(sqlite3), "connect": lambda *a, **k: connect(*a, factory=Traced, **k)})
store = SQLiteStore(SQLiteConfig())
for number in range(writes):
    if number % 10 == 0:
        store.close()
        store.open(SimpleNamespace(root=folder, state=folder, log=logging.getLogger()))
    change = Change(sql="INSERT INTO line VALUES (?, ?)", parameters=(process, number), expect=1)
    store.write([change], durable=number % 7 == 0)
    store.read("SELECT count(*) FROM line")
store.close()
print(json.dumps(events))
"""


def host(folder):
    return SimpleNamespace(root=folder, state=folder, log=logging.getLogger("test"))


@pytest.fixture
def store(tmp_path):
    store = SQLiteStore(SQLiteConfig())
    store.open(host(tmp_path))
    store.migrate([SCHEMA])
    yield store
    store.close()


def test_no_checkpoint_overlaps_a_commit_of_any_process(store, tmp_path, record_property) -> None:
    store.close()
    command = [sys.executable, "-c", TRACED, str(tmp_path)]
    workers = [
        subprocess.Popen([*command, str(process), str(WRITES)], stdout=subprocess.PIPE, text=True)
        for process in range(PROCESSES)
    ]
    events = [tuple(event) for worker in workers for event in json.loads(worker.communicate(timeout=600)[0])]
    events.sort(key=lambda event: event[1])
    kinds = {kind: [event for event in events if event[0] == kind] for kind in ("commit", "checkpoint", "close")}
    overlaps = [(first, second) for first, second in pairwise(events) if second[1] < first[2]]
    assert overlaps == []
    assert [event for event in kinds["commit"] if event[3]] == [], "a commit changed the file: a hidden checkpoint"
    assert len(kinds["commit"]) == PROCESSES * WRITES
    assert any(event[3] for event in kinds["checkpoint"])
    with closing(sqlite3.connect(tmp_path / "metadata.db")) as connection:
        assert connection.execute("SELECT count(*) FROM line").fetchone() == (PROCESSES * WRITES,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    record_property("commits", len(kinds["commit"]))
    record_property("checkpoints", len(kinds["checkpoint"]))
    record_property("closings", len(kinds["close"]))
    record_property("overlaps", len(overlaps))


class Watched(sqlite3.Connection):
    """Sees that what may change the file happens under the lock of the store."""

    stores: list[SQLiteStore] = []
    seen: list[str] = []

    def execute(self, sql, *parameters):
        if sql == "COMMIT" or "wal_checkpoint" in sql:
            self.require(sql.split("(")[0])
        return super().execute(sql, *parameters)

    def close(self):
        self.require("close")
        super().close()

    def require(self, what):
        self.seen.append(what)
        assert any(store._lock.held for store in self.stores), f"{what} outside of the lock"


@pytest.fixture
def watched(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "_LONG_LOG", 1)
    monkeypatch.setattr(sqlite, "_WRITES_BETWEEN_CHECKPOINTS", 2)
    connect = sqlite3.connect
    fake = SimpleNamespace(**{**vars(sqlite3), "connect": lambda *a, **k: connect(*a, factory=Watched, **k)})
    monkeypatch.setattr(sqlite_opening, "sqlite3", fake)
    store = SQLiteStore(SQLiteConfig())
    Watched.stores[:], Watched.seen[:] = [store], []
    return store


def test_commits_checkpoints_and_closing_hold_the_lock(watched, tmp_path, monkeypatch) -> None:
    # The draft of a new database is nobody else's yet.
    with closing(sqlite3.connect(tmp_path / "metadata.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    watched.open(host(tmp_path))
    watched.migrate([SCHEMA])
    for number in range(5):
        watched.write([Change(sql="INSERT INTO line VALUES (1, ?)", parameters=(number,))])
        watched.read("SELECT * FROM line")
    watched.check()
    watched.migrate([SCHEMA, Migration(number=2, statements=("CREATE TABLE more (x INTEGER) STRICT",))])
    watched.close()
    assert {"COMMIT", "PRAGMA wal_checkpoint", "close"} == set(Watched.seen)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_closing_before_a_fork_leaves_the_log_to_others(store, tmp_path) -> None:
    """It has no lock. While others have the file open SQLite touches nothing then; alone, it locks all others out."""
    store.write([Change(sql="INSERT INTO line VALUES (1, 1)")])
    other = SQLiteStore(SQLiteConfig())
    other.open(host(tmp_path))
    before = (tmp_path / "metadata.db").stat().st_mtime_ns
    log = (tmp_path / "metadata.db-wal").read_bytes()
    store._disconnect()
    assert (tmp_path / "metadata.db").stat().st_mtime_ns == before
    assert (tmp_path / "metadata.db-wal").read_bytes() == log
    assert store.read("SELECT count(*) FROM line") == other.read("SELECT count(*) FROM line") == [(1,)]
    other.close()


def test_the_last_to_close_shuts_others_out(store, tmp_path) -> None:
    """What closing without the lock relies on: SQLite empties the log only when nobody else can open the file."""
    store.write([Change(sql="INSERT INTO line VALUES (1, 1)")])
    with closing(sqlite3.connect(tmp_path / "metadata.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM line").fetchone() == (1,)
        store.close()
        assert (tmp_path / "metadata.db-wal").exists()
    assert not (tmp_path / "metadata.db-wal").exists()
