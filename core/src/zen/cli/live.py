"""The live table of a run. The only file that draws with rich while something else prints."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from zen.cli.output import STATE_STYLES, duration, printable

if TYPE_CHECKING:
    from rich.table import Table

MOST_ROWS = 24


@dataclass(slots=True)
class Step:
    """What is shown of a step. Times are monotonic seconds, of this process."""

    name: str
    state: str = "pending"
    started: float | None = None
    took: float | None = None
    note: str = ""
    told: bool = False


class LiveTable:
    """A table of steps that redraws itself ten times a second until it is stopped; then it stays as it is.

    Args:
        stream: A terminal.
        steps: Returns the steps as they are now.
    """

    def __init__(self, stream: TextIO, steps: Callable[[], list[Step]]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._steps = steps
        # Not rich's own redirection of stdout: it would be undone by a step's capture ending later than it began.
        self._live = Live(
            console=Console(file=stream, highlight=False),
            get_renderable=lambda: draw(self._steps()),
            refresh_per_second=10,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)

    def print(self, text: str) -> None:
        """Write lines above the table; their colors are kept."""
        from rich.text import Text

        self._live.console.print(Text.from_ansi(text), soft_wrap=True)

    def stop(self, steps: list[Step]) -> None:
        """Draw these steps, all of them, and leave them on the screen."""
        self._live.get_renderable = lambda: draw(steps, most=len(steps))  # type: ignore[method-assign]  # rich reads it on each refresh
        self._live.stop()


def draw(steps: list[Step], most: int = MOST_ROWS) -> Table:
    """Return the table of the steps; of many, those that move."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    hidden = max(0, len(steps) - most)
    for step in _moving(steps, most) if hidden else steps:
        style = STATE_STYLES.get(step.state, "dim")
        table.add_row(
            Text("  " + printable(step.name)),
            Text(step.state, style=style),
            Text(_time(step), justify="right"),
            Text(printable(step.note), style="dim", overflow="ellipsis", no_wrap=True),
        )
    if hidden:
        done = sum(step.state not in ("pending", "running") for step in steps)
        table.add_row(Text(f"  … {done} of {len(steps)} steps done", style="dim"))
    return table


def _moving(steps: list[Step], most: int) -> list[Step]:
    """Return the steps worth a line: what runs or failed, then what ended last, then what comes next."""
    first = [index for index, step in enumerate(steps) if step.state in ("running", "failed", "lost")]
    ended = [index for index, step in enumerate(steps) if step.state not in ("running", "failed", "lost", "pending")]
    waiting = [index for index, step in enumerate(steps) if step.state == "pending"]
    chosen = [*first, *ended[-most // 2 :], *waiting, *ended[: -most // 2]][:most]
    return [steps[index] for index in sorted(chosen)]


def _time(step: Step) -> str:
    if step.state == "running" and step.started is not None:
        return duration(time.monotonic() - step.started)
    return duration(step.took) if step.state not in ("cached", "skipped") else ""


class _Above:
    """Stands in for a stream on the terminal: straight through while there is no table, else line by line above it."""

    def __init__(self, inner: TextIO, table: Callable[[], LiveTable | None], lock: threading.RLock) -> None:
        self._inner = inner
        self._table = table
        self._lock = lock
        self._rest = ""

    def write(self, text: str) -> int:
        with self._lock:
            table = self._table()
            if table is None:
                self.release()
                self._inner.write(text)
            else:
                *lines, self._rest = (self._rest + text).split("\n")
                if lines:
                    table.print("\n".join(printable(line, keep_color=True) for line in lines))
        return len(text)

    def release(self) -> None:
        """Write what waits for its line end."""
        rest, self._rest = self._rest, ""
        if rest:
            self._inner.write(rest)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@contextlib.contextmanager
def above(table: Callable[[], LiveTable | None], lock: threading.RLock) -> Iterator[None]:
    """Put what this process prints above the table, as long as there is one; only streams that are terminals."""
    streams = (sys.stdout, sys.stderr)
    proxies = [_Above(stream, table, lock) if stream.isatty() else None for stream in streams]
    sys.stdout, sys.stderr = (proxy or stream for proxy, stream in zip(proxies, streams, strict=True))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        for proxy in proxies:
            if proxy is not None:
                proxy.release()
