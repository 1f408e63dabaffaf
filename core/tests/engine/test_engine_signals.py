"""Ctrl-C, SIGTERM and SIGKILL: how the process ends, and what is recorded of the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zen import Client

HEAD = """
import os, signal, sys, time
from pathlib import Path
from zen import *

def wait():
    Path("started").touch()
    time.sleep(600)
"""
HERE = """
@step
def first() -> int:
    return 1

@step(on_failure=lambda: Path("hooked").touch())
def work(n: int) -> int:
    print("working")
    log_metrics({"loss": 1.0})
    wait()
    return 1

@step
def last(n: int) -> int:
    return 1

@pipeline(on_failure=lambda: Path("hooked").touch())
def numbers():
    last(work(first()))

if __name__ == "__main__":
    numbers()
    Path("after").touch()
"""
APART = HERE.replace("@step(on_failure", "@step(isolate=True, retries=2, on_failure")
BESIDE = """
@step(isolate=True)
def beside() -> int:
    time.sleep(600)

@step
def work() -> int:
    wait()

@pipeline
def numbers():
    work(), beside()

if __name__ == "__main__":
    numbers()
"""


@pytest.fixture
def interrupted(home):
    """Run a script, send it a signal when its step has started, and return how it ended with the recorded run."""

    def run(text: str, number: int, first: str = ""):
        (home / "flow.py").write_text(first + HEAD + text)
        process = subprocess.Popen(
            [sys.executable, "flow.py"], cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(1000):
            if (home / "started").exists():
                break
            time.sleep(0.02)
        time.sleep(0.1)
        process.send_signal(number)
        try:
            _, errors = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            # Rarely, on a busy machine, the kernel hands the signal to another thread, and the main one sleeps on.
            process.send_signal(number)
            _, errors = process.communicate(timeout=60)
        return process.returncode, errors, Client(root=home).run()

    return run


@pytest.mark.parametrize("text", [HERE, APART], ids=["here", "worker"])
def test_ctrl_c_cancels_the_run_and_ends_by_keyboard_interrupt(interrupted, home, text) -> None:
    code, errors, run = interrupted(text, signal.SIGINT)
    assert code == -signal.SIGINT
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert run.state == "cancelled"
    assert [run.steps[name].state for name in ("first", "work")] == ["completed", "cancelled"]
    assert run.steps.get("last") is None or run.steps["last"].state == "skipped"
    assert run.finished_at is not None
    assert run.steps["first"].output.load() == 1
    assert [line.text for line in run.logs("work")] == ["working"]
    assert not (home / "hooked").exists()
    assert not (home / "after").exists()
    assert list((home / ".zen" / "runs").iterdir()) == []


@pytest.mark.parametrize("text", [HERE, APART], ids=["here", "worker"])
def test_sigterm_cancels_the_run_and_ends_by_sigterm(interrupted, text) -> None:
    code, _, run = interrupted(text, signal.SIGTERM)
    assert code == -signal.SIGTERM
    assert (run.state, run.steps["work"].state) == ("cancelled", "cancelled")


def test_ctrl_c_ends_steps_in_workers_beside(interrupted, home) -> None:
    (home / "zen.yaml").write_text(
        "stacks: {two: {orchestrator: {flavor: local, max_parallel: 2}}}\ndefault_stack: two"
    )
    code, _, run = interrupted(BESIDE, signal.SIGINT)
    assert code == -signal.SIGINT
    assert run.state == "cancelled"
    assert {step.state for step in run.steps.values()} == {"cancelled"}


def test_a_handler_of_the_script_is_back_after_the_run(script) -> None:
    done = script("""
        signal.signal(signal.SIGTERM, lambda *_: print("own handler"))

        @step
        def work() -> None:
            pass

        @pipeline
        def numbers():
            work()

        if __name__ == "__main__":
            numbers()
            os.kill(os.getpid(), signal.SIGTERM)
    """)
    assert (done.stdout, done.returncode) == ("own handler\n", 0)


@pytest.mark.parametrize("text", [HERE, APART], ids=["here", "worker"])
def test_a_killed_process_leaves_a_run_that_the_next_command_calls_lost(interrupted, home, text) -> None:
    code, _, run = interrupted(text, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert (run.state, run.steps["work"].state, run.steps["first"].state) == ("lost", "lost", "completed")
    assert run.finished_at is not None
    assert run.steps["first"].output.load() == 1
    assert list((home / ".zen" / "runs").iterdir()) == []


def test_a_step_that_ends_the_process_leaves_a_lost_run(script, home) -> None:
    done = script("""
        @step
        def work() -> None:
            os._exit(0)

        @pipeline
        def numbers():
            work()

        if __name__ == "__main__":
            if sys.argv[1:]:
                print(Client().run().state, Client().run().steps["work"].state)
            else:
                numbers()
    """)
    assert done.returncode == 0
    again = subprocess.run(
        [sys.executable, "flow.py", "again"], cwd=home, capture_output=True, text=True, env=dict(os.environ)
    )
    assert again.stdout == "lost lost\n", again.stderr


def test_a_run_that_is_under_way_is_not_lost(define, home) -> None:
    run = define("""
        @step
        def look() -> str:
            code = "from zen import Client; print(Client().run().state)"
            return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()

        @pipeline
        def numbers():
            return look()
    """).numbers()
    assert run.outputs[0].load() == "running"
    assert run.state == "completed"


def test_an_interrupt_that_a_step_raises_cancels_the_run(define) -> None:
    flow = define("""
        @step
        def work() -> None:
            raise KeyboardInterrupt

        @pipeline
        def numbers():
            work()
    """)
    with pytest.raises(KeyboardInterrupt):
        flow.numbers()
    assert Client().run().state == "cancelled"
    assert isinstance(Path.cwd(), Path)


def test_an_interrupt_in_a_worker_cancels_the_run(script) -> None:
    done = script("""
        @step(isolate=True)
        def work() -> None:
            raise KeyboardInterrupt

        @pipeline(raise_on_failure=False)
        def numbers():
            work()

        if __name__ == "__main__":
            try:
                numbers()
            except KeyboardInterrupt:
                print("interrupted")
            run = Client().run()
            print(run.state, run.steps["work"].state)
    """)
    assert done.stdout.splitlines() == ["interrupted", "cancelled cancelled"], done.stderr
