"""One version of a model, served by some processes: questions are shared out, lost processes replaced."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from pathlib import Path
from typing import Any

from zen_plugin_serve.journal import note
from zen_plugin_serve.place import Order
from zen_plugin_serve.process import LoadFailed, Process

__all__ = ["Generation", "NobodyFree"]

_LONG_ENOUGH = 10.0
_LONGEST_PAUSE = 30.0


class NobodyFree(Exception):
    """No process was free in time."""


class Generation:
    """The processes that serve one order.

    Attributes:
        order: What they serve.
        reason: Why there are less of them than wanted; empty when there are as many.
    """

    def __init__(self, order: Order, folder: Path) -> None:
        self.order = order
        self.reason = ""
        self._folder = folder
        self._processes: set[Process] = set()
        self._free: deque[Process] = deque()
        self._queue: deque[asyncio.Future[Process]] = deque()
        self._watches: set[asyncio.Task[None]] = set()
        self._asking = 0
        self._retired = False

    @property
    def facts(self) -> dict[str, Any]:
        """What the processes say of the model."""
        return next((process.facts for process in self._processes), {})

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that live."""
        return sorted(process.pid for process in self._processes)

    async def start(self) -> None:
        """Start all processes, and return when they have loaded the model.

        Raises:
            LoadFailed: When one cannot; none is left then.
        """
        starts = [asyncio.create_task(self._start()) for _ in range(self.order.settings["replicas"])]
        try:
            await asyncio.gather(*starts)
        except BaseException:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            await self.close()
            raise

    async def ask(self, body: bytes) -> tuple[int, bytes]:
        """Return the status and the body of the answer to a request.

        Raises:
            NobodyFree: When its turn does not come in time.
            Ended: When the process ends that predicts.
            TooLate: When the prediction takes too long.
        """
        limit = self.order.settings["request_timeout"]
        self._asking += 1
        try:
            process = await self._take(limit)
            answer = await process.ask(body, limit)
            self._give(process)
            return answer
        finally:
            self._asking -= 1

    async def retire(self) -> None:
        """End the processes when the last question is answered; whoever calls sees to it that no more come."""
        while self._asking:
            await asyncio.sleep(0.01)
        await self.close()

    async def close(self) -> None:
        """End the processes."""
        self._retired = True
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*(process.close() for process in self._processes))
        self._processes.clear()

    async def _start(self) -> Process:
        process = await Process.start(self.order, self._folder)
        self._processes.add(process)
        watch = asyncio.create_task(self._watch(process))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)
        self._give(process)
        return process

    async def _watch(self, process: Process) -> None:
        """Replace a process when it ends; one that does not live long is replaced more and more slowly."""
        pause = 0.1
        code = await process.ended()
        self._processes.discard(process)
        with contextlib.suppress(ValueError):
            self._free.remove(process)
        note(f"process {process.pid}, which predicts, ended with code {code}; starting another one")
        if time.monotonic() - process.born < _LONG_ENOUGH:
            await asyncio.sleep(1.0)
        while not self._retired:
            try:
                await self._start()
            except LoadFailed as error:
                self.reason = f"a process that ended could not be replaced: {error}"
                note(self.reason)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self.reason = ""
                return

    async def _take(self, seconds: float) -> Process:
        if self._free:
            return self._free.popleft()
        turn: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await asyncio.wait({turn}, timeout=seconds)
        except asyncio.CancelledError:
            if turn.done():
                self._give(turn.result())
            turn.cancel()
            raise
        if not turn.done():
            turn.cancel()
            raise NobodyFree(f"no process was free in {seconds:g} s")
        return turn.result()

    def _give(self, process: Process) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(process)
                return
        self._free.append(process)
