"""Who is told how a run goes: the command line when it runs one, else plain lines on stderr."""

from __future__ import annotations

import contextvars
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from zen.records import Plan, RunRecord, StepRunRecord

_listener: contextvars.ContextVar[Progress | None] = contextvars.ContextVar("zen_progress", default=None)


class Progress(Protocol):
    """Is told of a run while it goes. Calls may come from any thread."""

    def run_started(self, run: RunRecord, plan: Plan) -> None: ...

    def step_started(self, step_run: StepRunRecord) -> None: ...

    def step_finished(self, step_run: StepRunRecord) -> None: ...

    def run_finished(self, run: RunRecord) -> None: ...


@contextmanager
def use_progress(progress: Progress) -> Iterator[None]:
    """Let runs that are launched now tell `progress`."""
    token = _listener.set(progress)
    try:
        yield
    finally:
        _listener.reset(token)


def current_progress() -> Progress | None:
    """Return who is to be told; `ZEN_PROGRESS=off` leaves only those who asked."""
    listener = _listener.get()
    if listener is not None or os.environ.get("ZEN_PROGRESS", "") == "off":
        return listener
    return Lines()


class Lines:
    """One line for each step that ends, and one for the run."""

    def run_started(self, run: RunRecord, plan: Plan) -> None:
        """Name the run and its stack."""
        count = len(plan.steps)
        _say(f"{run.name} ({run.id[:8]}) on stack {run.stack!r}: {count} step{'' if count == 1 else 's'}")

    def step_started(self, step_run: StepRunRecord) -> None:
        """Say nothing: the end says all."""

    def step_finished(self, step_run: StepRunRecord) -> None:
        """Say how a step ended."""
        note = step_run.reason or (step_run.error.message.splitlines()[0] if step_run.error else "")
        _say(f"  {step_run.name}: {step_run.state}{_took(step_run)}{f' ({note})' if note else ''}")

    def run_finished(self, run: RunRecord) -> None:
        """Say how the run ended."""
        _say(f"{run.name}: {run.state}{_took(run)}{''.join(f'{chr(10)}  warning: {text}' for text in run.warnings)}")


def _took(record: RunRecord | StepRunRecord) -> str:
    if record.started_at is None or record.finished_at is None or record.state in ("cached", "skipped"):
        return ""
    return f" in {max((record.finished_at - record.started_at).total_seconds(), 0.0):.2f} s"


def _say(text: str) -> None:
    with suppress(OSError, ValueError):  # a closed terminal fails no run
        print(text, file=sys.stderr, flush=True)
