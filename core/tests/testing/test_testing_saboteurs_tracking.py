"""What experiment trackers can get wrong, and the check that finds it."""

import contextlib
import itertools
import math
from dataclasses import replace

from zen.testing import ExperimentTrackerSuite, MemoryTracker
from zen.testing.fakes.experiment_tracker import MemoryStep


class Tracking(ExperimentTrackerSuite):
    flavor = "memory"

    def read(self, kit, component, reference):
        found = component.read(reference["run_id"])
        return {"state": found["state"], "steps": {step["name"]: form(step) for step in found["steps"].values()}}


def form(step):
    metrics = {}
    for name, value, index, _ in step["metrics"]:
        metrics.setdefault(name, []).append((value, index))
    params = {name: str(value) for name, value in step["params"].items()}
    return {"state": step["state"], "params": params, "metrics": metrics}


class TupleInReference(MemoryTracker):
    def start_run(self, run, plan):
        return {**super().start_run(run, plan), "place": (1, 2)}


class LastValueOnly(MemoryTracker):
    class step_class(MemoryStep):
        def log_metrics(self, metrics, *, step, at):
            self.log["metrics"] = [each for each in self.log["metrics"] if each[0] not in metrics]
            super().log_metrics(metrics, step=step, at=at)


class NeverCompleted(MemoryTracker):
    def finish_run(self, reference, run):
        super().finish_run(reference, replace(run, state="running") if run.state == "completed" else run)


class AlwaysCompleted(MemoryTracker):
    def finish_run(self, reference, run):
        super().finish_run(reference, replace(run, state="completed"))


class StepsNeverFail(MemoryTracker):
    @contextlib.contextmanager
    def step(self, reference, run, step_run):
        raised = None
        with super().step(reference, run, step_run) as tracking:
            try:
                yield tracking
            except Exception as error:
                raised = error
        if raised is not None:
            raise raised


class Swallowing(MemoryTracker):
    @contextlib.contextmanager
    def step(self, reference, run, step_run):
        with contextlib.suppress(KeyError), super().step(reference, run, step_run) as tracking:
            yield tracking


class FiniteOnly(MemoryTracker):
    class step_class(MemoryStep):
        def log_metrics(self, metrics, *, step, at):
            if not all(map(math.isfinite, metrics.values())):
                raise ValueError("not a number")
            super().log_metrics(metrics, step=step, at=at)


class OneStepAtATime(MemoryTracker):
    @contextlib.contextmanager
    def step(self, reference, run, step_run):
        with super().step(reference, run, step_run) as self.current:
            yield Current(self)


class Current:
    def __init__(self, tracker):
        self._tracker = tracker

    def __getattr__(self, name):
        return getattr(self._tracker.current, name)


class AlwaysAnew(MemoryTracker):
    def start_run(self, run, plan):
        return super().start_run(replace(run, id=f"{run.id}-{next(NUMBERS)}"), plan)


NUMBERS = itertools.count()


class OneProcessOnly(MemoryTracker):
    def start_run(self, run, plan):
        self.started = True
        return super().start_run(run, plan)

    def step(self, reference, run, step_run):
        if not hasattr(self, "started"):
            return contextlib.nullcontext(MemoryStep({"params": {}, "metrics": [], "metadata": {}}))
        return super().step(reference, run, step_run)


SABOTEURS = {
    Tracking: {
        "test_the_reference_is_json": TupleInReference,
        "test_what_a_step_logs_is_read_back": LastValueOnly,
        "test_a_completed_run_is_marked_completed": NeverCompleted,
        "test_a_failed_run_is_marked_failed": AlwaysCompleted,
        "test_a_failing_step_is_marked_failed": StepsNeverFail,
        "test_exceptions_pass_through": Swallowing,
        "test_numbers_that_are_none_are_taken": FiniteOnly,
        "test_steps_at_once_stay_apart": OneStepAtATime,
        "test_a_run_is_picked_up_again": AlwaysAnew,
        "test_a_step_in_another_process_joins_the_run": OneProcessOnly,
    }
}


def test_a_defect_fails_its_check_alone(trial, suite, check, saboteur):
    assert trial.failed(suite, saboteur) == [check]


def test_a_correct_tracker_passes(trial):
    assert trial.skipped(Tracking, MemoryTracker) == {}


def test_what_cannot_be_read_is_not_verified(trial):
    class Unread(ExperimentTrackerSuite):
        flavor = "memory"

    reasons = trial.skipped(Unread, MemoryTracker)
    assert set(reasons.values()) == {"the suite has no `read`: what the tool holds cannot be seen"}
    assert len(reasons) == 6


def test_every_check_has_a_saboteur(trial):
    assert set(SABOTEURS[Tracking]) == trial.own(Tracking)
