"""A job for step operators that remembers what it was told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zen.interfaces import Command
from zen.records import CodeRef, StepSpec


class FakeJob:
    """A command to run; `said` keeps each output with its stream.

    Args:
        argv: Program and arguments.
        cwd: The folder to start in.
        env: Variables to add to the environment.
        resources: What the step asks for.
        ends: Whether the process has to be ended; never by default.
        on_output: Called with each output.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        resources: Mapping[str, Any] | None = None,
        ends: Callable[[], bool] | None = None,
        on_output: Callable[[], object] | None = None,
    ) -> None:
        code = CodeRef(module="flow", qualname="train")
        self.step = StepSpec(name="train", code=code, operator="kit", resources=dict(resources or {}))
        self.command = Command(argv=tuple(argv), env=dict(env or {}), cwd=str(cwd))
        self.said: list[tuple[str, str]] = []
        self._ends = ends
        self._on_output = on_output
        self._lock = threading.Lock()

    def output(self, stream: str, text: str) -> None:
        """Keep some output."""
        with self._lock:
            self.said.append((stream, text))
        if self._on_output is not None:
            self._on_output()

    def ending(self) -> bool:
        """Say whether the process has to be ended."""
        return self._ends is not None and self._ends()

    def text(self, *streams: str) -> str:
        """Return what was printed to these streams, or to all, with the line ends of Unix."""
        parts = [text for stream, text in self.said if not streams or stream in streams]
        return "".join(parts).replace("\r\n", "\n")
