"""Kill at every point: a run is ended at its first operation, another one at its second, until one completes.

    python points.py FOLDER SCENARIO [--only WORD] [--statements]

After each kill a new process opens the store, goes on with the run, and compares what came out with a run that nobody
disturbed. With `--only` the points whose name holds a word are taken, with `--statements` every statement of a
transaction is a point too. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

from acknowledging import (
    HERE,
    answer,
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
from audit import Audit, age
from numbering import Points

from zen import Client
from zen.client import close_all
from zen.errors import RunFailed

BATCH = 40
COUNTED = {
    "artifacts": "SELECT COUNT(*) FROM artifact",
    "cache entries": "SELECT COUNT(*) FROM cache_entry",
    "successes": "SELECT COUNT(*) FROM step_run WHERE state IN ('completed', 'cached')",
    "their edges": "SELECT COUNT(*) FROM edge e JOIN step_run s ON s.id = e.step_run",
    "metrics": "SELECT COUNT(*) FROM metric m JOIN step_run s ON s.id = m.step_run WHERE s.state = 'completed'",
    "runs that completed": "SELECT COUNT(*) FROM run WHERE state = 'completed'",
}


class Scenario:
    """What is there before, and what is done and killed.

    Args:
        name: `chain`, `worker`: that pipeline on an empty store. `inside`: the same, and it is the worker process that
            dies. `cached`: a second time. `anew`: a second time without the cache, so that the same bytes are stored
            again. `resumed`: going on with a run that was killed in its second step.
        folder: Where to work.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.pipeline = {"inside": "worker", "worker": "worker", "anew": "anew"}.get(name, "chain")
        self.folder = folder
        self.errors = folder / "errors"
        self.before = folder / "before" / "project"
        make_project(self.before)
        warm_up(folder / "warm")
        self._prepare()
        self.earlier = _runs(self.before)
        self._ready: list[Path] = []
        self._made = 0

    def _prepare(self) -> None:
        """Fill the store that every try begins with."""
        if self.name in ("cached", "anew"):
            ended(self._child(self.before, lambda: self._run(self.before)))
        if self.name == "resumed":
            steps = 0

            def interrupted() -> None:
                def dying(*facts: Any) -> None:
                    nonlocal steps
                    steps += 1
                    if steps == 2:
                        os.kill(os.getpid(), signal.SIGKILL)

                import acknowledging

                acknowledging.Teller.step_started = dying  # type: ignore[assignment]
                self._run(self.before)

            ended(self._child(self.before, interrupted))

    def place(self) -> Path:
        """Return a new project; it is not brand-new, because files that are may still be changing for all zen knows."""
        if not self._ready:
            for _ in range(BATCH):
                self._made += 1
                shutil.copytree(self.before.parent, self.folder / f"try-{self._made}")
                self._ready.append(self.folder / f"try-{self._made}" / "project")
            time.sleep(0.06)
        return self._ready.pop(0)

    def attempt(self, root: Path, last: int, *, statements: bool) -> tuple[int, list[str]]:
        """Do what is to be killed, up to a point; return how the process ended and the points that it passed."""
        passed = root.parent / "points"

        def work_here() -> None:
            points = Points(root / ".zen", last, statements=statements)
            points.watch()
            self._act(root)
            close_all()
            passed.write_text("\n".join(points.names))

        def work_beside() -> None:
            # The worker process finds `inside/sitecustomize.py`, and numbers its own points.
            os.environ["FAULTS_INSIDE"] = json.dumps([str(root / ".zen"), last, str(passed)])
            os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE / "inside"), str(HERE)])
            try:
                self._act(root)
            except RunFailed:
                close_all()
                os.kill(os.getpid(), signal.SIGKILL)

        work = work_beside if self.name == "inside" else work_here
        code = ended(self._child(root, work))
        return code, passed.read_text().splitlines() if passed.exists() else []

    def _act(self, root: Path) -> None:
        run = _last_run(root)
        if self.name == "resumed" and run:
            resume_and_tell(root, _acknowledged(root), run)
        else:
            self._run(root)

    def _run(self, root: Path) -> None:
        run_and_tell(root, _acknowledged(root), self.pipeline, n=7)

    def finish(self, root: Path) -> dict[str, Any]:
        """Open the store as the next command does, look at it, go on, look again."""
        # Somebody has added a file meanwhile.
        (root / "another.py").write_text("ANSWER = 42\n")
        acknowledged, executed = lines_of(_acknowledged(root)), _executions(root)
        runs = _runs(root)

        def work() -> dict[str, Any]:
            project(root)
            end = time.monotonic() + 30
            while True:
                age(root / ".zen")
                Client(root=root).open_stack.artifact_store  # noqa: B018  # opening it sweeps
                close_all()
                found = Audit(root / ".zen", acknowledged)
                if not found.staged or time.monotonic() > end:
                    break
                time.sleep(0.05)  # a worker of the dead process is about to notice, and has its files until then
            kept = [name for name, run in _succeeded(root) if self.name == "resumed" or run not in self.earlier]
            again = [run for run, state in _runs(root).items() if state != "completed"]
            for run in again:
                resume_and_tell(root, _acknowledged(root), run)
            if not again and len(runs) == len(self.earlier) and self.name != "resumed":
                self._run(root)
            return {"audit": found.facts(), "kept": kept}

        seen: dict[str, Any] = answer(work, self.errors)
        after = Audit(root / ".zen", lines_of(_acknowledged(root)))
        problems = [*seen["audit"]["problems"], *after.problems]
        problems += [f"{seen['audit']['staged']} staged files are left"] if seen["audit"]["staged"] else []
        problems += _executed_again(executed, _executions(root), seen["kept"], _executions(self.before))
        return {"problems": problems, "lost": seen["audit"]["lost"], "result": _result(root)}

    def _child(self, root: Path, work: Any) -> int:
        os.environ["FAULTS_EXECUTIONS"] = str(root.parent / "executions")
        return forked(work, self.errors)


def _acknowledged(root: Path) -> Path:
    return root.parent / "acknowledged"


def _executions(root: Path) -> Counter[str]:
    file = root.parent / "executions"
    return Counter(file.read_text().split() if file.exists() else [])


def _executed_again(before: Counter[str], after: Counter[str], kept: list[str], first: Counter[str]) -> list[str]:
    """A step that was recorded never runs again; one that was not runs once more."""
    again = [f"{name} ran again, and was recorded" for name in kept if after[name] > before[name]]
    more = after - first
    return again + [f"{name} ran {more[name]} times" for name in more if more[name] > 2]


def _rows(root: Path, sql: str) -> list[Any]:
    if not (root / ".zen" / "metadata.db").exists():
        return []
    database = sqlite3.connect(root / ".zen" / "metadata.db")
    try:
        return database.execute(sql).fetchall()
    except sqlite3.OperationalError:  # there are no tables yet
        return []
    finally:
        database.close()


def _runs(root: Path) -> dict[str, str]:
    return dict(_rows(root, "SELECT id, state FROM run"))


def _last_run(root: Path) -> str:
    return next(iter(_runs(root)), "")


def _succeeded(root: Path) -> list[tuple[str, str]]:
    return _rows(root, "SELECT name, run FROM step_run WHERE state = 'completed'")


def _result(root: Path) -> dict[str, Any]:
    """What must be the same however often the run was killed."""
    made = "SELECT a.output, s.name, a.digest FROM artifact a JOIN step_run s ON s.id = a.step_run ORDER BY 1, 2, 3"
    return {"artifacts": _rows(root, made), **{what: _rows(root, sql) for what, sql in COUNTED.items()}}


def main(folder: Path, name: str, *, only: str = "", statements: bool = False) -> dict[str, Any]:
    scenario = Scenario(name, folder)
    root = scenario.place()
    code, points = scenario.attempt(root, 0, statements=statements)
    if code:
        raise RuntimeError(scenario.errors.read_text())
    expected = scenario.finish(root)
    problems = {"nobody disturbed it": expected["problems"]} if expected["problems"] else {}
    kills = lost = number = 0
    while True:
        number += 1
        name = points[number - 1] if number <= len(points) else "one more"
        if number <= len(points) and only not in name:
            continue
        root = scenario.place()
        code, _ = scenario.attempt(root, number, statements=statements)
        if not code or number > 2 * len(points):
            break
        kills += 1
        if code != -signal.SIGKILL:
            problems[f"{number}: {name}"] = [scenario.errors.read_text()[-3000:]]
            break
        seen = scenario.finish(root)
        lost += len(seen["lost"])
        differs = [what for what, value in expected["result"].items() if seen["result"][what] != value]
        if found := [*seen["problems"], *(f"{what} differ" for what in differs)]:
            problems[f"{number}: {name}"] = found
        shutil.rmtree(root.parent)
    return {"points": len(points), "kinds": len(set(points)), "kills": kills, "lost": lost, "problems": problems}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("scenario")
    parser.add_argument("--only", default="")
    parser.add_argument("--statements", action="store_true")
    given = parser.parse_args()
    with tidy():
        found = main(given.folder, given.scenario, only=given.only, statements=given.statements)
    print(json.dumps(found))
