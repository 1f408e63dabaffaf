"""The experiment tracker: runs and steps of zen as runs of Weights & Biases."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from zen.errors import ComponentError, RunCancelled, ZenError
from zen.interfaces import ExperimentTracker, Host, StepTracking
from zen.records import Plan, RunRecord, StepRunRecord
from zen_plugin_wandb import process
from zen_plugin_wandb.config import WandbConfig
from zen_plugin_wandb.place import Place, ask_who, locate, probe, resolved, valid_name
from zen_plugin_wandb.runs import Opening, Runs
from zen_plugin_wandb.step import WandbStep

_COMPLETED, _FAILED, _CANCELLED = 0, 1, 255  # exit codes, by which W&B knows the end of a run; 255 is its Ctrl-C
_EXIT = {"completed": _COMPLETED, "cancelled": _CANCELLED}  # any other final state is _FAILED
_TAG = 64


class WandbTracker(ExperimentTracker):
    """Forwards runs to Weights & Biases.

    The run of a pipeline is a W&B run that is open in the launching process from start to finish. With `steps: grouped`
    each step run is a W&B run of its own, started where it executes; with `steps: single` steps log to the pipeline's,
    in other processes of the machine through the launching process's W&B service.
    """

    config: WandbConfig

    def open(self, host: Host) -> None:
        """Find out where runs go, and whether a configured server listens; wandb is imported when it is needed."""
        super().open(host)
        self._runs = Runs(locate(self.config, host))
        self._mine: set[str] = set()
        probe(self._runs.place)

    @property
    def _place(self) -> Place:
        return self._runs.place

    def check(self) -> None:
        """Ask the server whose the API key is, or see that files can be written."""
        if self._place.mode == "disabled":
            return
        if self._place.online:
            place = resolved(self._place)
            probe(place)
            ask_who(place)
            return
        try:
            self._place.files.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise ComponentError(f"the folder {self._place.files} cannot be made: {err}") from err
        if not os.access(self._place.files, os.W_OK):
            raise ComponentError(f"the folder {self._place.files} cannot be written to")

    def close(self) -> None:
        """End what a run left open that was never finished."""
        runs = getattr(self, "_runs", None)  # close() before open() is harmless
        while runs is not None and self._mine:
            with contextlib.suppress(ZenError):  # nobody is there any more to be told
                runs.finish(self._mine.pop(), _FAILED)

    def start_run(self, run: RunRecord, plan: Plan) -> dict[str, Any]:
        """Start a W&B run, or go on with the one that `run.trackers` names."""
        reference = self._earlier(run, plan.pipeline) or self._new_reference(run, plan.pipeline)
        if self._place.mode == "disabled" or self._runs.is_open(reference["run_id"]):
            return reference
        native = self._runs.start(self._opening_of_run(reference, run, plan))
        self._mine.add(reference["run_id"])
        reference |= {"url": native.url if self._place.online else "", "entity": native.entity}
        reference.setdefault("path", native.settings.sync_dir)
        if self.config.steps == "single":
            reference["service"] = process.service()
        return reference

    def _new_reference(self, run: RunRecord, pipeline: str) -> dict[str, Any]:
        run_id = self._runs.new_id()
        group = self.config.group or (run.name if run.id in run.name else f"{run.name}-{run.id}")
        reference = {**self._identity(pipeline), "run_id": run_id, "group": group[:128], "url": ""}
        if self._place.mode == "offline":
            reference["sync"] = f"wandb sync {shlex.quote(str(self._place.files))}/offline-run-*-{run_id}*"
        return reference

    def _identity(self, pipeline: str) -> dict[str, Any]:
        """Return what has to be the same for a resumed run to go on with its W&B run."""
        project = self.config.project or valid_name(pipeline)
        server = {"base_url": self.config.base_url or ""} if self._place.online else {}
        return {"mode": self._place.mode, "steps": self.config.steps, "project": project, **server}

    def _earlier(self, run: RunRecord, pipeline: str) -> dict[str, Any] | None:
        wanted = self._identity(pipeline)
        for reference in run.trackers.values():
            if isinstance(reference, Mapping) and "run_id" in reference and wanted.items() <= reference.items():
                return dict(reference)
        return None

    def _opening(self, reference: Mapping[str, Any], **facts: Any) -> Opening:
        return Opening(
            project=reference["project"],
            entity=self.config.entity,
            group=reference["group"],
            code=self.config.code,
            init_timeout=self.config.init_timeout,
            finish_timeout=self.config.finish_timeout,
            **facts,
        )

    def _opening_of_run(self, reference: Mapping[str, Any], run: RunRecord, plan: Plan | None = None) -> Opening:
        about = {**_about(run), **({"plan": plan.digest(), "code": str(plan.code)} if plan else {})}
        return self._opening(
            reference,
            run_id=reference["run_id"],
            name=run.name,
            job_type="pipeline",
            config={**_named(run.parameters), "zen": about},
            tags=_tags(*self.config.tags, *run.tags),
            notes=self.config.notes,
            resume=True,
            watch=self.config.system_metrics and self.config.steps == "single",
        )

    def _opening_of_step(self, reference: Mapping[str, Any], run: RunRecord, step_run: StepRunRecord) -> Opening:
        again = f" (attempt {step_run.attempt})" if step_run.attempt > 1 else ""
        return self._opening(
            reference,
            run_id=f"{reference['run_id']}-{step_run.id}",
            name=f"{step_run.name}{again}",
            job_type=re.sub(r"\[.*\]$", "", step_run.name),
            config={"pipeline": _named(run.parameters), "zen": {**_about(run), **_about_step(step_run)}},
            tags=_tags(*self.config.tags, *run.tags),
            watch=self.config.system_metrics,
        )

    def step(
        self, reference: Mapping[str, Any], run: RunRecord, step_run: StepRunRecord
    ) -> AbstractContextManager[StepTracking]:
        """Return a context in which the step's W&B run, or with `steps: single` the pipeline's, is the current one."""
        return (
            self._step_of_all(reference, run, step_run)
            if _is_single(reference)
            else self._step(reference, run, step_run)
        )

    @contextlib.contextmanager
    def _step(self, reference: Mapping[str, Any], run: RunRecord, step_run: StepRunRecord) -> Iterator[StepTracking]:
        opening = self._opening_of_step(reference, run, step_run)
        native = self._runs.start(opening)
        try:
            with self._runs.current(native, opening):
                yield self._tracking(native, run, step_run, prefix="")
        except BaseException as err:
            try:
                self._runs.finish(opening.run_id, _exit_code(err))
            except ZenError as fault:  # what the step raised matters more
                self.host.log.warning("%s", fault)
            raise
        self._runs.finish(opening.run_id, _COMPLETED)

    @contextlib.contextmanager
    def _step_of_all(
        self, reference: Mapping[str, Any], run: RunRecord, step_run: StepRunRecord
    ) -> Iterator[StepTracking]:
        opening = self._opening_of_run(reference, run)
        native = self._runs.join(reference["run_id"], opening, reference.get("service", ""))
        # A second attempt has names of its own: the values of two attempts would be one line in W&B's charts.
        name = step_run.name if step_run.attempt == 1 else f"{step_run.name}.attempt_{step_run.attempt}"
        tracking = self._tracking(native, run, step_run, prefix=f"{name}/")
        state = "completed"
        try:
            with self._runs.current(native, opening):
                yield tracking
        except BaseException as err:
            state = "cancelled" if _exit_code(err) == _CANCELLED else "failed"
            raise
        finally:
            with contextlib.suppress(Exception):  # wandb; what the step logged, or raised, matters more
                native.summary.update({f"{name}/zen_state": state})

    def _tracking(self, native: Any, run: RunRecord, step_run: StepRunRecord, *, prefix: str) -> WandbStep:
        return WandbStep(
            native,
            self._place,
            self.host.log,
            prefix=prefix,
            scope=f"{run.pipeline}.{step_run.name}.",
            origin={**_about(run), **_about_step(step_run)},
        )

    def finish_run(self, reference: Mapping[str, Any], run: RunRecord) -> None:
        """End the W&B run with the state of the run; one that another process started is picked up for it."""
        run_id = reference["run_id"]
        if self._place.mode == "disabled":
            return
        if not self._runs.is_open(run_id):
            self._runs.start(self._opening_of_run(reference, run))
        self._mine.discard(run_id)
        self._runs.finish(run_id, _EXIT.get(run.state, _FAILED), **_final_facts(run))


def _is_single(reference: Mapping[str, Any]) -> bool:
    return bool(reference["steps"] == "single" and reference["mode"] != "disabled")


def _exit_code(err: BaseException) -> int:
    return _CANCELLED if isinstance(err, (KeyboardInterrupt, RunCancelled)) else _FAILED


def _named(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters without a name that W&B keeps for itself."""
    return {name: value for name, value in parameters.items() if name != "_wandb"}


def _tags(*wanted: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag[:_TAG] for tag in wanted if tag))


def _about(run: RunRecord) -> dict[str, Any]:
    return {"run_id": run.id, "run": run.name, "pipeline": run.pipeline, "stack": run.stack}


def _about_step(step_run: StepRunRecord) -> dict[str, Any]:
    return {"step": step_run.name, "step_run_id": step_run.id, "attempt": step_run.attempt}


def _final_facts(run: RunRecord) -> dict[str, Any]:
    return {
        "zen_state": run.state,
        **({"zen_error": f"{run.error.type}: {run.error.message}"} if run.error else {}),
        **({"zen_warnings": list(run.warnings)} if run.warnings else {}),
    }
