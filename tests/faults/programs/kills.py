"""SIGKILL at random moments: writers that run real pipelines on one store, killed again and again.

    python kills.py FOLDER KILLS SEED

Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

from acknowledging import ended, forked, lines_of, make_project, run_and_tell, tidy, warm_up
from audit import Audit, age

from zen import Client

WRITERS = 4


class Storm:
    """Four writers, and who kills them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.root = folder / "project"
        make_project(self.root)
        warm_up(folder / "warm")
        self.chance = random.Random(seed)
        self.acknowledged = folder / "acknowledged"
        self.errors = folder / "errors"
        self.writers: list[int] = []
        self.stuck: list[int] = []
        self.unasked: list[int] = []

    def start(self) -> None:
        """Start a writer: run after run, until it is killed."""
        seed = self.chance.getrandbits(32)

        def write() -> None:
            chance = random.Random(seed)
            while True:
                [name] = chance.choices(("chain", "anew", "worker"), (6, 3, 1))
                # The same bytes are stored again and again by the pipeline that takes nothing from the cache.
                n = chance.randrange(3 if name == "anew" else 10_000)
                run_and_tell(self.root, self.acknowledged, name, n=n, kilobytes=chance.choice((1, 48, 300)))

        self.writers.append(forked(write, self.errors))

    def kill(self) -> None:
        """Kill a writer at some moment; the next command must say at once that its run is lost."""
        time.sleep(self.chance.uniform(0, 0.15))
        writer = self.writers.pop(self.chance.randrange(len(self.writers)))
        os.kill(writer, signal.SIGKILL)
        if ended(writer) != -signal.SIGKILL:
            self.unasked.append(writer)
        self._open_store()
        if self._open_runs_of(writer):
            self.stuck.append(writer)

    def end(self) -> Audit:
        """Kill all that are left, and look at the store."""
        for writer in self.writers:
            os.kill(writer, signal.SIGKILL)
        for writer in self.writers:
            ended(writer)
        age(self.root / ".zen")
        self._open_store()
        return Audit(self.root / ".zen", lines_of(self.acknowledged))

    def _open_store(self) -> None:
        """Do what every command does first."""

        def look() -> None:
            Client(root=self.root).open_stack.artifact_store  # noqa: B018  # opening it sweeps

        if ended(forked(look, self.errors)):
            self.unasked.append(-1)

    def _open_runs_of(self, pid: int) -> int:
        with sqlite3.connect(self.root / ".zen" / "metadata.db") as database:
            rows = database.execute("SELECT detail FROM run WHERE state IN ('pending', 'running')").fetchall()
        database.close()
        return sum(json.loads(detail)["owner"]["pid"] == pid for (detail,) in rows)


def main(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    storm = Storm(folder, seed)
    for _ in range(WRITERS):
        storm.start()
    while not lines_of(storm.acknowledged) and not storm.errors.exists():
        time.sleep(0.01)
    for _ in range(kills):
        storm.kill()
        storm.start()
    audit = storm.end()
    said = [json.loads(line)["what"] for line in lines_of(storm.acknowledged)]
    errors = storm.errors.read_text() if storm.errors.exists() else ""
    counts = {"kills": kills + WRITERS, "runs": said.count("run"), "steps": said.count("step"), "seed": seed}
    return {**counts, "stuck": storm.stuck, "unasked": storm.unasked, "errors": errors, **audit.facts()}


if __name__ == "__main__":
    with tidy():
        found = main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps(found))
