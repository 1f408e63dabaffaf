"""The engine itself in two processes that go on only when they are told: launch, resume, reap, hit and Ctrl-C, in every order.

Each session is a fork that stops before each transaction, after it has let go of a run's lock, and where it would sleep.
A schedule says who goes on next. All are tried in which one session is preempted once, anywhere, and the other one too:
`one` takes i steps, `two` takes j, `one` goes on to its end, and then `two`; and the same the other way round. After every
step the controlling process looks for dead runs as any command does: it must not find one that somebody is in.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zen import Client
from zen.client import close_all
from zen.engine import new_id, reap
from zen.storage import Database, FileLock, changes

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sessions are forks")

FULL = os.environ.get("ZEN_FAULTS") == "full"
STOPS = 9  # that a session makes at most, but for sleeping
ALL = [
    one * first + two * second + one * 20 + two * 20
    for one, two in ("ab", "ba")
    for first in range(1, STOPS)
    for second in range(1, STOPS)
]
# Where a reaper lets go of a lock, a resume takes it, and the reaper goes on: it once removed the file of that lock.
KNOWN = ["bb" + "aa" + "b" * 20 + "a" * 20, "bbb" + "aaa" + "b" * 20 + "a" * 20]
SCHEDULES = list(dict.fromkeys([*KNOWN, *(ALL if FULL else random.Random(7).sample(ALL, 8))]))
PATIENCE = 60

FLOW = """
import os
from pathlib import Path
from zen import Client, pipeline, step

def note(text):
    with open("journal", "a") as journal:
        journal.write(text + "\\n")

@step
def load(key: str) -> list:
    note(f"load {key}")
    return [key] * 3

@step
def train(data: list) -> str:
    note(f"train {data[0]}")
    if Path(f"broken-{data[0]}").exists():
        os._exit(9)
    return data[0] + "!"

@pipeline
def flow(key: str):
    return train(load(key))
"""
Work = Callable[[str], Any]


class Session:
    """A fork that goes on only when it is told."""

    def __init__(self, work: Work, key: str) -> None:
        self.at, self.outcome = "", ("", None)
        self._here, there = multiprocessing.Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self._child(there, work, key)
        there.close()
        self._wait()

    @property
    def ended(self) -> bool:
        return self.at == "the end"

    def step(self) -> None:
        """Go on to the next stop."""
        self._here.send("go")
        self._wait()

    def interrupt(self) -> None:
        """Press Ctrl-C where it stands, and let it go on."""
        os.kill(self.pid, signal.SIGINT)
        self._wait()

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._here.close()

    def _wait(self) -> None:
        assert self._here.poll(PATIENCE), f"a session is stuck after {self.at!r}"
        try:
            self.at, *told = self._here.recv()
        except EOFError:
            self.at, told = "the end", [("died", None)]
        if self.ended:
            [self.outcome] = told

    @staticmethod
    def _child(pipe: Any, work: Work, key: str) -> None:
        def stop(where: str) -> None:
            pipe.send((where,))
            pipe.recv()

        write, release = Database.write, FileLock.release

        def writing(self: Database, batch: Any, *, durable: bool = True) -> None:
            stop(f"before {batch[0].sql[:40]}" if batch else "before nothing")
            write(self, batch, durable=durable)

        def releasing(self: FileLock) -> None:
            release(self)
            if self.path.parent.name == "runs":
                stop("after letting go")

        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            stop("at the start")
            Database.write, FileLock.release = writing, releasing  # type: ignore[method-assign]
            time.sleep = lambda seconds: stop("asleep")
            outcome = ("returned", work(key))
        except BaseException as error:  # whatever it is, the other process judges it
            outcome = (type(error).__name__, str(error))
        with contextlib.suppress(BaseException):
            pipe.send(("the end", outcome))
        os._exit(0)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    # In memory where that is to be had: the order matters here, and not the disk.
    memory = Path("/dev/shm")
    home = Path(tempfile.mkdtemp(prefix="zen-sessions-", dir=memory if os.access(memory, os.W_OK) else None))
    before = os.getcwd()
    (home / "pyproject.toml").touch()
    (home / "zen.yaml").write_text("default_stack: one\nstacks: {one: {settings: {durability: relaxed}}}\n")
    (home / "flow_of_sessions.py").write_text(FLOW)
    os.chdir(home)
    sys.path.insert(0, str(home))
    os.environ["ZEN_PROGRESS"] = "off"
    yield home
    close_all()
    os.environ.pop("ZEN_PROGRESS")
    sys.path.remove(str(home))
    sys.modules.pop("flow_of_sessions", None)
    os.chdir(before)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def sessions() -> Iterator[Callable[..., Session]]:
    with contextlib.ExitStack() as made:

        def make(work: Work, key: str) -> Session:
            session = Session(work, key)
            made.callback(session.close)
            return session

        yield make


def flow(key: str) -> Any:
    import flow_of_sessions  # type: ignore[import-not-found]  # made by the fixture

    return flow_of_sessions.flow(key)


def launched(key: str) -> str:
    return str(flow(key).outputs[0].load())


def resumed(key: str) -> str:
    client = Client()
    return str(client.resume(client.runs(where=f"params.key == '{key}'")[0].id).state)


def reaped(key: str) -> list[str]:
    return [run.id for run in reap(Client().open_stack)]


def conduct(one: Session, two: Session, schedule: str, client: Client) -> None:
    """Let two sessions go on as a schedule says, and then in turn; look for dead runs while there can be none."""
    for each in itertools.chain(schedule, itertools.cycle("ab")):
        chosen, left = (one, two) if each == "a" else (two, one)
        if one.ended and two.ended:
            return
        (left if chosen.ended else chosen).step()
        living = {session.pid for session in (one, two) if not session.ended}
        if living.issuperset(run.owner["pid"] for run, _ in client.database.open_runs()):
            assert reap(client.open_stack) == [], f"{schedule}: {one.at}; {two.at}"


def tried(
    home: Path, sessions: Any, name: str, works: tuple[Work, Work], record: Any, prepare: Any = None
) -> Iterator[Any]:
    """Yield for each schedule the key, the two sessions at their end, and the newest run of the key."""
    client = Client()
    for schedule in SCHEDULES:
        key = f"{name}-{schedule}"
        if prepare is not None:
            prepare(key)
        one, two = (sessions(work, key) for work in works)

        conduct(one, two, schedule, client)
        yield key, one, two
    record("schedules", len(SCHEDULES))


def executed(home: Path, key: str) -> Counter[str]:
    lines = [line.split() for line in (home / "journal").read_text().splitlines()]
    return Counter(what for what, of in lines if of == key)


def runs_of(key: str) -> list[Any]:
    return Client().runs(where=f"params.key == '{key}'", sort="started")


def broken(home: Path) -> Callable[[str], None]:
    """Leave a run whose process died in its second step, recorded as lost."""

    def prepare(key: str) -> None:
        (home / f"broken-{key}").touch()
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                flow(key)
            os._exit(0)
        os.waitpid(pid, 0)
        (home / f"broken-{key}").unlink()

    return prepare


def buried(home: Path) -> Callable[[str], None]:
    def prepare(key: str) -> None:
        broken(home)(key)
        assert len(reap(client.open_stack)) == 1

    client = Client()

    return prepare


def whole(run: Any) -> bool:
    """Say whether every attempt is over, and the newest of each step succeeded."""
    return all(each.finished for each in run.attempts) and {step.state for step in run.steps.values()} <= {
        "completed",
        "cached",
    }


def test_two_launches_with_one_key_are_one_execution(home, sessions, record_property) -> None:
    for key, one, two in tried(home, sessions, "launch", (launched, launched), record_property):
        assert one.outcome == two.outcome == ("returned", f"{key}!")
        assert executed(home, key) == {"load": 1, "train": 1}
        states = sorted(step.state for run in runs_of(key) for step in run.steps.values())
        assert states == ["cached", "cached", "completed", "completed"]
        assert {run.state for run in runs_of(key)} == {"completed"}


def test_a_run_that_finishes_is_never_lost_to_a_reaper(home, sessions, record_property) -> None:
    for key, one, two in tried(home, sessions, "finish", (launched, reaped), record_property):
        assert (one.outcome, two.outcome) == (("returned", f"{key}!"), ("returned", []))
        [run] = runs_of(key)
        assert (run.state, whole(run)) == ("completed", True)


REFUSED = ("RunError", "UsageError")


def test_of_two_who_resume_a_run_one_does(home, sessions, record_property) -> None:
    for key, one, two in tried(home, sessions, "twice", (resumed, resumed), record_property, buried(home)):
        said = sorted(each.outcome[0] for each in (one, two))
        assert said in [["RunError", "returned"], ["UsageError", "returned"]], (key, one.outcome, two.outcome)
        [run] = runs_of(key)
        assert (run.state, run.record.resumes, whole(run)) == ("completed", 1, True)
        assert executed(home, key) == {"load": 1, "train": 2}


def test_a_resumed_run_is_never_lost_to_a_reaper(home, sessions, record_property) -> None:
    for key, one, two in tried(home, sessions, "reap", (resumed, reaped), record_property, broken(home)):
        [run] = runs_of(key)
        assert two.outcome[0] == "returned"
        if one.outcome[0] == "returned":
            assert (run.state, run.record.resumes, whole(run)) == ("completed", 1, True)
            assert executed(home, key) == {"load": 1, "train": 2}
        else:  # the reaper held the lock at that moment; trying again is all it takes
            assert one.outcome[0] in REFUSED
            assert (run.state, executed(home, key)) == ("lost", {"load": 1, "train": 1})
            assert resumed(key) == "completed"


def forgotten(key: str) -> str:
    """Forget what made the result, as who finds it damaged does, and make it again."""
    database = Client().database
    made = runs_of(key)[0].steps["load"].record
    database.write([changes.forget(made.cache.key, made.id)], durable=False)
    return launched(key)


def test_a_hit_holds_when_its_entry_is_forgotten(home, sessions, record_property) -> None:
    def prepare(key: str) -> None:
        assert launched(key) == f"{key}!"

    for key, one, two in tried(home, sessions, "forget", (launched, forgotten), record_property, prepare):
        assert one.outcome == two.outcome == ("returned", f"{key}!")
        assert executed(home, key) == {"load": 2, "train": 1}
        made = {run.id: {step.record.id for step in run.steps.values()} for run in runs_of(key)}
        for run in runs_of(key):
            assert (run.state, whole(run)) == ("completed", True)
            for step in run.steps.values():
                assert step.outputs["output"].record.step_run in {each for steps in made.values() for each in steps}


def stops_of(sessions: Any, work: Work, key: str) -> int:
    """Return how often a session stops."""
    session, count = sessions(work, key), 0
    while not session.ended:
        session.step()
        count += 1
    return count


def test_ctrl_c_at_any_stop_leaves_a_run_that_is_over(home, sessions, record_property) -> None:
    stops = stops_of(sessions, launched, "count")
    record_property("stops", stops)
    for moment in range(stops):
        key = f"interrupt-{moment}"
        session = sessions(launched, key)
        for _ in range(moment):
            session.step()
        before = [run.state for run in runs_of(key)]
        session.interrupt()
        while not session.ended:
            session.step()
        assert session.outcome[0] == "KeyboardInterrupt"
        reap(Client().open_stack)
        for run in runs_of(key):
            assert run.state in (("completed",) if before == ["completed"] else ("cancelled", "lost", "completed")), (
                moment
            )
            assert all(each.finished for each in run.attempts)
        assert len(runs_of(key)) == len(before)


def test_a_deposed_owner_publishes_nothing_and_is_told(home, sessions, record_property) -> None:
    stops = stops_of(sessions, launched, "deposed")
    record_property("stops", stops)
    deposed = 0
    for moment in range(stops):
        key = f"depose-{moment}"
        session = sessions(launched, key)
        for _ in range(moment):
            session.step()
        if not runs_of(key):  # it has recorded nothing yet
            while not session.ended:
                session.step()
            continue
        deposed += 1
        database = Client().database
        over = runs_of(key)[0].state == "completed"
        if not over:
            database.write(changes.lose_run(runs_of(key)[0].id, at=database.now(), token=new_id()))
        rows = _rows(database, runs_of(key)[0].id)
        while not session.ended:
            session.step()
        assert _rows(database, runs_of(key)[0].id) == rows
        assert session.outcome[0] == "returned" if over else session.outcome[0] in ("RunError", "WriteConflict"), (
            moment,
            session.outcome,
        )
    assert deposed > 3


def _rows(database: Database, run: str) -> list[Any]:
    return [
        database.read(sql, (run,))
        for sql in (
            "SELECT state, token FROM run WHERE id = ?",
            "SELECT id, state, token FROM step_run WHERE run = ? ORDER BY id",
            "SELECT id FROM artifact WHERE run = ? ORDER BY id",
            "SELECT c.step_run FROM cache_entry c JOIN step_run s ON s.id = c.step_run WHERE s.run = ? ORDER BY 1",
        )
    ]
