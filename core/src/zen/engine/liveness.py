"""Which runs are alive: found out by every command that opens a store, so that none stays `running` with nobody at it.

On the machine that launched a run, a held file lock is the proof: a dead process is known at once, and a live one, even
a stopped one, is never mistaken. From other machines, which see the same network store, a lease is: the run's own
process renews it on the store's clock (`zen.engine.beating`). Who takes a run over changes its fencing token, and all
that the process of before still wants to record is refused.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from zen.engine.alerts import run_ended
from zen.engine.ids import new_id
from zen.engine.spool import recover_all
from zen.errors import RunError, WriteConflict
from zen.interfaces import Alerter, Change
from zen.records import ErrorRecord, RunRecord
from zen.stacks.opening import OpenStack
from zen.storage import FileLock, changes
from zen.storage.private import private_folder

LEASE = 60.0
"""For how many seconds other machines take a run for alive after its last sign of life."""
BEAT = 10.0
"""How many seconds pass between two signs of life."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_LOST = "its process ended without saying so: it was killed, or the machine went down"
_YOUNG_SECONDS = 60.0
_PATIENCE = 1.0  # seconds: another process may hold a lock for the moment that it takes to look


def owner(state: Path, run_id: str) -> dict[str, Any]:
    """Return what a run records about the process that launches it: where it is, and the lock that it holds."""
    return {"host": platform.node(), "boot": _boot(), "pid": os.getpid(), "lock": str(_lock_file(state, run_id))}


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


@contextmanager
def held(state: Path, run_id: str, name: str = "") -> Iterator[None]:
    """Hold the lock of a run, called `name`, for as long as this process conducts it.

    Raises:
        RunError: When another process holds it.
    """
    file = _lock_file(state, run_id)
    private_folder(file.parent)
    lock = FileLock(file)
    if not lock.acquire(_PATIENCE):
        raise RunError(
            f"run {name or run_id} is in the hands of another process",
            hint=f"`zen show {run_id}` tells how it goes on",
        )
    try:
        yield
    finally:
        lock.remove()


def leases(stack: OpenStack) -> bool:
    """Say whether other machines see the runs of a stack."""
    return stack.database.store.reach == "network"


def lease(stack: OpenStack, run_id: str, token: str) -> list[Change]:
    """Return what gives other machines a sign of life, if any can see the run."""
    if not leases(stack):
        return []
    return [changes.renew_lease(run_id, until=stack.database.now() + dt.timedelta(seconds=LEASE), token=token)]


def reap(stack: OpenStack) -> list[RunRecord]:
    """Record runs whose process is gone as `lost`, and return them."""
    lost = []
    for run, until in stack.database.open_runs():
        with _proof(stack, run, until) as death:
            if not death:
                continue
            try:
                gone = changes.lose_run(run.id, at=dt.datetime.now(dt.UTC), token=new_id(), lease=until)
                stack.database.write(gone)
            except WriteConflict:  # it ended, gave a sign of life, or somebody else was faster
                continue
            lost.append(run)
            _tell(stack, replace(run, state="lost", error=ErrorRecord(type="lost", message=_LOST)))
    _sweep(stack.state)
    recover_all(stack)
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


@contextmanager
def _proof(stack: OpenStack, run: RunRecord, until: dt.datetime | None) -> Iterator[bool]:
    """Say whether a run's process is known to be dead; it stays so until this is left."""
    networked = leases(stack)
    file = Path(run.owner.get("lock", ""))
    if not file.parent.is_dir() or not file.name:  # the project was moved, or is mounted elsewhere
        file = _lock_file(stack.state, run.id)
    if _is_here(run) and (file.exists() or not networked):
        private_folder(file.parent)
        lock = FileLock(file)
        # The lock of a dead process is held by somebody who is recording just this, if at all: he is waited for.
        if not lock.acquire(timeout=0 if may_live(run.owner) else _PATIENCE):
            yield False
            return
        try:
            yield True
        finally:
            lock.remove()
    elif networked:
        yield until is not None and until < stack.database.now()
    else:  # the store is on this machine alone, so a run of before its last start is over
        yield bool(_boot() and run.owner.get("boot")) and not _is_here(run)


def _is_here(run: RunRecord) -> bool:
    """Say whether a run was launched on this machine, since it was started: containers have names of their own."""
    boot = run.owner.get("boot")
    return bool(boot == _boot() if boot and _boot() else run.owner.get("host") == platform.node())


@cache
def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:  # not Linux
        return ""


def _lock_file(state: Path, run_id: str) -> Path:
    return state / "runs" / f"{run_id}.lock"


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
