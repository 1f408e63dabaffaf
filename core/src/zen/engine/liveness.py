"""Which runs are alive: a held file lock is the proof, so a dead run is known at once and a live one never mistaken."""

from __future__ import annotations

import datetime as dt
import os
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
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

_YOUNG_SECONDS = 60.0
_RECORDING_SECONDS = 1.0
_LOST = "its process ended without saying so: it was killed, or the machine went down"


def owner() -> dict[str, Any]:
    """Return what a run records about the process that launches it."""
    return {"host": platform.node(), "pid": os.getpid()}


def may_live(process: Mapping[str, Any]) -> bool:
    """Say whether a recorded process (`host`, `pid`) may still be running: of other hosts nobody here knows."""
    if process.get("host") != platform.node():
        return True
    pid = int(process.get("pid", 0))
    if pid == os.getpid() or os.name == "nt":  # signal 0 is Ctrl-C there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


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
        # The lock of a dead process is held by somebody who is recording just this, if at all: he is waited for.
        if not lock.acquire(timeout=0 if may_live(run.owner) else _RECORDING_SECONDS):
            continue
        try:
            stack.database.write(changes.lose_run(run.id, at=dt.datetime.now(dt.UTC), token=new_id()))
            lost.append(run)
            _tell(stack, replace(run, state="lost", error=ErrorRecord(type="lost", message=_LOST)))
        except WriteConflict:  # it ended, or somebody else was faster
            pass
        finally:
            lock.remove()
    _sweep(stack.state)
    return lost


def _sweep(state: Path) -> None:
    """Remove the locks of processes that died before their run was recorded, or after its end was."""
    with suppress(OSError), os.scandir(state / "runs") as entries:
        for entry in entries:
            # A young one may belong to a process that has made its file and is about to lock it.
            if entry.name.endswith(".lock") and time.time() - entry.stat().st_mtime > _YOUNG_SECONDS:
                lock = FileLock(entry.path)
                if lock.try_acquire():
                    lock.remove()


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
