"""Sweeps: which runs are made, what they share, how failures and Ctrl-C end them, and what is said meanwhile."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from zen import Client
from zen.authoring.tally import Tally
from zen.errors import ArgumentTypeError, UsageError

FLOW = """
import zen

def count(name):
    with open(name + ".calls", "a") as file:
        file.write("x")

@step
def load(rows: int = 5) -> Annotated[list[int], "numbers"]:
    count("load")
    return list(range(rows))

@step
def clean(numbers: list[int]) -> Annotated[list[int], "cleaned"]:
    count("clean")
    return numbers

@step
def train(numbers: list[int], lr: float, depth: int) -> Annotated[float, "model"]:
    count("train")
    print("training", lr, depth, flush=True)
    if depth == 13:
        raise ValueError("depth 13 is bad")
    log_metrics({"loss": lr * depth, "accuracy": 1 - lr})
    return lr * depth

@pipeline
def training(lr: float = 0.1, depth: int = 2):
    if depth == 99:
        raise RuntimeError("no such pipeline")
    return train(clean(load()), lr, depth)
"""


def calls(home, name):
    file = home / f"{name}.calls"
    return len(file.read_text()) if file.exists() else 0


@pytest.fixture
def training(define):
    return define(FLOW).training


@pytest.mark.parametrize("parallel", [1, 2])
def test_runs_share_what_their_steps_have_in_common(training, home, parallel) -> None:
    sweep = training.sweep(lr=[0.1, 0.01], depth=[2, 4], parallel=parallel)
    assert {name: calls(home, name) for name in ("load", "clean", "train")} == {"load": 1, "clean": 1, "train": 4}
    assert [(run.parameters["lr"], run.parameters["depth"]) for run in sweep] == [
        (0.1, 2),
        (0.1, 4),
        (0.01, 2),
        (0.01, 4),
    ]
    assert [run.metrics["loss"] for run in sweep] == [0.2, 0.4, 0.02, 0.04]
    assert sweep.states == {"completed": 4}


def test_runs_bear_the_tag_and_the_name_of_the_group(training, home) -> None:
    sweep = training.with_options(tags=["mine"]).sweep(lr=[0.1, 0.2], name="rates")
    assert [run.name for run in sweep.runs] == ["rates-1", "rates-2"]
    assert sweep.runs[0].tags == ("mine", "group:rates")
    again = training.sweep(lr=[0.3], name="rates")
    assert [run.name for run in again] == ["rates-3"]
    assert len(Client(root=home).group("rates")) == 3


def test_sweeps_without_a_name_are_groups_of_their_own(training) -> None:
    assert training.sweep(lr=[0.1]).name != training.sweep(lr=[0.1]).name


def test_a_run_name_of_ones_own_stays(training) -> None:
    sweep = training.with_options(run_name="lr-{lr}").sweep(lr=[0.1, 0.2])
    assert [run.name for run in sweep] == ["lr-0.1", "lr-0.2"]


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_run_that_fails_or_cannot_start_ends_no_other(training, parallel) -> None:
    sweep = training.sweep(depth=[1, 13, 99, 3], parallel=parallel)
    assert sweep.states == {"completed": 2, "failed": 1}
    [missing] = sweep.not_started
    assert missing.parameters == {"depth": 99} and str(missing.error) == "no such pipeline"
    assert [row["state"] for row in sweep.table()] == ["completed", "failed", "completed", "not started"]
    assert "no such pipeline" in sweep.table()[-1]["error"]


def test_it_stops_after_as_many_failures_as_it_is_told(training, home) -> None:
    sweep = training.sweep([{"depth": 13, "lr": n / 10} for n in range(1, 6)], stop_after_failures=2)
    assert len(sweep) == calls(home, "train") == 2
    assert sweep.stopped == "stopped after 2 failures, with 3 runs to go"
    assert training.sweep(depth=[1, 13], stop_after_failures=1).stopped == ""


def test_everything_wrong_is_said_before_anything_runs(training, home) -> None:
    for wrong in (
        {"lr": [0.1, "much"]},
        {"dpth": [1]},
        {"lr": []},
        {"depth": range(20_000)},
        {"lr": [1.0], "parallel": 0},
    ):
        with pytest.raises(UsageError):
            training.sweep(**wrong)
    with pytest.raises(ArgumentTypeError):
        training.sweep([{"depth": 1}, {"depth": "x"}])
    with pytest.raises(RuntimeError, match="no such pipeline"):
        training.sweep(depth=[99, 1])
    with pytest.raises(UsageError, match="cannot have the name"):
        training.sweep(depth=[1], name="a b")
    with pytest.raises(UsageError, match="stop_after_failures"):
        training.sweep(depth=[1], stop_after_failures=0)
    assert Client(root=home).count_runs() == 0


def test_inside_a_pipeline_a_sweep_is_refused(define) -> None:
    flow = define(FLOW + "\n@pipeline\ndef outer():\n    training.sweep(lr=[0.1])\n")
    with pytest.raises(UsageError, match="inside another pipeline's function"):
        flow.outer()


def test_several_at_once_run_in_other_processes_and_at_the_same_time(define, home, capfd) -> None:
    flow = define("""
    @step
    def meet(number: int) -> int:
        Path(f"{number}.there").touch()
        deadline = time.monotonic() + 60
        while not all(Path(f"{other}.there").exists() for other in (0, 1)):
            assert time.monotonic() < deadline, "alone"
            time.sleep(0.01)
        os.environ["MINE"] = str(number)
        print("met", number, os.environ["MINE"])
        return os.getpid()

    @pipeline
    def meeting(number: int):
        return meet(number)
    """)
    sweep = flow.meeting.sweep(number=[0, 1], parallel=2)
    assert sweep.states == {"completed": 2}
    assert len({run.outputs[0].load() for run in sweep} | {os.getpid()}) == 3
    assert [[line.text for line in run.logs()] for run in sweep] == [["met 0 0"], ["met 1 1"]]
    assert "MINE" not in os.environ


def test_several_at_once_load_the_projects_code_once_for_each_process(define, home) -> None:
    flow = define("""
    with open("loads.txt", "a") as file:
        file.write("x")

    @step
    def process(number: int) -> int:
        return os.getpid()

    @pipeline
    def flow(number: int):
        return process(number)
    """)
    sweep = flow.flow.sweep(number=list(range(8)), parallel=2)
    processes = {run.outputs[0].load() for run in sweep}
    assert sweep.states == {"completed": 8} and 1 <= len(processes) <= 2
    assert len((home / "loads.txt").read_text()) == 1 + len(processes)
    assert [run.steps["process"].record.run_id for run in sweep] == [run.id for run in sweep]
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_steps_that_no_other_process_can_load_run_one_at_a_time(home, monkeypatch, capsys) -> None:
    from zen import pipeline, step

    monkeypatch.delenv("ZEN_PROGRESS")
    busy: list[int] = []
    most = []

    @step(enable_cache=False)
    def local(number: int) -> int:
        busy.append(number)
        most.append(len(busy))
        time.sleep(0.01)
        busy.remove(number)
        return number

    @pipeline
    def flow(number: int):
        return local(number)

    sweep = flow.sweep(number=[1, 2, 3], parallel=3)
    assert sweep.states == {"completed": 3} and max(most) == 1
    assert "one run at a time: no other process can load the step 'local'" in capsys.readouterr().err


SLOW = (
    FLOW
    + """
@step
def slow(lr: float) -> float:
    Path(f"{lr}.started").touch()
    time.sleep(0 if lr == 0.0 else 60)
    return lr

@pipeline
def waiting(lr: float):
    return slow(lr)

if __name__ == "__main__":
    waiting.sweep(lr=[0.0, 1.0, 2.0, 3.0], name="slow", parallel=int(sys.argv[1]))
"""
)


@pytest.mark.skipif(os.name == "nt", reason="sends signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("parallel", [1, 2])
def test_ctrl_c_records_what_is_done_and_starts_nothing_more(define, home, parallel, number) -> None:
    define(SLOW)
    environment = {**os.environ, "ZEN_PROGRESS": ""}
    process = subprocess.Popen(
        [sys.executable, "flow.py", str(parallel)], cwd=home, stderr=subprocess.PIPE, text=True, env=environment
    )
    wanted = [home / f"{lr}.started" for lr in ("1.0", "2.0")[:parallel]]
    deadline = time.monotonic() + 60
    while not all(file.exists() for file in wanted) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode != 0
    sweep = Client(root=home).group("slow")
    # Those that run side by side may be recorded in either order.
    assert sorted(run.state for run in sweep) == [*["cancelled"] * parallel, "completed"]
    assert "the group keeps what is done" in err
    assert not (home / "3.0.started").exists()


def test_each_run_that_ends_is_a_line(training, monkeypatch, capsys) -> None:
    monkeypatch.delenv("ZEN_PROGRESS")
    training.sweep(lr=[0.1], depth=[1, 13], name="lines")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "sweep lines: 2 runs of training on stack 'local'"
    assert lines[1].startswith("  [1/2] depth=1: completed in ") and lines[1].endswith("loss=0.1 accuracy=0.9")
    assert lines[2].startswith("  [2/2] depth=13: failed in ") and "depth 13 is bad" in lines[2]
    assert lines[3].startswith("sweep lines: 1 completed, 1 failed in ")


def test_nothing_is_said_when_progress_is_off(training, capsys) -> None:
    training.sweep(lr=[0.1, 0.2])
    assert capsys.readouterr().err == ""


def test_on_a_terminal_a_counter_gives_way_to_what_is_printed(monkeypatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stdout", screen)
    tally = Tally("name", 2, ["lr"], screen, live=True)
    with tally.beside_output():
        tally.started(0, {"lr": 0.1})
        print("printed")
        tally.ended(0, {"lr": 0.1}, None, ValueError("\x1b[31mbad\nworse"))
    tally.closed()
    shown = screen.getvalue()
    assert "name  0/2  running lr=0.1\r\x1b[2Kprinted\n" in shown
    assert "[1/2] lr=0.1: not started (ValueError:  [31mbad)\n" in shown
    assert "name  1/2, 1 not started\r\x1b[2K" in shown
    assert sys.stdout is screen


def test_a_closed_terminal_ends_no_sweep() -> None:
    stream = io.StringIO()
    stream.close()
    tally = Tally("name", 1, [], stream, live=False)
    tally.say("x")
    tally.closed()


def test_sweeps_may_be_made_outside_of_the_main_thread(training) -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(training.sweep(lr=[0.1, 0.2], parallel=2)))
    thread.start()
    thread.join()
    assert found[0].states == {"completed": 2}
