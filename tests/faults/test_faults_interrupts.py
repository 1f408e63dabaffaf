"""Ctrl-C at any moment of a run whose steps run beside each other: it ends, it is recorded, and nothing goes on.

The launching process gets real SIGINTs while its threads wait for steps in worker processes. One is answered by a run
that is `cancelled`; of an impatient second one the run may be `lost`, as after a kill, and no more than that.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zen import Client

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for another process")

FULL = os.environ.get("ZEN_FAULTS") == "full"
INTERRUPTS = 60 if FULL else 5
STEPS = 6

FLOW = f"""
import os, sys, time
from pathlib import Path
from zen import pipeline, step

@step
def work(number: int, after: int) -> int:
    Path(f"pid-{{os.getpid()}}").touch()
    Path(f"step-{{number}}").touch()
    time.sleep(0.08)
    return number

@pipeline(enable_cache=False)
def flow():
    first = [work(number, 0) for number in range(3)]
    for number in range(3, {STEPS}):
        work(number, first[number - 3])

if __name__ == "__main__":
    flow()
    Path("ended").touch()
"""
CONFIG = """
default_stack: one
stacks: {one: {orchestrator: {flavor: local, max_parallel: 3}, settings: {durability: relaxed}}}
"""


def started(home: Path) -> int:
    return len(list(home.glob("step-*"))) + len(list(home.glob("ended")))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(condition, what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


@pytest.mark.parametrize("number", range(INTERRUPTS))
def test_ctrl_c_ends_a_run_whatever_it_waits_for(tmp_path, number, record_property) -> None:
    moment, twice = random.Random(number).randrange(STEPS + 1), number % 4 == 3
    record_property("interrupts", 1 + twice)
    (tmp_path / "zen.yaml").write_text(CONFIG)
    (tmp_path / "flow.py").write_text(FLOW)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZEN_")}
    process = subprocess.Popen(
        [sys.executable, "flow.py"],
        cwd=tmp_path,
        env={**environment, "ZEN_PROGRESS": "off"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: started(tmp_path) > min(moment, STEPS - 1) or process.poll() is not None, "no step began")
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
            if twice:
                process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    run = Client(root=tmp_path).run()
    assert process.returncode in (-signal.SIGINT, 0), said
    if process.returncode == 0:
        assert run.state == "completed"
    else:
        assert run.state in (("cancelled", "lost", "completed") if twice else ("cancelled", "completed")), (
            run.error,
            said,
        )
    assert [each for each in run.attempts if not each.finished] == []
    workers = [int(path.name.partition("-")[2]) for path in tmp_path.glob("pid-*")]
    until(lambda: not any(map(alive, workers)), f"of {workers} some go on")
