"""A folder where each process prepares its files, and where what dead processes left behind is found and removed."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from zen.builtin.disk import make_folder
from zen.storage.filelock import FileLock

LEFTOVER_AGE = 24 * 3600.0


class Staging:
    """The staging folder of a store: one folder a process in it, with a lock beside it that proves that it is alive.

    Args:
        folder: Where; it is made when the first process needs it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._changing = threading.Lock()
        self._lock: FileLock | None = None
        self._own: Path | None = None
        self._pid = 0

    def own(self) -> Path:
        """Return the folder of this process; a forked child gets its own.

        Raises:
            OSError: When it cannot be made.
        """
        if self._own is None or self._pid != os.getpid():
            with self._changing:
                if self._own is None or self._pid != os.getpid():
                    self._own = self._claim()
                    self._pid = os.getpid()
        return self._own

    def close(self) -> None:
        """Remove the own folder if it is empty; what is still in it is left for the next sweep."""
        if self._lock is None or self._own is None or self._pid != os.getpid():
            return
        with suppress(OSError):
            self._own.rmdir()
            self._lock.path.unlink()
        self._lock.release()
        self._own = self._lock = None

    def sweep(self) -> None:
        """Remove what is older than a day and belongs to no living process. Never fails: it is housekeeping."""
        try:
            with os.scandir(self.folder) as entries:
                old = {_owner(entry.name) for entry in entries if _old(entry)}
        except OSError:
            return
        for owner in old:
            with suppress(OSError):
                self._remove(owner)

    def _claim(self) -> Path:
        own = self.folder / f"{os.getpid()}-{os.urandom(4).hex()}"
        make_folder(self.folder, durable=False)
        # First the lock, so that the folder is never seen without a living owner.
        self._lock = FileLock(own.with_name(f"{own.name}.lock"))
        self._lock.try_acquire()
        own.mkdir(0o700)
        return own

    def _remove(self, owner: str) -> None:
        from shutil import rmtree

        lock = FileLock(self.folder / f"{owner}.lock")
        if not lock.try_acquire():
            return
        try:
            leftover = self.folder / owner
            if leftover.is_dir() and not leftover.is_symlink():
                rmtree(leftover)
            else:
                leftover.unlink(missing_ok=True)
            lock.path.unlink()
        finally:
            lock.release()


def _owner(name: str) -> str:
    return name.removesuffix(".lock")


def _old(entry: os.DirEntry[str]) -> bool:
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > LEFTOVER_AGE
    except OSError:
        return False
