"""The program of a worker process: attempts in, records out, one JSON line each. Started by `zen.engine.workers`."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import queue
import sys
import threading
from typing import IO, Any, NoReturn

from zen.engine.attempt import Attempt
from zen.engine.capture import Stream
from zen.engine.session import Session, Ticket
from zen.interfaces import Change
from zen.records import StepRunRecord, to_json
from zen.records.codec import from_json
from zen.secrets.redaction import Window, redactor

_PIECE = 64 * 1024


class _Replies:
    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._lock = threading.Lock()

    def send(self, message: Any) -> None:
        try:
            with self._lock:
                self._file.write(json.dumps(message) + "\n")
                self._file.flush()
        except BrokenPipeError:
            _abandoned()


class _Relay:
    """The log of an attempt: the launching process keeps it, so nothing is lost when this one dies."""

    def __init__(self, replies: _Replies) -> None:
        self._replies = replies

    def add(self, stream: Stream, text: str) -> None:
        """Tell of a log record; what is printed is told when it is shown."""
        if stream == "log":
            self._replies.send({"output": [stream, text]})

    def rest(self) -> list[Change]:
        """Write nothing."""
        return []

    def finish(self) -> None:
        """Do nothing."""


class _Forward(io.TextIOBase):
    """Stands in for sys.stdout and sys.stderr: the launching process shows the text."""

    encoding = "utf-8"
    kept = True  # as what is written to descriptor 2 is: a log handler that uses this one needs no other

    def __init__(self, stream: str, replies: _Replies, number: int) -> None:
        self._stream = stream
        self._replies = replies
        self._number = number
        self._pid = os.getpid()
        self._window = Window()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if text and os.getpid() == self._pid:
            self._send(self._window.add(text))
        elif text:  # a fork: what it wrote to the pipe would get between the messages of the worker
            with contextlib.suppress(OSError):  # nobody reads any more
                os.write(self._number, redactor.text(text).encode("utf-8", "backslashreplace"))
        return len(text)

    def release(self) -> None:
        """Show what was held back, because it might have been the beginning of a secret."""
        self._send(self._window.end())

    def _send(self, text: str) -> None:
        for start in range(0, len(text), _PIECE):
            self._replies.send({"output": [self._stream, text[start : start + _PIECE]]})

    def fileno(self) -> int:
        return self._number


def main() -> None:
    """Serve attempts until the launching process closes the pipe or is gone."""
    # The protocol keeps the two pipes for itself: what a step reads is empty, what it writes to descriptor 1 is shown.
    requests, replies = _own_pipes(int(sys.argv[2]) if len(sys.argv) > 2 else 2)
    if len(sys.argv) > 1:
        faulthandler.enable(open(sys.argv[1], "w"))  # noqa: SIM115  # open for as long as the process lives
    forwards = _Forward("stdout", replies, 1), _Forward("stderr", replies, 2)
    sys.stdout, sys.stderr = forwards
    first = requests.readline()
    if not first:
        _abandoned()
    ticket = Ticket.from_json(json.loads(first))
    sys.path[:] = [*ticket.path, *(entry for entry in sys.path if entry not in ticket.path)]
    waiting: queue.Queue[Any] = queue.Queue()
    busy = threading.Event()
    threading.Thread(target=_listen, args=(requests, waiting, busy), daemon=True).start()
    session = Session.join(ticket)
    while (request := waiting.get()) is not None:
        if "ticket" in request:  # it is another run's worker now, of the same project and stack
            session.stack.close()
            session = Session.join(Ticket.from_json(request["ticket"]))
            continue
        # What this raises, it raises again in the attempt, where it is recorded.
        with contextlib.suppress(Exception, SystemExit):
            session.code(session.steps[request["step"]].code)
        # The answer comes once all that was said while loading is read: it is none of the step's output.
        replies.send({"loaded": True})
        if waiting.get() is None:
            break
        done = to_json(_run(session, request, _Relay(replies)))
        for forward in forwards:
            forward.release()
        busy.clear()  # before the launching process hears of it: it may end this process then, by closing the pipe
        replies.send({"record": done})
    session.stack.close()


def _run(session: Session, request: dict[str, Any], log: _Relay) -> StepRunRecord:
    record = from_json(StepRunRecord, request["record"])
    session.forget_all()
    step = session.steps[request["step"]]
    return Attempt(session, step, record, request["token"], last=request["last"], log=log).run()


def _own_pipes(output: int) -> tuple[IO[str], _Replies]:
    """Return the pipes of the protocol; descriptor 1 becomes `output`."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = _Replies(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    if output > 2:
        os.close(output)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # stands for descriptor 0
    return requests, replies


def _listen(requests: IO[str], waiting: queue.Queue[Any], busy: threading.Event) -> None:
    with contextlib.suppress(ValueError, OSError):
        for line in requests:
            request = json.loads(line)
            if "step" in request:  # from here on, not from its begin: nobody waits for one that has not begun either
                busy.set()
            waiting.put(request)
    if busy.is_set():
        _abandoned()
    _tidy()
    waiting.put(None)


def _abandoned() -> NoReturn:
    """End at once: the launching process is gone, and nobody waits for this step any more."""
    _tidy()
    os._exit(70)


def _tidy() -> None:
    """Remove the file for our last words: who would read them closes the pipe, or is gone."""
    with contextlib.suppress(OSError, IndexError):
        os.unlink(sys.argv[1])


if __name__ == "__main__":
    main()
