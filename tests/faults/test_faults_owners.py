"""Who a run belongs to: a stopped owner keeps it, a deposed one can publish nothing, a dead one is found at once."""

from __future__ import annotations

import os
import sys

import pytest

FULL = os.environ.get("ZEN_FAULTS") in ("full", "nightly")
DEPOSED = 20 if FULL else 4
KILLED = 50 if FULL else 5

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")


def test_an_owner_that_lost_its_run_publishes_nothing(drive, scratch, record_property) -> None:
    found = drive("owners", scratch, "deposed", DEPOSED)
    record_property("stopped", found["rounds"])
    assert found["problems"] == []
    assert found["models"] == DEPOSED // 4


def test_the_first_command_after_a_kill_says_lost_and_a_killed_resume_is_resumed(
    drive, scratch, record_property
) -> None:
    found = drive("owners", scratch, "killed", KILLED)
    record_property("killed", 2 * found["rounds"])
    assert found["problems"] == []
