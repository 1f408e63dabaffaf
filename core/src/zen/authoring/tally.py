"""How a sweep goes, told while it goes: a counter on a terminal, elsewhere one line for each run that ends."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from zen.client import RunView

_METRICS = 3
_LONGEST = 100


class Tally:
    """Counts the runs of a sweep. Calls may come from any thread.

    Args:
        name: The name of the sweep.
        total: How many runs it has.
        varied: The parameters that tell the runs from each other.
        stream: Where to; by default this process's stderr, or nowhere with `ZEN_PROGRESS=off`.
        live: Whether to show a counter; by default if the stream is a terminal.
    """

    def __init__(
        self, name: str, total: int, varied: Sequence[str], stream: TextIO | None = None, *, live: bool | None = None
    ) -> None:
        silent = stream is None and os.environ.get("ZEN_PROGRESS", "") == "off"
        self._stream = None if silent else stream or sys.stderr
        self._live = self._stream is not None and (self._stream.isatty() if live is None else live)
        self._name = name
        self._total = total
        self._varied = varied
        self._states: dict[str, int] = {}
        self._running: dict[int, str] = {}
        self._shown = False
        self._lock = threading.RLock()
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Write a line; the counter goes on below it."""
        with self._lock:
            self._clear()
            self._write(f"{text}\n")

    def started(self, number: int, parameters: Mapping[str, Any]) -> None:
        """Count a run as running."""
        with self._lock:
            self._running[number] = self._label(parameters)
            self._draw()

    def ended(self, number: int, parameters: Mapping[str, Any], run: RunView | None, error: Exception | None) -> None:
        """Count a run that ended, or could not start; a terminal keeps a line of those that went wrong only."""
        state = run.state if run is not None else "not started"
        with self._lock:
            self._running.pop(number, None)
            self._states[state] = self._states.get(state, 0) + 1
            if not self._live or state != "completed":
                width = len(str(self._total))
                place = f"[{number + 1:>{width}}/{self._total}]"
                self.say(f"  {place} {self._label(parameters)}: {state}{_outcome(run, error)}")
            self._draw()

    def closed(self, note: str = "") -> None:
        """Say how it all ended."""
        states = ", ".join(f"{count} {state}" for state, count in self._states.items()) or "no run ended"
        self.say(f"sweep {self._name}: {states} in {time.monotonic() - self._began:.2f} s{note and f'; {note}'}")

    @contextlib.contextmanager
    def beside_output(self) -> Iterator[None]:
        """Let what is printed meanwhile take the place of the counter, which comes back below it."""
        if not self._live:
            yield
            return
        streams = (sys.stdout, sys.stderr)
        sys.stdout, sys.stderr = (_Over(stream, self.cleared) for stream in streams)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = streams
            self.cleared()

    def cleared(self) -> None:
        """Take the counter away until it is drawn again."""
        with self._lock:
            self._clear()

    def _draw(self) -> None:
        if not self._live:
            return
        done = sum(self._states.values())
        bad = ", ".join(f"{count} {state}" for state, count in self._states.items() if state != "completed")
        running = "; ".join(self._running.values())
        text = f"{self._name}  {done}/{self._total}{bad and f', {bad}'}{running and f'  running {running}'}"
        self._clear()
        self._write(text[: _width() - 1])
        self._shown = True

    def _clear(self) -> None:
        if self._shown:
            self._write("\r\x1b[2K")
            self._shown = False

    def _label(self, parameters: Mapping[str, Any]) -> str:
        return _one_line(" ".join(f"{name}={_value(parameters[name])}" for name in self._varied if name in parameters))

    def _write(self, text: str) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError, ValueError):  # a closed terminal fails no run
                self._stream.write(text)
                self._stream.flush()


class _Over:
    """Stands in for a stream of the terminal: takes the counter away before it writes."""

    def __init__(self, inner: TextIO, clear: Any) -> None:
        self._inner = inner
        self._clear = clear

    def write(self, text: str) -> int:
        self._clear()
        return self._inner.write(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _outcome(run: RunView | None, error: Exception | None) -> str:
    if run is None:
        return f" ({_one_line(f'{type(error).__name__}: {error}')})"
    took = "" if run.duration is None else f" in {run.duration:.2f} s"
    if run.error is not None:
        return f"{took} ({_one_line(run.error.message)})"
    metrics = " ".join(f"{name}={value:.6g}" for name, value in list(run.metrics.items())[:_METRICS])
    return took + (f"  {_one_line(metrics)}" if metrics else "")


def _value(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _one_line(text: str) -> str:
    """Return the first line of a text, with nothing in it that moves a cursor."""
    line = "".join(letter if letter.isprintable() else " " for letter in (text.splitlines() or [""])[0])
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _width() -> int:
    import shutil  # only a terminal needs it

    return shutil.get_terminal_size().columns
