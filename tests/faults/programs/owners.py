"""Who a run belongs to: owners that are stopped, that lose their run and wake up again, and that die.

    python owners.py FOLDER deposed|killed ROUNDS

Prints one JSON object.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import acknowledging
from acknowledging import (
    answer,
    children_of,
    ended,
    forked,
    lines_of,
    make_project,
    project,
    resume_and_tell,
    run_and_tell,
    tidy,
    warm_up,
)
from audit import Audit

from zen import Client
from zen.client import close_all
from zen.engine import new_id
from zen.storage import changes

# The pipeline, and where its owner stops: in a step, in a worker's step, or between the last step and the end.
PLACES = (("chain", "small"), ("chain", "total"), ("worker", "beside"), ("modelled", "the end"))
REFUSED = "zen.errors.RunError: run {} is not this process's any more"


class Owners:
    """Runs on one store, and what was wrong with them."""

    def __init__(self, folder: Path) -> None:
        warm_up(folder / "warm")
        self.root = folder / "project"
        make_project(self.root)
        self.acknowledged = folder / "acknowledged"
        self.errors = folder / "errors"
        self.executions = folder / "executions"
        os.environ["FAULTS_EXECUTIONS"] = str(self.executions)
        self.problems: list[str] = []

    def deposed(self, number: int) -> None:
        """Stop an owner, let another process take its run over and finish it, and wake it up."""
        pipeline, place = PLACES[number % len(PLACES)]
        owner = self._started(pipeline, number, stop=place)
        run = self._newest_run()
        stopped = self._until_stopped(owner)
        if self._state(run) != "running":
            self.problems.append(f"{number}: a run that is stopped was declared {self._state(run)}")
        answer(lambda: self._take_over(run), self.errors)
        before = self._rows()
        os.kill(stopped, signal.SIGCONT)
        code = ended(owner)
        said = self.errors.read_text() if self.errors.exists() else ""
        self.errors.unlink(missing_ok=True)
        if code != 1 or REFUSED.format(run) not in said:
            self.problems.append(f"{number}: the old owner at {place} ended with {code}: {said[-1500:]}")
        changed = sorted(before ^ self._rows())
        if changed:
            self.problems.append(f"{number}: the old owner at {place} changed {changed[:3]}")

    def killed(self, number: int) -> None:
        """Kill an owner, then the one that resumes, and see that the first command after each knows."""
        ended(self._started("chain", number, die="large"))
        run = self._newest_run()
        states = [self._state(run)]
        ended(self._child(lambda: resume_and_tell(self.root, self.acknowledged, run), die="total"))
        states.append(self._state(run))
        ended(self._child(lambda: resume_and_tell(self.root, self.acknowledged, run)))
        states.append(self._state(run))
        if states != ["lost", "lost", "completed"]:
            self.problems.append(f"{number}: {states}")

    def _started(self, pipeline: str, n: int, **gates: str) -> int:
        def work() -> None:
            if gates.get("stop") == "the end":
                _stop_after("total")
            run_and_tell(self.root, self.acknowledged, pipeline, n=n)

        runs = len(self._started_runs())
        pid = self._child(work, **gates)
        while len(self._started_runs()) == runs:
            time.sleep(0.002)
        return pid

    def _child(self, work: Any, *, stop: str = "", die: str = "") -> int:
        os.environ.update(FAULTS_STOP=stop, FAULTS_DIE=die)
        pid = forked(work, self.errors)
        os.environ.update(FAULTS_STOP="", FAULTS_DIE="")
        return pid

    def _started_runs(self) -> list[str]:
        return [json.loads(line)["id"] for line in lines_of(self.acknowledged) if '"started"' in line]

    def _newest_run(self) -> str:
        return self._started_runs()[-1]

    def _until_stopped(self, owner: int) -> int:
        """Wait until the owner, or its worker, has stopped itself; return which."""
        while True:
            for pid in (owner, *children_of(owner)):
                if _is_stopped(pid):
                    return pid
            time.sleep(0.002)

    def _state(self, run: str) -> str:
        """Ask as the next command does: a client is opened, and nothing else is done before."""

        def ask() -> str:
            state = Client(root=self.root).run(run).state
            close_all()
            return str(state)

        return str(answer(ask, self.errors))

    def _take_over(self, run: str) -> str:
        """Do what happens to a run whose lease ran out: it is lost, and somebody goes on with it."""
        project(self.root)
        client = Client(root=self.root)
        client.database.write(changes.lose_run(run, at=dt.datetime.now(dt.UTC), token=new_id()))
        (self.root / ".zen" / "runs" / f"{run}.lock").unlink()
        state = client.resume(run).state
        close_all()
        return str(state)

    def _rows(self) -> set[str]:
        database = sqlite3.connect(self.root / ".zen" / "metadata.db")
        try:
            # A hold names what may be garbage: it may come late, and goes with the garbage.
            return {row for row in database.iterdump() if not row.startswith('INSERT INTO "hold"')}
        finally:
            database.close()


def _stop_after(step: str) -> None:
    real = acknowledging.Teller.step_finished

    def told(self: Any, step_run: Any) -> None:
        real(self, step_run)
        if step_run.name == step:
            os.kill(os.getpid(), signal.SIGSTOP)

    acknowledging.Teller.step_finished = told  # type: ignore[method-assign]


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def main(folder: Path, what: str, rounds: int) -> dict[str, Any]:
    owners = Owners(folder)
    for number in range(rounds):
        getattr(owners, what)(number)
    audit = Audit(owners.root / ".zen", lines_of(owners.acknowledged))
    versions = owners._rows()
    models = sum('INSERT INTO "model_version"' in row for row in versions)
    return {"rounds": rounds, "problems": [*owners.problems, *audit.problems], "models": models}


if __name__ == "__main__":
    with tidy():
        found = main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    print(json.dumps(found))
