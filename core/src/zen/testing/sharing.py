"""What checks of one suite share, because making it takes long: a model that serves, and is only looked at."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any


class Sharing:
    """Keeps what checks share: the first that asks makes it, and it is ended after the last.

    A check that fails may have broken it, so it is ended with that check, and the next one makes it anew: each check
    ends as it would alone.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Any, contextlib.ExitStack]] = {}

    def lend(self, name: str, make: Callable[[contextlib.ExitStack], Any]) -> Any:
        """Return what `make` returns, once; the stack that it is given says how to end it."""
        if name not in self._kept:
            with contextlib.ExitStack() as stack:
                self._kept[name] = make(stack), stack.pop_all()
        return self._kept[name][0]

    def end(self, name: str) -> None:
        """End one thing, if it is there."""
        if name in self._kept:
            self._kept.pop(name)[1].close()

    def close(self) -> None:
        """End everything."""
        for name in list(self._kept):
            self.end(name)
