"""The program that executes one step in a process of somebody else's: `launcher.command`, and step operators."""

from __future__ import annotations

import json
import os
import sys

from zen.engine.attempt import Attempt
from zen.engine.launcher import StepLauncher
from zen.engine.placing import ATTEMPT, TICKET
from zen.engine.session import Session, Ticket, failed
from zen.records import StepRunRecord, to_json
from zen.records.codec import from_json


def main() -> None:
    """Execute the step that the first argument names, of the run whose ticket the environment holds.

    When the environment holds an attempt as well, a launcher elsewhere has claimed it, and only that attempt is run.
    """
    session = Session.join(Ticket.from_json(json.loads(os.environ.pop(TICKET))))
    sys.path[:] = [*session.ticket.path, *(entry for entry in sys.path if entry not in session.ticket.path)]
    claimed = os.environ.pop(ATTEMPT, "")
    record = _attempt(session, json.loads(claimed)) if claimed else _execute(session, sys.argv[1])
    session.stack.close()
    print(json.dumps(to_json(record)))
    sys.exit(1 if failed(record) else 0)


def _execute(session: Session, name: str) -> StepRunRecord:
    launcher = StepLauncher(session)
    try:
        return launcher.execute(name)
    finally:
        launcher.close()


def _attempt(session: Session, claim: dict[str, object]) -> StepRunRecord:
    record = from_json(StepRunRecord, claim["record"])
    return Attempt(session, session.steps[record.name], record, str(claim["token"]), last=bool(claim["last"])).run()


if __name__ == "__main__":
    main()
