"""Power cuts: a file system that loses all that was not synced, under pipelines that run. Needs root on Linux."""

from __future__ import annotations

import os
import random
import shutil
import sys

import pytest

PROFILE = os.environ.get("ZEN_FAULTS", "")
CUTS = int(os.environ.get("ZEN_POWER_CUTS", 30 if PROFILE in ("full", "nightly") else 3))
# A mount and a loop device that end with the process that made them, which ends with this one.
ALONE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child")
TOOLS = ("setpriv", "unshare", "mkfs.ext4", "mount", "umount", "sync")


def _unable() -> str:
    if sys.platform != "linux":
        return "power cuts are made with Linux's ext4"
    if os.geteuid() != 0:
        return "power cuts need root, to mount a file system of their own"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"power cuts need {', '.join(missing)}"
    return "" if os.path.exists("/dev/loop-control") else "power cuts need loop devices"


pytestmark = pytest.mark.skipif(bool(_unable()), reason=_unable() or "-")


@pytest.fixture
def cuts(drive, tmp_path, record_property):
    """Cut the power some times and return what was found."""

    def run(*options):
        seed = int(os.environ.get("ZEN_FAULTS_SEED", random.randrange(1 << 30)))
        found = drive("cuts", tmp_path, CUTS, seed, *options, before=ALONE)
        if "unable" in found:
            pytest.skip(f"power cuts: {found['unable']}")
        for name in ("cuts", "acknowledged", "lost", "without_bytes", "refused", "rows"):
            record_property(name, found[name])
        return found

    return run


def test_a_power_cut_takes_nothing_that_was_acknowledged(cuts) -> None:
    found = cuts()
    assert not found["problems"], found
    assert (found["lost"], found["without_bytes"], found["refused"]) == (0, 0, 0), found
    assert found["acknowledged"] >= CUTS, found


def test_a_relaxed_store_may_lose_the_last_and_never_gives_wrong_bytes(cuts) -> None:
    found = cuts("--relaxed")
    assert not found["problems"], found
    assert found["refused"] == found["without_bytes"], found
    assert found["runs_after"] == 20 * CUTS, found
