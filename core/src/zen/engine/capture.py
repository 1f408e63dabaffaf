"""What a step prints and logs, line by line and within bounds."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TextIO

from zen.records import LogLine
from zen.secrets.redaction import Window, redactor

Stream = Literal["stdout", "stderr", "log"]
Line = tuple[Stream, int, str]
"""A finished line: its stream, when it ended (microseconds since 1970 UTC), its text."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
HEAD = 8 * 1024 * 1024
TAIL = 2 * 1024 * 1024
LINE_COST = 64  # what a line counts beside its text, so that empty lines are bounded as well
_LONGEST = 64 * 1024
_PIECE = 1024 * 1024
# Control characters but the tab, line and paragraph separators, changes of direction, and surrogates: no text.
_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Sink(Protocol):
    """Where the output of a step goes beside where it would go anyway."""

    def add(self, stream: Stream, text: str) -> None:
        """Take some output; it need not end with a line."""


class Kept(Protocol):
    """Keeps what waits in memory in another place as well, for the case that the process dies."""

    def append(self, lines: list[Line], partial: list[Line]) -> None:
        """Keep more lines, and the unfinished ones in place of the last."""


@dataclass(slots=True)
class Waiting:
    """Lines that nobody has stored yet: of the head, then of the tail; between them `left` lines were left out."""

    head: list[Line] = field(default_factory=list)
    tail: list[Line] = field(default_factory=list)
    left: int = 0
    left_size: int = 0


class Captured:
    """The lines that a step wrote and nobody has taken yet.

    The first 8 MiB are the head. Of what follows only the last 2 MiB are held, so memory is bounded however much is
    written and however seldom somebody takes it. Thread-safe; a signal handler may write while its thread does.

    Args:
        kept: Is given every line, too.
    """

    def __init__(self, kept: Kept | None = None) -> None:
        self._kept = kept
        self._head: list[Line] = []
        self._room = HEAD
        self._tail: deque[Line] = deque()
        self._tail_size = 0
        self._left = self._left_size = 0
        self._partial: dict[tuple[Stream, int], str] = {}  # by thread: each writes its own lines
        self.lock = threading.RLock()
        self._pid = os.getpid()

    def add(self, stream: Stream, text: str) -> None:
        """Take some output; lines are cut at line ends, and after 64 KiB without one.

        Of what a carriage return overwrites, only the last state is kept. A fork of the process adds nothing.
        """
        if not text or os.getpid() != self._pid:
            return
        with self.lock:
            if len(text) <= _PIECE:
                self._cut(stream, text)
                return
            for start in range(0, len(text), _PIECE):
                self._cut(stream, text[start : start + _PIECE])

    def take(self, *, end: bool = False) -> list[LogLine]:
        """Return the lines since the last time, with a line that says what was left out; see `drain`."""
        found = self.drain(end=end)
        gap = [left_out(found.left, found.left_size, found.tail)] if found.left else []
        return [as_record(line) for line in (*found.head, *gap, *found.tail)]

    def drain(self, *, end: bool = False) -> Waiting:
        """Return what waits; at the `end` also what had no line end."""
        with self.lock:
            if end:
                self._hold(self._unfinished(_now()))
                self._partial = {}
            found = Waiting(self._head, list(self._tail), self._left, self._left_size)
            self._head, self._tail, self._tail_size = [], deque(), 0
            self._left = self._left_size = 0
            return found

    def unfinished(self) -> list[Line]:
        """Return what each thread has written since its last line end."""
        with self.lock:
            return self._unfinished(_now())

    def __bool__(self) -> bool:
        return bool(self._head or self._tail)

    def _cut(self, stream: Stream, text: str) -> None:
        key = stream, threading.get_ident()
        now = _now()
        text = self._partial.pop(key, "") + text
        lines: list[Line] = []
        if "\n" in text:
            *whole, text = text.split("\n")
            lines = [(stream, now, part) for line in whole for part in _parts(self._final(_seen(line)))]
        if "\r" in text:
            text = _overwritten(text)
        while len(text) > _LONGEST:
            end = _LONGEST - redactor.overhang(text[:_LONGEST])  # a secret is not cut in two
            lines.append((stream, now, self._final(text[:end])))
            text = text[end:]
        if text:
            self._partial[key] = text
        if lines:
            self._hold(lines)
        if self._kept is not None:
            self._kept.append(lines, self._unfinished(now))

    def _unfinished(self, now: int) -> list[Line]:
        return [(key[0], now, self._final(_seen(rest))) for key, rest in self._partial.items()]

    def _final(self, line: str) -> str:
        """Return the text of a line as it is kept. Every text passes here once it is cut, and before it is anywhere."""
        line = redactor.text(line)
        return line if line.isprintable() else _visible(line)

    def _hold(self, lines: list[Line]) -> None:
        for line in lines:
            size = size_of(line)
            if self._room > 0:
                self._room -= size
                self._head.append(line)
                continue
            self._tail.append(line)
            self._tail_size += size
            while self._tail_size > TAIL and len(self._tail) > 1:
                gone = size_of(self._tail.popleft())
                self._tail_size -= gone
                self._left += 1
                self._left_size += gone - LINE_COST


def size_of(line: Line) -> int:
    """Return what a line counts against the bounds."""
    return len(line[2]) + LINE_COST


def as_record(line: Line) -> LogLine:
    """Return a line as it is recorded."""
    return LogLine(stream=line[0], at=_EPOCH + dt.timedelta(microseconds=line[1]), text=line[2])


def left_out(count: int, size: int, after: list[Line]) -> Line:
    """Return the line that stands for those that were left out."""
    what = f"{count:,} lines ({size / 1024 / 1024:.1f} MiB)" if count else f"{size / 1024 / 1024:.0f} MiB"
    text = f"… {what} are left out here: a step's log keeps its beginning and its end"
    return ("log", after[0][1] if after else _now(), text)


def _now() -> int:
    return time.time_ns() // 1000


def _parts(line: str) -> list[str]:
    if len(line) <= _LONGEST:
        return [line]
    return [line[start : start + _LONGEST] for start in range(0, len(line), _LONGEST)]


def _overwritten(text: str) -> str:
    """Return an unfinished line without what is overwritten; its last carriage return may belong to a line end."""
    return _seen(text) + "\r" if text.endswith("\r") else _seen(text)


def _seen(line: str) -> str:
    """Return what a terminal shows of a line whose carriage returns overwrite it: a progress bar in its last state."""
    if "\r" not in line:
        return line
    states = [state for state in line.split("\r") if state]
    return next((state for state in reversed(states) if not state.isspace()), states[-1] if states else "")


def _visible(line: str) -> str:
    """Return a line with everything escaped that could forge other lines, or hide this one, where the log is shown."""
    return _UNSAFE.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), line)


class _Tee:
    """Stands in for sys.stdout or sys.stderr: writes through and captures."""

    kept = True

    def __init__(self, inner: TextIO, sink: Sink, stream: Stream) -> None:
        self.inner = inner
        self._sink = sink
        self._stream = stream
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
        self._sink.add(self._stream, text)
        window = self._windows.get(threading.get_ident())
        if window is None:
            window = self._windows[threading.get_ident()] = Window()
        self._show(window.add(text))
        return len(text)

    def _show(self, text: str) -> None:
        with contextlib.suppress(ValueError, OSError):  # the stream was closed, by the step or by who reads it
            self.inner.write(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with contextlib.suppress(ValueError, OSError):
            self.inner.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class _LogHandler(logging.Handler):
    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self._sink.add("log", self.format(record) + "\n")


@contextlib.contextmanager
def captured_output(sink: Sink) -> Iterator[None]:
    """Capture prints and log records while they go on to where they would go.

    Handlers that write to the streams of before, or to files, are not seen through `sys.stdout`, so their records are
    taken from the root logger; where none is set up, or one prints to what `sys.stdout` is then, that is captured.
    """
    out, err = sys.stdout, sys.stderr
    root = logging.getLogger()
    printed = any(getattr(getattr(h, "stream", None), "kept", False) or hasattr(h, "console") for h in root.handlers)
    handler = _LogHandler(sink) if root.handlers and not printed else None
    tees = _Tee(out, sink, "stdout"), _Tee(err, sink, "stderr")
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


def beneath(stream: TextIO) -> TextIO:
    """Return the stream that output goes to when it is no output of the step that runs in this process."""
    while isinstance(stream, _Tee):
        stream = stream.inner
    return stream
