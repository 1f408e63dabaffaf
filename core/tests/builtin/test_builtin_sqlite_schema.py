"""Migrations of the SQLite store: all or none, backed up, checked, and never backwards."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest

from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.errors import SchemaTooNew, StorageError
from zen.interfaces import Change, Migration

FIRST = Migration(number=1, statements=("CREATE TABLE a (x INTEGER PRIMARY KEY) STRICT", "INSERT INTO a VALUES (1)"))
SECOND = Migration(number=2, statements=("ALTER TABLE a ADD COLUMN y TEXT", "UPDATE a SET y = 'new'"))


@pytest.fixture
def store(host):
    store = SQLiteStore(SQLiteConfig())
    store.open(host)
    yield store
    store.close()


def versions(store: SQLiteStore) -> list[int]:
    return [number for (number,) in store.read("SELECT number FROM zen_schema ORDER BY number")]


def files(store: SQLiteStore) -> set[str]:
    return {file.name for file in store.path.parent.iterdir() if not file.name.endswith(("-wal", "-shm", ".lock"))}


def test_new_database_gets_every_migration_without_a_backup(store) -> None:
    store.migrate([FIRST, SECOND])
    assert versions(store) == [1, 2]
    assert store.read("SELECT x, y FROM a") == [(1, "new")]
    assert files(store) == {"metadata.db"}


def test_migrating_again_does_nothing(store) -> None:
    store.migrate([FIRST])
    before = store.read("PRAGMA data_version"), store.read("SELECT * FROM zen_schema")
    store.migrate([FIRST])
    assert (store.read("PRAGMA data_version"), store.read("SELECT * FROM zen_schema")) == before


def test_migrations_are_applied_in_the_order_of_their_numbers(store) -> None:
    store.migrate([SECOND, FIRST])
    assert versions(store) == [1, 2]


def test_database_is_backed_up_before_a_migration(store) -> None:
    store.migrate([FIRST])
    store.write([Change(sql="INSERT INTO a VALUES (2)")], durable=False)
    store.migrate([FIRST, SECOND])
    backup = store.path.with_name("metadata.db.v1.backup")
    assert files(store) == {"metadata.db", backup.name}
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600 or os.name == "nt"
    copy = sqlite3.connect(backup)
    assert copy.execute("SELECT * FROM a").fetchall() == [(1,), (2,)]
    assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    copy.close()


def test_backup_replaces_the_database_by_a_copy(store, host) -> None:
    store.migrate([FIRST])
    store.migrate([FIRST, SECOND])
    store.close()
    store.path.with_name("metadata.db.v1.backup").replace(store.path)
    store.open(host)
    assert versions(store) == [1]


def test_half_a_backup_of_a_killed_migration_is_replaced(store) -> None:
    store.migrate([FIRST])
    store.path.with_name("metadata.db.v1.backup.draft").write_bytes(b"half")
    store.migrate([FIRST, SECOND])
    assert files(store) == {"metadata.db", "metadata.db.v1.backup"}


def test_newer_schema_is_refused(store) -> None:
    store.migrate([FIRST, SECOND])
    with pytest.raises(SchemaTooNew, match="has schema 2, this zen knows schemas up to 1") as caught:
        store.migrate([FIRST])
    assert (caught.value.held, caught.value.known) == (2, 1)
    assert "upgrade" in caught.value.hint and "metadata.db.v1.backup" not in caught.value.hint


def test_newer_schema_names_the_copies_from_before(store) -> None:
    store.migrate([FIRST])
    store.migrate([FIRST, SECOND])
    with pytest.raises(SchemaTooNew) as caught:
        store.migrate([FIRST])
    assert "metadata.db.v1.backup" in caught.value.hint


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (
            ("ALTER TABLE a ADD COLUMN z TEXT", "DROP TABLE absent"),
            r"to schema 3: 'DROP TABLE absent' failed: no such table",
        ),
        (
            ("CREATE TABLE b (a INTEGER REFERENCES a (x)) STRICT", "INSERT INTO b VALUES (99)"),
            "a row of b refers to a row of a that is not there",
        ),
        (("INSERT INTO zen_schema VALUES (3, '')",), "SQLite refused"),
    ],
    ids=["statement", "foreign key", "version row"],
)
def test_failing_migration_leaves_the_one_before(store, statements, message) -> None:
    store.migrate([FIRST])
    with pytest.raises(StorageError, match=message):
        store.migrate([FIRST, SECOND, Migration(number=3, statements=statements)])
    assert versions(store) == [1, 2]
    assert store.read("SELECT * FROM a") == [(1, "new")]
    assert store.read("SELECT count(*) FROM sqlite_master") == [(2,)]
    assert store.read("PRAGMA foreign_keys") == [(1,)] and store.read("PRAGMA synchronous") == [(2,)]
    store.write([Change(sql="INSERT INTO a VALUES (2, 'more')")])
    store.migrate([FIRST, SECOND, Migration(number=3, statements=())])
    assert versions(store) == [1, 2, 3]


def test_failing_migration_names_the_backup(store) -> None:
    store.migrate([FIRST])
    broken = Migration(number=2, statements=("DROP TABLE absent",))
    with pytest.raises(StorageError) as caught:
        store.migrate([FIRST, broken])
    assert caught.value.backup == store.path.with_name("metadata.db.v1.backup")
    assert str(caught.value.backup) in caught.value.hint and "earlier zen" in caught.value.hint


def test_backup_of_an_earlier_try_is_kept(store) -> None:
    """What was recorded between two tries is in a second backup; a try that finds nothing new needs none."""
    broken = Migration(number=2, statements=("DROP TABLE absent",))
    store.migrate([FIRST])
    for row in (None, None, 2, 3):
        if row:
            store.write([Change(sql="INSERT INTO a VALUES (?)", parameters=(row,))])
        with pytest.raises(StorageError):
            store.migrate([FIRST, broken])
    kept = [f"metadata.db.v1{number}.backup" for number in ("", ".2", ".3")]
    assert {name for name in files(store) if "backup" in name} == set(kept)
    counts = []
    for name in kept:
        copy = sqlite3.connect(store.path.with_name(name))
        counts += copy.execute("SELECT count(*) FROM a").fetchone()
        copy.close()
    assert counts == [1, 2, 3]


def test_migration_of_rows_says_where_the_backup_is(store, caplog) -> None:
    store.migrate([FIRST])
    assert not caplog.records
    store.migrate([FIRST, SECOND])
    [said] = caplog.messages
    assert "from schema 1 to 2" in said and "metadata.db.v1.backup" in said


def test_program_that_was_overtaken_writes_no_more(store, host) -> None:
    """A zen that runs while a newer one migrates does not know what holds there now."""
    store.migrate([FIRST])
    newer = SQLiteStore(SQLiteConfig())
    newer.open(host)
    newer.migrate([FIRST, SECOND])
    with pytest.raises(SchemaTooNew, match="has schema 2, this zen knows schemas up to 1"):
        store.write([Change(sql="INSERT INTO a VALUES (2)")])
    assert newer.read("SELECT count(*) FROM a") == [(1,)]
    newer.write([Change(sql="INSERT INTO a VALUES (2, 'more')")])
    newer.close()


def test_table_that_others_refer_to_can_be_rebuilt(store) -> None:
    child = "CREATE TABLE b (a INTEGER REFERENCES a (x) ON DELETE CASCADE) STRICT"
    rebuild = (
        "CREATE TABLE n (x INTEGER PRIMARY KEY, z TEXT) STRICT",
        "INSERT INTO n SELECT x, 'z' FROM a",
        "DROP TABLE a",
    )
    store.migrate([FIRST, Migration(number=2, statements=(child, "INSERT INTO b VALUES (1)"))])
    store.migrate([FIRST, SECOND, Migration(number=3, statements=(*rebuild, "ALTER TABLE n RENAME TO a"))])
    assert store.read("SELECT * FROM b JOIN a ON a.x = b.a") == [(1, 1, "z")]


def test_starters_at_once_migrate_once(host) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        store = SQLiteStore(SQLiteConfig())
        try:
            store.open(host)
            store.migrate([FIRST, SECOND])
            assert store.read("SELECT x, y FROM a") == [(1, "new")]
        except BaseException as error:
            failures.append(error)
        finally:
            store.close()

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


KILLED_AT = """
import logging, os, signal, sys, sqlite3
from pathlib import Path
from types import SimpleNamespace
from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.interfaces import Migration
state, last = Path(sys.argv[1]), int(sys.argv[2])
store = SQLiteStore(SQLiteConfig())
store.open(SimpleNamespace(root=state, state=state, log=logging.getLogger()))
count = 0
def kill(sql):
    global count
    count += 1
    if count == last:
        os.kill(os.getpid(), signal.SIGKILL)
store._connection.set_trace_callback(kill)
first = ("CREATE TABLE a (x INTEGER PRIMARY KEY) STRICT", "INSERT INTO a VALUES (1)")
second = ("ALTER TABLE a ADD COLUMN y TEXT", "UPDATE a SET y = 'new'")
store.migrate([Migration(number=1, statements=first), Migration(number=2, statements=second)])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_migration_killed_at_any_statement_is_whole_or_absent(store) -> None:
    """Law: a kill before any statement of a migration leaves the old schema, and the next start completes it."""
    store.migrate([FIRST])
    store.close()
    before = store.path.read_bytes()
    statement = 0
    while True:
        statement += 1
        for file in store.path.parent.iterdir():
            file.unlink()
        store.path.write_bytes(before)
        ended = subprocess.run([sys.executable, "-c", KILLED_AT, str(store.path.parent), str(statement)], check=False)
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL
        store.open(store.host)
        assert versions(store) in ([1], [1, 2])
        store.migrate([FIRST, SECOND])
        assert store.read("SELECT x, y FROM a") == [(1, "new")]
        store.close()
    assert statement > 10
