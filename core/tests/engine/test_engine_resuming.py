"""Resuming: the same run goes on; what succeeded never runs twice, what did not runs again."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from zen import Client
from zen.errors import CodeChanged, RunFailed, UsageError

FLOW = """
def note(text):
    with open("journal", "a") as file:
        file.write(text + "\\n")

@step
def load() -> list:
    note("load")
    return [1, 2]

@step(retries=1)
def train(data: list, lr: float) -> float:
    note("train")
    if not Path("repaired").exists():
        raise ValueError("not yet")
    return sum(data) * lr

@step
def report(value: float) -> str:
    note("report")
    return f"value {value}"

@step
def beside() -> int:
    note("beside")
    return 7

@pipeline(raise_on_failure=False, enable_cache=False)
def flow(lr: float = 0.5):
    beside()
    return report(train(load(), lr))
"""


def journal(home) -> list[str]:
    return (home / "journal").read_text().split()


def test_a_failed_run_goes_on_where_it_failed(define, home) -> None:
    run = define(FLOW).flow(lr=2.0)
    assert (run.state, sorted(journal(home))) == ("failed", ["beside", "load", "train", "train"])
    (home / "repaired").touch()
    again = Client(root=home).resume(run.id)
    assert (again.id, again.state, again.record.resumes) == (run.id, "completed", 1)
    assert again.outputs[0].load() == "value 6.0"
    assert sorted(journal(home)) == ["beside", "load", "report", "train", "train", "train"]
    attempts = [(each.attempt, each.state) for each in again.attempts if each.name == "train"]
    assert attempts == [(1, "failed"), (2, "failed"), (3, "completed")]
    assert len(Client(root=home).runs()) == 1


def test_a_run_that_fails_again_can_be_resumed_again_with_its_retries(define, home) -> None:
    run = define(FLOW).flow()
    client = Client(root=home)
    assert client.resume(run.id).state == "failed"
    assert journal(home).count("train") == 4
    (home / "repaired").touch()
    assert client.resume("last").state == "completed"
    with pytest.raises(UsageError, match="is completed: nothing is left to resume"):
        client.resume("last")


def test_a_killed_run_goes_on(define, home) -> None:
    define(
        """
        @step
        def first() -> int:
            Path("journal").open("a").write("first\\n")
            return 1

        @step
        def second(n: int) -> int:
            if not Path("repaired").exists():
                Path("reached").touch()
                time.sleep(60)
            return n + 1

        @pipeline
        def flow():
            return second(first())
        """
    )
    process = subprocess.Popen([sys.executable, "-c", "import flow; flow.flow()"], cwd=home)
    deadline = time.monotonic() + 60
    while not (home / "reached").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    client = Client(root=home)
    with pytest.raises(UsageError, match=f"is running, in process {process.pid} on "):
        client.resume("last")
    process.kill()
    process.wait()
    (home / "repaired").touch()
    again = client.resume("last")
    assert (again.state, again.outputs[0].load()) == ("completed", 2)
    assert journal(home) == ["first"]
    assert [(each.name, each.attempt, each.state) for each in again.attempts] == [
        ("first", 1, "completed"),
        ("second", 1, "lost"),
        ("second", 2, "completed"),
    ]


def test_changed_code_is_refused_unless_it_comes_from_the_snapshot(define, home) -> None:
    run = define(FLOW).flow()
    (home / "repaired").touch()
    define(FLOW.replace("sum(data) * lr", "sum(data) * lr + 1000"))
    client = Client(root=home)
    with pytest.raises(CodeChanged, match="the code of .?train.? has changed") as refused:
        client.resume(run.id)
    assert refused.value.steps == ("train",)
    assert client.run(run.id).state == "failed"
    done = subprocess.run(
        [sys.executable, "-m", "zen", "resume", run.id, "--from-snapshot"], cwd=home, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert client.run(run.id).outputs[0].load() == "value 1.5"


def test_changes_of_other_steps_are_no_hindrance(define, home) -> None:
    run = define(FLOW).flow()
    (home / "repaired").touch()
    define(FLOW.replace("return [1, 2]", "return [1, 2, 3]"))
    assert Client(root=home).resume(run.id).outputs[0].load() == "value 1.5"


def test_a_step_in_a_worker_is_resumed_too(define, home) -> None:
    flow = define(FLOW.replace("@step(retries=1)", "@step(isolate=True)"))
    run = flow.flow()
    (home / "repaired").touch()
    again = Client(root=home).resume(run.id)
    assert (again.state, again.outputs[0].load()) == ("completed", "value 1.5")


def test_a_script_is_resumed_from_the_command_line(script, home) -> None:
    done = script(FLOW + '\nif __name__ == "__main__":\n    flow()\n', name="sub/training.py")
    assert done.returncode == 0, done.stderr
    (home / "repaired").touch()
    again = subprocess.run([sys.executable, "-m", "zen", "resume"], cwd=home, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    run = Client(root=home).run()
    assert (run.state, run.record.environment["script"]) == ("completed", "sub/training.py")
    refused = subprocess.run([sys.executable, "-m", "zen", "resume", "last"], cwd=home, capture_output=True, text=True)
    assert (refused.returncode, "nothing is left to resume" in refused.stderr) == (2, True)


def test_a_step_that_nobody_else_finds_cannot_be_resumed(define, home) -> None:
    flow = define(
        """
        def made():
            @step
            def inner() -> int:
                raise ValueError("mine")
            return inner

        @pipeline
        def flow():
            made()()
        """
    )
    with pytest.raises(RunFailed):
        flow.flow()
    with pytest.raises(UsageError, match="stand in a notebook or inside a function"):
        Client(root=home).resume("last")


def test_a_tracker_is_told_that_it_is_the_same_run(define, home, monkeypatch) -> None:
    from zen.engine import tracking

    told = []
    start = tracking.RunTrackers.start
    monkeypatch.setattr(
        tracking.RunTrackers, "start", lambda self, run, plan: told.append(run) or start(self, run, plan)
    )
    run = define(FLOW).flow()
    Client(root=home).resume(run.id)
    assert [each.id for each in told] == [run.id, run.id]
