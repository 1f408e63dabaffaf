"""Signs of life of a run whose store other machines use, given by a process of its own.

A thread would starve while a library holds the interpreter, and a run that works hard would be taken for dead. The
process ends when the pipe from the launching process closes, which it does however that process ends.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from zen.engine import liveness
from zen.engine.session import Session, Ticket
from zen.errors import WriteConflict, ZenError
from zen.stacks.opening import OpenStack, registry_of

_DEPOSED = "another process has taken the run over, or it was declared lost"


@contextmanager
def beating(session: Session) -> Iterator[None]:
    """Give signs of life until this is left; a run that is not ours any more is stopped."""
    process = subprocess.Popen(
        [sys.executable, "-m", "zen.engine.beating"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert process.stdin is not None  # asked for above
    assert process.stdout is not None
    order = {"ticket": session.ticket.to_json(), "lease": liveness.LEASE, "beat": liveness.BEAT}
    with suppress(OSError):  # it died at once: its lease will end, and the store refuses what comes after
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
    threading.Thread(target=_listen, args=(process.stdout, session), daemon=True).start()
    try:
        yield
    finally:
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(timeout=liveness.BEAT)
        except subprocess.TimeoutExpired:  # the store does not answer
            process.kill()
            process.wait()


def _listen(replies: IO[str], session: Session) -> None:
    for line in replies:
        if line.strip() == "deposed":
            session.stop(_DEPOSED, end_running=True)


def main() -> None:
    """Renew the lease of a run until the launching process closes the pipe, or the run is not its own any more."""
    order = json.loads(sys.stdin.readline())
    ended: queue.Queue[None] = queue.Queue()
    threading.Thread(target=_await_end, args=(ended,), daemon=True).start()
    ticket = Ticket.from_json(order["ticket"])
    sys.path[:] = [*ticket.path, *(entry for entry in sys.path if entry not in ticket.path)]
    liveness.LEASE = order["lease"]
    project = ticket.project()
    with OpenStack(ticket.stack, project, registry_of(project)) as stack:
        while not _over(ended, order["beat"]):
            if not _renewed(stack, ticket):
                print("deposed", flush=True)
                return


def _renewed(stack: OpenStack, ticket: Ticket) -> bool:
    try:
        stack.database.write(liveness.lease(stack, ticket.run_id, ticket.token), durable=False)
    except WriteConflict:
        return False
    except ZenError as error:  # the store is away: it may be back before the lease ends
        stack.log.warning("no sign of life could be given of run %s: %s", ticket.run_id, error)
    return True


def _await_end(ended: queue.Queue[None]) -> None:
    sys.stdin.read()
    ended.put(None)


def _over(ended: queue.Queue[None], seconds: float) -> bool:
    try:
        ended.get(timeout=seconds)
    except queue.Empty:
        return False
    return True


if __name__ == "__main__":
    main()
