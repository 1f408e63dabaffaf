"""A launcher that executes nothing and writes down when it was asked to."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zen.errors import ComponentUnavailable
from zen.interfaces import Command
from zen.records import StepRunRecord

_VARIABLE = "ZEN_TESTING_LAUNCHER"
_PROGRAM = (
    "import json, os, sys; from zen.testing.fakes.launcher import FakeLauncher;"
    f" FakeLauncher(**json.loads(os.environ[{_VARIABLE!r}])).execute(sys.argv[1])"
)


class FakeLauncher:
    """What an orchestrator is lent in tests. It pickles, and its copies in other processes write to the same file.

    Args:
        journal: The file that takes a line for each event: `start NAME`, `end NAME`, `items NAME`, `died NAME`.
        states: The state that executing a step returns; `completed` for those that are not named.
        delays: For how many seconds a step runs.
        raising: The step whose execution raises, as it does when the metadata store fails.
        mapped: The items of each mapped step.
    """

    run_id = "00000000000000a1"

    def __init__(
        self,
        journal: Path | str,
        *,
        states: Mapping[str, Any] | None = None,
        delays: Mapping[str, float] | None = None,
        raising: str = "",
        mapped: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.journal = Path(journal)
        self.states = dict(states or {})
        self.delays = dict(delays or {})
        self.raising = raising
        self.mapped = dict(mapped or {})

    def execute(self, name: str) -> StepRunRecord:
        """Write down that the step starts, wait, and write down that it ends."""
        self._note("start", name)
        time.sleep(self.delays.get(name, 0.0))
        if name == self.raising:
            raise ComponentUnavailable(f"the metadata store went away in step {name!r}")
        self._note("end", name)
        return StepRunRecord(id=name, run_id=self.run_id, name=name, state=self.states.get(name, "completed"))

    def died(self, name: str, *, message: str = "", exit_code: int | None = None, blame: bool = True) -> StepRunRecord:
        """Write down that the process of a step died: that was its last attempt."""
        self._note("died", name)
        return StepRunRecord(id=name, run_id=self.run_id, name=name, state="failed")

    def items(self, name: str) -> list[str]:
        """Return the items of a mapped step."""
        self._note("items", name)
        return list(self.mapped.get(name, ()))

    def command(self, name: str) -> Command:
        """Return how to do the same in another process."""
        facts = {**vars(self), "journal": str(self.journal)}
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        return Command(
            argv=(sys.executable, "-c", _PROGRAM, name),
            env={_VARIABLE: json.dumps(facts), "PYTHONPATH": path},
            cwd=os.getcwd(),
        )

    def events(self) -> list[tuple[str, str]]:
        """Return what happened so far, as pairs such as `("start", "train")`."""
        lines = self.journal.read_text(encoding="utf-8").splitlines() if self.journal.exists() else []
        return [(event, name) for event, _, name in (line.partition(" ") for line in lines)]

    def _note(self, event: str, name: str) -> None:
        # One write to a file that is open for appending stays whole, whoever else writes.
        handle = os.open(self.journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, f"{event} {name}\n".encode())
        finally:
            os.close(handle)
