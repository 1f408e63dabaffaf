"""A row implies its bytes: in the order of writes, and after a kill at any moment."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import pytest

from zen.builtin.local_files import LocalArtifactStore
from zen.builtin.sqlite import SQLiteStore
from zen.storage import Objects, save
from zen.storage.staging import INLINE_LIMIT

WRITER = """
import sys
from dataclasses import replace
from datetime import datetime, UTC
from pathlib import Path
from types import SimpleNamespace
from zen.builtin.local_files import LocalArtifactStore, LocalFilesConfig
from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.interfaces import Materializer
from zen.records import ArtifactRecord, StepRunRecord
from zen.storage import Database, Objects, changes, save

class Files(Materializer):
    format = "files-of-a-test"
    def save(self, value, writer):
        for name, data in value.items():
            writer.write(data, name)
    def load(self, reader):
        raise NotImplementedError

root, run = Path(sys.argv[1]), sys.argv[2]
host = SimpleNamespace(root=root, state=root / ".zen", log=None)
metadata, store = SQLiteStore(SQLiteConfig()), LocalArtifactStore(LocalFilesConfig())
metadata.open(host)
store.open(host)
database = Database(metadata)
objects = Objects(database, store, cache=root / ".zen" / "cache")
number = 0
while True:
    number += 1
    name, now = f"{run}-{number}", datetime.now(UTC)
    step = StepRunRecord(id=name, run_id=run, name=f"s{number}", state="running", started_at=now)
    database.write([changes.claim_step(step, token="attempt", run_token="mine")], durable=False)
    saved = save({"small": name.encode(), "large": name.encode() * 8000}, Files(), "builtins.dict", objects)
    manifest = saved.manifest
    artifact = ArtifactRecord(
        id=name,
        name="model",
        digest=manifest.digest(),
        manifest=manifest,
        created_at=now,
        run_id=run,
        step_run=name,
    )
    step = replace(step, state="completed", finished_at=now, outputs={"model": name})
    database.write(
        [
            *saved.changes,
            changes.finish_step(step, token="attempt", run_token="mine"),
            changes.insert_artifact(artifact),
            *changes.edges(step),
            changes.remember(name, name, now),
        ],
        durable=number % 2 == 0,
    )
    print(name, flush=True)
"""


def killed(folder, runs, chance):
    """Start a writer for each run, kill all at some moment, and return what they acknowledged."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(folder), run], stdout=subprocess.PIPE, text=True)
        for run in runs
    ]
    acknowledged = [writer.stdout.readline().strip() for writer in writers]
    for writer in writers:
        time.sleep(chance.uniform(0, 0.03))
        writer.send_signal(signal.SIGKILL)
    for writer in writers:
        acknowledged += [line.strip() for line in writer.stdout if line.endswith("\n")]
        writer.wait()
        writer.stdout.close()
    assert all(acknowledged)
    return acknowledged


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_twenty_killed_writers_leave_nothing_half_done(vault, tmp_path):
    chance, acknowledged = random.Random(7), []
    runs = [f"{number:02x}" for number in range(20)]
    for run in runs:
        vault.run(run)
    for first in range(0, 20, 4):
        acknowledged += killed(tmp_path, runs[first : first + 4], chance)

    database = vault.database
    artifacts = {artifact.id: artifact for artifact in database.artifacts(limit=100_000)}
    assert set(acknowledged) <= set(artifacts)
    assert sorted(artifact.version for artifact in artifacts.values()) == list(range(1, len(artifacts) + 1))
    for artifact in artifacts.values():
        name = artifact.id.encode()
        assert vault.load(artifact.manifest, vault.objects) == {"small": name, "large": name * 8000}
    for run in runs:
        steps = database.step_runs(run)
        assert {step.id for step in steps if step.state == "completed"} == {
            artifact_id for artifact_id in artifacts if artifact_id.startswith(f"{run}-")
        }
        unfinished = [step for step in steps if step.state != "completed"]
        assert [step.state for step in unfinished] in ([], ["running"])
        assert not any(step.outputs or database.cached(step.id) for step in unfinished)
        for step in steps:
            if step.state == "completed":
                assert step.outputs == {"model": step.id}
                assert database.cached(step.id)[0] == step
    assert vault.metadata.read("PRAGMA integrity_check") == [("ok",)]
    assert vault.metadata.read("PRAGMA foreign_key_check") == []
    assert len(acknowledged) >= 20


@pytest.fixture
def observed(monkeypatch):
    """Everything that the stores are told to keep, in order."""
    events = []

    def put(self, key, source, *, durable=True, real=LocalArtifactStore.put):
        real(self, key, source, durable=durable)
        events.append(("put", key, durable))

    def write(self, batch, *, durable=True, real=SQLiteStore.write):
        real(self, batch, durable=durable)
        events.extend(("row", change.parameters[0], durable) for change in batch if "INTO artifact" in change.sql)

    monkeypatch.setattr(LocalArtifactStore, "put", put)
    monkeypatch.setattr(SQLiteStore, "write", write)
    return events


def test_large_bytes_are_durable_when_save_returns(vault, observed):
    objects = Objects(vault.database, vault.store, cache=vault.state / "cache")
    saved = save({"a": bytes(INLINE_LIMIT + 1), "b": b"small"}, vault.files, "m.T", objects)
    assert [(what, durable) for what, _, durable in observed] == [("put", True)]
    [small, held] = saved.changes
    assert small.parameters[2] == b"small"
    assert "hold" in held.sql


def test_durability_is_what_the_objects_were_made_with(vault, observed):
    vault.objects.put_bytes(bytes(INLINE_LIMIT + 1))
    Objects(vault.database, vault.store, cache=vault.state / "cache").put_bytes(bytes(INLINE_LIMIT + 1))
    assert [durable for _, _, durable in observed] == [False, True]


def test_large_outputs_of_a_run_are_durable_before_their_rows(define, observed):
    flow = define(
        """
        @step
        def make() -> tuple[Annotated[bytes, "large"], Annotated[int, "small"]]:
            return b"x" * 100_000, 1

        @step
        def use(data: bytes) -> bytes:
            return data + b"y"

        @pipeline
        def chain():
            large, small = make()
            use(large)
        """
    )
    run = flow.chain()
    rows = {
        artifact_id: (place, durable) for place, (what, artifact_id, durable) in enumerate(observed) if what == "row"
    }
    puts = {key: (place, durable) for place, (what, key, durable) in enumerate(observed) if what == "put"}
    outputs = [output for step in run.steps.values() for output in step.outputs.values()]
    assert {output.id for output in outputs} == set(rows)
    for output in outputs:
        (entry,) = output.files
        assert rows[output.id][1]
        if entry.size > INLINE_LIMIT:
            place, durable = puts[f"objects/sha256/{entry.digest[7:9]}/{entry.digest[9:]}"]
            assert durable
            assert place < rows[output.id][0]
    assert len(puts) == 2
