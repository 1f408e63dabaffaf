"""The SQLite store: batches, reads, how the connection is set, and what it says when something is wrong."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from zen.builtin import sqlite as module
from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.errors import (
    ComponentUnavailable,
    PermissionDenied,
    StorageError,
    StoreBusy,
    StoreDamaged,
    WriteConflict,
)
from zen.interfaces import Change, Migration
from zen.storage.filelock import FileLock

SCHEMA = Migration(
    number=1,
    statements=(
        "CREATE TABLE team (name TEXT PRIMARY KEY) STRICT",
        "CREATE TABLE player (id INTEGER PRIMARY KEY, team TEXT NOT NULL REFERENCES team (name), goals INTEGER) STRICT",
    ),
)


def opened(host, **config) -> SQLiteStore:
    store = SQLiteStore(SQLiteConfig(**config))
    store.open(host)
    return store


@pytest.fixture
def store(host):
    store = opened(host)
    store.migrate([SCHEMA])
    store.write([add("red"), add("blue")])
    yield store
    store.close()


def add(team: str) -> Change:
    return Change(sql="INSERT INTO team VALUES (?)", parameters=(team,), expect=1)


def teams(store: SQLiteStore) -> list[str]:
    return [name for (name,) in store.read("SELECT name FROM team ORDER BY name")]


def test_written_rows_are_read_by_another_store(store, host) -> None:
    other = opened(host)
    assert teams(other) == ["blue", "red"]
    other.close()
    assert store.read("SELECT count(*), ? FROM team WHERE name <> ?", ("x", "red")) == [(1, "x")]


def test_values_come_back_as_they_are(store) -> None:
    values = (None, 2**62, -0.5, "é\0😀", b"\0\xff")
    assert store.read("SELECT ?, ?, ?, ?, ?", values) == [values]


@pytest.mark.parametrize("durable", [True, False])
def test_conflict_undoes_the_batch_and_tells_which_change(store, durable) -> None:
    batch = [add("green"), Change(sql="UPDATE team SET name = 'x' WHERE name = 'absent'", expect=1), add("white")]
    with pytest.raises(WriteConflict, match="change 2 of 3 touched 0 rows instead of 1") as caught:
        store.write(batch, durable=durable)
    assert caught.value.index == 1
    assert teams(store) == ["blue", "red"]


def test_duplicate_row_is_a_conflict(store) -> None:
    with pytest.raises(WriteConflict) as caught:
        store.write([add("green"), Change(sql="INSERT INTO team VALUES ('red')")])
    assert caught.value.index == 1
    assert teams(store) == ["blue", "red"]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE team SET name = name || '!'",
        "WITH old AS (SELECT name FROM team) UPDATE team SET name = name || '!' WHERE name IN (SELECT name FROM old)",
        "/* a remark */ UPDATE team SET name = name || '!'",
    ],
)
def test_rows_are_counted_whatever_the_statement_begins_with(store, sql) -> None:
    store.write([Change(sql=sql, expect=2)])
    with pytest.raises(WriteConflict):
        store.write([Change(sql=sql, expect=1)])
    assert teams(store) == ["blue!", "red!"]


def test_ignored_insert_touches_no_row(store) -> None:
    ignoring = Change(sql="INSERT INTO team VALUES ('red') ON CONFLICT DO NOTHING", expect=1)
    with pytest.raises(WriteConflict):
        store.write([ignoring])


def test_foreign_keys_are_enforced(store) -> None:
    with pytest.raises(StorageError, match=r"change 2 of 2 breaks the schema .*FOREIGN KEY") as caught:
        store.write([add("green"), Change(sql="INSERT INTO player VALUES (1, 'absent', 0)")])
    assert caught.value.index == 1
    assert teams(store) == ["blue", "red"]


def test_wrong_sql_is_an_error_that_undoes_the_batch(store) -> None:
    with pytest.raises(StorageError, match="no such table: absent"):
        store.write([add("green"), Change(sql="DELETE FROM absent")])
    with pytest.raises(StorageError, match="no such table: absent"):
        store.read("SELECT * FROM absent")
    assert teams(store) == ["blue", "red"]


def test_empty_batch_is_nothing(store) -> None:
    store.write([])


def test_connection_is_safe(store, host) -> None:
    store.close()
    store.open(host)
    expected = {
        "journal_mode": "wal",
        "wal_autocheckpoint": 0,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
    }
    assert {name: store.read(f"PRAGMA {name}")[0][0] for name in expected} == expected


def test_synchronous_follows_durability(store) -> None:
    full, normal = 2, 1
    assert store.read("PRAGMA synchronous") == [(full,)]
    store.write([add("green")], durable=False)
    assert store.read("PRAGMA synchronous") == [(normal,)]
    store.write([add("white")])
    assert store.read("PRAGMA synchronous") == [(full,)]


def test_batch_takes_the_write_lock_at_its_beginning(store) -> None:
    """A transaction that reads first and writes then fails as busy, whatever the timeout."""
    seen: list[str] = []
    store._connection.set_trace_callback(seen.append)
    store.write([add("green")])
    assert [statement.partition(" VALUES")[0] for statement in seen] == [
        "BEGIN IMMEDIATE",
        "SELECT max(number) FROM zen_schema",
        "INSERT INTO team",
        "COMMIT",
    ]


def test_synchronous_is_full_for_a_migration(store) -> None:
    store.write([add("green")], durable=False)
    store.migrate([SCHEMA, Migration(number=2, statements=())])
    assert store.read("PRAGMA synchronous") == [(2,)]


def test_now_is_this_moment_with_its_zone(store) -> None:
    assert abs(store.now() - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=5)


def test_dialect_and_reach(store) -> None:
    assert (store.dialect, store.reach, store.capabilities) == ("sqlite", "host", {"backup", "recover"})


def test_default_path_is_in_the_state_folder(store, host) -> None:
    assert store.path == host.state / "metadata.db"


def test_configured_path_is_relative_to_the_root(host) -> None:
    store = opened(host, path="data/a b?#%41.db")
    assert store.path == host.root / "data" / "a b?#%41.db"
    store.migrate([SCHEMA])
    store.close()
    assert {file.name for file in store.path.parent.iterdir()} == {"a b?#%41.db", "a b?#%41.db.lock"}


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_files_are_for_their_owner_only(host) -> None:
    store = opened(host, path="new/deep/metadata.db")
    store.migrate([SCHEMA])
    folder = store.path.parent
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (folder.parent, folder, *folder.iterdir())}
    store.close()
    assert {name: mode for name, mode in modes.items() if mode != 0o600} == {"new": 0o700, "deep": 0o700}


def test_close_is_harmless_twice_and_ends_use(store) -> None:
    store.close()
    store.close()
    with pytest.raises(StorageError, match="closed"):
        store.read("SELECT 1")
    with pytest.raises(StorageError, match="closed"):
        store.write([add("green")])


def test_close_of_a_store_that_was_never_open_is_harmless() -> None:
    SQLiteStore(SQLiteConfig()).close()


def test_closed_store_opens_again(store, host) -> None:
    store.close()
    store.open(host)
    assert teams(store) == ["blue", "red"]


def test_threads_share_a_store(store) -> None:
    def work(number: int) -> None:
        for item in range(25):
            store.write([add(f"{number}/{item}")], durable=False)
            assert (f"{number}/{item}",) in store.read("SELECT name FROM team")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(teams(store)) == 102


def test_read_does_not_wait_for_a_write_that_waits(store, host) -> None:
    with FileLock(host.state / "metadata.db.lock"):
        writer = threading.Thread(target=store.write, args=([add("green")],))
        writer.start()
        assert teams(store) == ["blue", "red"]
        assert writer.is_alive()
    writer.join()
    assert teams(store) == ["blue", "green", "red"]


class Halting(list):
    """A batch that calls `halfway` between its two changes."""

    def __init__(self, changes, halfway) -> None:
        super().__init__(changes)
        self.halfway = halfway

    def __iter__(self):
        yield self[0]
        self.halfway()
        yield self[1]


def test_reader_sees_no_half_of_a_batch(store) -> None:
    seen: list[list[str]] = []
    reader = threading.Thread(target=lambda: seen.append(teams(store)))

    def halfway() -> None:
        reader.start()
        reader.join(0.1)

    store.write(Halting([add("green"), add("white")], halfway))
    reader.join()
    assert seen == [["blue", "green", "red", "white"]]


def test_removed_file_is_not_replaced_by_an_empty_one(store) -> None:
    """After a fork the database is opened again; a file that is gone by then must not look like an empty store."""
    store._disconnect()
    store.path.unlink()
    with pytest.raises(StoreDamaged, match="the file is gone"):
        store.read("SELECT * FROM team")
    assert not store.path.exists()


def test_held_lock_is_reported_as_busy(store, host) -> None:
    hasty = opened(host, busy_timeout=0.05)
    with FileLock(host.state / "metadata.db.lock"), pytest.raises(StoreBusy, match=r"metadata\.db is busy") as caught:
        hasty.write([add("green")])
    assert caught.value.path == host.state / "metadata.db"
    assert caught.value.holder in (None, os.getpid())
    hasty.write([add("green")])
    hasty.close()


def test_foreign_transaction_is_reported_as_busy(store, host) -> None:
    hasty = opened(host, busy_timeout=0.05)
    foreign = sqlite3.connect(store.path, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match=r"metadata\.db is busy"):
        hasty.write([add("green")])
    foreign.execute("ROLLBACK")
    foreign.close()
    hasty.write([add("green")])
    hasty.close()


def test_close_while_the_lock_is_held_gives_up_waiting(store, host) -> None:
    hasty = opened(host, busy_timeout=0.05)
    with FileLock(host.state / "metadata.db.lock"):
        hasty.close()
    assert teams(store) == ["blue", "red"]


def test_last_close_leaves_one_file(store) -> None:
    store.close()
    assert sorted(file.name for file in store.path.parent.iterdir()) == ["metadata.db", "metadata.db.lock"]


def test_long_log_is_moved_into_the_database_and_used_again(store, monkeypatch) -> None:
    monkeypatch.setattr(module, "_LONG_LOG", 20 * 4096)
    monkeypatch.setattr(module, "_WRITES_BETWEEN_CHECKPOINTS", 5)
    sizes = []
    for number in range(200):
        store.write([add(f"{number:03} {'x' * 500}")], durable=False)
        sizes.append(os.stat(f"{store.path}-wal").st_size)
    assert max(sizes) < 60 * 4096
    assert len(teams(store)) == 202


def test_log_stays_while_it_is_short(store) -> None:
    before = store.path.stat().st_mtime_ns
    for number in range(300):
        store.write([add(str(number))], durable=False)
    assert store.path.stat().st_mtime_ns == before


def test_reader_does_not_make_a_checkpoint_fail(store, monkeypatch) -> None:
    monkeypatch.setattr(module, "_LONG_LOG", 0)
    monkeypatch.setattr(module, "_WRITES_BETWEEN_CHECKPOINTS", 1)
    reader = sqlite3.connect(store.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM team").fetchall()
    store.write([add("green")])
    reader.close()
    store.write([add("white")])
    assert len(teams(store)) == 4


def test_interrupted_batch_is_undone(store) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write(Halting([add("green"), add("yellow")], interrupt))
    store.write([add("white")])
    assert teams(store) == ["blue", "red", "white"]


def test_check_is_quiet_for_a_sound_store(store) -> None:
    store.check()


def test_old_sqlite_is_refused(host, monkeypatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(ComponentUnavailable, match=r"needs 3\.37"):
        opened(host)


# What can be wrong with the file


def damage(store: SQLiteStore, change) -> None:
    store.close()
    content = bytearray(store.path.read_bytes())
    store.path.write_bytes(change(content))


def zeroed(content: bytearray) -> bytes:
    return bytes(100) + content[100:]


@pytest.mark.parametrize(
    "change",
    [
        zeroed,
        lambda content: content[:50],
        lambda content: content[:5000],
        lambda content: b"",
        lambda content: b"text" * 2000,
    ],
    ids=["zeroed header", "cut in the header", "cut in the pages", "cut to nothing", "something else"],
)
def test_damaged_file_is_reported_and_left_alone(store, host, change) -> None:
    damage(store, change)
    content = store.path.read_bytes()
    with pytest.raises(StoreDamaged, match=r"metadata\.db is damaged") as caught:
        opened(host).read("SELECT * FROM team")
    assert "zen doctor --recover FILE" in caught.value.hint
    assert store.path.read_bytes() == content


def test_damage_in_the_middle_is_reported_by_who_meets_it(store, host) -> None:
    store.write([add(f"{number:04} {'x' * 400}") for number in range(200)])

    def overwrite(content: bytearray) -> bytes:
        content[5 * 4096 : -4096] = b"\xa5" * (len(content) - 6 * 4096)
        return bytes(content)

    damage(store, overwrite)
    broken = opened(host)
    with pytest.raises(StoreDamaged):
        broken.read("SELECT * FROM team")
    with pytest.raises(StoreDamaged):
        broken.check()
    broken.close()


def test_damage_names_the_backups(store, host) -> None:
    store.migrate([SCHEMA, Migration(number=2, statements=())])
    damage(store, zeroed)
    with pytest.raises(StoreDamaged) as caught:
        opened(host)
    assert "metadata.db.v1.backup" in caught.value.hint


def test_log_without_its_database_is_not_given_to_a_new_one(store, host) -> None:
    other = sqlite3.connect(store.path)  # keeps the log from being removed at close
    other.execute("SELECT * FROM team").fetchall()
    store.close()
    store.path.unlink()
    with pytest.raises(StoreDamaged, match="its log"):
        opened(host)
    other.close()


def test_log_that_is_gone_is_noticed(store, host) -> None:
    """Without it the store would open as it was some time ago."""
    other = sqlite3.connect(store.path)  # keeps the log from being removed at close
    other.execute("SELECT * FROM team").fetchall()
    store.close()
    Path(f"{store.path}-wal").unlink()
    with pytest.raises(StoreDamaged, match=r"its log .*-wal is gone"):
        opened(host)
    other.close()


@pytest.mark.parametrize("network", [False, True])
def test_new_store_on_a_network_file_system_is_refused_unless_forced(host, monkeypatch, network) -> None:
    monkeypatch.setattr(module.disk, "network_file_system", lambda path: "nfs4")
    if network:
        opened(host, network=True).close()
        return
    with pytest.raises(ComponentUnavailable, match=r"network file system \(nfs4\)"):
        opened(host)
    assert list(host.state.iterdir()) == []


def test_read_only_folder_is_permission_denied(host, ordinary) -> None:
    ordinary.chmod(0o500)
    with pytest.raises(PermissionDenied, match="may not"):
        opened(host, path=ordinary / "metadata.db")
    with pytest.raises(PermissionDenied, match="may not"):
        opened(host, path=ordinary / "new" / "metadata.db")


def test_read_only_file_is_permission_denied(host, ordinary) -> None:
    store = opened(host, path=ordinary / "metadata.db")
    store.migrate([SCHEMA])
    store.close()
    store.path.chmod(0o400)
    with pytest.raises(PermissionDenied, match="may not"):
        opened(host, path=ordinary / "metadata.db").write([add("red")])


def test_folder_in_the_place_of_the_file_is_an_error(host) -> None:
    (host.state / "metadata.db").mkdir()
    with pytest.raises(StorageError):
        opened(host)


def test_full_disk_is_reported_and_loses_nothing(host, tiny_disk) -> None:
    store = opened(host, path=tiny_disk / "metadata.db")
    store.migrate([SCHEMA])
    written = 0

    def fill() -> None:
        nonlocal written
        while True:
            store.write([add(f"{written} {'x' * 2000}")])
            written += 1

    with pytest.raises(StorageError, match=r"no space left to write to the metadata store .* of 1\.0 MiB free"):
        fill()
    assert len(teams(store)) == written > 10
    store.close()
    again = opened(host, path=tiny_disk / "metadata.db")
    assert len(teams(again)) == written
    again.check()
    again.close()
