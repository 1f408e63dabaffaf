"""The conformance kit on the tracker, with MLflow's own client as the witness."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from mlflow import MlflowClient

from zen.testing import ExperimentTrackerSuite, Kit

STATES = {"FINISHED": "completed", "FAILED": "failed", "KILLED": "cancelled", "RUNNING": "running"}


class TestMLflow(ExperimentTrackerSuite):
    flavor: ClassVar[str] = "mlflow"
    unreachable: ClassVar[Mapping[str, Any]] = {"tracking_uri": "http://127.0.0.1:9"}

    @pytest.fixture(autouse=True)
    def database(self, tmp_path: Path, template: Path) -> None:
        shutil.copy(template, tmp_path / "mlflow.db")

    def config(self, kit: Kit) -> Mapping[str, Any]:
        return {"tracking_uri": f"sqlite:///{kit.tmp_path.as_posix()}/mlflow.db"}

    def read(self, kit: Kit, component: Any, reference: Mapping[str, Any]) -> Mapping[str, Any] | None:
        client = MlflowClient(self.config(kit)["tracking_uri"])
        parent = f"tags.`mlflow.parentRunId` = '{reference['run_id']}'"
        steps = client.search_runs([reference["experiment_id"]], parent)
        return {
            "state": STATES[client.get_run(reference["run_id"]).info.status],
            "steps": {run.info.run_name: self._step(client, run) for run in steps},
        }

    def _step(self, client: MlflowClient, run: Any) -> Mapping[str, Any]:
        history = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
        return {
            "state": STATES[run.info.status],
            "params": run.data.params,
            "metrics": {name: [(point.value, point.step) for point in points] for name, points in history.items()},
        }
