"""Law: whenever a migration is killed, the store holds a whole schema and every row, and the next start completes it.

The stores are those that earlier commits wrote (`core/tests/storage/fixtures`), each with the log of a killed process.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from zen.builtin import sqlite_schema
from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.errors import SchemaTooNew, StorageError
from zen.interfaces import Change, Migration
from zen.storage import schema

FULL = os.environ.get("ZEN_FAULTS") == "full"
FIXTURES = sorted((Path(__file__).parents[2] / "core/tests/storage/fixtures").glob("schema-*.tar.xz"))
KILLED = FIXTURES if FULL else FIXTURES[:1]
STARTERS = 8
ALL = schema.migrations("sqlite")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

# A child for each statement: it dies right before that statement runs. The parent never opens the store.
KILLER = """
import json, logging, os, shutil, signal, sys
from pathlib import Path
from types import SimpleNamespace
from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.storage import schema

def migrate(folder, last, report):
    count = 0
    def kill(statement):
        nonlocal count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
    store = SQLiteStore(SQLiteConfig())
    log = logging.getLogger("killer")
    log.disabled = True
    store.open(SimpleNamespace(root=folder, state=folder, log=log))
    store._connection.set_trace_callback(kill)
    store.migrate(schema.migrations("sqlite"))
    os._exit(0)

template, work = Path(sys.argv[1]), Path(sys.argv[2])
statement = 0
while True:
    statement += 1
    folder = work / str(statement)
    shutil.copytree(template, folder)
    child = os.fork()
    if child == 0:
        migrate(folder, statement, work)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
"""


def unpacked(file: Path, folder: Path) -> Path:
    with tarfile.open(file) as packed:
        packed.extractall(folder, filter="data")
    return folder


def opened(folder: Path, migrations=ALL) -> SQLiteStore:
    store = SQLiteStore(SQLiteConfig())
    store.open(SimpleNamespace(root=folder, state=folder, log=logging.getLogger("test")))
    try:
        store.migrate(migrations)
    except BaseException:
        store.close()
        raise
    return store


def contents(folder: Path, columns: dict[str, str] | None = None):
    """Return the schema, and the rows of every table, as whoever opens the database sees them."""
    with closing(sqlite3.connect(folder / "metadata.db")) as connection:
        objects = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        number = max(connection.execute("SELECT number FROM zen_schema"))[0]
        tables = [name for name, sql in objects if (sql or "").startswith("CREATE TABLE") and name != "zen_schema"]
        if columns is None:
            columns = {t: ", ".join(c[0] for c in connection.execute(f"SELECT * FROM {t}").description) for t in tables}
        rows = {t: sorted(connection.execute(f"SELECT {named} FROM {t}")) for t, named in columns.items()}
        return number, objects, columns, rows


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """What a database of each schema looks like."""
    shapes = {}
    for migration in ALL:
        folder = tmp_path_factory.mktemp("shape")
        opened(folder, ALL[: migration.number]).close()
        shapes[migration.number] = contents(folder)[1]
    return shapes


@pytest.mark.parametrize("file", KILLED, ids=lambda file: file.name.removesuffix(".tar.xz"))
def test_migration_killed_before_any_statement_is_whole_or_absent(file, tmp_path, shapes, record_property) -> None:
    template = unpacked(file, tmp_path / "template")
    before = contents(unpacked(file, tmp_path / "before"))
    (tmp_path / "work").mkdir()
    done = subprocess.run([sys.executable, "-c", KILLER, str(template), str(tmp_path / "work")], check=False)
    assert done.returncode == 0
    folders = sorted((tmp_path / "work").iterdir(), key=lambda folder: int(folder.name))
    seen = [contents(folder, before[2]) for folder in folders]
    for folder, (number, objects, _, rows) in zip(folders, seen, strict=True):
        assert objects == shapes[number], f"half a migration after a kill at statement {folder.name}"
        assert rows == before[3]
        store = opened(folder)
        assert store.read("PRAGMA integrity_check") == [("ok",)]
        store.close()
        assert (contents(folder, before[2])[1], contents(folder, before[2])[3]) == (shapes[len(ALL)], before[3])
    assert {number for number, *_ in seen} == set(range(before[0], len(ALL) + 1))
    assert all(sorted(f for f in sqlite_schema.backups(folder / "metadata.db")) for folder in folders)
    record_property("kills", len(folders) - 1)
    record_property("lost", 0)


def test_statement_that_fails_leaves_the_migration_before_it(tmp_path, shapes, record_property) -> None:
    """An error in the place of every statement, as a full disk or a bug would make it."""
    template = unpacked(FIXTURES[0], tmp_path / "template")
    before = contents(unpacked(FIXTURES[0], tmp_path / "before"))
    injected = 0
    for migration in ALL[before[0] :]:
        for index in range(len(migration.statements) + 1):
            broken = (*migration.statements[:index], "SELECT broken", *migration.statements[index:])
            folder = unpacked(FIXTURES[0], tmp_path / f"{migration.number}-{index}")
            migrations = [*ALL[: migration.number - 1], Migration(number=migration.number, statements=broken)]
            with pytest.raises(StorageError, match=f"to schema {migration.number}: 'SELECT broken' failed"):
                opened(folder, migrations)
            number, objects, _, rows = contents(folder, before[2])
            assert (number, objects, rows) == (migration.number - 1, shapes[number], before[3])
            injected += 1
    assert template.exists()
    record_property("injected", injected)


START = """
import logging, sys, time
from pathlib import Path
from types import SimpleNamespace
from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.storage import schema
folder = Path(sys.argv[1])
store = SQLiteStore(SQLiteConfig())
print("ready", flush=True)
sys.stdin.readline()
store.open(SimpleNamespace(root=folder, state=folder, log=logging.getLogger("start")))
store.migrate(schema.migrations("sqlite"))
print(store.read("SELECT count(*) FROM zen_schema")[0][0])
store.close()
"""


@pytest.mark.parametrize("file", [None, *FIXTURES[:: 1 if FULL else 3]], ids=lambda file: file.name if file else "new")
def test_starters_at_once_migrate_once(file, tmp_path, record_property) -> None:
    folder = unpacked(file, tmp_path / "store") if file else tmp_path
    before = contents(unpacked(file, tmp_path / "before")) if file else None
    command = [sys.executable, "-c", START, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    starters = [subprocess.Popen(command, **pipes) for _ in range(STARTERS)]
    for starter in starters:
        assert starter.stdout.readline() == "ready\n"
    for starter in starters:
        starter.stdin.write("\n")
        starter.stdin.flush()
    ends = [starter.communicate(timeout=60) for starter in starters]
    assert [out.strip() for out, _ in ends] == [str(len(ALL))] * STARTERS, ends
    said = [line for _, err in ends for line in err.splitlines()]
    assert sum("was brought from schema" in line for line in said) == len(said) == (1 if file else 0)
    assert len(sqlite_schema.backups(folder / "metadata.db")) == (1 if file else 0)
    if before:
        assert contents(folder, before[2])[3] == before[3]
    record_property("starters", STARTERS)


NEWER = Migration(number=len(ALL) + 1, statements=("CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT",))


def test_older_program_refuses_a_newer_database_and_says_so(tmp_path) -> None:
    running = opened(tmp_path)
    opened(tmp_path, [*ALL, NEWER]).close()
    holds = f"has schema {NEWER.number}, this zen knows schemas up to {len(ALL)}"
    with pytest.raises(SchemaTooNew, match=holds) as caught:
        opened(tmp_path)
    assert "pip install --upgrade zen-hub" in caught.value.hint and f"v{len(ALL)}.backup" in caught.value.hint
    with pytest.raises(SchemaTooNew, match=holds):
        running.write([Change(sql="INSERT INTO counter VALUES ('more', 1)")])
    assert running.read("SELECT name FROM counter") == [("collections",)]
    running.close()
