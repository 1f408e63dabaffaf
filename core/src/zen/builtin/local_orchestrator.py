"""The local orchestrator: this process first, and workers beside it when steps have to wait."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from graphlib import TopologicalSorter

from zen.interfaces import Launcher, Orchestrator
from zen.records import Plan

_PATIENCE = 0.05


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
        work = _Work(plan, launcher)
        beside = [threading.Thread(target=work.help, daemon=True) for _ in range(parallel - 1)]
        work.conduct(beside)


class _Work:
    """The steps that are ready, shared by the threads that execute them."""

    def __init__(self, plan: Plan, launcher: Launcher) -> None:
        self._launcher = launcher
        self._order = TopologicalSorter(plan.graph())
        self._order.prepare()
        self._ready = deque(self._order.get_ready())
        self._changed = threading.Condition()
        self._error: BaseException | None = None

    def conduct(self, beside: list[threading.Thread]) -> None:
        started: list[threading.Thread] = []
        try:
            while (name := self._next()) is not None:
                for thread in beside[len(started) :][: len(self._ready)]:
                    thread.start()
                    started.append(thread)
                self._execute(name)
        except BaseException as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()
            raise
        for thread in started:
            thread.join()
        if self._error is not None:
            raise self._error

    def help(self) -> None:
        """Take steps that wait, for as long as there are any."""
        time.sleep(_PATIENCE)
        try:
            while (name := self._next()) is not None:
                self._execute(name)
        except BaseException as error:  # noqa: BLE001  # handed to the thread that conducts
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _next(self) -> str | None:
        with self._changed:
            while not self._ready and self._order.is_active() and self._error is None:
                self._changed.wait()
            return self._ready.popleft() if self._ready and self._error is None else None

    def _execute(self, name: str) -> None:
        self._launcher.execute(name)
        with self._changed:
            self._order.done(name)
            self._ready.extend(self._order.get_ready())
            self._changed.notify_all()
