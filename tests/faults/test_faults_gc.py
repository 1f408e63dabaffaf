"""Writers, collectors and deleters, interleaved call by call: nothing that is recorded ever lacks its bytes.

Each side works in a thread that stops before every call to the database and to the artifact store, so that any order of
these calls can be played. The full profile plays every order in which a writer's few calls fall between the others'.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import os
import random
import shutil
import threading
from dataclasses import replace
from functools import partial

import pytest

from zen.engine.collecting import collect
from zen.engine.launch import Draft, _recorded
from zen.engine.snapshots import content_of, files_of
from zen.errors import RunError, StoreBusy, WriteConflict
from zen.identity import digest_bytes, dumps
from zen.interfaces import Change
from zen.records import (
    ArtifactRecord,
    CacheDecision,
    CodeRef,
    FileEntry,
    Manifest,
    Plan,
    RunRecord,
    StackSpec,
    StepRunRecord,
)
from zen.stacks import find_project, resolve
from zen.stacks.opening import OpenStack, registry_of
from zen.storage import Database, Uploads, changes, holding
from zen.storage.deleting import delete
from zen.storage.objects import key_of
from zen.storage.staging import INLINE_LIMIT

FULL = os.environ.get("ZEN_FAULTS") == "full"
ORDERS = 1_500 if FULL else 40  # of each scenario, where there are so many
NOW = dt.datetime(2024, 5, 6, tzinfo=dt.UTC)
LARGE = b"large" * INLINE_LIMIT
SECONDS = 60


class Crash(BaseException):
    """The process of an actor is gone."""


class Actor(threading.Thread):
    """One side: stops before each of its calls until it is let go on."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.at, self.error, self.result = work, "", None, None
        self.over = self.crashed = False
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)

    def pause(self, what):
        if threading.current_thread() is not self:
            return
        if not self.crashed:
            self.at = what
            self._stopped.release()
            assert self._go.acquire(timeout=SECONDS)
        if self.crashed:
            raise Crash

    def run(self):
        try:
            self.pause("the beginning")
            self.result = self.work(self)
        except BaseException as error:
            self.error = error
        self.over = True
        self._stopped.release()

    def begin(self):
        self.start()
        assert self._stopped.acquire(timeout=SECONDS)
        return self

    def step(self):
        """Make one call, and stop before the next."""
        if not self.over:
            self._go.release()
            assert self._stopped.acquire(timeout=SECONDS)

    def until(self, what):
        """Stop before a call."""
        while not self.over and not self.at.startswith(what):
            self.step()
        assert not self.over, f"it never came to {what}: {self.error!r}"

    def finish(self):
        while not self.over:
            self.step()
        if isinstance(self.error, Exception):
            raise self.error
        return self.result

    def crash(self):
        """End it here: no call of its reaches a store any more."""
        self.crashed = True
        self.step()
        assert isinstance(self.error, Crash)


class Gate:
    """A store behind which an actor stops before each call."""

    def __init__(self, store, actor, calls):
        self._store, self._actor, self._calls = store, actor, calls

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if name not in self._calls:
            return found

        def stopping(*given, **more):
            self._actor.pause(f"{name} {told(given)}")
            more |= {"durable": False} if name in ("put", "write") else {}  # this is not about power cuts
            return found(*given, **more)

        return stopping


def told(given):
    first = given[0]
    return " ".join(change.sql.split()[2] for change in first) if isinstance(first, list) else str(first)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A project with a store that was prepared once."""
    root = tmp_path_factory.mktemp("empty")
    (root / "pyproject.toml").touch()
    (root / "training.py").write_text("# small\n")
    (root / "table.py").write_text("#" * (INLINE_LIMIT + 1))
    with World(root).open() as stack:
        _ = stack.objects
    return root


class World:
    """One project, as often opened as wanted; each time by another user of its stores."""

    def __init__(self, root):
        self.project = find_project(root)
        self.registry = registry_of(self.project)
        self.spec = resolve(self.project, self.registry, "local")
        self.spec = replace(self.spec, settings={"durability": "relaxed"})
        self.stacks = []

    def open(self, actor=None):
        stack = OpenStack(self.spec, self.project, self.registry)
        database, store = stack.database, stack.artifact_store
        if actor is not None:
            stack._database = Database(Gate(database.store, actor, {"read", "write"}))
            [spec] = self.spec.of("artifact_store")
            stack._components[spec.kind, spec.name or spec.flavor] = Gate(store, actor, {"put", "delete", "list"})
        self.stacks.append(stack)
        return stack

    def actor(self, work):
        """Return an actor whose work is given an open stack; it stops before its first call."""
        holder = []
        actor = Actor(lambda me: work(holder[0]))
        holder.append(self.open(actor))
        return actor.begin()

    def collector(self):
        return self.actor(lambda stack: collect(stack, grace=dt.timedelta(0), delete=True))

    def sound(self):
        """See that what is recorded is there: every file of every artifact, every snapshot, every environment."""
        stack = self.open()
        for artifact in stack.database.artifacts(limit=1000):
            for entry in artifact.manifest.files:
                assert stack.objects.content(entry) is not None
        for run in stack.database.runs(limit=1000):
            for entry in files_of(stack, run) if run.snapshot else ():
                assert stack.objects.content(entry) is not None
            if name := run.environment.get("distributions"):
                content_of(stack, name)
        assert stack.database.read("SELECT * FROM edge WHERE artifact NOT IN (SELECT id FROM artifact)") == []
        return stack

    def close(self):
        for stack in self.stacks:
            stack.close()


@pytest.fixture
def worlds(tmp_path, empty, monkeypatch):
    """Return what makes a new world each time; a writer that waits lets others go on."""
    made = []
    monkeypatch.setattr(holding.time, "sleep", waiting)
    monkeypatch.chdir(tmp_path)

    def make():
        shutil.copytree(empty, tmp_path / str(len(made)))
        made.append(World(tmp_path / str(len(made))))
        return made[-1]

    yield make
    for world in made:
        world.close()


def waiting(seconds, real=holding.time.sleep):
    actor = threading.current_thread()
    actor.pause("sleep") if isinstance(actor, Actor) else real(seconds)


# What the sides do


def plan():
    return Plan(pipeline="p", code=CodeRef(module="m", qualname="p"), stack=StackSpec(name="local"))


def begin_run(stack, run_id="0a"):
    run = RunRecord(id=run_id, name=run_id, pipeline="p", plan="plan", state="running", created_at=NOW, started_at=NOW)
    stack.database.write(changes.insert_run(run, plan(), dumps(plan().to_json()), token="mine"), durable=False)
    return run


def end_run(stack, run):
    stack.database.write([changes.update_run(replace(run, state="completed", finished_at=NOW), token="mine")])


def entry_of(data, name="data"):
    return FileEntry(name=name, digest=digest_bytes(data), size=len(data))


def artifact_of(artifact_id, data, run_id="", step_run="", output=""):
    manifest = Manifest(format="json", files=(entry_of(data),))
    return ArtifactRecord(
        id=artifact_id, name="model", digest=manifest.digest(), manifest=manifest, run_id=run_id, step_run=step_run,
        output=output, created_at=NOW,
    )  # fmt: skip


def make_step(stack, run, data=LARGE, artifact_id="a1", key=""):
    """Claim, save and commit one step, as an attempt does."""
    cache = CacheDecision(status="miss", key=key) if key else None
    step = StepRunRecord(
        id=f"{run.id}-s", run_id=run.id, name="s", attempt=1, state="running", started_at=NOW, cache=cache
    )
    stack.database.write([changes.claim_step(step, token="step", run_token="mine")], durable=False)
    with Uploads(stack.objects, run.id) as uploads:
        _, kept = stack.objects.put_bytes(data, uploads)
        kept = [*kept, *uploads.put()]
        done = replace(step, state="completed", finished_at=NOW, outputs={"out": artifact_id})
        batch = [changes.finish_step(done, token="step", run_token="mine"), *kept]
        batch.append(changes.insert_artifact(artifact_of(artifact_id, data, run.id, step.id, "out")))
        batch += [changes.remember(key, step.id, NOW)] if key else []
        stack.database.write([*batch, *changes.edges(done)])
    return done


def save_in_run(stack):
    run = begin_run(stack)
    make_step(stack, run)
    end_run(stack, run)


def save_outside(stack):
    """Import a value, as `save_artifact` does outside of a run."""
    with Uploads(stack.objects, "import-1") as uploads:
        _, kept = stack.objects.put_bytes(LARGE, uploads)
        batch = [*kept, *uploads.put(), changes.insert_artifact(artifact_of("a1", LARGE))]
        stack.database.write([*batch, holding.release("import-1")])


def save_small(stack):
    run = begin_run(stack)
    make_step(stack, run, data=b"small")
    end_run(stack, run)


def launch_run(stack):
    """Begin a run as `launch` does: with its source, of which the store seems to have everything."""
    run, _ = _recorded(Draft(plan=plan(), name="n"), stack, "0b", "mine")
    end_run(stack, run)


WRITERS = {
    "a step of a run": save_in_run,
    "a value outside of a run": save_outside,
    "a small value": save_small,
    "the beginning of a run": launch_run,
}


def leave_garbage(world):
    """Leave objects that nothing names: what is about to be saved, and the source of a run that was deleted."""
    with world.open() as stack:
        stack.objects.put_bytes(LARGE)
        stack.database.write(stack.objects.put_bytes(b"small")[1])
        run, _ = _recorded(Draft(plan=plan(), name="n"), stack, "00", "mine")
        end_run(stack, run)
        delete(stack.database, [run.id])
        stack.database.write([Change(sql="DELETE FROM hold")])


def calls_of(make, world):
    """Return how many calls an actor makes alone."""
    actor, count = make(world), 0
    while not actor.over:
        actor.step()
        count += 1
    assert actor.error is None, actor.error
    return count


def orders(first, second, seed):
    """Return orders in which `first` calls fall between `second` ones: all, or a random choice and the two ends."""
    if math.comb(first + second, first) <= ORDERS:
        return list(itertools.combinations_with_replacement(range(second + 1), first))
    chance = random.Random(seed)
    chosen = {tuple(sorted(chance.choices(range(second + 1), k=first))) for _ in range(ORDERS)}
    return [(0,) * first, *sorted(chosen), (second,) * first]


def play(writer, other, places):
    """Let the writer make each of its calls after so many of the other's; then let both come to their end."""
    made = 0
    for place in places:
        while made < place and not other.over:
            other.step()
            made += 1
        writer.step()
    while not (writer.over and other.over):
        other.step()
        writer.step()


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_that_is_recorded_lacks_its_bytes(name, worlds, record_property):
    work = WRITERS[name]
    first, second = worlds(), worlds()
    leave_garbage(first), leave_garbage(second)
    counts = calls_of(lambda world: world.actor(work), first), calls_of(World.collector, second)
    played = 0
    for places in orders(*counts, seed=name):
        world = worlds()
        leave_garbage(world)
        writer, collector = world.actor(work), world.collector()
        play(writer, collector, places)
        assert writer.error is None, (places, writer.error)
        assert collector.error is None, (places, collector.error)
        world.sound()
        world.close()
        played += 1
    record_property("orders", played)


@pytest.mark.parametrize("name", WRITERS)
def test_a_collector_may_crash_anywhere(name, worlds, record_property):
    """The writer takes away what a dead collector condemned, and the next collection finishes its work."""
    world = worlds()
    leave_garbage(world)
    calls = calls_of(World.collector, world)
    for place in range(calls):
        world = worlds()
        leave_garbage(world)
        collector = world.collector()
        for _ in range(place):
            collector.step()
        if not collector.over:
            collector.crash()
        world.actor(WRITERS[name]).finish()
        world.collector().finish()
        stack = world.sound()
        assert stack.database.read("SELECT * FROM condemned") == []
        world.close()
    record_property("crashes", calls)


def test_a_writer_waits_for_a_collector_and_says_for_whom(worlds, monkeypatch):
    world = worlds()
    leave_garbage(world)
    collector = world.collector()
    collector.until("delete objects/")
    with monkeypatch.context() as patch:
        patch.setattr(holding, "PATIENCE", 0.0)
        with pytest.raises(StoreBusy, match=f"process {os.getpid()} on .* is removing objects"):
            world.actor(save_in_run).finish()
    writer = world.actor(save_outside)
    writer.until("sleep")
    collector.finish()
    writer.finish()
    assert world.sound().database.count_runs() == 1


def test_a_frozen_writer_of_a_lost_run_records_nothing(worlds):
    """It is stopped between its put and its commit; meanwhile its run is taken for dead, and its bytes for garbage."""
    world = worlds()
    writer = world.actor(save_in_run)
    writer.until("put objects/")
    writer.step()
    stack = world.open()
    assert collect(stack, grace=dt.timedelta(0), delete=True).held.count == 1
    stack.database.write(changes.lose_run("0a", at=NOW, token="another"))
    assert collect(stack, grace=dt.timedelta(0), delete=True).garbage.count == 1
    with pytest.raises(WriteConflict):
        writer.finish()
    assert world.sound().database.artifacts() == []


def test_a_frozen_import_records_nothing_once_its_hold_is_too_old(worlds):
    world = worlds()
    writer = world.actor(save_outside)
    writer.until("put objects/")
    writer.step()
    stack = world.open()
    assert collect(stack, grace=dt.timedelta(0), delete=True).held.count == 1
    stack.database.write([Change(sql="UPDATE hold SET at = at - 25 * 3600 * 1000000", expect=1)])
    assert collect(stack, grace=dt.timedelta(0), delete=True).garbage.count == 1
    with pytest.raises(WriteConflict):
        writer.finish()
    assert world.sound().database.artifacts() == []


def test_young_objects_are_spared(worlds):
    world = worlds()
    leave_garbage(world)
    found = collect(world.open(), delete=True)
    assert (found.young.count, found.garbage.count > 0) == (2, True)  # the small ones go
    assert world.open().artifact_store.stat(key_of(digest_bytes(LARGE)))


def take_cached(stack):
    """Take the result of a step from the cache, as a run does."""
    run = begin_run(stack, "0c")
    found = stack.database.cached("key")
    if found is not None:
        producer = found[0]
        step = StepRunRecord(
            id="0c-s", run_id="0c", name="s", attempt=1, state="cached", outputs=producer.outputs,
            cache=CacheDecision(status="hit", key="key", source=producer.id),
        )  # fmt: skip
        stack.database.write(changes.insert_final_step(step, run_token="mine"))
    end_run(stack, run)
    return found is not None


def load_earlier(stack):
    """Load an artifact in a step, as `load_artifact` does, and record that the step took it."""
    run = begin_run(stack, "0c")
    known = stack.database.artifact_version("model")
    if known is not None:
        step = StepRunRecord(id="0c-s", run_id="0c", name="s", attempt=1, state="running", started_at=NOW)
        stack.database.write([changes.claim_step(step, token="step", run_token="mine")])
        done = replace(step, state="completed", finished_at=NOW, inputs={"loaded": (known.id,)})
        stack.database.write([changes.finish_step(done, token="step", run_token="mine"), *changes.edges(done)])
    end_run(stack, run)
    return known is not None


def delete_earlier(stack):
    try:
        delete(stack.database, ["0a"])
    except RunError:
        return False
    return True


@pytest.mark.parametrize("work", [take_cached, load_earlier])
def test_a_run_is_deleted_or_its_results_are_taken(work, worlds, record_property):
    def prepared():
        world = worlds()
        with world.open() as stack:
            run = begin_run(stack)
            make_step(stack, run, data=b"small", key="key")
            end_run(stack, run)
        return world

    counts = [calls_of(partial(World.actor, work=side), prepared()) for side in (work, delete_earlier)]
    outcomes = set()
    played = 0
    for places in orders(*counts, seed=0):
        world = prepared()
        taker, deleter = world.actor(work), world.actor(delete_earlier)
        play(taker, deleter, places)
        assert (taker.error, deleter.error) == (None, None), (places, taker.error, deleter.error)
        assert taker.result != deleter.result, places
        outcomes.add(taker.result)
        world.sound()
        world.close()
        played += 1
    assert outcomes == {True, False}
    record_property("orders", played)


def test_a_result_of_a_deleted_run_is_made_anew(worlds):
    world = worlds()
    with world.open() as stack:
        run = begin_run(stack)
        make_step(stack, run, key="key")
        end_run(stack, run)
        assert stack.database.cached("key")
        delete(stack.database, ["0a"])
        assert stack.database.cached("key") is None
    collect(world.open(), grace=dt.timedelta(0), delete=True)
    assert take_cached(world.open()) is False
    with world.open() as stack:
        make_step(stack, begin_run(stack, "0d"), artifact_id="a2", key="key")
    world.sound()


def test_two_collectors_do_not_work_at_once(worlds, monkeypatch):
    world = worlds()
    leave_garbage(world)
    collector = world.collector()
    collector.until("delete objects/")
    monkeypatch.setattr("zen.storage.collecting._LOCK_SECONDS", 0.0)
    with pytest.raises(StoreBusy, match="under way"):
        world.collector().finish()
    collector.finish()
    assert collect(world.open(), grace=dt.timedelta(0), delete=True).garbage.count == 0


@pytest.mark.parametrize("edit", ["", "# another one\n"])
def test_a_run_after_a_collection_keeps_its_source_anew(edit, worlds, monkeypatch):
    """In a process that was there all the time, whether its source is as it was, or partly."""
    monkeypatch.setattr("zen.source.snapshot._is_settled", lambda stamp, now: True)  # not only old files count
    world = worlds()
    stack = world.open()
    launch_run(stack)
    delete(stack.database, ["0b"])
    assert collect(world.open(), grace=dt.timedelta(0), delete=True).garbage.count > 2
    with (world.project.root / "training.py").open("a") as file:
        file.write(edit)
    launch_run(stack)
    world.sound()


def test_a_run_that_goes_on_is_not_deleted(worlds):
    world = worlds()
    stack = world.open()
    run = begin_run(stack)
    stack.database.write([changes.update_run(replace(run, state="failed", finished_at=NOW), token="mine")])
    deleter = world.actor(delete_earlier)
    deleter.until("write")
    stack.database.write([changes.reopen_run(replace(run, state="running"), token="mine")])
    assert deleter.finish() is False
    assert stack.database.run("0a").state == "running"
