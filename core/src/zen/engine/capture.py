"""What a step prints and logs, and the process around it put back as it was."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal, TextIO

from zen.records import LogLine

Stream = Literal["stdout", "stderr", "log"]
LIMIT = 10 * 1024 * 1024
_LONGEST = 64 * 1024


class Captured:
    """The lines that a step wrote so far, within `LIMIT` bytes; `take` hands them over."""

    def __init__(self) -> None:
        self._lines: list[LogLine] = []
        self._partial: dict[Stream, str] = {}
        self._size = 0
        self._lock = threading.Lock()

    def add(self, stream: Stream, text: str) -> None:
        """Take some output; lines are cut at line ends, and after 64 KiB without one."""
        with self._lock:
            text = self._partial.pop(stream, "") + text
            *lines, rest = text.split("\n")
            for line in lines:
                self._append(stream, line)
            if len(rest) > _LONGEST:
                self._append(stream, rest)
            elif rest:
                self._partial[stream] = rest

    def take(self, *, end: bool = False) -> list[LogLine]:
        """Return the lines since the last time; at the `end` also what had no line end."""
        with self._lock:
            if end:
                for stream, rest in self._partial.items():
                    self._append(stream, rest)
                self._partial = {}
            lines, self._lines = self._lines, []
            return lines

    @property
    def waiting(self) -> int:
        """How many lines wait to be taken."""
        return len(self._lines)

    def _append(self, stream: Stream, line: str) -> None:
        if self._size > LIMIT:
            return
        self._size += len(line) + 1
        if self._size > LIMIT:
            line = f"… the rest of this step's output is not kept: it is longer than {LIMIT // 1024 // 1024} MiB"
        # A lone \r or an escape sequence could forge lines when the log is shown: they are kept visible.
        safe = line.rstrip("\r").replace("\r", "\\r").replace("\x1b", "\\x1b").replace("\x00", "\\x00")
        safe = safe.encode("utf-8", "backslashreplace").decode("utf-8")
        self._lines.append(LogLine(stream=stream, text=safe, at=dt.datetime.now(dt.UTC)))


class _Tee:
    """Stands in for sys.stdout or sys.stderr: writes through and captures."""

    def __init__(self, inner: TextIO, captured: Captured, stream: Stream, after: Callable[[], None]) -> None:
        self._inner = inner
        self._captured = captured
        self._stream = stream
        self._after = after

    def write(self, text: str) -> int:
        self._captured.add(self._stream, text)
        with contextlib.suppress(ValueError, OSError):  # the stream was closed, by the step or by who reads it
            self._inner.write(text)
        self._after()
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with contextlib.suppress(ValueError, OSError):
            self._inner.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _LogHandler(logging.Handler):
    def __init__(self, captured: Captured) -> None:
        super().__init__()
        self._captured = captured
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self._captured.add("log", self.format(record) + "\n")


@contextlib.contextmanager
def captured_output(captured: Captured, after: Callable[[], None]) -> Iterator[None]:
    """Capture prints and log records while they go on to where they would go.

    Handlers that write to the streams of before are not seen through `sys.stdout`, so their records are taken from the
    root logger; where there is none of those, what they print is captured as a print.
    """
    out, err = sys.stdout, sys.stderr
    root = logging.getLogger()
    handler = _LogHandler(captured) if any(getattr(h, "stream", None) in (out, err) for h in root.handlers) else None
    sys.stdout, sys.stderr = _Tee(out, captured, "stdout", after), _Tee(err, captured, "stderr", after)
    if handler:
        root.addHandler(handler)
    try:
        yield
    finally:
        if handler:
            root.removeHandler(handler)
        sys.stdout, sys.stderr = out, err


@contextlib.contextmanager
def process_restored() -> Iterator[None]:
    """Put the working folder, the environment and signal handlers back as they were."""
    folder, environment = os.getcwd(), dict(os.environ)
    handlers = _handlers()
    try:
        yield
    finally:
        if os.environ != environment:
            for name in set(os.environ) - set(environment):
                del os.environ[name]
            os.environ.update(environment)
        with contextlib.suppress(OSError):
            if os.getcwd() != folder:
                os.chdir(folder)
        for number, handler in handlers.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def _handlers() -> dict[int, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGCHLD")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return {number: handler for number in numbers if (handler := signal.getsignal(number)) is not None}
