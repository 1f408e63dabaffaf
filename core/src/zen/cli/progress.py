"""How a run goes, told while it goes: a live table on a terminal once 300 ms have passed, plain lines elsewhere.

Everything is talk, so it goes to stderr. The calls may come from any thread, and a run shows the same with or without
them.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from zen.cli.live import LiveTable, Step, above
from zen.cli.output import duration, printable

if TYPE_CHECKING:
    from zen.records import Plan, RunRecord, StepRunRecord

__all__ = ["Progress", "step_line"]

LIVE_AFTER = 0.3
STILL_RUNNING_AFTER = 5.0


class Progress:
    """Tells how a run goes.

    Args:
        stream: Where to; default this process's stderr.
        live: Whether to draw a table; default if the stream is a terminal.
    """

    def __init__(self, stream: TextIO | None = None, *, live: bool | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty() if live is None else live
        self._run_id = ""
        self._steps: dict[str, Step] = {}
        self._table: LiveTable | None = None
        self._lock = threading.RLock()
        self._done = threading.Event()
        self._ticker: threading.Thread | None = None

    def run_started(self, run: RunRecord, plan: Plan) -> None:
        """Take the steps of the plan and start the clock; a run inside a step of this one is not shown."""
        if self._run_id:
            return
        self._run_id = run.id
        count = f"{len(plan.steps)} step{'s' if len(plan.steps) != 1 else ''}"
        self._say(f"run {run.name} ({run.id[:8]}) on stack {run.stack}: {count}")
        with self._lock:
            self._steps = {step.name: Step(step.name) for step in plan.steps}
        self._done.clear()
        self._ticker = threading.Thread(target=self._tick, name="zen-progress", daemon=True)
        self._ticker.start()

    def step_started(self, step_run: StepRunRecord) -> None:
        """Show a step as running."""
        if step_run.run_id != self._run_id:
            return
        with self._lock:
            step = self._step(step_run.name)
            step.state, step.started, step.told = "running", time.monotonic(), False
            step.note = f"attempt {step_run.attempt}" if step_run.attempt > 1 else ""

    def step_finished(self, step_run: StepRunRecord) -> None:
        """Show how a step ended."""
        if step_run.run_id != self._run_id:
            return
        with self._lock:
            step = self._step(step_run.name)
            step.state, step.note = step_run.state, note(step_run)
            step.took = _seconds(step_run)
            if not self._live:
                self._say(step_line(step, self._width()))

    def run_finished(self, run: RunRecord) -> None:
        """Show how the run ended, and what went wrong without failing it."""
        if run.id != self._run_id:
            return
        self._close()
        took = duration(_seconds(run))
        self._say(f"run {run.name} {run.state}" + (f" in {took}" if took else ""))
        for warning in run.warnings:
            self._say(f"warning: {warning}")

    @contextlib.contextmanager
    def beside_output(self) -> Iterator[None]:
        """Let what is printed meanwhile go above the table instead of through it; afterwards there is no table."""
        try:
            if not self._live:
                yield
                return
            with above(lambda: self._table, self._lock):
                yield
        finally:
            self._close()

    def _close(self) -> None:
        """Stop the clock and leave the last state of the steps on the screen. Calling it again is harmless."""
        self._done.set()
        if self._ticker is None:
            return
        self._ticker.join()
        self._ticker, self._run_id = None, ""
        with self._lock:
            steps, table = list(self._steps.values()), self._table
            self._table = None
            if table is not None:
                table.stop(steps)
            elif self._live:
                for step in steps:
                    self._say(step_line(step, self._width()))

    def _tick(self) -> None:
        """Draw the table when a run is slow enough for one; name long steps where there is no table."""
        if self._done.wait(LIVE_AFTER if self._live else STILL_RUNNING_AFTER):
            return
        if self._live:
            with self._lock:
                if not self._done.is_set():
                    self._table = LiveTable(self._stream, lambda: list(self._steps.values()))
            return
        while True:
            self._name_long_steps()
            if self._done.wait(1.0):
                return

    def _name_long_steps(self) -> None:
        now = time.monotonic()
        with self._lock:
            for step in self._steps.values():
                running = now - step.started if step.state == "running" and step.started is not None else 0.0
                if running >= STILL_RUNNING_AFTER and not step.told:
                    step.told = True
                    self._say(step_line(step, self._width()))

    def _step(self, name: str) -> Step:
        return self._steps.setdefault(name, Step(name))

    def _width(self) -> int:
        return min(max(map(len, self._steps), default=0), 40)

    def _say(self, text: str) -> None:
        # A closed stderr must not end the run.
        with contextlib.suppress(OSError, ValueError):
            print(printable(text), file=self._stream, flush=True)


def note(step_run: StepRunRecord) -> str:
    """Return why a step is in the state that it is in, on one line."""
    if step_run.error is not None and step_run.state != "completed":
        lines = step_run.error.message.splitlines() or [""]
        return f"{step_run.error.type.rpartition('.')[2]}: {lines[0]}"
    if step_run.state == "cached" and step_run.cache is not None:
        return step_run.cache.reason
    return step_run.reason


def step_line(step: Step, width: int) -> str:
    """Return the line that tells the state of a step."""
    took = duration(step.took) if step.state not in ("cached", "skipped", "pending") else ""
    return f"  {step.name.ljust(width)}  {step.state.ljust(9)}  {took.rjust(9)}  {step.note}".rstrip()


def _seconds(record: RunRecord | StepRunRecord) -> float | None:
    if record.started_at is None or record.finished_at is None:
        return None
    return max((record.finished_at - record.started_at).total_seconds(), 0.0)
