"""One process that predicts, as the server sees it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from pathlib import Path
from typing import Any

from zen.records import to_json
from zen_plugin_serve import frames
from zen_plugin_serve.place import Order

__all__ = ["Ended", "LoadFailed", "Process", "TooLate"]

_TO_END = 3.0


class LoadFailed(Exception):
    """The model cannot be served; the text says why, and with `silent` only the log knows."""

    def __init__(self, reason: str, *, silent: bool = False) -> None:
        super().__init__(reason)
        self.silent = silent


class Ended(Exception):
    """The process ended before it answered."""


class TooLate(Exception):
    """The process did not answer in time, and was ended."""


class Process:
    """A process with a loaded model. It answers one question at a time.

    Attributes:
        facts: What the process said of its model.
        born: When it was ready, on the clock `time.monotonic`.
    """

    def __init__(self, process: asyncio.subprocess.Process, facts: dict[str, Any]) -> None:
        self._process = process
        self.facts = facts
        self.born = time.monotonic()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @classmethod
    async def start(cls, order: Order, folder: Path) -> Process:
        """Start a process and wait until it has loaded the model.

        Raises:
            LoadFailed: When it cannot, or takes too long.
        """
        pipe = asyncio.subprocess.PIPE
        # -P: nothing in the project's folder takes the place of a module of Python.
        command = [order.python, "-P", "-m", "zen_plugin_serve.worker", str(folder)]
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=order.root)
        except OSError as error:
            raise LoadFailed(f"{order.python} cannot be started in {order.root}: {error.strerror}") from error
        try:
            assert process.stdin is not None
            # Not in the command, which every user of the machine can read.
            process.stdin.write(frames.encode(frames.ASK, json.dumps(to_json(order)).encode()))
            return cls(process, await _facts(process, order.settings["startup_timeout"]))
        except BaseException:
            await _kill(process)
            raise

    async def ask(self, body: bytes, seconds: float) -> tuple[int, bytes]:
        """Return the status and the body of the answer.

        Raises:
            Ended: When the process ends meanwhile.
            TooLate: When it takes longer; the process is ended, as nothing else stops a prediction.
        """
        writer, reader = self._process.stdin, self._process.stdout
        assert writer is not None
        assert reader is not None
        try:
            async with asyncio.timeout(seconds):
                writer.write(frames.encode(frames.ASK, body))
                await writer.drain()
                return await frames.receive(reader)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Ended(f"the process that predicts ended {_how(await self._gone())}") from error
        except TimeoutError as error:
            self.kill()
            raise TooLate(f"the prediction took longer than {seconds:g} s") from error
        except asyncio.CancelledError:
            self.kill()  # its answer would be taken for that of the next question
            raise

    async def ended(self) -> int:
        """Wait until the process ends, and return its code."""
        return await self._process.wait()

    async def _gone(self) -> int:
        """End a process that has closed its pipe, unless it ends by itself, and return its code.

        Killing what is dead already would take its code away from `ended`: the signal asks the system for it first.
        """
        try:
            async with asyncio.timeout(_TO_END):
                return await self.ended()
        except TimeoutError:
            self.kill()
            return await self.ended()

    def kill(self) -> None:
        """End the process at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """Let the process end by itself, as there are no more questions; after a few seconds, end it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_TO_END):
                await self.ended()
        except TimeoutError:
            await _kill(self._process)


async def _facts(process: asyncio.subprocess.Process, seconds: float) -> dict[str, Any]:
    """Wait until the process says how loading went."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(seconds):
            kind, body = await frames.receive(process.stdout)
    except asyncio.IncompleteReadError as error:
        code = await process.wait()
        raise LoadFailed(f"the process that loads the model ended {_how(code)}", silent=True) from error
    except TimeoutError as error:
        raise LoadFailed(f"the model was not loaded in {seconds:g} s") from error
    if kind != frames.READY:
        raise LoadFailed(body.decode())
    facts: dict[str, Any] = json.loads(body)
    return facts


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()


def _how(code: int) -> str:
    if code >= 0:
        return f"with code {code}"
    with contextlib.suppress(ValueError):
        return f"by {signal.Signals(-code).name}"
    return f"by signal {-code}"
