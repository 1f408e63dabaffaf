"""Keeping code from doing I/O while it is watched, in this process."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_FILES = (
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "shutil.",
    "sqlite3.connect",
    "tempfile.",
)
_OUTSIDE = (
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.system",
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostby",
    "socket.sendto",
    "subprocess.Popen",
)
_watching = threading.local()
_installed = False


class ForbiddenIO(BaseException):
    """Raised where code does I/O that must not; not an `Exception`, so that it is not handled by mistake."""


@contextmanager
def no_io(*, files_only: bool = False) -> Iterator[list[str]]:
    """Stop sockets, processes and changes of files on this thread; yields the list of what was attempted.

    Args:
        files_only: Sockets and processes are allowed.
    """
    _install()
    attempts: list[str] = []
    _watching.attempts, _watching.events = attempts, _FILES if files_only else (*_FILES, *_OUTSIDE)
    try:
        yield attempts
    finally:
        _watching.attempts = None


@contextmanager
def watched(event: str) -> Iterator[list[str]]:
    """Note each audit event of that name on this thread, without stopping it."""
    _install()
    noted: list[str] = []
    _watching.noted, _watching.event = noted, event
    try:
        yield noted
    finally:
        _watching.noted = None


def _install() -> None:
    """Add the audit hook, once. It stays for good, so it is one that mostly does nothing."""
    global _installed
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    attempts, noted = getattr(_watching, "attempts", None), getattr(_watching, "noted", None)
    if noted is not None and event == _watching.event:
        noted.append(_told(event, arguments))
    if attempts is None:
        return
    if event.startswith(_watching.events) or (event == "open" and _writes(arguments)):
        told = _told(event, arguments)
        if "__pycache__" in told:  # Python's own, when the constructor imports a module
            return
        attempts.append(told)
        raise ForbiddenIO(told)


def _told(event: str, arguments: tuple[Any, ...]) -> str:
    return f"{event}({', '.join(repr(argument)[:80] for argument in arguments[:2])})"


def _writes(arguments: tuple[Any, ...]) -> bool:
    path, _, flags = arguments
    return path != os.devnull and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))
