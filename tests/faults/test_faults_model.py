"""Random sequences of what people do with a store, against a small model in memory; after every step lineage is whole.

The model knows which results there are under which keys, which stored bytes it has damaged, and how each run must have
ended. What holds whatever happened stands in the invariants, as queries over the tables.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from zen import Client
from zen.client import close_all
from zen.engine import reap
from zen.errors import ComponentError, UsageError
from zen.identity import digest_bytes
from zen.interfaces import Change

FULL = os.environ.get("ZEN_FAULTS") == "full"
SEQUENCES, STEPS = (500, 20) if FULL else (25, 10)
FORKS = sys.platform.startswith("linux")
MODULE = "flow_of_the_model"

FLOW = """
import os
from pathlib import Path
from typing import Annotated
from zen import Model, pipeline, step

VERSION = "{version}"

@step
def load(n: int) -> list:
    return [VERSION, n]

@step
def train(data: list, lr: float) -> Annotated[dict, "model"]:
    mode = Path("mode").read_text()
    if mode == "fail":
        raise ValueError("told to")
    if mode == "interrupt":
        raise KeyboardInterrupt
    if mode == "die":
        os._exit(9)
    return {{"data": data, "lr": lr}}

@pipeline(model=Model("model"), raise_on_failure=False)
def flow(n: int, lr: float):
    return train(load(n), lr)
"""
ENDS = {"ok": "completed", "fail": "failed", "interrupt": "cancelled", "die": "lost"}
Content = tuple[str, int]  # what load gives


@dataclass(frozen=True)
class Run:
    """What the model knows of a run."""

    state: str
    content: Content
    lr: float
    taken: bool  # whether load came from the cache


class Store(RuleBasedStateMachine):
    """A project, and the model of what is recorded in its store."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.home = Path(tempfile.mkdtemp(prefix="zen-model-", dir=memory if os.access(memory, os.W_OK) else None))
        self.before = os.getcwd()
        os.chdir(self.home)
        (self.home / "pyproject.toml").touch()
        (self.home / "zen.yaml").write_text("default_stack: one\nstacks: {one: {settings: {durability: relaxed}}}\n")
        sys.path.insert(0, str(self.home))
        self.runs: dict[str, Run] = {}
        self.loaded: set[Content] = set()  # with a result under their key
        self.trained: set[tuple[Content, float]] = set()
        self.damaged: dict[Content, str] = {}  # with the digest of the object
        self.versions = 0
        self.gone: set[int] = set()
        self.champion = 0
        self.version = "1"
        self._write("1")
        self.client = Client(root=self.home)

    def teardown(self) -> None:
        close_all()
        sys.path.remove(str(self.home))
        sys.modules.pop(MODULE, None)
        os.chdir(self.before)
        shutil.rmtree(self.home, ignore_errors=True)

    def _write(self, version: str) -> None:
        (self.home / f"{MODULE}.py").write_text(FLOW.format(version=version))
        sys.modules.pop(MODULE, None)
        importlib.invalidate_caches()
        shutil.rmtree(self.home / "__pycache__", ignore_errors=True)
        self.flow = importlib.import_module(MODULE).flow

    # What people do

    @rule(
        n=st.integers(0, 1),
        lr=st.sampled_from([0.5, 1.0]),
        mode=st.sampled_from(["ok", "ok", "ok", "fail", "interrupt", *(["die"] if FORKS else [])]),
        tags=st.lists(st.sampled_from("xy"), unique=True),
    )
    def run(self, n: int, lr: float, mode: str, tags: list[str]) -> None:
        content, hit = (self.version, n), (self.version, n) in self.loaded
        found = (content, lr) in self.trained
        known = {run.id for run in self.client.runs(limit=1000)}
        self._launch(n, lr, mode, tags)
        [record] = [run for run in self.client.runs(limit=1000) if run.id not in known]
        self.loaded.add(content)
        if not (hit and found):
            self.damaged.pop(content, None)  # it was made again, or read, found wanting, and made again
        state = "completed" if found else ENDS[mode]
        taken = hit and not (not found and self._was_remade(record))
        self._ended(record.id, Run(state, content, lr, taken))
        assert set(record.tags) == set(tags)
        if state == "completed":
            assert record.steps["train"].outputs["model"].load() == {"data": [*content], "lr": lr}

    def _launch(self, n: int, lr: float, mode: str, tags: list[str]) -> None:
        (self.home / "mode").write_text(mode)
        flow = self.flow.with_options(tags=tags)
        if mode != "die":
            try:
                flow(n=n, lr=lr)
            except KeyboardInterrupt:
                assert mode == "interrupt"
            return
        child = os.fork()
        if child == 0:
            try:
                flow(n=n, lr=lr)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        reap(self.client.open_stack)

    @staticmethod
    def _was_remade(run: Any) -> bool:
        return any(each.name == "load" and each.attempt > 1 for each in run.attempts)

    def _ended(self, run: str, known: Run) -> None:
        self.runs[run] = known
        if known.state == "completed":
            self.trained.add((known.content, known.lr))
            self.versions += 1

    @precondition(lambda self: any(run.state != "completed" for run in self.runs.values()))
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        (self.home / "mode").write_text("ok")
        chosen = data.draw(st.sampled_from([each for each, run in self.runs.items() if run.state != "completed"]))
        run = self.runs[chosen]
        found = (run.content, run.lr) in self.trained
        if not found and run.content in self.damaged:
            # Only what came from the cache is made again, and not by other code than the plan was made of.
            mendable = run.taken and run.content[0] == self.version
            if mendable:
                del self.damaged[run.content]
            state = "completed" if mendable else "failed"
            run = replace(run, taken=run.taken and not mendable)
        else:
            state = "completed"
        assert self.client.resume(chosen).state == state
        self._ended(chosen, replace(run, state=state))

    @precondition(lambda self: any(run.state == "completed" for run in self.runs.values()))
    @rule(data=st.data())
    def resume_what_is_complete(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from([each for each, run in self.runs.items() if run.state == "completed"]))
        with pytest.raises(UsageError):
            self.client.resume(chosen)

    @precondition(lambda self: self.loaded)
    @rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        content = data.draw(st.sampled_from(sorted(self.loaded)))
        if content in self.damaged:
            return
        made = next(
            artifact
            for artifact in self.client.database.artifacts(name="flow.load.output", limit=1000)
            if self.runs[artifact.run_id].content == content
        )
        [entry] = made.manifest.files
        data_then = self.client.database.object(entry.digest)
        assert data_then is not None
        flipped = bytes([data_then[0] ^ 1]) + data_then[1:]
        sql = "UPDATE object SET data = ? WHERE digest = ?"
        self.client.database.write([Change(sql=sql, parameters=(flipped, entry.digest), expect=1)], durable=False)
        self.damaged[content] = entry.digest
        close_all()  # what this process has read and verified, it does not read again
        self.client = Client(root=self.home)

    @rule()
    def change_the_code(self) -> None:
        self.version = "2" if self.version == "1" else "1"
        self._write(self.version)

    @precondition(lambda self: set(range(1, self.versions + 1)) - self.gone)
    @rule(data=st.data())
    def promote(self, data: st.DataObject) -> None:
        version = data.draw(st.sampled_from(sorted(set(range(1, self.versions + 1)) - self.gone)))
        self.client.promote(f"model@{version}", alias="champion")
        self.champion = version

    @precondition(lambda self: set(range(1, self.versions + 1)) - self.gone)
    @rule(data=st.data())
    def delete_a_version(self, data: st.DataObject) -> None:
        version = data.draw(st.sampled_from(sorted(set(range(1, self.versions + 1)) - self.gone)))
        if version == self.champion:
            with pytest.raises(ComponentError, match="is in use"):
                self.client.delete_model_version(f"model@{version}")
        else:
            self.client.delete_model_version(f"model@{version}")
            self.gone.add(version)

    # What holds whatever they did

    @invariant()
    def runs_are_those_of_the_model(self) -> None:
        found = self.client.database.read("SELECT id, state FROM run")
        assert dict(found) == {run: known.state for run, known in self.runs.items()}
        states = Counter(state for _, state in found)
        assert self.client.count_runs() == sum(states.values())
        assert all(self.client.count_runs(state=state) == count for state, count in states.items())

    @invariant()
    def nothing_of_a_run_that_is_over_is_open(self) -> None:
        assert self._read("SELECT id FROM step_run WHERE state IN ('pending', 'running')") == []

    @invariant()
    def every_artifact_has_a_producer_that_completed(self) -> None:
        without = "SELECT a.id FROM artifact a LEFT JOIN step_run s ON s.id = a.step_run AND s.run = a.run"
        assert self._read(f"{without} WHERE s.id IS NULL OR s.state <> 'completed'") == []
        mine = "SELECT 1 FROM edge e WHERE e.direction = 'out' AND e.artifact = a.id AND e.step_run = a.step_run"
        assert self._read(f"SELECT a.id FROM artifact a WHERE NOT EXISTS ({mine})") == []

    @invariant()
    def every_edge_leads_to_what_exists_and_none_in_a_circle(self) -> None:
        assert self._read("SELECT 1 FROM edge e LEFT JOIN artifact a ON a.id = e.artifact WHERE a.id IS NULL") == []
        comes_from: dict[str, set[str]] = {}
        sql = "SELECT e.step_run, a.step_run FROM edge e JOIN artifact a ON a.id = e.artifact WHERE e.direction = 'in'"
        for consumer, producer in self._read(sql):
            comes_from.setdefault(consumer, set()).add(producer)
        done: set[str] = set()
        while left := {each for each in comes_from if each not in done}:
            free = {each for each in left if not (comes_from[each] & left)}
            assert free, "lineage goes in a circle"
            done |= free

    @invariant()
    def cached_steps_name_who_made_their_results(self) -> None:
        for run in self.runs:
            for record in self.client.database.step_runs(run):
                if record.state == "cached":
                    assert record.cache is not None
                    source = self.client.database.step_run(record.cache.source)
                    assert (source.state, source.outputs) == ("completed", record.outputs)

    @invariant()
    def stored_bytes_are_those_of_their_digest(self) -> None:
        wrong = {
            digest for digest, data in self._read("SELECT digest, data FROM object") if digest_bytes(data) != digest
        }
        assert wrong == set(self.damaged.values())
        named = {entry.digest for each in self.client.database.artifacts(limit=1000) for entry in each.manifest.files}
        assert named <= {digest for (digest,) in self._read("SELECT digest FROM object")}

    @invariant()
    def versions_are_numbered_without_gaps(self) -> None:
        for name, count, last in self._read(
            "SELECT name, COUNT(DISTINCT version), MAX(version) FROM artifact GROUP BY name"
        ):
            assert count == last, name
        numbers = [number for (number,) in self._read("SELECT version FROM model_version ORDER BY version")]
        assert numbers == list(range(1, self.versions + 1))
        there = (
            {each.version for each in self.client.model_versions("model")} if self.versions > len(self.gone) else set()
        )
        assert there == set(numbers) - self.gone
        assert self._read("SELECT version FROM model_alias WHERE alias = 'champion'") == (
            [(self.champion,)] if self.champion else []
        )

    @invariant()
    def the_database_is_sound(self) -> None:
        assert self._read("PRAGMA foreign_key_check") == []
        assert self._read("PRAGMA integrity_check") == [("ok",)]

    def _read(self, sql: str) -> list[Any]:
        return self.client.database.read(sql)


def test_lineage_is_whole_whatever_people_do(monkeypatch, record_property) -> None:
    for name in [name for name in os.environ if name.startswith("ZEN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ZEN_PROGRESS", "off")
    record_property("sequences", SEQUENCES)
    run_state_machine_as_test(
        Store,
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            derandomize=not FULL,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink) if FULL else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
