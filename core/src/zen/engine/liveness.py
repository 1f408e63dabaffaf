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
from zen.records import RunRecord
from zen.stacks.opening import OpenStack
from zen.storage import FileLock, changes


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
            run_ended(stack, replace(run, state="lost"))
        except WriteConflict:  # it ended, or somebody else was faster
            pass
        finally:
            lock.release()
            forget_lock(stack.state, run.id)
    return lost


def forget_lock(state: Path, run_id: str) -> None:
    """Remove the lock file of a run that is over."""
    (state / "runs" / f"{run_id}.lock").unlink(missing_ok=True)
