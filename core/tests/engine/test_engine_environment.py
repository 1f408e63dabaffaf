"""What a run records of where it ran: what is installed, once for all runs; where and how it was started."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from pathlib import Path

import pytest

import zen.engine.environment as environments
from zen import Client
from zen.engine.snapshots import omitted_of
from zen.errors import RunNotFound
from zen.registry import Installed

FLOW = """
@step
def one() -> int:
    return 1

@pipeline
def flow():
    one()
"""


@pytest.fixture
def few(monkeypatch) -> list[Installed]:
    found = [
        Installed("numpy", "2.0"),
        Installed("acme", "1.0", "url", "git+https://example.org/acme@abc"),
        Installed("mine", "0.1", "editable", "/opt/me/mine"),
        Installed("wheel-of-mine", "0.2", "local", "/opt/me/w.whl"),
    ]
    monkeypatch.setattr(environments, "installed", lambda: tuple(found))
    return found


def objects(home: Path) -> int:
    with contextlib.closing(sqlite3.connect(home / ".zen" / "metadata.db")) as store:
        return int(store.execute("SELECT COUNT(*) FROM object").fetchone()[0])


def test_runs_share_what_is_recorded_of_the_environment(define, home, few) -> None:
    flow = define(FLOW).flow
    first = flow().record
    count = objects(home)
    again = [flow().record for _ in range(5)]
    assert {each.environment["distributions"] for each in again} == {first.environment["distributions"]}
    assert {each.snapshot for each in again} == {first.snapshot}
    assert objects(home) == count
    few.append(Installed("other", "1"))
    assert flow().record.environment["distributions"] != first.environment["distributions"]
    assert objects(home) == count + 1


def test_a_requirements_file_can_be_had_back(define, home, few) -> None:
    run = define(FLOW).flow()
    few.clear()
    python = run.record.environment["python"]
    assert Client(root=home).requirements(run.id).splitlines() == [
        f"# run {run.name} ({run.id}): Python {python} on {run.record.environment['platform']}",
        "numpy==2.0",
        "acme @ git+https://example.org/acme@abc",
        "# mine 0.1: editable, from /opt/me/mine",
        "# wheel-of-mine 0.2: installed from /opt/me/w.whl",
    ]


def test_a_run_that_recorded_nothing_says_so(define, home, monkeypatch) -> None:
    real = environments.environment
    monkeypatch.setattr(
        sys.modules["zen.engine.launch"], "environment", lambda kept: {**real(kept), "distributions": ""}
    )
    define(FLOW).flow()
    with pytest.raises(RunNotFound, match="what was installed for run"):
        Client(root=home).requirements()


def test_the_folder_and_the_script_are_recorded_if_they_are_of_the_project(script, home, tmp_path_factory) -> None:
    (home / "work").mkdir()
    assert script(FLOW + "\nflow()\n", name="jobs/a.py", cwd=home / "work").returncode == 0
    assert script(FLOW + "\nflow()\n", name="jobs/a.py").returncode == 0
    assert script(FLOW + "\nflow()\n", name="jobs/a.py", cwd=tmp_path_factory.mktemp("else")).returncode == 0
    found = [run.record.environment for run in Client(root=home).runs()]
    assert [(each["script"], each.get("folder")) for each in reversed(found)] == [
        ("jobs/a.py", "work"),
        ("jobs/a.py", None),
        ("jobs/a.py", None),
    ]


def test_code_that_the_snapshot_lacks_is_a_warning_and_other_files_are_not(define, home) -> None:
    (home / "table.json").write_text(json.dumps("x" * 2**20))
    run = define(FLOW).flow()
    assert run.warnings == ()
    assert omitted_of(Client(root=home).open_stack, run.record) == ("table.json: larger than 1 MiB",)
    (home / "huge.py").write_text("#" * (2**20 + 1))
    run = define(FLOW).flow()
    assert run.warnings == ("the snapshot of the source lacks huge.py: larger than 1 MiB",)
