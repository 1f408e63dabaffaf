"""The program that repeats a run: an order in, how it goes and the verdicts out, one JSON line each.

Started by `zen.client.reproducing`, in the folder that the source of the run was put into.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from typing import IO, Any

from zen.client.reproduction import Reproduction, verdicts
from zen.engine.reproducing import Repetition, repeat, settle_in
from zen.errors import ZenError
from zen.records import Plan, RunRecord, StepRunRecord, to_json
from zen.records.codec import from_json
from zen.stacks.materialization import load


class Messages:
    """Sends what happens to the process that asked; also a listener to a run. Safe to use from several threads."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._lock = threading.Lock()

    def send(self, **message: Any) -> None:
        """Send one message. Who asked may be gone, which is no reason to stop."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._file.write(json.dumps(message) + "\n")
            self._file.flush()

    def run_started(self, run: RunRecord, plan: Plan) -> None:
        """Tell that the run has begun."""
        self.send(event="run_started", run=to_json(run), plan=plan.to_json())

    def step_started(self, step_run: StepRunRecord) -> None:
        """Tell that a step has begun."""
        self.send(event="step_started", step_run=to_json(step_run))

    def step_finished(self, step_run: StepRunRecord) -> None:
        """Tell how a step ended."""
        self.send(event="step_finished", step_run=to_json(step_run))

    def run_finished(self, run: RunRecord) -> None:
        """Tell how the run ended."""
        self.send(event="run_finished", run=to_json(run))


def main() -> int:
    """Repeat the run that stands on stdin."""
    order, messages = _own_pipes()
    settle_in(order)
    try:
        messages.send(reproduction=reproduced(order, messages).to_json())
    except KeyboardInterrupt:
        return 130
    except ZenError as error:
        messages.send(error={"type": type(error).__name__, "message": error.message, "hint": error.hint})
        return error.exit_code
    return 0


def reproduced(order: Repetition, progress: Any = None) -> Reproduction:
    """Repeat a run in this process, and compare what both gave."""
    finished, session = repeat(order, progress=progress)
    try:
        database = session.stack.database
        then, now = ({s.name: s for s in database.step_runs(id_)} for id_ in (order.run_id, finished.run.id))
        outputs = [id_ for steps in (then, now) for step in steps.values() for id_ in step.outputs.values()]
        found = verdicts(
            session.plan,
            then,
            now,
            database.artifacts_by_id(outputs),
            lambda artifact: load(artifact, session.stack, session.importer),
        )
        return Reproduction(of=order.run_id, run=finished.run.id, folder=order.folder, steps=found)
    finally:
        session.stack.close()


def _own_pipes() -> tuple[Repetition, Messages]:
    """Take both pipes away: what steps read is empty, and what they print goes to stderr, which shows it."""
    order = from_json(Repetition, json.loads(sys.stdin.readline()))
    messages = Messages(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return order, messages


if __name__ == "__main__":
    sys.exit(main())
