"""Kill at every point: before and after each operation of a run that a kill could come between.

Then the next command finds a whole store and says that the run is lost, and going on with it gives what a run that
nobody disturbed gives: no step that was recorded runs again, and one that was not runs once more.
"""

from __future__ import annotations

import os

import pytest

FULL = os.environ.get("ZEN_FAULTS") in ("full", "nightly")
# Each takes as many runs as it has points. A worker costs a new process each time, so not all of its points are quick.
SCENARIOS = [("chain",), ("cached",), ("worker", "--only", "worker")]
if FULL:
    SCENARIOS = [(name, "--statements") for name in ("chain", "cached", "anew", "resumed")] + [("worker",), ("inside",)]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=" ".join)
def test_a_kill_at_any_point_is_made_good(drive, scratch, record_property, scenario) -> None:
    found = drive("points", scratch, *scenario)
    for name in ("points", "kinds", "kills", "lost"):
        record_property(name, found[name])
    assert found["problems"] == {}
    assert found["kills"] > 5
