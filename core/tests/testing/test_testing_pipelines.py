"""The processes in which the kit runs pipelines: told to end, and asked what they are doing."""

import os
import signal
import subprocess
import sys

import pytest

from zen.testing import OrchestratorSuite
from zen.testing.pipelines import _stacks

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")
IN_ORDER = "from zen.testing import SequentialOrchestrator as Kit"
WAITS = "import threading\ndef waits_for_ever():\n    print(flush=True)\n    threading.Event().wait()\nwaits_for_ever()"


class Runs(OrchestratorSuite):
    flavor = "kit"
    seconds = 60


def test_ctrl_c_is_tried_where_a_shell_ignores_it(trial, installed):
    installed("orchestrator", IN_ORDER)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as for what `command &` starts in a script
    try:
        outcomes = trial.outcomes(Runs, None, only=["test_ctrl_c_ends_a_run"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert outcomes["test_ctrl_c_ends_a_run"].passed, outcomes


def test_a_process_that_does_not_end_says_what_it_is_doing():
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
        env={**os.environ, "PYTHONFAULTHANDLER": "1"},
    )
    assert process.stdout is not None and process.stdout.readline() == "\n"
    assert "in waits_for_ever" in _stacks(process)
    assert process.returncode == -signal.SIGABRT
