"""Parallel steps, retries, resumed runs and several runs in one process do not mix, in both layouts."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from zen.records import Plan, RunRecord, StepRunRecord
from zen_plugin_mlflow.tracker import MLflowTracker

Make = Callable[..., MLflowTracker]
START = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
LAYOUTS = pytest.mark.parametrize("steps", ["nested", "prefixed"])


@pytest.fixture
def client(host: Any) -> MlflowClient:
    return MlflowClient(f"sqlite:///{host.state}/mlflow.db")


def finished(run: RunRecord, state: str = "completed") -> RunRecord:
    return dataclasses.replace(run, state=state, finished_at=START)  # type: ignore[arg-type]  # a state


def step_run(name: str, attempt: int = 1, run_id: str = "r1") -> StepRunRecord:
    return StepRunRecord(id=f"{run_id}-{name}-{attempt}", run_id=run_id, name=name, attempt=attempt)


def metrics(client: MlflowClient, reference: dict[str, Any]) -> dict[str, dict[str, list[float]]]:
    """Return every value of every metric, by the name of the run that it stands in."""
    runs = client.search_runs([reference["experiment_id"]])
    return {
        f"{run.info.run_name}.{run.data.tags.get('zen.attempt', '')}".rstrip("."): {
            name: [point.value for point in client.get_metric_history(run.info.run_id, name)]
            for name in run.data.metrics
        }
        for run in runs
        if reference["run_id"] in (run.info.run_id, run.data.tags.get("mlflow.parentRunId"))
    }


def log(tracker: MLflowTracker, reference: Any, run: RunRecord, step: StepRunRecord, *values: float) -> None:
    with tracker.step(reference, run, step) as tracking:
        for index, value in enumerate(values):
            tracking.log_metrics({"loss": value}, step=index, at=START)
        tracking.log_params({"depth": values[0]})
        mlflow.log_metric(f"own_{step.name}_{step.attempt}", values[0])


@LAYOUTS
def test_attempts_do_not_mix(make: Make, client: MlflowClient, run: RunRecord, plan: Plan, steps: str) -> None:
    tracker = make(steps=steps)
    reference = tracker.start_run(run, plan)
    log(tracker, reference, run, step_run("train"), 9, 8, 7)
    log(tracker, reference, run, step_run("train", 2), 3, 2)
    tracker.finish_run(reference, finished(run))
    found = metrics(client, reference)
    if steps == "nested":
        assert found["train.1"] == {"loss": [9, 8, 7], "own_train_1": [9]}
        assert found["train.2"] == {"loss": [3, 2], "own_train_2": [3]}
        return
    assert found == {
        "brave-fox": {
            "train.loss": [9, 8, 7],
            "train.attempt_2.loss": [3, 2],
            "own_train_1": [9],
            "own_train_2": [3],
        }
    }
    params = client.get_run(reference["run_id"]).data.params
    assert (params["train.depth"], params["train.attempt_2.depth"]) == ("9", "3")


@LAYOUTS
def test_resumed_run_goes_on(make: Make, client: MlflowClient, run: RunRecord, plan: Plan, steps: str) -> None:
    first = make(steps=steps)
    reference = first.start_run(run, plan)
    log(first, reference, run, step_run("load"), 1)
    log(first, reference, run, step_run("train"), 9)
    first.finish_run(reference, finished(run, "failed"))
    second = make(steps=steps)
    resumed = dataclasses.replace(run, trackers={"mlflow": json.loads(json.dumps(reference))})
    assert second.start_run(resumed, plan) == reference
    log(second, reference, resumed, step_run("train", 2), 3)
    second.finish_run(reference, finished(resumed))
    found = metrics(client, reference)
    named = {key: value["loss"] for key, value in found.items() if "loss" in value} or found["brave-fox"]
    wanted = {"nested": {"load.1": [1], "train.1": [9], "train.2": [3]}}.get(steps)
    if wanted is None:
        named = {key: value for key, value in named.items() if key.endswith(".loss")}
        wanted = {"load.loss": [1], "train.loss": [9], "train.attempt_2.loss": [3]}
    assert named == wanted
    assert client.get_run(reference["run_id"]).info.status == "FINISHED"


@LAYOUTS
def test_parallel_steps_of_parallel_runs_do_not_mix(
    make: Make, client: MlflowClient, run: RunRecord, plan: Plan, steps: str
) -> None:
    tracker, errors = make(steps=steps), []
    runs = [dataclasses.replace(run, id=name, name=name) for name in ("x", "y")]
    references = {each.id: tracker.start_run(each, plan) for each in runs}
    barrier = threading.Barrier(4)

    def execute(own: RunRecord, name: str, value: float) -> None:
        try:
            with tracker.step(references[own.id], own, step_run(name, run_id=own.id)) as tracking:
                for index in range(20):
                    barrier.wait(30)
                    tracking.log_metrics({"loss": value + index}, step=index, at=START)
                    mlflow.log_metric(f"own_{name}", value + index, step=index)
        except BaseException as error:
            errors.append(error)

    jobs = [(own, name, 100.0 * number) for number, own in enumerate(runs) for name in ("a", "b")]
    threads = [threading.Thread(target=execute, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for own, name, value in jobs:
        tracker.finish_run(references[own.id], finished(own))
        found, series = metrics(client, references[own.id]), [value + index for index in range(20)]
        if steps == "nested":
            assert found[f"{name}.1"] == {"loss": series, f"own_{name}": series}
        else:
            assert (found[own.name][f"{name}.loss"], found[own.name][f"own_{name}"]) == (series, series)


WORKER = """
import datetime, json, sys, logging, pathlib, types
import mlflow
from zen.records import RunRecord, StepRunRecord
from zen_plugin_mlflow.config import MLflowConfig
from zen_plugin_mlflow.tracker import MLflowTracker

root, name, reference = pathlib.Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
tracker = MLflowTracker(MLflowConfig(steps="prefixed"))
tracker.open(types.SimpleNamespace(root=root, state=root / ".zen", secrets=None, log=logging.getLogger()))
run = RunRecord(id="r1", name="brave-fox", pipeline="training")
with tracker.step(reference, run, StepRunRecord(id=name, run_id="r1", name=name)) as step:
    for number in range(10):
        step.log_metrics({"ours": number}, step=number, at=datetime.datetime.now(datetime.UTC))
    step.log_params({"name": name})
    mlflow.log_param(f"own_{name}", name)
tracker.close()
"""


def test_steps_of_several_processes_share_a_run(
    make: Make, client: MlflowClient, host: Any, run: RunRecord, plan: Plan
) -> None:
    tracker = make(steps="prefixed")
    reference = tracker.start_run(run, plan)
    command = [sys.executable, "-c", WORKER, str(host.root)]
    workers = [subprocess.Popen([*command, name, json.dumps(reference)]) for name in ("a", "b")]
    assert [worker.wait() for worker in workers] == [0, 0]
    tracker.finish_run(reference, finished(run))
    found = client.get_run(reference["run_id"])
    assert found.data.params.items() >= {"a.name": "a", "b.name": "b", "own_a": "a", "own_b": "b"}.items()
    for name in ("a", "b"):
        history = client.get_metric_history(reference["run_id"], f"{name}.ours")
        assert [point.value for point in history] == list(range(10))


@LAYOUTS
def test_autologging_lands_in_the_run_of_the_step(
    make: Make, client: MlflowClient, run: RunRecord, plan: Plan, steps: str
) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    pytest.importorskip("pandas", reason="autologging needs the full mlflow")
    tracker = make(steps=steps)
    reference = tracker.start_run(run, plan)
    try:
        with tracker.step(reference, run, step_run("train")) as tracking:
            mlflow.sklearn.autolog(log_models=False, silent=True)
            linear_model.Ridge(alpha=0.7).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
            run_id = tracking.native.info.run_id
    finally:
        mlflow.sklearn.autolog(disable=True)
    assert client.get_run(run_id).data.params["alpha"] == "0.7"
    assert (run_id == reference["run_id"]) == (steps == "prefixed")
    assert len(client.search_runs([reference["experiment_id"]])) == (2 if steps == "nested" else 1)
