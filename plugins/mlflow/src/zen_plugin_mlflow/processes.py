"""Processes that outlive the one that starts them, and are known again by others."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_children: dict[int, subprocess.Popen[bytes]] = {}
"""What this process has started itself: it has to ask for their end, or they stay as zombies."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """A process, for others to find.

    Attributes:
        pid: Its id, and that of its group.
        born: What tells it from a later process with the same id.
    """

    pid: int
    born: str


def start(command: Sequence[str], *, folder: Path, log: Path, environment: Mapping[str, str]) -> Process:
    """Start a process in a session of its own, so that no terminal that closes ends it."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[child.pid] = child
    return Process(pid=child.pid, born=_born(child.pid) or "")


def is_alive(process: Process) -> bool:
    """Say whether it is still that process and runs."""
    child = _children.get(process.pid)
    if child is not None and child.poll() is not None:
        del _children[process.pid]
        return False
    return process.born != "" and _born(process.pid) == process.born


def send(process: Process, number: int) -> None:
    """Send a signal to a process and to what it has started; one that is gone gets none."""
    if is_alive(process):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def leave(process: Process) -> None:
    """Ask a server to answer what it has accepted, and to end then."""
    if is_alive(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGUSR1)


def await_end(process: Process, seconds: float) -> bool:
    """Wait until a process has ended; return whether it has."""
    end = time.monotonic() + seconds
    while is_alive(process):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def end(process: Process, seconds: float) -> None:
    """Ask a process to end, and end it after so many seconds."""
    send(process, signal.SIGTERM)
    if not await_end(process, seconds):
        send(process, signal.SIGKILL)
        await_end(process, 10)


def _born(pid: int) -> str | None:
    """Return when a process was started, in the words of the system; None for one that is gone, or a zombie."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _born_by_ps(pid)
    except (OSError, ValueError):
        return None
    # With other threads still to end, a process that was killed holds its files and its port.
    return None if state in "ZX" and int(fields[16]) <= 1 else f"{_boot()} {fields[18]}"


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _born_by_ps(pid: int) -> str | None:
    told = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return told[1].strip() if len(told) == 2 and not told[0].startswith("Z") else None
