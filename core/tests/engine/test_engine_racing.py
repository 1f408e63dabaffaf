"""One execution for each cache key, whoever races for it: the others wait and take the result, or take over."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter

from zen import Client

FLOW = """
@step
def slow(key: int) -> int:
    with open("journal", "a") as file:
        file.write(f"{key}\\n")
    time.sleep(0.01)
    return key * 2

@pipeline
def flow(keys: int):
    for key in range(keys):
        slow(key)

if __name__ == "__main__":
    run = flow(int(sys.argv[1]))
    print([step.output.load() for step in run.steps.values()] == [key * 2 for key in range(int(sys.argv[1]))])
"""


def test_fifty_keys_and_sixteen_processes_are_fifty_executions(define, home) -> None:
    define(FLOW)
    racers = [
        subprocess.Popen([sys.executable, "flow.py", "50"], cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(16)
    ]
    said = [racer.communicate(timeout=240) for racer in racers]
    assert [out.strip() for out, _ in said] == [b"True"] * 16, said
    executed = Counter((home / "journal").read_text().split())
    assert executed == Counter({str(key): 1 for key in range(50)})
    states = Counter(step.state for run in Client(root=home).runs(limit=20) for step in run.steps.values())
    assert states == {"completed": 50, "cached": 750}


UNTIL_GO = "while not Path('go').exists(): time.sleep(0.01)"


def test_a_result_is_awaited_from_a_run_that_is_making_it(define, home) -> None:
    define(FLOW.replace("time.sleep(0.01)", UNTIL_GO))
    assert _raced(home, "flow.py", "1") == [0, 0]
    runs = Client(root=home).runs()
    assert [run.steps["slow"].state for run in runs] == ["cached", "completed"]
    assert (home / "journal").read_text() == "0\n"


def test_who_dies_while_making_a_result_is_taken_over_from(define, home) -> None:
    define(FLOW.replace("time.sleep(0.01)", "time.sleep(60)"))
    other = subprocess.Popen([sys.executable, "flow.py", "1"], cwd=home)
    _until(lambda: (home / "journal").exists())
    waiting = subprocess.Popen(
        [sys.executable, "-c", "import flow, time; flow.time.sleep = lambda seconds: None; flow.flow(1)"], cwd=home
    )
    _until(lambda: len(Client(root=home).runs()) == 2)
    other.kill()
    other.wait()
    assert waiting.wait(timeout=60) == 0
    assert [run.state for run in Client(root=home).runs()] == ["completed", "lost"]
    assert (home / "journal").read_text() == "0\n0\n"


def test_who_fails_lets_the_next_one_try(define, home) -> None:
    define(
        f"""
        @step
        def tries(key: int) -> int:
            with open("journal", "a") as file:
                file.write("x")
            {UNTIL_GO}
            if "FAIL" in os.environ:
                raise ValueError("mine")
            return key

        @pipeline(raise_on_failure=False)
        def flow():
            tries(1)
        """
    )
    assert _raced(home, "-c", "import flow; flow.flow()", FAIL="1") == [0, 0]
    assert [run.state for run in Client(root=home).runs()] == ["completed", "failed"]
    assert (home / "journal").read_text() == "xx"


def test_two_equal_steps_of_a_run_are_one_execution(define, home) -> None:
    flow = define(FLOW.replace("time.sleep(0.01)", "time.sleep(0.5)").replace("slow(key)", "slow(1)"))
    run = flow.flow(3)
    assert sorted(step.state for step in run.steps.values()) == ["cached", "cached", "completed"]
    assert (home / "journal").read_text() == "1\n"


def _raced(home, *command: str, **variables: str) -> list[int]:
    """Run a command (with these variables), and once its step runs once more; let the step end then."""
    first = subprocess.Popen([sys.executable, *command], cwd=home, env={**os.environ, **variables})
    _until(lambda: (home / "journal").exists())
    second = subprocess.Popen([sys.executable, *command], cwd=home)
    _until(lambda: len(Client(root=home).runs()) == 2)
    (home / "go").touch()
    return [first.wait(), second.wait()]


def _until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
