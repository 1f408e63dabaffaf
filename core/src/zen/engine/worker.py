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
from typing import IO, Any

from zen.engine.attempt import Attempt
from zen.engine.session import Session, Ticket
from zen.records import StepRunRecord, to_json
from zen.records.codec import from_json
from zen.secrets.redaction import Window, redactor


class _Replies:
    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._lock = threading.Lock()

    def send(self, message: Any) -> None:
        with self._lock:
            self._file.write(json.dumps(message) + "\n")
            self._file.flush()


class _Forward(io.TextIOBase):
    """Stands in for sys.stdout and sys.stderr: the launching process shows the text."""

    encoding = "utf-8"

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
            os.write(self._number, redactor.text(text).encode("utf-8", "backslashreplace"))
        return len(text)

    def release(self) -> None:
        """Show what was held back, because it might have been the beginning of a secret."""
        self._send(self._window.end())

    def _send(self, text: str) -> None:
        if text:
            self._replies.send({"output": [self._stream, text]})

    def fileno(self) -> int:
        return self._number


def main() -> None:
    """Serve attempts until the launching process closes the pipe or is gone."""
    # The protocol keeps the two pipes for itself: what a step reads is empty, what it writes to descriptor 1 is shown.
    requests, replies = _own_pipes()
    if len(sys.argv) > 1:
        faulthandler.enable(open(sys.argv[1], "w"))  # noqa: SIM115  # open for as long as the process lives
    forwards = _Forward("stdout", replies, 1), _Forward("stderr", replies, 2)
    sys.stdout, sys.stderr = forwards
    ticket = Ticket.from_json(json.loads(requests.readline()))
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
        busy.set()
        # What this raises, it raises again in the attempt, where it is recorded.
        with contextlib.suppress(Exception, SystemExit):
            session.code(session.steps[request["step"]].code)
        replies.send({"started": True})
        done = to_json(_run(session, request))
        for forward in forwards:
            forward.release()
        replies.send({"record": done})
        busy.clear()
    session.stack.close()


def _run(session: Session, request: dict[str, Any]) -> StepRunRecord:
    record = from_json(StepRunRecord, request["record"])
    session.forget_all()
    step = session.steps[request["step"]]
    return Attempt(session, step, record, request["token"], last=request["last"]).run()


def _own_pipes() -> tuple[IO[str], _Replies]:
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = _Replies(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # stands for descriptor 0
    return requests, replies


def _listen(requests: IO[str], waiting: queue.Queue[Any], busy: threading.Event) -> None:
    with contextlib.suppress(ValueError, OSError):
        for line in requests:
            waiting.put(json.loads(line))
    if busy.is_set():  # the launching process is gone: nobody waits for this step any more
        os._exit(70)
    waiting.put(None)


if __name__ == "__main__":
    main()
