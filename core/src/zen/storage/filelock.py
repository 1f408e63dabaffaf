"""An advisory lock on a file: it ends with the process that holds it, however that process ends.

Used in two ways: to let one process at a time do something, and as proof of life, because whoever can take the lock of
a process knows that the process is gone, without a clock and without false alarms.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self

if sys.platform == "win32":
    import msvcrt

    # Far behind the end of the file, because Windows forbids to read what is locked.
    _PLACE = 1 << 30

    def _lock(descriptor: int) -> bool:
        os.lseek(descriptor, _PLACE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _PLACE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    # flock and not lockf: a lockf lock ends when anything in the process closes any descriptor of the file.
    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


class FileLock:
    """A lock that one thread of one process holds at a time.

    Several threads may share one instance, and several instances of one path exclude each other. The lock is not
    reentrant. It is not handed to child processes: a child that was forked while it was held does not hold it, and does
    not keep it alive when the parent dies.

    Args:
        path: The lock file. It is created when needed, in a folder that exists, and removed by `discard` only: who
            removes it without holding it takes it away from whoever does.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._threads = threading.Lock()
        self._descriptor: int | None = None
        _locks.add(self)

    @property
    def held(self) -> bool:
        """Whether this instance, in this process, holds the lock."""
        return self._descriptor is not None

    def acquire(self, timeout: float | None = None) -> bool:
        """Take the lock and return whether that succeeded.

        Args:
            timeout: How many seconds to try; 0 tries once, None waits for as long as it takes.

        Raises:
            OSError: When the lock file cannot be opened, or its file system knows no locks.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        if not self._threads.acquire(timeout=-1 if timeout is None else max(timeout, 0)):
            return False
        try:
            taken = self._poll(deadline)
        except BaseException:
            self._abandon()
            raise
        if not taken:
            self._abandon()
        return taken

    def try_acquire(self) -> bool:
        """Take the lock if it is free now, and return whether that succeeded."""
        return self.acquire(timeout=0)

    def release(self) -> None:
        """Let go of the lock. Harmless when it is not held."""
        if self._descriptor is not None:
            # Said aloud: closing alone would not free it while a child of a foreign fork shares the descriptor.
            _unlock(self._descriptor)
            self._abandon()

    def remove(self) -> None:
        """Remove the file and let go of the lock; a file that took the place of ours stays. Harmless when not held."""
        if self._descriptor is None:
            return
        # First the file: who takes the lock between a release and a removal holds a file that nobody else finds.
        if self._current(self._descriptor):
            with contextlib.suppress(PermissionError):  # Windows removes no open file
                self.path.unlink(missing_ok=True)
        self.release()
        if os.name == "nt":
            with contextlib.suppress(OSError):  # nor one that somebody has opened since, who locks it then
                self.path.unlink()

    def holder(self) -> int | None:
        """Return the id of the process that holds the lock, where the system tells (Linux), for messages only."""
        try:
            status = os.stat(self.path)
            table = Path("/proc/locks").read_text()
        except OSError:
            return None
        file = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        for line in table.splitlines():
            fields = line.split()
            if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == file:
                return int(fields[4])
        return None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"FileLock({str(self.path)!r}, {'held' if self.held else 'free'})"

    def _poll(self, deadline: float | None) -> bool:
        pause = 0.0002
        while True:
            descriptor = self._open()
            if _lock(descriptor):
                if self._current(descriptor):
                    return True
                # Somebody removed the file between our opening and our locking it: the others lock another file.
                self._close()
                continue
            if deadline is not None and time.monotonic() + pause > deadline:
                return False
            # Waiters that started together part ways; the clock is random enough, and `random` takes 2 ms to import.
            time.sleep(pause * (0.5 + time.monotonic_ns() % 997 / 2000))
            pause = min(pause * 1.5, 0.01)

    def _open(self) -> int:
        with _forking:
            if self._descriptor is None:
                self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            return self._descriptor

    def _current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except FileNotFoundError:
            return False

    def _close(self) -> None:
        with _forking:
            descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _abandon(self) -> None:
        self._close()
        self._threads.release()

    def _forget(self) -> None:
        """Become free in a forked child; closing the copy of the descriptor takes nothing from the parent."""
        self._threads = threading.Lock()
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


_locks: weakref.WeakSet[FileLock] = weakref.WeakSet()
# Held while a descriptor is opened or closed, and while the process forks: a child sees each lock whole.
_forking = threading.RLock()


def _before_fork() -> None:
    _forking.acquire()


def _after_fork() -> None:
    _forking.release()


def _in_child() -> None:
    global _forking
    _forking = threading.RLock()
    for lock in list(_locks):
        lock._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
