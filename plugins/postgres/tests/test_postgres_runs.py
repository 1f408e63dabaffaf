"""Real runs recorded in a real server: the same records as in SQLite, from many processes at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from zen import Client
from zen.client import close_all
from zen.errors import StorageError
from zen.interfaces import Change

FLOW = """
import sys, time
from pathlib import Path
from typing import Annotated
from zen import log_metrics, pipeline, step

@step
def numbers(count: int) -> list[int]:
    return list(range(count))

@step
def total(values: list[int], marker: int) -> Annotated[int, "total"]:
    log_metrics({"marker": marker})
    print("marker", marker)
    return sum(values) + marker

@step
def wait(number: int) -> int:
    Path("running").touch()
    while not Path("go").exists():
        time.sleep(0.02)
    return number

@pipeline
def flow(marker: int = 0, count: int = 4):
    total(numbers(count), marker)

@pipeline
def slow():
    wait(total(numbers(3), 1))

if __name__ == "__main__":
    if sys.argv[1] == "slow":
        slow()
    else:
        for marker in sys.argv[1:]:
            flow(marker=int(marker), count=int(marker) % 3)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: dict[str, Any]) -> Iterator[Path]:
    """A project with two stacks: `team` records runs in an empty database, `local` in a file."""
    stacks = {"team": {"metadata_store": {"flavor": "postgres", "url": database["url"]}}}
    (tmp_path / "zen.yaml").write_text(json.dumps({"stacks": stacks, "default_stack": "team"}))
    (tmp_path / "flow.py").write_text(FLOW)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZEN_PROGRESS", "off")
    yield tmp_path
    close_all()


def script(*arguments: object, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, **variables}
    command = [sys.executable, "flow.py", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finished(*processes: subprocess.Popen[str]) -> None:
    ends = [(process.communicate(timeout=120)[1], process.returncode) for process in processes]
    assert [code for _, code in ends] == [0] * len(ends), ends


def until_running(project: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not (project / "running").exists():
        assert process.poll() is None and time.monotonic() < end, process.communicate()[1]
        time.sleep(0.02)


def facts(stack: str) -> list[Any]:
    with Client(stack) as client:
        return [
            [
                run.state,
                dict(run.parameters),
                dict(run.metrics),
                [(step.name, step.state, step.cache and step.cache.key) for step in run.steps.values()],
                [(name, made.digest) for step in run.steps.values() for name, made in step.outputs.items()],
                [line.text for line in run.logs()],
            ]
            for run in client.runs()
        ]


def test_records_are_those_of_a_file(project: Path) -> None:
    finished(script(1, 1, 2))
    finished(script(1, 1, 2, ZEN_STACK="local"))
    found = facts("team")
    assert found == facts("local")
    assert [[step[1] for step in run[3]] for run in found] == [["completed"] * 2, ["cached"] * 2, ["completed"] * 2]


def test_runs_of_many_processes_stay_apart(project: Path) -> None:
    finished(*(script(*range(start, 24, 4)) for start in range(4)))
    with Client("team") as client:
        runs = client.runs(limit=100)
        assert sorted(run.parameters["marker"] for run in runs) == list(range(24))
        for run in runs:
            marker = run.parameters["marker"]
            assert run.state == "completed"
            assert run.metrics == {"marker": marker}
            assert [line.text for line in run.logs("total")] == [f"marker {marker}"]
            assert run.steps["total"].outputs["total"].load() == sum(range(marker % 3)) + marker
        versions = sorted(artifact.version for artifact in client.artifacts(name="total", limit=100))
        assert versions == list(range(1, 25))
        executed = [run for run in runs if run.steps["numbers"].state == "completed"]
        assert len(executed) == 3  # one for each key, whoever was first


def test_a_killed_run_is_lost_at_once_and_resumed(project: Path) -> None:
    process = script("slow")
    until_running(project, process)
    os.killpg(process.pid, 9)
    process.communicate()
    with Client("team") as client:
        [run] = client.runs()
        assert run.state == "lost"
        (project / "go").touch()
        again = client.resume(run.id)
        assert again.state == "completed"
        assert [step.record.attempt for step in again.steps.values()] == [1, 1, 2]


def test_a_run_outlives_its_connections(project: Path, database: dict[str, Any]) -> None:
    process = script("slow")
    until_running(project, process)
    with psycopg.connect(database["url"], autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    assert ended
    (project / "go").touch()
    finished(process)
    with Client("team") as client:
        assert client.runs()[0].state == "completed"


def test_a_database_that_is_away_is_told(project: Path) -> None:
    stack = {"metadata_store": {"flavor": "postgres", "url": "postgresql://me:${secret:env/PGPW}@127.0.0.1:9/zen"}}
    (project / "zen.yaml").write_text(json.dumps({"stacks": {"team": stack}, "default_stack": "team"}))
    process = script(1, PGPW="correct-horse-battery")
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "the metadata store postgresql://127.0.0.1:9/zen cannot be reached" in told
    assert "correct-horse-battery" not in told


REFUSED = {
    "UPDATE step_run SET state = 'failed'": "a finished step run does not change",
    "UPDATE run SET state = 'failed'": "a run that is over only goes on",
    "UPDATE artifact SET digest = 'x'": "an artifact does not change",
    "UPDATE edge SET artifact = 'x'": "lineage does not change",
}


def test_the_database_keeps_what_is_finished(project: Path) -> None:
    finished(script(1))
    with Client("team") as client:
        for statement, message in REFUSED.items():
            with pytest.raises(StorageError, match=message):
                client.open_stack.database.write([Change(sql=statement)])
