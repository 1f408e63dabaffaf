"""Numbers the operations of a run that something could come between, and ends the process at one of them.

Nothing in zen knows of this: most operations are seen through Python's own audit events, the others by standing in
front of the functions that do them. An event is told before its operation, so dying at point k is dying after
everything up to the operation k - 1; between two points only memory changes.
"""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_FILES = {
    "os.rename": "rename",
    "os.remove": "remove",
    "os.mkdir": "make a folder",
    "os.rmdir": "remove a folder",
    "os.chmod": "protect",
    "shutil.rmtree": "remove a tree",
}
_OTHERS = {"fcntl.flock": "lock or unlock", "subprocess.Popen": "start a worker", "os.killpg": "end a worker"}
_STATEMENTS = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA wal_checkpoint", "PRAGMA journal_mode")


class Points:
    """The points of this process.

    Args:
        state: The folder whose files count.
        last: The number of the point at which the process ends itself; 0 for none.
        statements: Whether every statement of a transaction is a point of its own.
    """

    def __init__(self, state: Path, last: int, *, statements: bool = False) -> None:
        self.names: list[str] = []
        self._state = str(state)
        self._last = last
        self._statements = statements
        self._lock = threading.Lock()

    def reach(self, name: str) -> None:
        """Count a point, and die if it is the one."""
        with self._lock:
            self.names.append(name)
            if len(self.names) == self._last:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Number everything that this process does from now on."""
        sys.addaudithook(self._heard)
        self._watch_database()
        self._watch_files()
        self._watch_workers()

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and arguments[2] & _WRITES and self._is_ours(arguments[0]):
            self.reach(f"open {_kind(arguments[0])}")
        elif event in _FILES and self._is_ours(arguments[0]):
            self.reach(f"{_FILES[event]} {_kind(arguments[0])}")
        elif event in _OTHERS:
            self.reach(_OTHERS[event])

    def _is_ours(self, path: Any) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(self._state)

    def _watch_database(self) -> None:
        points = self

        class Watched(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> Any:  # type: ignore[override]  # as it is called
                if not sql.startswith(_STATEMENTS) and not (points._statements and self.in_transaction):
                    return super().execute(sql, *parameters)
                words = " ".join(sql.split()[:3])
                points.reach(f"before {words}")
                done = super().execute(sql, *parameters)
                points.reach(f"after {words}")
                return done

            def close(self) -> None:
                points.reach("before closing the database")
                super().close()
                points.reach("after closing the database")

        sqlite3.connect = functools.partial(sqlite3.connect, factory=Watched)  # type: ignore[assignment]

    def _watch_files(self) -> None:
        from zen.builtin import disk
        from zen.storage import staging

        disk.sync = self._around(disk.sync, "sync")
        real = staging._write_all

        def write_all(file: Any, data: bytes) -> None:
            real(file, data[: len(data) // 2])
            self.reach("half a chunk is written")
            real(file, data[len(data) // 2 :])
            self.reach("a chunk is written")

        staging._write_all = write_all

    def _watch_workers(self) -> None:
        from zen.engine.workers import Worker

        Worker._send = self._around(Worker._send, "a message to a worker")  # type: ignore[method-assign]
        heard = Worker._next_message

        def next_message(worker: Worker) -> Any:
            message = heard(worker)
            if message:
                self.reach("a message of a worker")
            return message

        Worker._next_message = next_message  # type: ignore[method-assign]

    def _around(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            self.reach(f"before {name}")
            result = function(*arguments)
            self.reach(f"after {name}")
            return result

        return watched


def _kind(path: Any) -> str:
    """Return what a path is, without what differs from run to run."""
    parts = Path(os.fsdecode(path)).parts
    inside = parts[parts.index(".zen") + 1 :] if ".zen" in parts else parts[-1:]
    return "/".join(inside[:2]) or "the state folder"
