"""`zen doctor` finds what is broken, and nothing that is not."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest


def states(result) -> dict[str, str]:
    return {finding["name"]: finding["state"] for finding in result.json["findings"]}


def test_doctor_makes_nothing(zen, project: Path) -> None:
    result = zen("doctor")
    assert result.code == 0 and "all right" in result.err
    assert not (project / ".zen").exists()


def test_doctor_looks_at_the_stores(zen, pipelines: Path) -> None:
    zen("run", "flow.py", "--rows", 1)
    result = zen("doctor", "--json")
    assert result.code == 0 and result.json["ok"]
    details = {finding["name"]: finding["detail"] for finding in result.json["findings"]}
    assert details["metadata"].startswith("intact, schema ") and details["metadata"].endswith("metadata.db")
    assert sqlite3.sqlite_version in details["sqlite"] and "journal mode wal" in details["sqlite"]
    assert details["runs"] == "1 recorded, 0 running, 0 lost"
    assert "free at" in details["space for metadata"] and "free at" in details["space for artifacts"]
    assert details["staging"] == "clean"


def test_doctor_says_why_an_old_sqlite_is_safe_here(zen, pipelines: Path, monkeypatch) -> None:
    zen("run", "flow.py", "--rows", 1)
    for fixed, said in (((99, 0, 0), True), ((3, 0, 0), False)):
        monkeypatch.setattr("zen.storage.condition._FIXED", fixed)
        details = {finding["name"]: finding["detail"] for finding in zen("doctor", "--json").json["findings"]}
        assert ("a checkpoint overlaps a commit, which zen's lock prevents" in details["sqlite"]) is said


def test_doctor_changes_nothing(zen, zen_process, pipelines: Path) -> None:
    """Nor does it migrate: it tells the schema, and the next command does."""
    zen_process("run", "flow.py", "--rows", 1)
    database = pipelines / ".zen" / "metadata.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DELETE FROM zen_schema WHERE number = (SELECT max(number) FROM zen_schema)")
        connection.commit()
        ((held,),) = connection.execute("SELECT max(number) FROM zen_schema")
    before = database.read_bytes()
    details = {finding["name"]: finding["detail"] for finding in zen("doctor", "--json").json["findings"]}
    assert f"schema {held} (the next command brings it to {held + 1})" in details["metadata"]
    assert database.read_bytes() == before and not list(database.parent.glob("*.backup"))


def test_doctor_finds_what_dead_processes_left(zen, pipelines: Path) -> None:
    zen("run", "flow.py", "--rows", 1)
    left = pipelines / ".zen" / "artifacts" / "staging" / "1-dead"
    left.mkdir(parents=True)
    left.with_name("1-dead.lock").touch()
    (left / "half").write_bytes(b"half")
    details = {finding["name"]: finding["detail"] for finding in zen("doctor", "--json").json["findings"]}
    assert details["staging"] == "1 files of 1 dead processes, 4 B: removed when a day old"


def test_doctor_warns_of_little_space(zen, pipelines: Path, monkeypatch) -> None:
    zen("run", "flow.py", "--rows", 1)
    monkeypatch.setattr("zen.cli.doctor_stores._LITTLE_SPACE", 1 << 62)
    result = zen("doctor", "--json")
    assert result.code == 0 and states(result)["space for metadata"] == "warning"


def test_doctor_finds_a_damaged_store(zen_process, zen, pipelines: Path) -> None:
    zen_process("run", "flow.py", "--rows", 1)
    database = pipelines / ".zen" / "metadata.db"
    database.write_bytes(b"not a database" * 1000)
    result = zen("doctor", "--json")
    assert result.code == 1 and states(result)["metadata store"] == "broken"
    for arguments in (["doctor"], ["runs"], ["run", "flow.py", "--rows", 1]):
        said = zen_process(*arguments)
        assert "metadata.db is damaged" in said.out + said.err and "zen doctor --recover FILE" in said.err
        assert "Traceback" not in said.err and said.code in (1, 6)


def test_damaged_store_is_recovered_and_used_again(zen_process, pipelines: Path) -> None:
    zen_process("run", "flow.py", "--rows", 4)
    shown = zen_process("show", "last", "--json").json
    database = pipelines / ".zen" / "metadata.db"
    damaged = bytes(100) + database.read_bytes()[100:]
    database.write_bytes(damaged)
    result = zen_process("doctor", "--recover", "rescued.db")
    assert result.code == 0 and "move" in result.err and str(database) in result.err
    assert ["run", "1", "0", "0"] in [line.split() for line in result.out.splitlines()]
    assert database.read_bytes() == damaged
    again = zen_process("doctor", "--recover", "rescued.db")
    assert again.code == 2 and "is there already" in again.err
    report = zen_process("doctor", "--recover", "other.db", "--json").json
    assert report["whole"] and report["file"] == str(pipelines / "other.db") and report["damaged"] == str(database)
    assert {"name": "run", "saved": 1, "lost": 0, "orphans": 0} in report["tables"]
    (pipelines / "rescued.db").replace(database)
    assert zen_process("show", "last", "--json").json == shown
    assert zen_process("doctor").code == 0


def test_recovery_of_nothing_is_an_error(zen, project: Path) -> None:
    result = zen("doctor", "--recover", "rescued.db")
    assert result.code == 6 and "there is no metadata store" in result.err


def test_doctor_finds_a_broken_stack_file_and_goes_on(zen, project: Path) -> None:
    (project / "zen.yaml").write_text("stacks: {local: {orchestrator: nobody}}\n", encoding="utf-8")
    result = zen("doctor", "--json")
    assert result.code == 1
    assert states(result)["active stack"] == "broken" and states(result)["plugins"] == "ok"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_doctor_finds_a_state_folder_that_cannot_be_written(zen, project: Path) -> None:
    (project / ".zen").mkdir(mode=0o500)
    assert states(zen("doctor", "--json"))["state folder"] == "broken"
