"""How a run is told: plain lines, and a table on a terminal once it takes time."""

from __future__ import annotations

import datetime as dt
import io
import sys
import time

import pytest

from zen.cli.live import Step, draw
from zen.cli.progress import LIVE_AFTER, Progress
from zen.records import CacheDecision, CodeRef, ErrorRecord, Plan, RunRecord, StackSpec, StepRunRecord, StepSpec

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
RUN = RunRecord(id="1", name="calm-fox", pipeline="training", started_at=START)
CODE = CodeRef(module="training", qualname="load")
PLAN = Plan(
    pipeline="training",
    code=CODE,
    stack=StackSpec(name="local"),
    steps=(StepSpec(name="load", code=CODE), StepSpec(name="train", code=CODE)),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def step_run(name: str, state: str, seconds: float = 1.5, **more: object) -> StepRunRecord:
    end = START + dt.timedelta(seconds=seconds)
    return StepRunRecord(id=name, run_id="1", name=name, state=state, started_at=START, finished_at=end, **more)


def finished(state: str, **more: object) -> RunRecord:
    end = START + dt.timedelta(seconds=2)
    return RunRecord(
        id="1", name="calm-fox", pipeline="training", state=state, started_at=START, finished_at=end, **more
    )


def tell(stream: io.StringIO, pause: float = 0) -> str:
    progress = Progress(stream)
    progress.run_started(RUN, PLAN)
    with progress.beside_output():
        progress.step_started(step_run("load", "running"))
        time.sleep(pause)
        print("from the step")
        progress.step_finished(step_run("load", "completed"))
        progress.step_finished(
            step_run("train", "cached", cache=CacheDecision(status="hit", reason="hit of run shy-owl"))
        )
        progress.run_finished(finished("completed", warnings=("tracker down",)))
    return stream.getvalue()


LINES = """\
run calm-fox (1) on stack local: 2 steps
  load   completed      1.5 s
  train  cached                hit of run shy-owl
run calm-fox completed in 2.0 s
warning: tracker down
"""


def test_plain_lines_tell_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(io.StringIO()) == LINES


def test_fast_run_on_a_terminal_imports_no_rich(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    assert tell(Terminal()) == LINES
    assert "rich" not in sys.modules


def test_slow_run_on_a_terminal_has_a_table_and_what_is_printed_above_it(monkeypatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    text = tell(terminal, pause=LIVE_AFTER + 0.5)
    assert "running" in text and "\x1b[" in text
    assert "from the step\n" in text
    assert text.count("hit of run shy-owl") >= 1 and text.endswith("warning: tracker down\n")


def test_failure_is_told_with_its_message() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    progress.run_started(RUN, PLAN)
    error = ErrorRecord(type="builtins.ValueError", message="bad\x1b[2J input\nmore")
    progress.step_finished(step_run("load", "failed", error=error))
    progress.run_finished(finished("failed"))
    assert "failed         1.5 s  ValueError: bad\\x1b[2J input\n" in stream.getvalue()


def test_run_inside_a_step_is_not_shown() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    progress.run_started(RUN, PLAN)
    progress.run_started(RunRecord(id="2", name="inner", pipeline="other"), PLAN)
    progress.step_finished(StepRunRecord(id="x", run_id="2", name="load", state="completed"))
    progress.run_finished(finished("completed"))
    assert len(stream.getvalue().splitlines()) == 2


def test_table_is_gone_when_a_run_breaks_off(monkeypatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress(terminal)
    with pytest.raises(RuntimeError), progress.beside_output():
        progress.run_started(RUN, PLAN)
        time.sleep(LIVE_AFTER + 0.3)
        raise RuntimeError
    assert terminal.getvalue().endswith("\x1b[?25h")  # the cursor is back


def test_long_step_is_named_while_it_runs(monkeypatch) -> None:
    monkeypatch.setattr("zen.cli.progress.STILL_RUNNING_AFTER", 0.05)
    stream = io.StringIO()
    progress = Progress(stream)
    progress.run_started(RUN, PLAN)
    progress.step_started(step_run("load", "running"))
    time.sleep(0.1)
    progress._name_long_steps()
    progress._name_long_steps()
    assert stream.getvalue().count("  load   running\n") == 1
    progress.run_finished(finished("completed"))


def test_closed_stderr_does_not_end_the_run() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    stream.close()
    progress.run_started(RUN, PLAN)
    progress.run_finished(finished("completed"))


def test_table_of_many_steps_shows_what_moves() -> None:
    steps = [Step(f"s{index}", "completed") for index in range(100)]
    steps[50].state = "running"
    table = draw(steps, most=10)
    assert len(table.rows) == 11
    assert any("s50" in str(cell) for cell in table.columns[0].cells)
