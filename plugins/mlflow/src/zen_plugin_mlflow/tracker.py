"""The experiment tracker: runs and steps of zen as runs of MLflow."""

from __future__ import annotations

import contextlib
import functools
import getpass
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from zen.errors import ComponentError, RunCancelled, ZenError
from zen.interfaces import ExperimentTracker, Host, StepTracking
from zen.records import Plan, RunRecord, StepRunRecord
from zen_plugin_mlflow.active import Target, active
from zen_plugin_mlflow.config import MLflowConfig
from zen_plugin_mlflow.connection import Connection
from zen_plugin_mlflow.experiments import experiment_id_of
from zen_plugin_mlflow.place import locate
from zen_plugin_mlflow.run_files import RunFiles
from zen_plugin_mlflow.run_log import RunLog, valid_name
from zen_plugin_mlflow.signatures import Table, columns_of
from zen_plugin_mlflow.step import Layout, MLflowStep

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_STATUS = {"completed": "FINISHED", "cancelled": "KILLED"}  # any other final state is FAILED


class MLflowTracker(ExperimentTracker):
    """Forwards runs to MLflow.

    The run of a pipeline is an MLflow run; each step run is one nested in it, or writes to it under a prefix.
    Everything is addressed by explicit ids, so several trackers and runs in one process stay apart.
    """

    config: MLflowConfig

    def open(self, host: Host) -> None:
        """Find out where MLflow is and whether something listens there; MLflow is imported when it is first needed."""
        super().open(host)
        self._connection = Connection(locate(self.config.tracking_uri, host), host.log)
        self._connection.probe()

    def check(self) -> None:
        """Read from the store, within 9 seconds; MLflow itself would try for minutes."""
        self._connection.check("list experiments", lambda client: client.search_experiments(max_results=1))

    def close(self) -> None:
        """Let go of the client."""
        connection = getattr(self, "_connection", None)  # close() before open() is harmless
        if connection is not None:
            connection.close()

    def start_run(self, run: RunRecord, plan: Plan) -> dict[str, Any]:
        """Start an MLflow run, or let the one that `run.trackers` names run again, if it is there."""
        experiment = self.config.experiment or plan.pipeline
        reference = self._resumed(run, experiment) or self._started(run, plan, experiment)
        try:
            RunLog(self._connection, reference["run_id"]).params(run.parameters)
        except ComponentError as err:  # the run is there, and the rest can be logged to it
            self.host.log.warning("%s", err)
        return reference

    def _resumed(self, run: RunRecord, experiment: str) -> dict[str, Any] | None:
        """Return the reference of an earlier start of this run, its MLflow run running again; None if there is none."""
        reference = self._earlier(run, experiment)
        if reference is None:
            return None
        with self._connection.doing(f"find run {reference['run_id']}") as client:
            if not _exists(client, reference["run_id"]):
                self.host.log.warning("MLflow run %s is gone; a new one is made", reference["run_id"])
                return None
            client.update_run(reference["run_id"], status="RUNNING")
        return reference

    def _earlier(self, run: RunRecord, experiment: str) -> dict[str, Any] | None:
        wanted = {"tracking_uri": self._connection.place.label, "experiment": experiment}
        for reference in run.trackers.values():
            if isinstance(reference, Mapping) and wanted.items() <= reference.items():
                return dict(reference)
        return None

    def _started(self, run: RunRecord, plan: Plan, experiment: str) -> dict[str, Any]:
        place = self._connection.place
        with self._connection.doing(f"start a run in experiment {experiment!r}") as client:
            experiment_id = experiment_id_of(client, experiment, place.artifacts)
            tags = RunLog(self._connection, "").tag_texts(_run_tags(run, plan))
            began = run.started_at or run.created_at
            milliseconds = int(began.timestamp() * 1000) if began else None
            run_id = client.create_run(experiment_id, milliseconds, tags, run.name).info.run_id
        page = place.page(experiment_id, run_id)
        return {
            "run_id": run_id,
            "experiment_id": experiment_id,
            "experiment": experiment,
            "tracking_uri": place.label,
            **({"url": page} if page else {}),
        }

    def step(
        self, reference: Mapping[str, Any], run: RunRecord, step_run: StepRunRecord
    ) -> AbstractContextManager[StepTracking]:
        """Return a context in which the step's MLflow run, or the one of all steps, is the active one."""
        return self._step(reference, step_run)

    @contextlib.contextmanager
    def _step(self, reference: Mapping[str, Any], step_run: StepRunRecord) -> Iterator[StepTracking]:
        target = Target(self._connection.place.uri, reference["experiment_id"])
        native = self._step_run(reference, step_run)
        layout = Layout() if self._nested else Layout.prefixed(valid_name(step_run.name), step_run.attempt)
        log = RunLog(self._connection, native.info.run_id, prefix=layout.metrics)
        files = RunFiles(self._connection, native.info.run_id, folder=layout.files)
        left_open: list[str] = []
        try:
            with active(native, target, self.host.log) as (active_run, left_open):
                tables = functools.partial(self._tables, step_run)
                yield MLflowStep(log, files, active_run, layout=layout, tables=tables)
        except BaseException as err:
            killed = isinstance(err, (KeyboardInterrupt, RunCancelled))
            for fault in self._end_step(log, step_run, left_open, "KILLED" if killed else "FAILED"):
                self.host.log.warning("%s", fault)  # what the step raised matters more
            raise
        for fault in self._end_step(log, step_run, left_open, "FINISHED"):
            raise fault

    @property
    def _nested(self) -> bool:
        return self.config.steps == "nested"

    def _tables(self, step_run: StepRunRecord) -> Iterator[Table]:
        """Yield the columns of the tables that a step took, as they were described when they were saved."""
        for artifact_id in dict.fromkeys(each for ids in step_run.inputs.values() for each in ids):
            try:
                facts = self.host.records.artifact(artifact_id).metadata
            except ZenError:  # told where it matters; here it would only make a description better
                continue
            columns = columns_of(facts.get("statistics") or {}) or columns_of(facts)
            if columns:
                yield columns

    def _step_run(self, reference: Mapping[str, Any], step_run: StepRunRecord) -> Run:
        run_id = reference["run_id"]
        with self._connection.doing(f"start the run of step {step_run.name!r}") as client:
            if not self._nested:
                return client.get_run(run_id)
            tags = {
                "mlflow.parentRunId": run_id,
                "zen.run_id": step_run.run_id,
                "zen.step": step_run.name,
                "zen.step_run_id": step_run.id,
                "zen.attempt": str(step_run.attempt),
                **_author(),
            }
            return client.create_run(reference["experiment_id"], tags=tags, run_name=step_run.name)

    def _end_step(self, log: RunLog, step_run: StepRunRecord, left_open: list[str], status: str) -> list[ZenError]:
        """Send what waits and end the runs of a step, each whatever becomes of the others."""
        endings = [log.flush, *(lambda left=left: RunLog(self._connection, left).end(status) for left in left_open)]
        if self._nested:
            endings.append(lambda: log.end(status))
        else:
            endings.append(lambda: log.tags({valid_name(f"zen.step.{step_run.name}"): status}))
        faults = []
        for ending in endings:
            try:
                ending()
            except ZenError as err:
                faults.append(err)
        return faults

    def finish_run(self, reference: Mapping[str, Any], run: RunRecord) -> None:
        """End the MLflow run, and the runs of steps whose process died."""
        status = _STATUS.get(run.state, "FAILED")
        for left in self._running_steps(reference):
            RunLog(self._connection, left).end("KILLED" if status == "KILLED" else "FAILED")
        log = RunLog(self._connection, reference["run_id"])
        log.tags(_final_tags(run))
        log.end(status, run.finished_at)

    def _running_steps(self, reference: Mapping[str, Any]) -> list[str]:
        """Return the runs of steps whose process died before it could end them."""
        parent = f"tags.`mlflow.parentRunId` = '{reference['run_id']}' and attributes.status = 'RUNNING'"
        with self._connection.doing("find the runs of steps") as client:
            found = client.search_runs([reference["experiment_id"]], parent)
        return [run.info.run_id for run in found]


def _exists(client: MlflowClient, run_id: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        return bool(client.get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as err:
        if err.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


def _run_tags(run: RunRecord, plan: Plan) -> dict[str, Any]:
    own = {tag: "true" for tag in run.tags if not tag.startswith(("mlflow.", "zen."))}
    return {
        **own,
        **({"zen.tags": ", ".join(run.tags)} if run.tags else {}),
        "zen.run_id": run.id,
        "zen.run_name": run.name,
        "zen.pipeline": plan.pipeline,
        "zen.stack": run.stack,
        "zen.plan": plan.digest(),
        "mlflow.source.name": str(plan.code),
        "mlflow.source.type": "LOCAL",
        **_author(),
    }


def _author() -> dict[str, str]:
    try:
        return {"mlflow.user": getpass.getuser()}
    except (OSError, KeyError):  # a user id without a name, as in containers
        return {}


def _final_tags(run: RunRecord) -> dict[str, Any]:
    return {
        "zen.state": run.state,
        **({"zen.error": f"{run.error.type}: {run.error.message}"} if run.error else {}),
        **({"zen.warnings": "\n".join(run.warnings)} if run.warnings else {}),
    }
