"""Law: a clock that jumps, a day or the hour of summer time, loses nothing, and makes no time negative."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

FULL = os.environ.get("ZEN_FAULTS") == "full"
RUNS = 5 if FULL else 1

CLOCK = """
import datetime as dt, os, sys, time
import zen.builtin.sqlite
from typing import Annotated
from zen import pipeline, step

class Clock(dt.datetime):
    shift = dt.timedelta()
    @classmethod
    def now(cls, tz=None):
        return dt.datetime.now(tz) + cls.shift

import zen.engine.launcher, zen.engine.attempt, zen.engine.conducting, zen.engine.launch, zen.builtin.sqlite
for module in (zen.engine.launcher, zen.engine.attempt, zen.engine.conducting, zen.engine.launch, zen.builtin.sqlite):
    module.dt = type(sys)("datetime")
    module.dt.__dict__.update({**vars(dt), "datetime": Clock})

@step(enable_cache=False)
def first() -> Annotated[int, "first"]:
    Clock.shift = dt.timedelta(days=float(sys.argv[1]))
    return 1

@step(enable_cache=False)
def second(number: int) -> Annotated[int, "second"]:
    return number + 1

@pipeline
def flow():
    second(first())

if __name__ == "__main__":
    run = flow()
    assert run.state == "completed", run.error
    assert run.duration >= 0 and all(step.duration >= 0 for step in run.steps.values())
    assert list(run.steps) == ["first", "second"] and run.steps["second"].output.load() == 2
"""


@pytest.mark.parametrize(
    ("days", "zone"), [(1, "UTC"), (-1, "UTC"), (-1 / 24, "Europe/Berlin"), (1 / 24, "Europe/Berlin")]
)
def test_clock_that_jumps_within_a_step_loses_nothing(days, zone, tmp_path) -> None:
    """A day, and the hour of summer time: everything is recorded, in the order of the plan, and no time is negative."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "flow.py").write_text(CLOCK)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZEN_")}
    for _ in range(RUNS):
        done = subprocess.run(
            [sys.executable, "flow.py", str(days)],
            cwd=tmp_path,
            env={**environment, "TZ": zone, "ZEN_PROGRESS": "off"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        [sys.executable, "-m", "zen.cli.main", "runs", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert [run["state"] for run in json.loads(listed.stdout)] == ["completed"] * RUNS, listed.stderr
