"""How long work goes on that only counts: one line, rewritten on a terminal; now and then a line elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from types import TracebackType
from typing import Self, TextIO

__all__ = ["Counting"]

_SHOWN_AFTER = 0.3
_TERMINAL_SECONDS = 0.1
_PLAIN_SECONDS = 5.0


class Counting:
    """Tells on stderr how far something is. Used in a `with`; what was rewritten is gone afterwards.

    Args:
        stream: Where to; default this process's stderr.
        live: Whether to rewrite one line; default if the stream is a terminal.
    """

    def __init__(self, stream: TextIO | None = None, *, live: bool | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty() if live is None else live
        self._next = time.monotonic() + (_SHOWN_AFTER if self._live else _PLAIN_SECONDS)
        self._width = 0

    def tell(self, text: str) -> None:
        """Say how far it is; most calls come too soon after the last one and show nothing."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (_TERMINAL_SECONDS if self._live else _PLAIN_SECONDS)
        self._write(f"\r{text.ljust(self._width)}" if self._live else f"{text}\n")
        self._width = len(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live and self._width:
            self._write(f"\r{' ' * self._width}\r")

    def _write(self, text: str) -> None:
        # A closed stderr must not end the work.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
