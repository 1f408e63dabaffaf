"""What experiment trackers can get wrong, and the check that finds it."""

import contextlib
import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

from zen.interfaces import StepTracking
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
    parts = {name: step.get(name, {}) for name in ("files", "figures", "tables", "models")}
    return {"state": step["state"], "params": params, "metrics": metrics, **parts}


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


class FilesByReference(MemoryTracker):
    class step_class(MemoryStep):
        def log_file(self, name, path):
            self.log.setdefault("later", []).append((name, path))

    def finish_run(self, reference, run):
        for file in self._folder(reference["run_id"]).glob("step-*.json"):
            log = json.loads(file.read_text())
            step = MemoryStep(log)
            for name, path in log.pop("later", ()):
                if Path(path).exists():
                    step.log_file(name, Path(path))
            self._write(file, log)
        super().finish_run(reference, run)


class FoldersFlat(MemoryTracker):
    class step_class(MemoryStep):
        def log_file(self, name, path):
            for file in path.rglob("*") if path.is_dir() else [path]:
                if file.is_file():
                    super().log_file(file.name, file)


class NoVectorGraphics(MemoryTracker):
    class step_class(MemoryStep):
        def log_figure(self, name, path):
            if path.suffix == ".png":
                super().log_figure(name, path)


class CellsAsText(MemoryTracker):
    class step_class(MemoryStep):
        def log_table(self, name, columns, rows):
            super().log_table(name, columns, [list(map(str, row)) for row in rows])


class FirstFileOfModels(MemoryTracker):
    class step_class(MemoryStep):
        def log_model(self, name, model, files):
            super().log_model(name, model, dict(itertools.islice(files.items(), 1)))


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
        "test_files_are_read_back": (FilesByReference, FoldersFlat),
        "test_figures_are_read_back": NoVectorGraphics,
        "test_a_table_is_read_back": CellsAsText,
        "test_a_model_is_read_back": FirstFileOfModels,
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
    give = "write `read(self, kit, component, reference)` in Unread"
    assert set(reasons.values()) == {f"what the tool holds cannot be seen: {give}"}
    assert len(reasons) == 10


def test_parts_that_are_not_told_are_not_verified(trial):
    class Terse(Tracking):
        def read(self, kit, component, reference):
            found = super().read(kit, component, reference)
            steps = {n: {key: s[key] for key in ("state", "params", "metrics")} for n, s in found["steps"].items()}
            return {**found, "steps": steps}

    reasons = trial.skipped(Terse, MemoryTracker)
    assert reasons["test_a_table_is_read_back"] == (
        "what the tool holds of tables cannot be seen: tell of `tables` in `read` of Terse"
    )
    assert len(reasons) == 4


class Plain(MemoryTracker):
    """Implements what an interface of before asked for."""

    class step_class(StepTracking):
        def __init__(self, log):
            self.inner = MemoryStep(log)

        def log_params(self, params):
            self.inner.log_params(params)

        def log_metrics(self, metrics, *, step, at):
            self.inner.log_metrics(metrics, step=step, at=at)


def test_what_a_tracker_leaves_to_the_interface_does_not_apply(trial):
    reasons = trial.skipped(Tracking, Plain)
    assert reasons["test_files_are_read_back"] == "it has no log_file: the tool has no place for it"
    assert len(reasons) == 4


class FilesOnly(Plain):
    class step_class(Plain.step_class):
        def log_file(self, name, path):
            self.inner.log_file(name, path)


def test_figures_and_models_may_be_files(trial):
    assert list(trial.skipped(Tracking, FilesOnly)) == ["test_a_table_is_read_back"]


def test_every_check_has_a_saboteur(trial):
    assert set(SABOTEURS[Tracking]) == trial.own(Tracking)
