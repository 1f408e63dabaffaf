"""Garbage collection and verification of a project: what goes, what stays, and what is said."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from zen.client import Client
from zen.errors import ArtifactDamaged, RunError
from zen.interfaces import Change
from zen.storage.objects import key_of

FLOW = """
@step
def make(size: int) -> bytes:
    return bytes(size)

@step
def count(data: bytes) -> int:
    return len(data)

@pipeline
def flow(size: int):
    return count(make(size))
"""
NOTHING = dt.timedelta(0)


@pytest.fixture
def client(home):
    (home / "more.py").write_text("#" * 40_000)
    return Client()


def objects(client):
    return {info.key for info in client.open_stack.artifact_store.list("objects/")}


def overwrite(client, digest, data):
    path = client.open_stack.artifact_store.local_path(key_of(digest))
    path.chmod(0o600)
    path.write_bytes(data)


def test_what_a_deleted_run_named_goes_and_the_rest_stays(define, client):
    flow = define(FLOW).flow
    kept, gone = flow(50_000), flow(60_000)
    before = objects(client)
    client.delete_runs(gone)
    found = client.store.collect(grace=NOTHING)
    assert (found.removed, found.garbage.count, objects(client)) == (False, 2, before)
    found = client.store.collect(grace=NOTHING, delete=True)
    assert (found.removed, found.garbage.count, found.garbage.bytes > 60_000) == (True, 2, True)
    assert len(objects(client)) == len(before) - 1
    assert client.run(kept.id).steps["count"].outputs["output"].load() == 50_000
    assert client.store.verify().faults == []
    assert client.store.collect(grace=NOTHING, delete=True).garbage.count == 0


def test_young_large_objects_stay_for_the_grace_period(define, client):
    run = define(FLOW).flow(50_000)
    before = objects(client)
    client.delete_runs(run.id)
    found = client.store.collect(delete=True)
    assert (found.young.count, objects(client)) == (2, before)  # the value, and the large file of the source


def test_a_value_is_made_anew_after_its_run_was_collected(define, client):
    flow = define(FLOW).flow
    client.delete_runs(flow(50_000))
    client.store.collect(grace=NOTHING, delete=True)
    run = flow(50_000)
    assert [step.state for step in run.steps.values()] == ["completed", "completed"]
    assert client.store.verify().faults == []


def test_quarantine_keeps_what_goes_with_a_note_until_the_grace_is_over_once_more(define, client):
    run = define(FLOW).flow(50_000)
    digest = run.steps["make"].outputs["output"].files[0].digest
    client.delete_runs(run)
    assert client.store.collect(grace=NOTHING, quarantine=True).garbage.count > 0
    store = client.open_stack.artifact_store
    [note] = [info.key for info in store.list("quarantine/") if digest[9:] in info.key and info.key.endswith(".json")]
    facts = json.loads(store.read(note).read())
    assert (facts["digest"], facts["why"]) == (digest, "nothing names it")
    assert client.store.info().quarantined == 2
    assert client.store.collect(delete=True).emptied.count == 0
    assert client.store.collect(grace=NOTHING, delete=True).emptied.count == 2
    assert list(store.list("quarantine/")) == []


def test_damaged_bytes_stay_in_quarantine(define, client):
    run = define(FLOW).flow(50_000)
    digest = run.steps["make"].outputs["output"].files[0].digest
    overwrite(client, digest, b"damaged")
    [fault] = client.store.verify(quarantine=True).faults
    assert (fault.digest, fault.problem, fault.runs) == (digest, "damaged", (run.id,))
    assert client.open_stack.artifact_store.read(fault.quarantined).read() == b"damaged"
    assert [each.problem for each in client.store.verify().faults] == ["missing"]
    assert client.store.collect(grace=NOTHING, delete=True).emptied.count == 0
    define(FLOW).flow(50_000)
    assert client.store.verify().faults == []


def test_a_damaged_snapshot_stops_a_collection_until_it_is_given_up(define, client):
    run = define(FLOW).flow(1)
    sql = "UPDATE object SET data = ? WHERE digest = ?"
    client.database.write([Change(sql=sql, parameters=(b"{}", run.record.snapshot), expect=1)])
    client.open_stack.objects._recent.clear()  # this process knows the bytes
    with pytest.raises(ArtifactDamaged, match="nobody knows which objects it names"):
        client.store.collect(grace=NOTHING, delete=True)
    client.store.verify(quarantine=True)
    found = client.store.collect(grace=NOTHING, delete=True)
    assert found.lost == (run.record.snapshot,)


def test_a_sample_reads_fewer_objects_and_misses_none_that_is_missing(define, client):
    run = define(FLOW).flow(50_000)
    client.open_stack.artifact_store.delete(key_of(run.steps["make"].outputs["output"].files[0].digest))
    found = client.store.verify(sample=1e-9)
    assert (found.read, [fault.problem for fault in found.faults]) == (0, ["missing"])


def test_nothing_is_deleted_that_something_came_from(define, client):
    flow = define(FLOW).flow
    first, second = flow(1), flow(1)  # the second one takes both results from the cache
    with pytest.raises(RunError, match=f"step 'count' of run '{second.name}' uses its artifact"):
        client.delete_runs(first)
    assert [run.id for run in client.delete_runs(first, second.id, second)] == [first.id, second.id]
    assert client.runs() == []
    for table in ("artifact", "cache_entry", "edge", "fact", "hold", "log", "plan", "run_tag", "step_run"):
        assert client.database.read(f"SELECT * FROM {table}") == [], table


def test_nothing_is_deleted_that_a_model_came_from(define, client):
    source = FLOW.replace("@pipeline", '@pipeline(model=Model("m", artifact="make.output"))')
    run = define(source).flow(1)
    with pytest.raises(RunError, match="model m version 1 comes from it"):
        client.delete_runs(run)
    client.delete_model_version("m@1")
    client.delete_runs(run)


def test_nothing_is_deleted_while_a_run_is_open(define, client):
    source = """
    @step
    def inner() -> str:
        from zen.errors import RunError
        try:
            Client().delete_runs("earlier")
        except RunError as error:
            return error.message
        return "deleted"

    @pipeline(name="flow")
    def flow():
        return inner()
    """
    client_runs = define(FLOW).flow(1)
    module = define(source.replace('"earlier"', repr(client_runs.id)), name="second")
    run = module.flow()
    assert "while runs are open" in run.steps["inner"].outputs["output"].load()


def test_what_was_used_lately_is_no_leftover(client):
    (client.open_stack.state / "cache" / "trees" / "young").mkdir(parents=True)
    assert client.store.collect(grace=NOTHING, delete=True).leftovers == ()


def test_leftovers_are_told_and_swept(define, client, monkeypatch):
    define(FLOW).flow(1)
    state = client.open_stack.state
    (state / "cache" / "trees" / "old").mkdir(parents=True)
    (state / "cache" / "trees" / "old" / "data").write_bytes(b"12345")
    (state / "reproduce" / "0a").mkdir(parents=True)
    (state / "reproduce" / "0a.lock").touch()
    monkeypatch.setattr("zen.engine.leftovers.time.time", lambda: 1e11)
    told = client.store.collect(grace=NOTHING).leftovers
    assert [(each.path.name, each.bytes) for each in told][:2] == [("old", 5), ("0a", 0)]
    gone = client.store.collect(grace=NOTHING, delete=True).leftovers
    assert [each.path for each in gone] == [each.path for each in told]
    assert not any(each.path.exists() for each in gone)
    assert not (state / "reproduce" / "0a.lock").exists()
