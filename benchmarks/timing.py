"""Times one process and all that it started, and notes how busy the machine was meanwhile."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

QUIET = 0.25
_BECOME_SUBREAPER = 36
_FIGURE = re.compile(r"^figure (\w+) (\S+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One timed process.

    Attributes:
        seconds: Wall time from start to exit.
        cpu: User and system seconds of the process and its descendants.
        peak: The largest memory of one process, in megabytes.
        others: How many cores everybody else used meanwhile; None where the system does not tell.
        code: Its exit code.
        figures: What it printed as `figure NAME NUMBER`.
    """

    seconds: float
    cpu: float
    peak: float
    others: float | None
    code: int
    figures: Mapping[str, float] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def adopt_orphans() -> None:
    """Have the kernel give us the descendants whose parents have ended, so that they are counted and waited for."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_BECOME_SUBREAPER, 1, 0, 0, 0)


def busy_seconds() -> float | None:
    """Return the seconds that all cores have worked since the machine started."""
    try:
        first = Path("/proc/stat").read_text().splitlines()[0]
    except OSError:
        return None
    ticks = [int(each) for each in first.split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")  # 3 and 4: idle, and waiting for a disk


def wait_quiet(patience: float) -> None:
    """Wait until the machine uses less than a quarter of a core, at most `patience` seconds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        before, pause = busy_seconds(), 0.3
        time.sleep(pause)
        after = busy_seconds()
        if before is None or after is None or (after - before) / pause < QUIET:
            return


def measure(
    command: Sequence[str], *, variables: Mapping[str, str], folder: Path, log: Path, timeout: float = 600
) -> Sample:
    """Run a command to its end; what it printed goes to `log`."""
    with log.open("w+b") as output, _deadline(timeout) as watched:
        busy, began = busy_seconds(), time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        watched.append(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        watched.clear()
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu = usage.ru_utime + usage.ru_stime + _reap()
        others = _others(busy, busy_seconds(), cpu, time.perf_counter() - began)
        output.seek(0)
        printed = output.read().decode(errors="replace")
    figures = {name: float(value) for name, value in _FIGURE.findall(printed)}
    peak = usage.ru_maxrss / (1e3 if sys.platform == "linux" else 1e6)
    return Sample(seconds=seconds, cpu=cpu, peak=peak, others=others, code=process.returncode, figures=figures)


def _others(before: float | None, after: float | None, cpu: float, span: float) -> float | None:
    return None if before is None or after is None else round(max(0.0, after - before - cpu) / span, 2)


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[list[int]]:
    watched: list[int] = []

    def end() -> None:
        for group in watched:
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield watched
    finally:
        timer.cancel()


def _reap() -> float:
    """Wait a few seconds for descendants that outlived their parent, then end them; return their CPU seconds."""
    cpu, end = 0.0, time.monotonic() + 3
    while True:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return cpu
        if pid:
            cpu += usage.ru_utime + usage.ru_stime
            continue
        if time.monotonic() > end:
            _end_children()
        time.sleep(0.02)


def _end_children() -> None:
    # We start one command at a time, so every child is an orphan of the last one.
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
