"""What fails in a run under the kit is told with its cause: the orchestrator's exception, or the error of the step."""

from __future__ import annotations

import pytest

from zen.testing import DetachedOrchestrator, OrchestratorSuite, StepOperatorSuite
from zen.testing.kit import Kit as CheckKit
from zen.testing.pipelines import as_text, run_pipeline

BREAKS = """
from zen.testing import SequentialOrchestrator

class Kit(SequentialOrchestrator):
    def run(self, plan, launcher):
        launcher.execute(plan.steps[0].name)
        self.enqueue()

    def enqueue(self):
        raise EXCEPTION("the queue is gone")
"""
SPOILS = """
import os
from zen.testing import SequentialOrchestrator

class Kit(SequentialOrchestrator):
    def run(self, plan, launcher):
        for step in plan.steps:
            os.environ["KIT_STEP"] = step.name
            launcher.execute(step.name)
"""
FLOW = """
@step
def load() -> int:
    return 3

def halved(rows):
    raise ValueError("three is odd")

@step
def split(rows: int) -> int:
    return halved(rows)

@pipeline
def flow():
    split(load())
"""


class Runs(OrchestratorSuite):
    flavor = "kit"
    lacks = {"map": "it is small", "detached": "it is small", "unreachable": "it runs here"}


class Detached(OrchestratorSuite):
    flavor = "kit"
    seconds = 2
    lacks = {"unreachable": "it runs here"}


def message(trial, suite, check, component=None):
    outcome = trial.outcomes(suite, component, only=[check])[check]
    assert outcome.failed
    return outcome.message


@pytest.mark.parametrize("exception", ["RuntimeError", "KeyError"])
@pytest.mark.parametrize("check", ["test_a_pipeline_completes", "test_steps_after_a_failing_step_are_skipped"])
def test_a_run_that_breaks_is_told_with_the_orchestrators_exception(trial, installed, exception, check):
    installed("orchestrator", BREAKS.replace("EXCEPTION", exception))
    said = message(trial, Runs, check)
    assert said.startswith("tried: ")
    assert "\n came: the run is failed; its steps: " in said
    assert f"{exception}: " in said
    assert "the queue is gone" in said
    assert 'kit_component.py", line 10, in enqueue' in said
    assert said.splitlines()[-1].startswith("   do: ")


def test_an_unwritten_run_is_told_with_its_line(trial, installed):
    installed("orchestrator", BREAKS.replace('EXCEPTION("', 'NotImplementedError("to do: kit.py: Kit.run: '))
    assert message(trial, Runs, "test_a_pipeline_completes") == "to do: kit.py: Kit.run: the queue is gone"


def test_a_plan_that_breaks_is_told_with_the_orchestrators_frames(trial):
    from zen.testing import SequentialOrchestrator

    class Broken(SequentialOrchestrator):
        def run(self, plan, launcher):
            self.enqueue()

        def enqueue(self):
            raise OSError("no queue")

    said = message(trial, Runs, "test_every_step_is_executed", Broken)
    assert "\n came: OSError: no queue\n" in said
    assert "test_testing_causes.py" in said
    assert "in enqueue" in said
    assert "waiting.py" not in said


def test_a_step_that_fails_is_told_with_its_error(tmp_path, installed):
    installed("orchestrator", SPOILS)
    found = run_pipeline(CheckKit(Runs(), tmp_path), FLOW, seconds=60)
    said = as_text(found)
    assert said.startswith("the run is failed; its steps: load completed [3], split failed []")
    assert "step split: ValueError: three is odd" in said
    assert 'raise ValueError("three is odd")' in said
    assert "flow.py" in said
    assert said.count('raise ValueError("three is odd")') == 1


def test_a_run_that_completes_is_told_without_errors():
    step = {"state": "completed", "error": "", "outputs": {"output": 1}}
    found = {"state": "completed", "error": "", "raised": "", "steps": {"a": step}}
    assert as_text(found) == "the run is completed; its steps: a completed [1]"
    assert "no step has a state" in as_text(found | {"steps": {}})


def test_a_submitted_run_that_breaks_is_told_with_what_was_logged(trial):
    class Breaking(DetachedOrchestrator):
        def _execute(self, name, launcher):
            self.host.log.error("the worker of %s died", name)
            raise OSError("no worker")

    said = message(trial, Detached, "test_a_submitted_run_completes", Breaking)
    assert "failed, and not executed: " in said
    assert "the worker of extract died" in said


def test_what_submit_raises_is_told_with_its_frames(trial):
    class Breaking(DetachedOrchestrator):
        def submit(self, plan, launcher):
            raise OSError("no queue")

    said = message(trial, Detached, "test_a_submitted_run_completes", Breaking)
    assert "came: builtins.OSError: no queue" in said
    assert "in submit" in said


NEVER = """
from zen.interfaces import StepOperator

class Kit(StepOperator):
    def run(self, job):
        raise OSError("no node")
"""


def test_a_step_operator_that_breaks_is_told_with_its_error(trial, installed):
    class Jobs(StepOperatorSuite):
        flavor = "kit"
        lacks = {"resources": "it runs here", "unreachable": "it runs here"}

    installed("step_operator", NEVER)
    said = message(trial, Jobs, "test_a_step_gives_the_same_there")
    assert "step there: " in said
    assert "no node" in said
