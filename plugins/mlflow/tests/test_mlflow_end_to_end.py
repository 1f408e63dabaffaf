"""Whole pipelines, started as people start them, on a stack with this tracker."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

pytestmark = pytest.mark.slow

STACK = """
default_stack: tracked
stacks:
  tracked:
    experiment_tracker: {flavor: mlflow, experiment: churn}
"""
SCRIPT = """
import pathlib
import mlflow
from zen import get_step_context, log_metadata, log_metrics, log_params, pipeline, step

@step
def load() -> int:
    log_metadata({"rows": 3})
    return 3

@step(isolate=True)
def train(data: int, lr: float) -> float:
    log_params({"depth": 3})
    for epoch in range(3):
        log_metrics({"loss": 1 / (epoch + 1)}, step=epoch)
    mlflow.log_metric("native", data)
    assert get_step_context().tracker("mlflow").info.run_id == mlflow.active_run().info.run_id
    return data * lr

@step
def publish(model: float) -> None:
    mlflow.log_metric("published", 1)
    if pathlib.Path("closed").exists():
        raise RuntimeError("closed today")

@pipeline(enable_cache=False)
def training(lr: float = 0.1):
    publish(train(load(), lr))

if __name__ == "__main__":
    training(lr=0.2)
    assert mlflow.active_run() is None
"""
AND_FAIL = """
    pathlib.Path("closed").touch()
    training(lr=0.5)
"""


def new_project(folder: Path, template: Path) -> Path:
    (folder / "zen.yaml").write_text(STACK)
    (folder / "training.py").write_text(SCRIPT)
    (folder / ".zen").mkdir()
    shutil.copy(template, folder / ".zen" / "mlflow.db")
    return folder


@pytest.fixture
def project(tmp_path: Path, template: Path) -> Path:
    return new_project(tmp_path, template)


Logged = tuple[Any, dict[str, Any]]


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory, template: Path) -> tuple[Logged, Logged]:
    """What MLflow has of a run that completed, and of the next one in the same process, which failed."""
    project = new_project(tmp_path_factory.mktemp("tracked"), template)
    (project / "training.py").write_text(SCRIPT + AND_FAIL)
    done = zen(project, "training.py")
    assert done.returncode == 1, done.stderr
    assert "closed today" in done.stderr
    return logged(project, "0.2"), logged(project, "0.5")


def zen(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZEN_")}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def logged(project: Path, lr: str = "") -> Logged:
    """Return the one run of the pipeline (with this parameter), and the latest run of each of its steps by name."""
    client = MlflowClient(f"sqlite:///{project}/.zen/mlflow.db")
    experiment = client.get_experiment_by_name("churn")
    runs = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
    parents = [run for run in runs if "zen.step" not in run.data.tags]
    (parent,) = [run for run in parents if run.data.params.get("lr", "") == lr]
    steps = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    return parent, {run.info.run_name: run for run in steps if "zen.step" in run.data.tags}


def test_pipeline_is_tracked(tracked: tuple[Logged, Logged]) -> None:
    parent, steps = tracked[0]
    assert (parent.info.status, parent.data.params) == ("FINISHED", {"lr": "0.2"})
    assert parent.data.tags["zen.state"] == "completed"
    assert {name: run.info.status for name, run in steps.items()} == dict.fromkeys(
        ("load", "train", "publish"), "FINISHED"
    )
    assert steps["load"].data.tags["metadata.rows"] == "3"
    assert steps["train"].data.params == {"depth": "3"}
    assert steps["train"].data.metrics == {"loss": pytest.approx(1 / 3), "native": 3}
    assert steps["publish"].data.metrics == {"published": 1}


def test_failed_pipeline_is_tracked(tracked: tuple[Logged, Logged]) -> None:
    parent, steps = tracked[1]
    states = {name: run.info.status for name, run in steps.items()}
    assert states == {"load": "FINISHED", "train": "FINISHED", "publish": "FAILED"}
    assert (parent.info.status, parent.data.tags["zen.state"]) == ("FAILED", "failed")
    assert "closed today" in parent.data.tags["zen.error"]
    assert steps["publish"].data.metrics == {"published": 1}


def test_tracker_that_is_away_fails_no_run(project: Path, closed_port: int) -> None:
    address = f"tracking_uri: 'http://127.0.0.1:{closed_port}'"
    (project / "zen.yaml").write_text(STACK.replace("experiment: churn", address))
    script = (project / "training.py").read_text()
    native = [line for line in script.splitlines() if "mlflow." not in line]
    (project / "training.py").write_text("\n".join(native))
    done = zen(project, "training.py")
    assert done.returncode == 0, done.stderr
    assert "no MLflow answers at http://127.0.0.1" in done.stderr


WHOLE_STACK = """
default_stack: whole
stacks:
  whole:
    experiment_tracker: {flavor: mlflow, experiment: churn}
    model_registry: mlflow
    model_deployer: mlflow
"""
WHOLE_SCRIPT = """
import pathlib
import pandas as pd
from sklearn.linear_model import Ridge
from zen import Client, Model, log_metrics, log_model, log_table, pipeline, promote, step

@step
def load() -> pd.DataFrame:
    return pd.DataFrame({"age": [1, 2, 3, 4], "income": [0.5, 0.1, 0.7, 0.2], "label": [0.0, 1.0, 2.0, 2.5]})

@step
def train(data: pd.DataFrame) -> Ridge:
    model = Ridge().fit(data[["age", "income"]], data["label"])
    log_metrics({"r2": model.score(data[["age", "income"]], data["label"])})
    log_table({"feature": ["age", "income"], "weight": [float(each) for each in model.coef_]}, "weights")
    log_model(model, "ridge")
    promote("champion")
    return model

@pipeline(model=Model("churn", artifact="train.output"))
def training():
    train(load())

if __name__ == "__main__":
    training()
    with Client() as client:
        version = client.model("churn@champion")
        deployment = client.deploy("churn@champion")
        rows = pd.DataFrame({"age": [7, 9], "income": [0.3, 0.9]})
        here = version.artifact.load().predict(rows).tolist()
        there = deployment.predict(rows.to_dict("records"))
        print(deployment.record.state, deployment.record.reason, deployment.record.metadata["source"])
        print(max(abs(a - b) for a, b in zip(here, there, strict=True)) < 1e-9)
"""


def test_model_goes_from_data_to_predictions(project: Path) -> None:
    pytest.importorskip("zen_plugin_sklearn")
    pytest.importorskip("zen_plugin_pandas")
    (project / "zen.yaml").write_text(WHOLE_STACK)
    (project / "whole.py").write_text(WHOLE_SCRIPT)
    done = zen(project, "whole.py")
    try:
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-2:] == ["ready  models:/churn/1", "True"]
        _, steps = logged(project)
        client = MlflowClient(f"sqlite:///{project}/.zen/mlflow.db")
        found = client.get_model_version_by_alias("churn", "champion")
        assert (found.version, found.run_id) in ((1, steps["train"].info.run_id), ("1", steps["train"].info.run_id))
        assert found.tags["zen.model_version"] == "churn/1"
        names = sorted(client.get_logged_model(each.model_id).name for each in steps["train"].outputs.model_outputs)
        assert names == ["churn", "ridge"]
    finally:
        zen(project, "-m", "zen", "deployment", "delete", "churn")
    assert list((project / ".zen" / "mlflow-deployments").iterdir()) == []
