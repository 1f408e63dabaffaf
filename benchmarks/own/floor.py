"""What a durable step costs at least: SQLite alone, with small values and what is known of a step.

    floor.py LENGTH both|last|none

Each step computes a key and looks it up, commits that it runs, adds one to a number, and commits the result with its
digest; a step whose key is there commits only that it was cached. `both` commits are synced to disk, or only the `last`
one as zen does, or `none`. Prints seconds per step from the fourth step on, so that what comes once does not count.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
import time

WARM = 3
SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, started REAL, finished REAL);
CREATE TABLE IF NOT EXISTS artifacts (
  id INTEGER PRIMARY KEY, type TEXT, digest TEXT, size INTEGER, bytes BLOB, created REAL);
CREATE TABLE IF NOT EXISTS steps (
  id INTEGER PRIMARY KEY, run INTEGER, name TEXT, key TEXT, state TEXT, started REAL, finished REAL,
  inputs TEXT, output INTEGER);
CREATE INDEX IF NOT EXISTS steps_by_key ON steps (key, state);
CREATE INDEX IF NOT EXISTS steps_by_run ON steps (run);
"""
KNOWN = """
SELECT artifacts.id, artifacts.digest, artifacts.bytes FROM steps JOIN artifacts ON artifacts.id = steps.output
WHERE steps.key = ? AND steps.state = 'completed' ORDER BY steps.id DESC LIMIT 1
"""
CODE = "def count(number): return number + 1"


def digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=32).hexdigest()


class Store:
    """A database in write-ahead mode, and how much of each step is synced."""

    def __init__(self, synced: str) -> None:
        self.connection = sqlite3.connect("floor.db", isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute(f"PRAGMA synchronous = {'OFF' if synced == 'none' else 'FULL'}")
        self.connection.executescript(SCHEMA)
        self.switched = synced == "last"

    def insert(self, *row: object) -> int:
        sql = "INSERT INTO steps (run, name, key, state, started, inputs, output) VALUES (?, ?, ?, ?, ?, ?, ?)"
        return self.connection.execute(sql, row).lastrowid or 0

    def start(self, *row: object) -> int:
        if not self.switched:
            return self.insert(*row, None)
        self.connection.execute("PRAGMA synchronous = NORMAL")
        step = self.insert(*row, None)
        self.connection.execute("PRAGMA synchronous = FULL")
        return step

    def finish(self, step: int, made: str, data: bytes) -> int:
        execute, now = self.connection.execute, time.time()
        execute("BEGIN IMMEDIATE")
        new = "INSERT INTO artifacts (type, digest, size, bytes, created) VALUES ('int', ?, ?, ?, ?)"
        output = execute(new, (made, len(data), data, now)).lastrowid or 0
        execute("UPDATE steps SET state = 'completed', finished = ?, output = ? WHERE id = ?", (now, output, step))
        execute("COMMIT")
        return output


def run(store: Store, length: int) -> float:
    began = store.connection.execute("INSERT INTO runs (started) VALUES (?)", (time.time(),)).lastrowid
    data, output = b"0", 0
    before = digest(data)
    warm = time.perf_counter()
    for place in range(length):
        if place == WARM:
            warm = time.perf_counter()
        key = digest(f"{CODE}|{before}|{place}".encode())
        found = store.connection.execute(KNOWN, (key,)).fetchone()
        inputs = json.dumps([output])
        if found:
            output, before, data = found
            store.insert(began, f"count_{place}", key, "cached", time.time(), inputs, output)
            continue
        step = store.start(began, f"count_{place}", key, "running", time.time(), inputs)
        data = json.dumps(json.loads(data) + 1).encode()
        before = digest(data)
        output = store.finish(step, before, data)
    took = time.perf_counter() - warm
    store.connection.execute("UPDATE runs SET finished = ? WHERE id = ?", (time.time(), began))
    return took / (length - WARM)


if __name__ == "__main__":
    print("figure seconds_per_step", run(Store(sys.argv[2]), int(sys.argv[1])))
