"""Which runs are alive: by a lock on their own machine, by a lease from others; and what a deposed owner may do."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zen import Client
from zen.engine import liveness
from zen.interfaces import Change

LIGHT = """\
from zen.plugins import Flavor, hookimpl

@hookimpl
def zen_flavors():
    config = "zen.builtin.sqlite:SQLiteConfig"
    return [Flavor(kind="metadata_store", name="shared", summary="x", config=config, implementation="far_parts:Shared")]
"""
PARTS = """\
from zen.builtin.sqlite import SQLiteStore

class Shared(SQLiteStore):
    reach = "network"
"""
SHORT = "import zen.engine.liveness as liveness\nliveness.LEASE, liveness.BEAT = 1.0, 0.1\n"
FLOW = """
@step
def wait() -> int:
    Path("running").write_text("x")
    while not Path("go").exists():
        time.sleep(0.02)
    return 1

@step
def after(number: int) -> int:
    with open("executed", "a") as file:
        file.write("after\\n")
    return number + 1

@pipeline
def flow():
    after(wait())

if __name__ == "__main__":
    flow()
"""
OTHER = """
import platform, sys
platform.node = lambda: "elsewhere"
import zen.engine.liveness as liveness
liveness._boot = lambda: "another machine"
from pathlib import Path
from zen import Client
with Client() as client:
    [run] = client.runs()
    if "resume" in sys.argv and run.state == "lost":
        Path("go").touch()
        run = client.resume(run.id)
    print(run.state)
"""


@pytest.fixture
def far(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose metadata other machines see; returns the folder that holds the store's plugin."""
    site = home / "site"
    (site / "zen_plugin_far-0.3.dist-info").mkdir(parents=True)
    (site / "zen_plugin_far-0.3.dist-info" / "entry_points.txt").write_text("[zen.plugins.v1]\nshared = far_light\n")
    (site / "far_light.py").write_text(LIGHT)
    (site / "far_parts.py").write_text(PARTS)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    stack = {
        "metadata_store": {"flavor": "shared", "path": ".store/metadata.db"},
        "artifact_store": {"flavor": "local", "path": ".store/artifacts"},
    }
    (home / "zen.yaml").write_text(json.dumps({"stacks": {"far": stack}, "default_stack": "far"}))
    return site


@pytest.fixture
def started(home: Path) -> Any:
    """Start the flow in a process group of its own, and return it once its first step runs."""
    processes: list[subprocess.Popen[str]] = []

    def start(first: str = SHORT) -> subprocess.Popen[str]:
        head = "import os, time\nfrom pathlib import Path\nfrom zen import *\n"
        (home / "flow.py").write_text(first + head + FLOW)
        process = subprocess.Popen(
            [sys.executable, "flow.py"],
            cwd=home,
            start_new_session=True,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        until(lambda: (home / "running").exists() or process.poll() is not None)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "waited for 30 s"
        time.sleep(0.02)


def elsewhere(*arguments: str) -> str:
    """Return the state of the one run as another machine sees it, or leaves it; it has a state folder of its own."""
    done = subprocess.run(
        [sys.executable, "-c", OTHER, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "ZEN_HOME": "elsewhere"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def column(name: str) -> Any:
    with Client() as client:
        [[value]] = client.open_stack.database.read(f"SELECT {name} FROM run")
        return value


@pytest.mark.skipif(os.name == "nt", reason="process groups and signals of POSIX")
def test_a_run_that_others_see_gives_signs_of_life_until_it_ends(far, started, home) -> None:
    process = started()
    first = column("lease")
    until(lambda: column("lease") > first)
    time.sleep(liveness.LEASE / 30)  # past the lease that it began with
    assert elsewhere() == "running"
    (home / "go").touch()
    assert process.wait(30) == 0
    assert elsewhere() == "completed"


@pytest.mark.skipif(os.name == "nt", reason="process groups and signals of POSIX")
def test_who_was_stopped_past_the_lease_publishes_nothing(far, started, home) -> None:
    process = started()
    os.killpg(process.pid, signal.SIGSTOP)
    until(lambda: elsewhere() == "lost")
    assert elsewhere("resume") == "completed"
    before = rows()
    os.killpg(process.pid, signal.SIGCONT)
    assert process.wait(30) == 1
    assert "not this process's any more" in process.stderr.read()
    assert rows() == before
    assert (home / "executed").read_text() == "after\n"


def rows() -> list[Any]:
    with Client() as client:
        database = client.open_stack.database
        tables = ("step_run", "artifact", "edge", "cache_entry", "metric", "fact")
        found = [database.read("SELECT id, state, token, finished_at, detail FROM run")]
        return [*found, *(database.read(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables)]


@pytest.mark.skipif(os.name == "nt", reason="process groups and signals of POSIX")
def test_a_stopped_run_of_this_machine_is_never_taken_for_dead(started, home) -> None:
    process = started()
    os.killpg(process.pid, signal.SIGSTOP)
    with Client() as client:
        assert [run.state for run in client.runs()] == ["running"]
    os.killpg(process.pid, signal.SIGCONT)
    (home / "go").touch()
    assert process.wait(30) == 0


@pytest.fixture
def opened(home: Path, define: Any) -> Callable[..., str]:
    """Leave a run of a store behind that seems to be running, and say what its next reader finds."""

    def leave(lease: float | None = None, **owner: object) -> str:
        flow = define("@step\ndef one() -> int:\n    return 1\n\n@pipeline\ndef flow():\n    one()\n").flow
        run_id = flow().id
        until = None if lease is None else int((time.time() + lease) * 1e6)
        with Client() as client:
            database = client.open_stack.database
            detail = json.dumps({"owner": {**client.run(run_id).record.owner, **owner}})
            forged = "UPDATE run SET state = 'running', finished_at = NULL, lease = ?, detail = ? WHERE id = ?"
            drop = Change(sql="DROP TRIGGER run_goes_on")
            database.write([drop, Change(sql=forged, parameters=(until, detail, run_id))])
        with Client() as client:
            return str(client.run(run_id).state)

    return leave


ELSEWHERE = {"host": "elsewhere", "boot": "another"}


@pytest.mark.parametrize(
    ("lease", "owner", "state"),
    [
        (None, {}, "lost"),  # this machine's, and nobody holds its lock
        (None, {"boot": "", "host": "elsewhere"}, "running"),  # a system without such a number: nothing is known
        (None, {"boot": "before", "host": "old name"}, "lost"),  # this machine's, before it was started again
        (None, {"lock": "/gone/runs/x.lock"}, "lost"),  # the project was moved
    ],
)
def test_a_store_of_one_machine_judges_by_locks_and_boots(opened, lease, owner, state) -> None:
    if not liveness._boot() and owner:
        pytest.skip("this system tells no number of its start")
    assert opened(lease, **owner) == state


@pytest.mark.parametrize(
    ("lease", "owner", "state"),
    [
        (-1, ELSEWHERE, "lost"),
        (60, ELSEWHERE, "running"),
        (None, ELSEWHERE, "running"),
        (60, {}, "running"),  # its lock file is not to be seen: the lease decides
        (-1, {}, "lost"),
    ],
)
def test_a_store_that_others_see_judges_by_leases(far, opened, lease, owner, state) -> None:
    assert opened(lease, **owner) == state


def test_a_run_that_gave_a_sign_of_life_is_not_lost(home, define) -> None:
    from zen.errors import WriteConflict
    from zen.storage import changes

    define("@step\ndef one() -> int:\n    return 1\n\n@pipeline\ndef flow():\n    one()\n").flow()
    now = dt.datetime.now(dt.UTC)
    with Client() as client:
        database = client.open_stack.database
        [run] = client.runs()
        forged = f"UPDATE run SET state = 'running', lease = {int((now.timestamp() + 60) * 1e6)}"
        database.write([Change(sql="DROP TRIGGER run_goes_on"), Change(sql=forged)])
        with pytest.raises(WriteConflict):
            database.write(changes.lose_run(run.id, at=now, token="t", lease=now))
        assert database.run(run.id).state == "running"


def test_a_lock_that_is_held_is_told_at_once(home) -> None:
    from zen.errors import RunError

    with liveness.held(home, "a1", repr("mine")):
        program = (
            "import sys; from pathlib import Path; from zen.engine import liveness\n"
            "liveness._PATIENCE = 0.0\n"
            "with liveness.held(Path(sys.argv[1]), 'a1', repr('mine')): pass"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(home)], capture_output=True, text=True, check=False, timeout=60
        )
    assert "run 'mine' is in the hands of another process" in done.stderr
    with liveness.held(home, "a1", repr("mine")):
        pass
    with pytest.raises(RunError, match="x"), liveness.held(home, "a1", repr("mine")):
        raise RunError("x")
    assert not list((home / "runs").iterdir())
