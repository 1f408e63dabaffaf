"""Starting and ending the process of a server."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from zen.errors import ComponentError
from zen_plugin_serve.place import Place

__all__ = ["end", "start", "until"]

_TO_START = 30.0
_TO_END = 10.0
_PAUSE = 0.02


def start(place: Place, root: str, lock: int) -> None:
    """Start a server that outlives this process, its shell and its terminal.

    Args:
        place: Where it finds its order.
        root: The root of the project.
        lock: The held lock of who deploys. It is held until the server has its own, even if this process is killed.

    Raises:
        ComponentError: When it cannot even be started.
    """
    place.forget_status()
    log = place.open_log()
    # -P: nothing in the project's folder takes the place of a module of Python.
    command = [sys.executable, "-P", "-m", "zen_plugin_serve.server", str(place.folder), str(lock)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=root,
            start_new_session=True,
            pass_fds=[lock],
            timeout=_TO_START,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ComponentError(f"the server of {place.name!r} could not be started: {error}") from error
    finally:
        os.close(log)
    if done.returncode:
        last = place.tail().strip().splitlines()[-1:]
        raise ComponentError(
            f"the server of {place.name!r} could not be started: {''.join(last) or f'code {done.returncode}'}",
            hint=f"the log is {place.log}",
        )


def end(place: Place, *, seconds: float = _TO_END) -> None:
    """End a server with all its processes: asked first, by force after some seconds.

    Raises:
        ComponentError: When it lives even so.
    """
    for number, limit in ((signal.SIGTERM, seconds), (signal.SIGKILL, _TO_END)):
        # Its id counts only while the lock is held: then it is the process that wrote it.
        pid = place.status().pid
        if not place.is_alive():
            return
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number) if number == signal.SIGTERM else os.killpg(pid, number)
        if until(lambda: not place.is_alive(), limit):
            return
    raise ComponentError(f"the server of {place.name!r}, process {place.status().pid}, does not end")


def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until something holds, and return whether it did in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True
