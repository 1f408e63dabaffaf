"""Which runs are alive: a held file lock is the proof, so a dead run is known at once and a live one never mistaken."""

from __future__ import annotations

import datetime as dt
import os
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

from zen.engine.alerts import run_ended
from zen.engine.ids import new_id
from zen.errors import WriteConflict
from zen.interfaces import Alerter
from zen.records import ErrorRecord, RunRecord
from zen.stacks.opening import OpenStack
from zen.storage import FileLock, changes

_LOST = "its process ended without saying so: it was killed, or the machine went down"


def owner() -> dict[str, Any]:
    """Return what a run records about the process that launches it."""
    return {"host": platform.node(), "pid": os.getpid()}


def run_lock(state: Path, run_id: str) -> FileLock:
    """Return the lock that the launching process holds for as long as it lives."""
    folder = state / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{run_id}.lock")


def reap(stack: OpenStack) -> list[RunRecord]:
    """Record runs of this machine whose process is gone as `lost`, and return them."""
    lost = []
    for run in stack.database.open_runs():
        if run.owner.get("host") != platform.node():
            continue
        lock = run_lock(stack.state, run.id)
        if not lock.try_acquire():
            continue
        try:
            stack.database.write(changes.lose_run(run.id, at=dt.datetime.now(dt.UTC), token=new_id()))
            lost.append(run)
            _tell(stack, replace(run, state="lost", error=ErrorRecord(type="lost", message=_LOST)))
        except WriteConflict:  # it ended, or somebody else was faster
            pass
        finally:
            lock.discard()
    return lost


def _tell(stack: OpenStack, run: RunRecord) -> None:
    """Alert through the run's own stack, whichever one found it."""
    try:
        own = stack.database.plan(run.plan).stack
        if own == stack.spec:
            run_ended(stack, run)
        elif own.of(Alerter.kind):
            with OpenStack(own, stack.project, stack.registry) as opened:
                run_ended(opened, run)
    except Exception as error:  # noqa: BLE001  # a plugin that is gone: finding dead runs goes on
        stack.log.warning("nobody could be told that run %r is lost: %s", run.name, error)
