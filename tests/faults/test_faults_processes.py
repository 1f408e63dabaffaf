"""Many processes on one store: nobody is refused as busy, no row gets into another's run, every reader sees whole states.

Each run carries a marker of its own through parameters, outputs, logs, metrics, facts and saved artifacts, so that a row
in the wrong run shows by its content. The steps of a few keys are shared by all runs: each key is executed once.

A kind of store is a zen.yaml and an audit: see `KINDS`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from zen import Client
from zen.storage import Database

FULL = os.environ.get("ZEN_FAULTS") == "full"
PROCESSES, RUNS, READERS = (16, 20, 2) if FULL else (6, 4, 1)
KEYS = 7
PATIENCE = 600


@dataclass(frozen=True)
class StoreKind:
    """A metadata store to try.

    Attributes:
        config: The zen.yaml of a project on it.
        audit: Returns what the database itself finds wrong, nothing if all is well.
    """

    config: str
    audit: Callable[[Database], list[object]]


def audit_sqlite(database: Database) -> list[object]:
    broken = database.read("PRAGMA foreign_key_check")
    return [*broken, *(row for row in database.read("PRAGMA integrity_check") if row != ("ok",))]


SETTINGS = "default_stack: one\nstacks: {one: {settings: {durability: relaxed}%s}}\n"
KINDS = {
    "sqlite": StoreKind(SETTINGS % "", audit_sqlite),
    # "postgres": StoreKind(SETTINGS % ", metadata_store: {flavor: postgres, url: …}", …), once there is its plugin
}

FLOW = """
import json, os, sys, time
from pathlib import Path
from zen import (
    Client, get_step_context, log_metadata, log_metrics, log_params, pipeline, save_artifact, step,
)

def note(file, text):
    with open(file, "a") as journal:
        journal.write(text + "\\n")

@step
def own(process: int, number: int) -> dict:
    marker = f"{process}-{number}"
    print("says", marker)
    log_params({"marker": marker})
    log_metrics({"process": process})
    log_metrics({"number": number})
    log_metadata({"marker": marker})
    save_artifact({"marker": marker}, "kept")
    return {"marker": marker}

@step
def shared(key: int) -> int:
    note("executed", str(key))
    return key * 2

@step
def join(one: dict, two: int) -> str:
    print("joins", one["marker"])
    return f"{one['marker']}:{two}"

@pipeline
def flow(process: int, number: int, key: int):
    return join(own(process, number), shared(key))

def write(process, runs, keys):
    for number in range(runs):
        run = flow(process, number, number % keys)
        assert [each.load() for each in run.outputs] == [f"{process}-{number}:{number % keys * 2}"]
        assert {line.text for line in run.logs("own")} == {f"says {process}-{number}"}

SUCCEEDED = ("completed", "cached")

def check(client, run, ended):
    '''Return what is wrong with a run as a reader sees it; it was read before its steps.'''
    attempts = run.attempts
    steps = {record.name: record for record in attempts}
    wrong = []
    if run.state not in ("running", "completed"):
        wrong.append(f"is {run.state}")
    if run.id in ended and run.state == "running":
        wrong.append("goes on after its end")
    if run.state == "completed" and ([each.state in SUCCEEDED for each in steps.values()] != [True] * 3 or not run.finished_at):
        wrong.append(f"is completed with {attempts}")
    for record in attempts:
        if record.state in SUCCEEDED and "output" not in record.outputs:
            wrong.append(f"{record.name} is {record.state} without its output")
        if record.state == "running" and (record.outputs or record.inputs or record.finished_at):
            wrong.append(f"{record.name} runs and has ended: {record}")
        if record.name == "join" and {"own", "shared"} - {name for name, each in steps.items() if each.finished}:
            wrong.append("join began before the steps that it waits for were recorded")
    for step in run.steps.values():
        marker = f"{run.parameters['process']}-{run.parameters['number']}"
        if step.name == "own" and step.state == "completed":
            found = [step.outputs["output"].load(), step.params, {line.text for line in step.logs()}]
            if found != [{"marker": marker}, {"marker": marker}, {f"says {marker}"}]:
                wrong.append(f"own of {marker} has {found}")
    return wrong

def read(stop):
    wrong, looks, ended = [], 0, set()
    while True:
        last = Path(stop).exists()
        with Client() as client:
            runs = client.runs(limit=12)
            if looks % 8 == 0 and runs:
                runs.append(client.run(runs[-1].id[:12]))
            for run in runs:
                wrong += [f"{run.name} {each}" for each in check(client, run, ended)]
            ended |= {run.id for run in runs if run.state != "running"}
            missing = {run.id for run in client.runs(limit=10_000)} if looks % 8 == 0 else ended
            wrong += [f"{run} is gone" for run in ended - missing]
        looks += 1
        if last:
            break
    print(json.dumps({"looks": looks, "wrong": wrong[:20]}))

if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(*map(int, sys.argv[2:]))
    else:
        read(sys.argv[2])
"""


@pytest.fixture(scope="module", params=list(KINDS))
def store_kind(request: pytest.FixtureRequest) -> StoreKind:
    """Return how a project is configured for a kind of metadata store, and how that store is audited."""
    return KINDS[request.param]


@dataclass(frozen=True)
class Crowd:
    """What many processes left behind.

    Attributes:
        home: Their project.
        said: What each of them wrote to stderr.
        codes: How each ended.
        readers: What the readers saw: how often they looked, and what was wrong.
    """

    home: Path
    said: list[str]
    codes: list[int]
    readers: list[dict]


@pytest.fixture(scope="module")
def crowd(store_kind: StoreKind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    home = tmp_path_factory.mktemp("crowd")
    (home / "pyproject.toml").touch()
    (home / "zen.yaml").write_text(store_kind.config, encoding="utf-8")
    (home / "flow.py").write_text(FLOW, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZEN_")}
    environment["ZEN_PROGRESS"] = "off"

    def start(*arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "flow.py", *map(str, arguments)],
            cwd=home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    # No store is there yet: the processes also race to make it.
    writers = [start("write", process, RUNS, KEYS) for process in range(PROCESSES)]
    readers = [start("read", home / "stop") for _ in range(READERS)]
    try:
        ended = [each.communicate(timeout=PATIENCE) for each in writers]
        (home / "stop").touch()
        seen = [each.communicate(timeout=PATIENCE) for each in readers]
    finally:
        for each in (*writers, *readers):
            each.kill()
            each.wait()
    said = [err for _, err in (*ended, *seen)]
    looks = [json.loads(out or '{"looks": 0, "wrong": ["the reader ended early"]}') for out, _ in seen]
    yield Crowd(home, said, [each.returncode for each in (*writers, *readers)], looks)
    from zen.client import close_all

    close_all()


@pytest.fixture(scope="module")
def client(crowd: Crowd) -> Iterator[Client]:
    before = os.getcwd()
    os.chdir(crowd.home)
    try:
        with Client(root=crowd.home) as client:
            yield client
    finally:
        os.chdir(before)


def test_nobody_is_refused_as_busy(crowd: Crowd, record_property) -> None:
    record_property("processes", PROCESSES)
    record_property("runs", PROCESSES * RUNS)
    assert crowd.codes == [0] * (PROCESSES + READERS), "\n".join(crowd.said)
    assert [text for text in crowd.said if "busy" in text.lower() or "locked" in text.lower()] == []


def test_every_run_is_there_once_and_completed(client: Client) -> None:
    runs = client.runs(limit=10_000)
    assert Counter(run.state for run in runs) == {"completed": PROCESSES * RUNS}
    given = Counter((run.parameters["process"], run.parameters["number"]) for run in runs)
    assert given == Counter({(process, number): 1 for process in range(PROCESSES) for number in range(RUNS)})
    attempts = Counter((each.name, each.attempt) for run in runs for each in run.attempts)
    assert attempts == {(name, 1): len(runs) for name in ("own", "shared", "join")}


def test_every_row_belongs_to_its_run(client: Client) -> None:
    for run in client.runs(limit=10_000):
        marker = f"{run.parameters['process']}-{run.parameters['number']}"
        own, shared, join = (run.steps[name] for name in ("own", "shared", "join"))
        assert own.outputs["output"].load() == own.outputs["kept"].load() == {"marker": marker}
        assert (own.params, own.metadata) == ({"marker": marker}, {"marker": marker})
        assert {point.key: point.value for point in run.points} == {
            "process": run.parameters["process"],
            "number": run.parameters["number"],
        }
        assert [line.text for line in run.logs()] == [f"says {marker}", f"joins {marker}"]
        assert join.output.load() == f"{marker}:{run.parameters['key'] * 2}"
        assert join.record.inputs == {"one": (own.outputs["output"].id,), "two": (shared.output.id,)}
        made = {artifact.record.run_id for step in (own, join) for artifact in step.outputs.values()}
        assert made == {run.id}


def test_no_row_is_without_its_run(client: Client, store_kind: StoreKind) -> None:
    runs = PROCESSES * RUNS
    counts = {table: client.database.read(f"SELECT COUNT(*) FROM {table}")[0][0] for table in ROWS}
    assert counts == {table: count(runs) for table, count in ROWS.items()}
    assert store_kind.audit(client.database) == []


ROWS: dict[str, Callable[[int], int]] = {
    "run": lambda runs: runs,
    "step_run": lambda runs: 3 * runs,
    "artifact": lambda runs: 3 * runs + min(RUNS, KEYS),  # own, kept, join; and one for each key
    "edge": lambda runs: (2 + 1 + 3) * runs,
    "param": lambda runs: runs,
    "metric": lambda runs: 2 * runs,
    "fact": lambda runs: runs,
    "log": lambda runs: 2 * runs,
    "cache_entry": lambda runs: 2 * runs + min(RUNS, KEYS),
}


def test_versions_of_a_name_have_no_gaps_and_no_repeats(client: Client) -> None:
    versions: dict[str, list[int]] = {}
    for artifact in client.database.artifacts(limit=100_000):
        versions.setdefault(artifact.name, []).append(artifact.version)
    runs = PROCESSES * RUNS
    counts = {"flow.own.output": runs, "kept": runs, "flow.join.output": runs, "flow.shared.output": min(RUNS, KEYS)}
    assert {name: sorted(found) for name, found in versions.items()} == {
        name: list(range(1, count + 1)) for name, count in counts.items()
    }


def test_a_shared_key_is_executed_once(crowd: Crowd, client: Client) -> None:
    executed = Counter((crowd.home / "executed").read_text().split())
    assert executed == {str(key): 1 for key in range(min(RUNS, KEYS))}
    states = Counter(run.steps["shared"].state for run in client.runs(limit=10_000))
    assert states == {"completed": min(RUNS, KEYS), "cached": PROCESSES * RUNS - min(RUNS, KEYS)}


def test_readers_see_whole_states_only(crowd: Crowd, record_property) -> None:
    record_property("looks", sum(reader["looks"] for reader in crowd.readers))
    assert [reader["wrong"] for reader in crowd.readers] == [[]] * READERS
    assert all(reader["looks"] > 1 for reader in crowd.readers)
