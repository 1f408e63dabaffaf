"""Two sessions on one store, in every order of their steps: who wins, what is recorded, and what the other one is told.

As PostgreSQL's isolation tester does it. A session is a list of operations on a connection of its own; each operation is
one transaction of the engine. `EXPECTED` says of each when it succeeds and what it does; everything else is refused as a
conflict and leaves nothing behind. After each order the rows must be those of that small model.
"""

from __future__ import annotations

import datetime as dt
import itertools
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.errors import WriteConflict
from zen.identity import dumps
from zen.interfaces import Change, MetadataStore
from zen.records import ArtifactRecord, CacheDecision, CodeRef, Manifest, Plan, RunRecord, StackSpec, StepRunRecord
from zen.storage import Database, changes

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
PLAN = Plan(pipeline="p", code=CodeRef(module="m", qualname="p"), stack=StackSpec(name="local"))
OPEN = ("pending", "running")


def sqlite(folder: Path) -> MetadataStore:
    host: Any = SimpleNamespace(root=folder, state=folder, log=logging.getLogger("test"))
    store = SQLiteStore(SQLiteConfig())
    store.open(host)
    return store


STORES: dict[str, Callable[[Path], MetadataStore]] = {"sqlite": sqlite}  # "postgres": …, once there is its plugin


@pytest.fixture(scope="module", params=list(STORES))
def databases(request, tmp_path_factory) -> Iterator[dict[str, Database]]:
    """Two connections to one store."""
    folder = tmp_path_factory.mktemp("two")
    opened = {name: Database(STORES[request.param](folder)) for name in "ab"}
    for database in opened.values():
        database.prepare()
    yield opened
    for database in opened.values():
        database.store.close()


@dataclass
class World:
    """What should be recorded: a run with one step, another run that may take its result, and the entry of their key."""

    run: str = "running"
    token: str = "a"  # whose token the run bears
    stop: str = ""
    steps: dict[str, str] = field(default_factory=dict)  # by run and attempt
    claims: dict[str, str] = field(default_factory=dict)  # whose token each attempt bears
    entry: str = ""  # the attempt that the key leads to
    found: dict[str, str] = field(default_factory=dict)  # what each session has looked up
    versions: list[str] = field(default_factory=list)  # which attempt made each version of the artifact's name


@dataclass(frozen=True)
class Op:
    """One operation of a session on an attempt (`1`, `2` of the run; `o1` of the other run, which is nobody else's)."""

    who: str
    what: str
    attempt: str = "1"

    def __str__(self) -> str:
        return f"{self.who}:{self.what}{self.attempt}"


def other(op: Op) -> bool:
    return op.attempt.startswith("o")


def ours(world: World, op: Op) -> bool:
    return other(op) or (world.run in OPEN and world.token == op.who)


def ends(world: World, run: str) -> dict[str, Any]:
    """Return the changes of a run that is over: what is open in it is lost."""
    steps = {name: "lost" if state == "running" and name[0] != "o" else state for name, state in world.steps.items()}
    return {"run": run, "steps": steps}


def sole(world: World, op: Op) -> bool:
    return op.attempt not in world.steps and "running" not in world.steps.values() and not world.entry


def holds(world: World, op: Op) -> bool:
    return world.steps.get(op.attempt) == "running" and world.claims.get(op.attempt) == op.who


# What an operation needs, and what it does then.
EXPECTED: dict[str, tuple[Callable[[World, Op], bool], Callable[[World, Op], dict[str, Any]]]] = {
    "claim": (
        lambda world, op: ours(world, op) and sole(world, op),
        lambda world, op: {
            "steps": {**world.steps, op.attempt: "running"},
            "claims": {**world.claims, op.attempt: op.who},
        },
    ),
    "publish": (
        lambda world, op: holds(world, op) and (other(op) or world.token == op.who),
        lambda world, op: {
            "steps": {**world.steps, op.attempt: "completed"},
            "entry": op.attempt,
            "versions": [*world.versions, op.attempt],
        },
    ),
    "finish": (ours, lambda world, op: ends(world, "completed")),
    "cancel": (ours, lambda world, op: ends(world, "cancelled")),
    "lose": (
        lambda world, op: world.run in OPEN,
        lambda world, op: {**ends(world, "lost"), "token": f"reaper-{op.who}"},
    ),
    "reopen": (
        lambda world, op: world.run in ("failed", "cancelled", "lost"),
        lambda world, op: {"run": "running", "token": op.who, "stop": ""},
    ),
    "stop": (
        lambda world, op: True,
        lambda world, op: {"stop": world.stop or f"asked by {op.who}"} if world.token == op.who else {},
    ),
    "forget": (lambda world, op: True, lambda world, op: {"entry": "" if world.entry == op.attempt else world.entry}),
    "look": (lambda world, op: True, lambda world, op: {"found": {**world.found, op.who: world.entry}}),
    "take": (
        lambda world, op: bool(world.found.get(op.who)) and ours(world, op) and op.attempt not in world.steps,
        lambda world, op: {"steps": {**world.steps, op.attempt: "cached"}},
    ),
    "bury": (
        lambda world, op: world.steps.get(op.attempt) == "running" and (other(op) or world.token == op.who),
        lambda world, op: {"steps": {**world.steps, op.attempt: "lost"}},
    ),
}


class Trial:
    """One order of operations, done in the store and in the model."""

    def __init__(self, databases: dict[str, Database], number: str) -> None:
        self.databases = databases
        self.id = number
        self.world = World()
        self.found: dict[str, StepRunRecord | None] = {}
        for run, token in ((self.run(""), "a"), (self.run("o"), "b")):
            databases["a"].write(changes.insert_run(run, PLAN, dumps(PLAN.to_json()), token=token), durable=False)

    def run(self, attempt: str, state: Any = "running") -> RunRecord:
        name = f"{self.id}-other" if attempt.startswith("o") else self.id
        return RunRecord(id=name, name=name, pipeline="p", state=state, plan="plan", created_at=NOW, started_at=NOW)

    def step(self, op: Op, state: Any) -> StepRunRecord:
        return StepRunRecord(
            id=f"{self.id}/{op.attempt}",
            run_id=self.run(op.attempt).id,
            name="train",
            attempt=int(op.attempt[-1]),
            state=state,
            started_at=NOW,
            finished_at=None if state == "running" else NOW,
            cache=CacheDecision(status="miss", key=f"key-{self.id}"),
            outputs={"model": f"{self.id}/{op.attempt}/model"} if state == "completed" else {},
        )

    def batch(self, op: Op) -> list[Change]:
        token, key, run = f"attempt-{op.who}", f"key-{self.id}", self.run(op.attempt)
        if op.what == "claim":
            return [changes.claim_step(self.step(op, "running"), token=token, run_token=op.who)]
        if op.what == "publish":
            done = self.step(op, "completed")
            made = ArtifactRecord(
                id=done.outputs["model"],
                name=f"model-{self.id}",
                digest="sha256:0",
                manifest=Manifest(format="json"),
                run_id=done.run_id,
                step_run=done.id,
                created_at=NOW,
            )
            finish = changes.finish_step(done, token=token, run_token=op.who)
            return [finish, changes.insert_artifact(made), *changes.edges(done), changes.remember(key, done.id, NOW)]
        if op.what in ("finish", "cancel"):
            ended = replace(run, state="completed" if op.what == "finish" else "cancelled", finished_at=NOW)
            return [changes.update_run(ended, token=op.who), changes.lose_open_steps(run.id, at=NOW, run_token=op.who)]
        if op.what == "take":
            given = replace(self.step(op, "cached"), outputs=self.found[op.who].outputs)  # type: ignore[union-attr]
            return changes.insert_final_step(given, run_token=op.who)
        return {
            "lose": lambda: changes.lose_run(run.id, at=NOW, token=f"reaper-{op.who}"),
            "reopen": lambda: [changes.reopen_run(run, token=op.who)],
            "stop": lambda: [changes.ask_to_stop(run.id, f"asked by {op.who}", run_token=op.who)],
            "forget": lambda: [changes.forget(key, self.step(op, "running").id)],
            "bury": lambda: [changes.bury_step(self.step(op, "lost"), run_token=op.who)],
        }[op.what]()

    def do(self, op: Op) -> bool:
        """Do an operation and say whether it succeeded."""
        database = self.databases[op.who]
        if op.what == "look":
            found = database.cached(f"key-{self.id}")
            self.found[op.who] = found[0] if found else None
            return True
        if op.what == "take" and self.found.get(op.who) is None:
            return False
        try:
            database.write(self.batch(op), durable=False)
        except WriteConflict:
            return False
        return True

    def expect(self, op: Op) -> bool:
        """Do it in the model."""
        needs, does = EXPECTED[op.what]
        if not needs(self.world, op):
            return False
        self.world = replace(self.world, **does(self.world, op))
        return True

    def recorded(self, reader: str) -> World:
        """Return what one of the sessions reads."""
        database = self.databases[reader]
        rows = database.read("SELECT run, attempt, state FROM step_run WHERE id LIKE ?", (f"{self.id}/%",))
        versions = database.read(
            "SELECT step_run, version FROM artifact WHERE name = ? ORDER BY version", (f"model-{self.id}",)
        )
        found = database.cached(f"key-{self.id}")
        assert [version for _, version in versions] == list(range(1, len(versions) + 1))
        return World(
            run=database.run(self.id).state,
            token=database.run_token(self.id),
            stop=database.stop_reason(self.id),
            steps={f"{'o' if run != self.id else ''}{attempt}": state for run, attempt, state in rows},
            entry=found[0].id.rpartition("/")[2] if found else "",
            versions=[made.rpartition("/")[2] for made, _ in versions],
        )


def session(who: str, *words: str) -> list[Op]:
    """Return the operations of a session; a word is an operation, with the attempt that it is about."""
    return [Op(who, word.rstrip("o12"), word[len(word.rstrip("o12")) :] or "1") for word in words]


OWNER = session("a", "claim1", "publish1", "finish")
RESUMER = ("reopen", "claim2", "publish2", "finish")
OTHER = session("b", "look", "takeo1", "claimo1", "publisho1")

# Two sessions, and what was done before by whom.
PAIRS: dict[str, tuple[list[Op], list[Op], list[Op]]] = {
    "publish and lose": (OWNER, session("b", "lose"), []),
    "publish and cancel": (OWNER, session("b", "stop", "stop"), []),
    "interrupt and lose": (session("a", "claim1", "cancel"), session("b", "lose"), []),
    "publish and bury": (OWNER, session("b", "bury1", "claim2"), []),
    "publish, lose and resume": (OWNER, session("b", "lose", *RESUMER), []),
    "cancel and resume": (session("a", "claim1", "stop", "cancel"), session("b", *RESUMER), []),
    "two resumes": (session("a", *RESUMER), session("b", *RESUMER), session("a", "claim1", "lose")),
    "resume and lose": (session("a", *RESUMER), session("b", "lose"), session("a", "claim1", "lose")),
    "resume, and the old owner": (
        session("b", *RESUMER),
        session("a", "publish1", "finish", "claim2"),
        session("a", "claim1") + session("b", "lose"),
    ),
    "two runs with one key": (OWNER, OTHER, []),
    "two runs with one key, one dies": (session("a", "claim1", "publish1"), [*session("b", "lose"), *OTHER], []),
    "hit and forget": (OTHER, session("a", "forget1"), session("a", "claim1", "publish1")),
    "forget, and made again by two": (
        session("a", "forget1", "claim2", "publish2"),
        session("b", "forget1", "claimo1", "publisho1"),
        session("a", "claim1", "publish1"),
    ),
    "remember and forget": (
        session("a", "publish2"),
        session("b", "forget1", "look", "takeo1"),
        session("a", "claim1", "publish1", "forget1", "claim2"),
    ),
}


def orders(one: list[Op], two: list[Op]) -> Iterator[tuple[Op, ...]]:
    """Yield every order that keeps the order of each session."""
    for places in itertools.combinations(range(len(one) + len(two)), len(one)):
        first, second = iter(one), iter(two)
        yield tuple(next(first) if place in places else next(second) for place in range(len(one) + len(two)))


@pytest.mark.parametrize("pair", PAIRS)
def test_every_order_of_two_sessions_has_the_expected_winner(databases, pair, record_property) -> None:
    one, two, before = PAIRS[pair]
    count = 0
    for count, order in enumerate(orders(one, two), start=1):
        trial = Trial(databases, f"{list(PAIRS).index(pair)}.{count}")
        told = " ".join(map(str, order))
        for op in before:
            assert trial.do(op) == trial.expect(op) == True, f"before: {op}"  # noqa: E712  # all three are equal
        for op in order:
            assert (str(op), trial.do(op)) == (str(op), trial.expect(op)), told
            expected = replace(trial.world, claims={}, found={})
            assert trial.recorded("a") == trial.recorded("b") == expected, f"{told}, after {op}"
    record_property("orders", count)


@pytest.mark.parametrize(
    "read",
    [
        lambda database, run, step: database.step_runs(run)[0],
        lambda database, run, step: database.attempts(run, "train")[0],
        lambda database, run, step: database.last_attempt(run, "train"),
        lambda database, run, step: database.step_run(step),
    ],
    ids=["step_runs", "attempts", "last_attempt", "step_run"],
)
@pytest.mark.parametrize("queries", range(3))
def test_a_reader_sees_a_step_before_or_after_its_commit_and_never_half(
    databases, monkeypatch, read, queries, request
) -> None:
    trial = Trial(databases, f"read.{request.node.name}")
    claim, publish, _ = OWNER
    assert trial.do(claim)
    original, asked = databases["b"].store.read, []

    def between(sql: str, parameters: Any = ()) -> Any:
        if len(asked) == queries:
            assert trial.do(publish)
        asked.append(sql)
        return original(sql, parameters)

    monkeypatch.setattr(databases["b"].store, "read", between)
    found = read(databases["b"], trial.id, f"{trial.id}/1")
    assert (found.state, bool(found.outputs)) in [("running", False), ("completed", True)]
