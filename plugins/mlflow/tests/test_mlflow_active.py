from __future__ import annotations

import importlib.util
import logging
import os
import threading
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.tracking import fluent

from zen_plugin_mlflow.active import _VARIABLES, Target, active

LOG = logging.getLogger("zen.test")


@pytest.fixture
def runs(host: Any) -> list[tuple[Any, Target]]:
    """Three runs: two in experiments of one store, one in another store."""
    uri, other = f"sqlite:///{host.state}/mlflow.db", f"sqlite:///{host.root}/other.db"
    Path(host.root / "other.db").write_bytes(Path(host.state / "mlflow.db").read_bytes())
    made = []
    for address, name in ((uri, "a"), (uri, "b"), (other, "c")):
        client = MlflowClient(address)
        experiment = client.create_experiment(name, artifact_location=str(host.root))
        made.append((client.create_run(experiment), Target(address, experiment)))
    return made


def process_state() -> tuple[Any, ...]:
    environment = {name: os.environ.get(name) for name in _VARIABLES}
    return (
        mlflow.tracking._tracking_service.utils._tracking_uri,
        fluent._active_experiment_id,
        environment,
        mlflow.active_run(),
        fluent._last_active_run_id.get(),
        mlflow.get_active_model_id(),
    )


def test_everything_is_given_back(runs: list[tuple[Any, Target]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///users.db")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "users")
    monkeypatch.setenv("MLFLOW_RUN_ID", "users")
    before = process_state()
    with active(*runs[0], LOG) as (active_run, _):
        assert mlflow.active_run() is active_run
        assert mlflow.get_tracking_uri() == os.environ["MLFLOW_TRACKING_URI"] == runs[0][1].uri
        assert os.environ["MLFLOW_EXPERIMENT_ID"] == runs[0][1].experiment_id
        assert not {"MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"} & set(os.environ)
        mlflow.set_tracking_uri("sqlite:///elsewhere.db")
        os.environ["MLFLOW_RUN_ID"] = "left"
    assert process_state() == before


def test_everything_is_given_back_after_an_error(runs: list[tuple[Any, Target]]) -> None:
    before = process_state()
    with pytest.raises(ZeroDivisionError), active(*runs[0], LOG):
        1 / 0  # noqa: B018  # raises
    assert process_state() == before


def test_users_own_active_run_comes_back(runs: list[tuple[Any, Target]]) -> None:
    with active(*runs[2], LOG) as (outer, _):
        with active(*runs[0], LOG) as (inner, _):
            mlflow.log_metric("x", 1)
            assert mlflow.active_run() is inner
        assert mlflow.active_run() is outer
        mlflow.log_metric("y", 2)
    metrics = [MlflowClient(target.uri).get_run(run.info.run_id).data.metrics for run, target in runs]
    assert metrics == [{"x": 1}, {}, {"y": 2}]


def test_runs_left_open_are_told(runs: list[tuple[Any, Target]], monkeypatch: pytest.MonkeyPatch) -> None:
    run, target = runs[0]
    monkeypatch.setattr(fluent, "_active_experiment_id", "0")  # as mlflow.set_experiment at the top of a script does
    with active(run, target, LOG) as (_, left_open):
        nested = mlflow.start_run(nested=True)
        mlflow.start_run(nested=True)
        mlflow.end_run()
    assert left_open == [nested.info.run_id]
    assert nested.info.experiment_id == target.experiment_id
    assert nested.data.tags["mlflow.parentRunId"] == run.info.run_id


def test_run_ended_by_the_user_is_no_trouble(runs: list[tuple[Any, Target]]) -> None:
    with active(*runs[0], LOG) as (_, left_open):
        mlflow.end_run()
    assert left_open == []
    assert mlflow.active_run() is None


def in_thread(target: Any) -> list[BaseException]:
    errors: list[BaseException] = []

    def body() -> None:
        try:
            target()
        except BaseException as err:
            errors.append(err)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    return errors


def test_threads_share_a_store_and_keep_their_runs(runs: list[tuple[Any, Target]]) -> None:
    before = process_state()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with active(*runs[1], LOG):
            inside.set()
            leave.wait(10)
            mlflow.log_metric("b", 2)

    thread = threading.Thread(target=other)
    with active(*runs[0], LOG):
        thread.start()
        inside.wait(10)
        mlflow.log_metric("a", 1)
    leave.set()  # the other thread still needs what this one has set
    thread.join()
    assert process_state() == before
    metrics = [MlflowClient(target.uri).get_run(run.info.run_id).data.metrics for run, target in runs]
    assert metrics == [{"a": 1}, {"b": 2}, {}]


def test_other_store_in_another_thread_fails_rather_than_mixes(
    runs: list[tuple[Any, Target]], caplog: pytest.LogCaptureFixture
) -> None:
    def other() -> None:
        with active(*runs[2], LOG):
            mlflow.log_metric("c", 3)

    with active(*runs[0], LOG):
        (error,) = in_thread(other)
        mlflow.log_metric("a", 1)
    assert isinstance(error, mlflow.MlflowException)
    assert "isolate=True" in caplog.text
    counts = [len(MlflowClient(target.uri).search_runs([target.experiment_id])) for _, target in runs]
    assert counts == [1, 1, 1]


def test_system_metrics_are_watched_if_the_user_asks(
    runs: list[tuple[Any, Target]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true")
    with active(*runs[0], LOG) as (active_run, _):
        watched = active_run.info.run_id in fluent.run_id_to_system_metrics_monitor
    installed = importlib.util.find_spec("psutil") is not None
    assert watched == installed
    assert ("cannot record system metrics" in caplog.text) == (not installed)
    assert not fluent.run_id_to_system_metrics_monitor
