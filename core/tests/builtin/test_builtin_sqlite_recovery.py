"""Recovery of a damaged SQLite store: law: what is saved was written, it is sound, and the damaged file stays as it is."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.builtin.sqlite_pages import Pages
from zen.builtin.sqlite_trees import Tree
from zen.errors import SchemaTooNew, StorageError, StoreDamaged, UsageError
from zen.identity import dumps
from zen.interfaces import Change, MetadataStore, Migration
from zen.records import CodeRef, Plan, StackSpec
from zen.storage import Database, changes, schema
from zen.storage.recovery import recover

FIXTURES = sorted((Path(__file__).parents[1] / "storage" / "fixtures").glob("schema-*.tar.xz"))
PAGE = 4096
LOST = Plan(pipeline="lost", code=CodeRef(module="lost", qualname="lost"), stack=StackSpec(name="lost"))
LOST_PLAN = (dumps(LOST.to_json()),)


def unpack(fixture: Path, folder: Path) -> Path:
    with tarfile.open(fixture) as packed:
        packed.extractall(folder, filter="data")
    return folder / "metadata.db"


@pytest.fixture
def database(host) -> Path:
    """The store of an earlier schema, everything in one file."""
    path = unpack(FIXTURES[-1], host.state)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def contents(path: Path) -> dict[str, list[tuple]]:
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    del rows["zen_schema"]
    return {name: sorted(found, key=repr) for name, found in rows.items()}


def rescue(host, name: str = "rescued.db"):
    target = host.root / name
    return recover(SQLiteStore(SQLiteConfig()), host, target), target


def require_sound(target: Path) -> None:
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def zero(path: Path, start: int, end: int) -> None:
    content = bytearray(path.read_bytes())
    content[start:end] = bytes(end - start)
    path.write_bytes(content)


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda file: file.name.removesuffix(".tar.xz"))
def test_sound_store_of_any_schema_is_copied_with_its_log(host, fixture) -> None:
    path = unpack(fixture, host.state)
    before = {file.name: file.read_bytes() for file in host.state.iterdir() if file.is_file()}
    recovery, target = rescue(host)
    assert recovery.notes == () and recovery.schema == int(fixture.name[7])
    assert all((each.lost, each.orphans) == (0, 0) for each in recovery.tables)
    assert {name: (host.state / name).read_bytes() for name in before} == before
    assert contents(target) == contents(path)
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(target)) as new:
        sql = "SELECT name, sql FROM sqlite_master ORDER BY name"
        assert old.execute(sql).fetchall() == new.execute(sql).fetchall()


@pytest.mark.parametrize("end", [16, 100, PAGE], ids=["magic", "header", "list of tables"])
def test_nothing_is_lost_with_the_header_or_the_list_of_tables(host, database, end) -> None:
    before = contents(database)
    zero(database, 0, end)
    with pytest.raises(StoreDamaged, match="zen doctor --recover"):
        SQLiteStore(SQLiteConfig()).open(host)
    recovery, target = rescue(host)
    after = contents(target)
    saved = {name: [row[: len(before[name][0])] for row in rows] for name, rows in after.items() if before.get(name)}
    assert saved == {name: rows for name, rows in before.items() if rows}
    assert recovery.notes
    require_sound(target)


def test_every_page_in_turn_may_be_damaged(host, database) -> None:
    """What is saved was written, nothing else; and where a number of lost rows is told, it is true."""
    before, content = contents(database), database.read_bytes()
    whole = 0
    for number in range(len(content) // PAGE):
        start = number * PAGE
        flipped = bytes(byte ^ 0xFF for byte in content[start : start + PAGE])
        damaged = content[:start] + flipped + content[start + PAGE :]
        database.write_bytes(damaged)
        recovery, target = rescue(host, f"{number}.db")
        assert database.read_bytes() == damaged
        require_sound(target)
        after = contents(target)
        told = {each.name: each for each in recovery.tables}
        for name, rows in before.items():
            allowed = {*rows, *mended(name, rows)}
            assert {row[: len(rows[0])] for row in after[name]} <= allowed if rows else not after[name]
            assert told[name].saved == len(set(after[name]) - {row for row in after[name] if row[1:] == LOST_PLAN})
            if told[name].lost is not None and rows:
                assert told[name].saved + told[name].lost + told[name].orphans == len(rows), (number, name)
        whole += after == before
    assert whole >= 5  # pages of indexes, and those that are free


def mended(name: str, rows: list[tuple]) -> set[tuple]:
    """Return artifacts as they are when their origin is lost, and the plans of runs whose plan is."""
    if name != "artifact":
        return {(row[0], *LOST_PLAN) for row in rows} if name == "plan" else set()
    return {(*row[:7], run, "", *row[9:]) for row in rows for run in ("", row[7])}


def test_file_that_is_cut_off_gives_what_is_left(host, database) -> None:
    size = database.stat().st_size
    saved = []
    for part in (0.9, 0.5, 0.1):
        os.truncate(database, int(size * part))
        recovery, target = rescue(host, f"{part}.db")
        require_sound(target)
        assert any("cut off" in note for note in recovery.notes)
        saved.append(sum(each.saved for each in recovery.tables))
    assert saved[0] >= saved[1] >= saved[2] and saved[0] > 20


def test_store_without_its_log_gives_what_the_file_has(host) -> None:
    path = unpack(FIXTURES[-1], host.state)
    log = path.with_name("metadata.db-wal")
    log.unlink()
    path.with_name("metadata.db-shm").touch()
    recovery, target = rescue(host)
    assert any("log is gone" in note for note in recovery.notes)
    require_sound(target)
    assert len(contents(target)["run"]) == 4  # the fifth was in the log


def test_log_is_taken_up_to_where_it_is_damaged(host) -> None:
    path = unpack(FIXTURES[-1], host.state)
    log = path.with_name("metadata.db-wal")
    whole = contents(unpack(FIXTURES[-1], host.root / "whole"))
    zero(log, log.stat().st_size - 100, log.stat().st_size)
    _, target = rescue(host)
    require_sound(target)
    with closing(sqlite3.connect(path)) as connection:
        seen = connection.execute("SELECT count(*) FROM run").fetchone()[0]
    assert len(contents(target)["run"]) == seen <= len(whole["run"])
    zero(log, 0, 32) if log.exists() else log.write_bytes(bytes(PAGE))
    recovery, _ = rescue(host, "again.db")
    assert any("its log is damaged" in note for note in recovery.notes)


def test_list_of_free_pages_does_not_matter(host, database) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE filler (x)")
        connection.execute("INSERT INTO filler SELECT randomblob(4000) FROM param, param")
        connection.execute("DROP TABLE filler")
    before = contents(database)
    content = bytearray(database.read_bytes())
    trunk = int.from_bytes(content[32:36], "big")
    assert trunk
    content[(trunk - 1) * PAGE : trunk * PAGE] = b"\xa5" * PAGE
    database.write_bytes(content)
    recovery, target = rescue(host)
    assert contents(target) == before
    assert all(each.lost == 0 for each in recovery.tables)


def test_rows_below_a_damaged_page_of_the_tree_are_found(host, database) -> None:
    with closing(sqlite3.connect(database)) as connection:
        ((root,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'plan'")
    before = contents(database)
    zero(database, (root - 1) * PAGE, root * PAGE)
    with closing(sqlite3.connect(database)) as connection, pytest.raises(sqlite3.DatabaseError):
        connection.execute("SELECT * FROM plan").fetchall()
    _, target = rescue(host)
    assert contents(target) == before


def test_artifact_whose_origin_is_lost_is_kept_without_one(host, database) -> None:
    with closing(sqlite3.connect(database)) as connection:
        ((root,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'run'")
    zero(database, (root - 1) * PAGE, root * PAGE)
    recovery, target = rescue(host)
    told = {each.name: (each.saved, each.lost, each.orphans) for each in recovery.tables}
    assert told["run"] == (0, 5, 0) and told["step_run"] == (0, 0, 15) and told["artifact"] == (3, 0, 0)
    assert {row[7:9] for row in contents(target)["artifact"]} == {("", "")}


def test_run_whose_plan_is_lost_is_kept_without_one(host, database) -> None:
    with closing(sqlite3.connect(database)) as connection:
        ((root,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'plan'")
    before = contents(database)
    with Pages(database) as pages:
        leaves = Tree(pages, root, index=False, seen=set()).leaves
    for page in leaves:
        zero(database, (page - 1) * PAGE, page * PAGE)
    recovery, target = rescue(host)
    told = {each.name: (each.saved, each.lost, each.orphans) for each in recovery.tables}
    assert told["plan"] == (0, 4, 0) and told["run"] == (5, 0, 0) and told["step_run"] == (15, 0, 0)
    assert contents(target)["run"] == before["run"]


def test_recovered_store_opens_and_goes_on(host, database) -> None:
    zero(database, 0, 100)
    _, target = rescue(host)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600 or os.name == "nt"
    os.replace(target, database)
    store = SQLiteStore(SQLiteConfig())
    store.open(host)
    records = Database(store)
    records.prepare()
    assert [run.state for run in records.runs()] == ["running", "cancelled", "failed", "completed", "completed"]
    with pytest.raises(StorageError, match="a finished step run does not change"):
        store.write([Change(sql="UPDATE step_run SET detail = '{}' WHERE state = 'failed'")])
    run = records.runs()[0]
    store.write([*changes.lose_run(run.id, at=store.now(), token="t")])
    store.check()
    store.close()


def test_more_rows_than_a_page_and_values_longer_than_one(host) -> None:
    """Interior pages, overflow pages and every kind of value come back as they were."""
    store = SQLiteStore(SQLiteConfig())
    store.open(host)
    columns = "id TEXT PRIMARY KEY, a INTEGER, b REAL, c BLOB, d TEXT"
    migration = Migration(number=1, statements=(f"CREATE TABLE t ({columns}) STRICT",))
    store.migrate([migration])
    numbers = [0, 1, -1, 127, -128, 2**15, 2**23, -(2**31), 2**47, 2**63 - 1, -(2**63), None]
    rows = [
        (f"{n}", numbers[n % 12], n / 7, bytes([n % 256]) * (n * 13 % 9000), "größe λ 🙂\0" * (n % 700))
        for n in range(3000)
    ]
    sql = "INSERT INTO t VALUES (?, ?, ?, ?, ?)"
    store.write([Change(sql=sql, parameters=row) for row in rows], durable=False)
    store.write([Change(sql="DELETE FROM t WHERE id LIKE '%7'")])
    expected = sorted(store.read("SELECT * FROM t"))
    target = host.root / "rescued.db"
    recovery = SQLiteStore(SQLiteConfig()).recover(host, target, [migration])
    store.close()
    with closing(sqlite3.connect(target)) as connection:
        assert sorted(connection.execute("SELECT * FROM t").fetchall()) == expected
    assert [(each.saved, each.lost) for each in recovery.tables] == [(len(expected), 0)]


@pytest.mark.parametrize("seed", range(4))
def test_any_damage_gives_a_sound_file(host, database, seed) -> None:
    chance = random.Random(seed)
    content = database.read_bytes()
    for attempt in range(10):
        damaged = bytearray(content)
        for _ in range(chance.choice([1, 10, 300])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        database.write_bytes(damaged)
        try:
            _, target = rescue(host, f"{attempt}.db")
        except SchemaTooNew:  # the number was hit
            continue
        require_sound(target)


def test_file_that_is_something_else_gives_an_empty_store(host) -> None:
    (host.state / "metadata.db").write_bytes(b"text" * 5000)
    recovery, target = rescue(host)
    assert sum(each.saved for each in recovery.tables) == 0
    assert "the header is damaged" in recovery.notes
    require_sound(target)


def test_what_is_there_is_not_written_over(host, database) -> None:
    (host.root / "rescued.db").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        rescue(host)
    assert (host.root / "rescued.db").read_text() == "mine"
    with pytest.raises(UsageError, match="is there already"):
        rescue(host, database.relative_to(host.root))


def test_nothing_to_recover_is_said(host) -> None:
    with pytest.raises(StorageError, match=r"there is no metadata store .*metadata\.db to recover"):
        rescue(host)


def test_newer_store_is_not_recovered_by_an_older_zen(host, database) -> None:
    with pytest.raises(SchemaTooNew, match="has schema 3, this zen knows schemas up to 2"):
        SQLiteStore(SQLiteConfig()).recover(host, host.root / "new.db", schema.migrations("sqlite")[:2])
    assert not list(host.root.glob("new.db*"))


def test_store_that_offers_no_recovery_says_so(host) -> None:
    with pytest.raises(StorageError, match="does not offer"):
        MetadataStore.recover(SQLiteStore(SQLiteConfig()), host, host.root / "new.db", [])
