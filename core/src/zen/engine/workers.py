"""Warm worker processes: where steps run that need a timeout, isolation, or room beside another step."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from zen.engine.capture import Sink, Stream, beneath
from zen.engine.failures import vanished
from zen.engine.pipes import END as _END
from zen.engine.pipes import Pipes
from zen.engine.session import Ticket
from zen.errors import RunCancelled, StepTimeout, WorkerDied, listing
from zen.records import StepRunRecord, to_json
from zen.records.codec import from_json
from zen.secrets.redaction import redactor

_POLL = 0.1
_START = 60.0  # seconds that a worker may take until it has loaded the code of a step; no part of the step's timeout
_MANY = 100  # messages that may wait: a worker that prints more than can be shown has to wait itself
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LAST_WORDS = 5.0  # seconds that what a dead worker left in its pipes may take; a child of it may write for ever


class Worker:
    """One worker process of a run. It runs one attempt at a time, in a process group of its own."""

    def __init__(self, ticket: Ticket) -> None:
        # Imported here: most runs need no worker, and these cost as much as the rest of the engine.
        import subprocess
        import tempfile

        self._faults = tempfile.NamedTemporaryFile(prefix="zen-worker-", suffix=".txt", delete=False)  # noqa: SIM115  # outlives this method
        command = [sys.executable, "-m", "zen.engine.worker", self._faults.name]
        if os.name == "nt":  # there, only what Python itself prints is kept
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            raw: dict[IO[bytes], Stream] = {}
        else:
            ours, theirs = os.pipe()
            self._process = subprocess.Popen(
                [*command, str(theirs)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                pass_fds=(theirs,),
            )
            os.close(theirs)
            assert self._process.stderr is not None  # it was asked for above
            raw = {os.fdopen(ours, "rb", buffering=0): "stdout", self._process.stderr: "stderr"}
        assert self._process.stdout is not None  # it was asked for above
        self._steps: list[str] = []
        self._messages: queue.Queue[Any] = queue.Queue(maxsize=_MANY)
        self._died_at: float | None = None
        self._pipes = Pipes(self._process.stdout, raw, self._messages.put)
        threading.Thread(target=self._pipes.read, daemon=True).start()
        with contextlib.suppress(OSError):  # a dead worker is noticed when it is used
            self._send(ticket.to_json())

    def serve(self, ticket: Ticket) -> None:
        """Make it the worker of another run, of the same project and stack."""
        with contextlib.suppress(OSError):  # a dead worker is noticed when it is used
            self._send({"ticket": ticket.to_json()})

    def run(
        self,
        step: str,
        record: StepRunRecord,
        token: str,
        *,
        last: bool,
        timeout: float | None,
        ending: threading.Event,
        log: Sink,
    ) -> StepRunRecord:
        """Run an attempt and return its recorded state. What its process writes is shown, and given to `log`.

        Raises:
            WorkerDied: When the process ended before it reported.
            StepTimeout: When the attempt took longer than `timeout` seconds; the process group is killed.
            RunCancelled: When `ending` was set; the process group is killed.
        """
        self._show_what_waits()
        self._steps.append(step)
        with contextlib.suppress(OSError):  # a dead worker is noticed below
            self._send({"step": step, "record": to_json(record), "token": token, "last": last})
        deadline = None if timeout is None else time.monotonic() + timeout + _START
        loading: deque[tuple[Stream, str]] | None = deque(maxlen=_MANY)  # said before the step starts: its last words?
        while True:
            message = self._next_message()
            if message is _END:
                for stream, text in loading or ():
                    log.add(stream, text)
                raise self._died(step)
            if "output" in message:
                stream, text = message["output"]
                log.add(stream, text) if loading is None else loading.append((stream, text))
                show(stream, text)
            elif "record" in message:
                return from_json(StepRunRecord, message["record"])
            elif "loaded" in message:
                loading = None
                with contextlib.suppress(OSError):  # a dead worker is noticed below
                    self._send({"start": True})
                deadline = None if timeout is None else time.monotonic() + timeout
            self._stop_if_due(step, timeout, deadline, ending)

    def alive(self) -> bool:
        """Say whether the process still runs."""
        return self._process.poll() is None

    def close(self) -> str:
        """End the process: politely first, then by force. Return what to say of processes that its steps left."""
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        import subprocess

        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        left = not self.alive() and self._has_others()
        self.kill()
        if not left:
            return ""
        steps = listing(dict.fromkeys(self._steps))
        return f"processes that {steps} started were still running at the end of the run, and were ended"

    def _has_others(self) -> bool:
        """Say whether anything of the process group runs, now that the worker itself has ended."""
        if not hasattr(os, "killpg"):
            return False
        try:
            os.killpg(self._process.pid, 0)
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End the process group now."""
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()
        Path(self._faults.name).unlink(missing_ok=True)
        self._show_what_waits()  # so that the thread that reads comes to its end

    def _show_what_waits(self) -> None:
        """Show what came between two attempts: it is of neither, as of a process that the last one left behind."""
        with contextlib.suppress(queue.Empty):
            while (message := self._messages.get_nowait()) is not _END:
                if "output" in message:
                    show(*message["output"])
            self._messages.put(_END)

    def _next_message(self) -> Any:
        """Return what the worker says next: an empty message after a while, `_END` when nothing can come any more."""
        is_dead = not self.alive()  # before looking: what it said last is there by now, or a moment later
        if is_dead and self._died_at is None:
            self._died_at = time.monotonic()
        if self._died_at is not None and time.monotonic() - self._died_at > _LAST_WORDS:
            return _END
        with contextlib.suppress(queue.Empty):
            return self._messages.get(timeout=_POLL)
        # The pipe may stay open longer than the worker lived, in the hands of a process that the step started.
        return _END if is_dead else {}

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None  # it was asked for above
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def _stop_if_due(self, step: str, timeout: float | None, deadline: float | None, ending: threading.Event) -> None:
        if deadline is not None and time.monotonic() > deadline:
            self.kill()
            raise StepTimeout(
                f"step {step!r} ran longer than its timeout of {timeout:g} s; its process group was killed",
                hint="give it more time with @step(timeout=…)",
            )
        if ending.is_set():
            self.kill()
            raise RunCancelled(f"step {step!r} was ended because the run stops")

    def _died(self, step: str) -> WorkerDied:
        code = self._process.wait()
        told = _without_our_frames(Path(self._faults.name).read_text(errors="replace"))
        self.kill()
        return vanished(step, code, told=told)


class WorkerPool:
    """The idle workers of a run."""

    def __init__(self, ticket: Ticket) -> None:
        self._ticket = ticket
        self._idle: list[Worker] = []
        self._lock = threading.Lock()

    def use(self, work: Callable[[Worker], StepRunRecord]) -> StepRunRecord:
        """Call `work` with an idle or new worker; keep it for the next one if it is still alive."""
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is None or not worker.alive():
            worker = _spare_for(self._ticket) or Worker(self._ticket)
        try:
            result = work(worker)
        except (WorkerDied, StepTimeout, RunCancelled):
            raise
        except BaseException:
            worker.kill()
            raise
        with self._lock:
            self._idle.append(worker)
        return result

    def close(self) -> list[str]:
        """End all workers, or leave them to the next run (see `workers_kept`); return what to say of their steps."""
        with self._lock:
            idle, self._idle = self._idle, []
        told = [worker.close() for worker in idle if not _keep(self._ticket, worker)]
        return [each for each in told if each]


_spares: list[tuple[Ticket, Worker]] = []
_keepers = 0
_spares_lock = threading.Lock()


@contextlib.contextmanager
def workers_kept() -> Iterator[None]:
    """Let the workers of runs in this process serve later runs, so that each loads the project's code once."""
    global _keepers
    with _spares_lock:
        _keepers += 1
    try:
        yield
    finally:
        with _spares_lock:
            _keepers -= 1
            left = [] if _keepers else [worker for _, worker in _spares]
            if not _keepers:
                _spares.clear()
        for worker in left:
            worker.close()


def _keep(ticket: Ticket, worker: Worker) -> bool:
    with _spares_lock:
        if _keepers:
            _spares.append((ticket, worker))
        return bool(_keepers)


def _spare_for(ticket: Ticket) -> Worker | None:
    """Return a worker that an earlier run has left and that loads code from where this run does."""
    with _spares_lock:
        for index, (other, worker) in enumerate(_spares):
            if replace(ticket, run_id="", token="", base={}) == replace(other, run_id="", token="", base={}):
                del _spares[index]
                if worker.alive():
                    worker.serve(ticket)
                    return worker
                worker.kill()
                break
    return None


def _without_our_frames(told: str) -> str:
    """Return what faulthandler wrote of the thread that ended the process, down to where the user's code begins."""
    head, mark, frames = told.partition("Current thread ")
    if not mark:
        return told.strip()
    lines = [line for line in frames.splitlines()[1:] if _PACKAGE not in line and "<frozen runpy>" not in line]
    return "\n".join([head.partition("\n")[0].strip(), *lines])


def show(stream: str, text: str) -> None:
    """Write what a process elsewhere printed. Log records are for the log alone: their handlers show them."""
    if stream == "log":
        return
    # Not to the stand-in of a step that runs in this process meanwhile: it is none of its output.
    target = beneath(sys.stdout if stream == "stdout" else sys.stderr)
    with contextlib.suppress(ValueError, OSError):  # a closed terminal fails no step
        target.write(redactor.text(text))
        target.flush()
