"""The local orchestrator: this process first, and workers beside it when steps have to wait."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from zen.interfaces import Launcher, Orchestrator
from zen.records import Plan

_PATIENCE = 0.05
_POLL = 0.1


@dataclass(frozen=True, kw_only=True)
class LocalOrchestratorConfig:
    """Configuration of the local orchestrator.

    Attributes:
        max_parallel: How many steps may run at the same time; 0 means as many as this process may use processors.
    """

    max_parallel: int = 0


class LocalOrchestrator(Orchestrator):
    """Runs ready steps one after the other in this thread.

    Steps that have to wait for longer than a worker costs to start (50 ms) are taken by other threads, whose steps the
    launcher runs in warm worker processes. So a chain, and a fan-out of tiny steps, costs no process at all.
    """

    config: LocalOrchestratorConfig

    def run(self, plan: Plan, launcher: Launcher) -> None:
        """Execute every step after the steps it waits for."""
        parallel = self.config.max_parallel or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [1])
        _Work(plan, launcher, parallel).conduct()


class _Work:
    """The steps that are ready, shared by the threads that execute them."""

    def __init__(self, plan: Plan, launcher: Launcher, parallel: int) -> None:
        self._launcher = launcher
        self._most = parallel - 1
        self._beside: list[threading.Event] = []  # each is set at the end of a thread
        self._order = TopologicalSorter(plan.graph())
        self._order.prepare()
        self._ready: deque[tuple[str, float]] = deque()  # with the time since when each waits
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._add_ready()

    def conduct(self) -> None:
        """Execute steps in this thread until all are done; raise what went wrong in any."""
        try:
            while (name := self._next(patience=0)) is not None:
                self._execute(name)
            _wait(self._beside)
        except BaseException as error:
            self._give_up(error)
            raise
        if self._error is not None:
            raise self._error

    def _help(self, end: threading.Event) -> None:
        """Execute steps that have waited too long, until all are done."""
        try:
            while (name := self._next(patience=_PATIENCE)) is not None:
                self._execute(name)
        except BaseException as error:  # noqa: BLE001  # handed to the thread that conducts
            self._give_up(error)
        finally:
            end.set()

    def _next(self, *, patience: float) -> str | None:
        """Return the next step once it has waited for `patience` seconds; None when nothing can follow."""
        with self._changed:
            while self._error is None and self._order.is_active():
                due = self._ready[0][1] + patience - time.monotonic() if self._ready else None
                if due is not None and due <= 0:
                    name, _ = self._ready.popleft()
                    self._get_help()
                    return name
                self._changed.wait(_POLL if due is None else min(due, _POLL))  # see `_wait`
            return None

    def _get_help(self) -> None:
        """Have a thread for each step that still waits, as far as allowed."""
        for _ in range(min(len(self._ready), self._most - len(self._beside))):
            end = threading.Event()
            threading.Thread(target=self._help, args=(end,), name="zen-step", daemon=True).start()
            self._beside.append(end)

    def _execute(self, name: str) -> None:
        self._launcher.execute(name)
        with self._changed:
            self._order.done(name)
            self._add_ready()
            self._changed.notify_all()

    def _add_ready(self) -> None:
        now = time.monotonic()
        self._ready.extend((name, now) for name in self._order.get_ready())

    def _give_up(self, error: BaseException) -> None:
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()


def _wait(ended: Sequence[threading.Event]) -> None:
    # Not `Thread.join`: interrupted, it takes the thread for ended (https://github.com/python/cpython/issues/90882).
    # And not without a timeout: Ctrl-C may wake another thread than this one, or on some systems none.
    for each in ended:
        while not each.wait(_POLL):
            pass
