"""What a step prints and logs, and the process around it put back as it was."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal, TextIO

from zen.records import LogLine
from zen.secrets.redaction import Window, redactor

Stream = Literal["stdout", "stderr", "log"]
LIMIT = 10 * 1024 * 1024
_LONGEST = 64 * 1024
# Control characters but the tab, line and paragraph separators, changes of direction, and surrogates: no text.
_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Captured:
    """The lines that a step wrote so far, within `LIMIT` bytes; `take` hands them over."""

    def __init__(self) -> None:
        self._lines: list[LogLine] = []
        self._partial: dict[tuple[Stream, int], str] = {}  # by thread: each writes its own lines
        self._size = 0
        self._lock = threading.RLock()  # a signal handler may print while its thread prints

    def add(self, stream: Stream, text: str) -> None:
        """Take some output; lines are cut at line ends, and after 64 KiB without one."""
        with self._lock:
            if self._size > LIMIT:
                return
            key = stream, threading.get_ident()
            text = self._partial.pop(key, "") + text[: LIMIT + 1]
            *lines, rest = text.split("\n")
            for line in lines:
                self._append(stream, line)
            whole = len(rest) - len(rest) % _LONGEST
            whole -= redactor.overhang(rest[:whole])  # a secret is not cut in two
            if whole:
                self._append(stream, rest[:whole])
            if rest[whole:]:
                self._partial[key] = rest[whole:]

    def take(self, *, end: bool = False) -> list[LogLine]:
        """Return the lines since the last time; at the `end` also what had no line end."""
        with self._lock:
            if end:
                for (stream, _), rest in self._partial.items():
                    self._append(stream, rest)
                self._partial = {}
            lines, self._lines = self._lines, []
            return lines

    @property
    def waiting(self) -> int:
        """How many lines wait to be taken."""
        return len(self._lines)

    def _append(self, stream: Stream, line: str) -> None:
        line = redactor.text(line.rstrip("\r"))
        for start in range(0, max(len(line), 1), _LONGEST):
            if self._size > LIMIT:
                return
            part = line[start : start + _LONGEST]
            self._size += len(part) + 1
            if self._size > LIMIT:
                part = f"… the rest of this step's output is not kept: it is longer than {LIMIT // 1024 // 1024} MiB"
            self._lines.append(LogLine(stream=stream, text=_visible(part), at=dt.datetime.now(dt.UTC)))


def _visible(line: str) -> str:
    """Return a line with everything escaped that could forge other lines, or hide this one, where the log is shown."""
    return _UNSAFE.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), line)


class _Tee:
    """Stands in for sys.stdout or sys.stderr: writes through and captures."""

    def __init__(self, inner: TextIO, captured: Captured, stream: Stream, after: Callable[[], None]) -> None:
        self._inner = inner
        self._captured = captured
        self._stream = stream
        self._after = after
        self._over = False
        self._windows: dict[int, Window] = {}  # by thread, as the lines are

    def end(self) -> None:
        """Capture no more. A logging handler may keep this object: what it writes goes where prints go then."""
        for window in self._windows.values():
            self._show(window.end())
        self._over = True

    def close(self) -> None:
        """Do nothing: the stream is not the step's own."""

    def write(self, text: str) -> int:
        now = getattr(sys, self._stream)
        if self._over and now is not self and now is not None:
            return int(now.write(text) or 0)
        self._captured.add(self._stream, text)
        window = self._windows.get(threading.get_ident())
        if window is None:
            window = self._windows[threading.get_ident()] = Window()
        self._show(window.add(text))
        self._after()
        return len(text)

    def _show(self, text: str) -> None:
        with contextlib.suppress(ValueError, OSError):  # the stream was closed, by the step or by who reads it
            self._inner.write(text)

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

    Handlers that write to the streams of before, or to files, are not seen through `sys.stdout`, so their records are
    taken from the root logger; where none is set up, or one prints to what `sys.stdout` is then, that is captured.
    """
    out, err = sys.stdout, sys.stderr
    root = logging.getLogger()
    printed = any(isinstance(getattr(h, "stream", None), _Tee) or hasattr(h, "console") for h in root.handlers)
    handler = _LogHandler(captured) if root.handlers and not printed else None
    tees = _Tee(out, captured, "stdout", after), _Tee(err, captured, "stderr", after)
    sys.stdout, sys.stderr = tees
    if handler:
        root.addHandler(handler)
    try:
        yield
    finally:
        if handler:
            root.removeHandler(handler)
        for tee in tees:
            tee.end()
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
        with contextlib.suppress(OSError):  # the folder that the run started in is gone
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
