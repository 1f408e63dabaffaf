"""The process around a step, put back as it was: the next step finds it as this one did."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def process_restored() -> Iterator[None]:
    """Put the working folder, the environment, signal handlers and descriptors 1 and 2 back as they were."""
    folder, environment = os.getcwd(), dict(os.environ)
    handlers = _handlers()
    descriptors = _descriptors()
    try:
        yield
    finally:
        for number, kept in descriptors.items():
            os.dup2(kept, number)
            os.close(kept)
        if os.environ != environment:
            for name in set(os.environ) - set(environment):
                del os.environ[name]
            os.environ.update(environment)
        with contextlib.suppress(OSError):  # the folder that the run started in is gone
            os.chdir(folder)
        for number, handler in handlers.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def _descriptors() -> dict[int, int]:
    kept = {}
    for number in (1, 2):
        with contextlib.suppress(OSError):  # closed before the step began
            kept[number] = os.dup(number)
    return kept


def _handlers() -> dict[int, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGCHLD")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return {number: handler for number in numbers if (handler := signal.getsignal(number)) is not None}
