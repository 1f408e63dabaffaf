from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from zen.errors import ComponentError, ComponentUnavailable, RunCancelled
from zen.records import ErrorRecord, Plan, RunRecord, StepRunRecord, from_json, to_json
from zen_plugin_mlflow import connection as connection_module
from zen_plugin_mlflow.config import MLflowConfig
from zen_plugin_mlflow.tracker import MLflowTracker

START = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
Make = Callable[..., MLflowTracker]
LATER = START + dt.timedelta(minutes=1)


@pytest.fixture
def client(host: Any) -> MlflowClient:
    return MlflowClient(f"sqlite:///{host.state}/mlflow.db")


def finished(run: RunRecord, state: str = "completed", **fields: Any) -> RunRecord:
    return dataclasses.replace(run, state=state, finished_at=LATER, **fields)  # type: ignore[arg-type]  # a state


def children(client: MlflowClient, reference: dict[str, Any]) -> list[Any]:
    parent = f"tags.`mlflow.parentRunId` = '{reference['run_id']}'"
    return sorted(client.search_runs([reference["experiment_id"]], parent), key=lambda found: found.info.run_name)


def test_run_is_logged_with_parameters_and_tags(
    make: Make, client: MlflowClient, host: Any, run: RunRecord, plan: Plan
) -> None:
    tracker = make()
    reference = tracker.start_run(run, plan)
    logged = client.get_run(reference["run_id"])
    assert logged.info.status == "RUNNING"
    assert logged.info.run_name == "brave-fox"
    assert logged.info.start_time == int(START.timestamp() * 1000)
    assert logged.info.artifact_uri.startswith((host.state / "mlflow-artifacts").as_uri())
    assert logged.data.params == {"lr": "0.2", "layers": "[64, 8]", "name": "x"}
    assert {key: value for key, value in logged.data.tags.items() if not key.startswith("mlflow.")} == {
        "zen.run_id": "r1",
        "zen.run_name": "brave-fox",
        "zen.pipeline": "training",
        "zen.stack": "local",
        "zen.plan": plan.digest(),
        "zen.tags": "gpu, nightly",
        "gpu": "true",
        "nightly": "true",
    }
    assert client.get_experiment(reference["experiment_id"]).name == "training"


def test_reference_is_plain_and_says_where(make: Make, host: Any, run: RunRecord, plan: Plan) -> None:
    reference = make(experiment="churn").start_run(run, plan)
    assert json.loads(json.dumps(reference)) == reference
    assert reference["tracking_uri"] == f"sqlite:///{host.state}/mlflow.db"
    assert reference["experiment"] == "churn"
    assert "url" not in reference


@pytest.mark.parametrize(
    ("state", "status"),
    [("completed", "FINISHED"), ("failed", "FAILED"), ("lost", "FAILED"), ("cancelled", "KILLED")],
)
def test_finish_maps_states(
    make: Make, client: MlflowClient, run: RunRecord, plan: Plan, state: str, status: str
) -> None:
    tracker = make()
    reference = tracker.start_run(run, plan)
    error = ErrorRecord(type="builtins.ValueError", message="no rows") if state == "failed" else None
    tracker.finish_run(reference, finished(run, state, error=error, warnings=("slow", "late")))
    logged = client.get_run(reference["run_id"])
    assert (logged.info.status, logged.info.end_time) == (status, int(LATER.timestamp() * 1000))
    assert logged.data.tags["zen.state"] == state
    assert logged.data.tags["zen.warnings"] == "slow\nlate"
    assert logged.data.tags.get("zen.error") == ("builtins.ValueError: no rows" if error else None)


def test_step_is_a_nested_active_run(
    make: Make, client: MlflowClient, run: RunRecord, plan: Plan, step_run: StepRunRecord
) -> None:
    tracker = make()
    reference = tracker.start_run(run, plan)
    with tracker.step(reference, run, step_run) as step:
        step.log_params({"depth": 3})
        step.log_metrics({"loss": 0.5}, step=1, at=START)
        step.log_metadata({"rows": 100, "schema": {"a": "int"}})
        mlflow.log_metric("native", 1)
        mlflow.log_text("hello", "note.txt")
        assert step.native is mlflow.active_run()
    (logged,) = children(client, reference)
    assert logged.info.run_id == step.native.info.run_id
    assert (logged.info.run_name, logged.info.status) == ("train", "FINISHED")
    assert logged.data.params == {"depth": "3"}
    assert logged.data.metrics == {"loss": 0.5, "native": 1}
    tags = {"zen.step": "train", "zen.step_run_id": "s1", "zen.attempt": "2", "zen.run_id": "r1"}
    assert (tags | {"metadata.rows": "100", "metadata.schema": '{"a": "int"}'}).items() <= logged.data.tags.items()
    assert [file.path for file in client.list_artifacts(logged.info.run_id)] == ["note.txt"]
    assert mlflow.active_run() is None


def test_autologging_lands_in_the_step(
    make: Make, client: MlflowClient, run: RunRecord, plan: Plan, step_run: StepRunRecord
) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    pytest.importorskip("pandas", reason="autologging needs the full mlflow")
    tracker = make()
    reference = tracker.start_run(run, plan)
    try:
        with tracker.step(reference, run, step_run):
            mlflow.sklearn.autolog(log_models=False, silent=True)
            linear_model.Ridge(alpha=0.7).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    finally:
        mlflow.sklearn.autolog(disable=True)
    (logged,) = children(client, reference)
    assert logged.data.params["alpha"] == "0.7"
    assert "training_r2_score" in logged.data.metrics
    assert len(client.search_runs([reference["experiment_id"]])) == 2


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("x"), "FAILED"),
        (SystemExit(0), "FAILED"),
        (KeyboardInterrupt(), "KILLED"),
        (RunCancelled("x"), "KILLED"),
    ],
)
def test_exception_ends_the_step_and_passes_through(
    make: Make, client: MlflowClient, run: RunRecord, plan: Plan, step_run: StepRunRecord, error: Any, status: str
) -> None:
    tracker = make()
    reference = tracker.start_run(run, plan)
    with pytest.raises(type(error)) as caught, tracker.step(reference, run, step_run) as step:
        step.log_metrics({"a": 1, "b": 2}, step=None, at=START)
        step.log_metrics({"late": 3}, step=None, at=START)
        mlflow.start_run(nested=True, run_name="inner")
        raise error
    assert caught.value is error
    (logged,) = children(client, reference)
    assert logged.info.status == status
    assert logged.data.metrics == {"a": 1, "b": 2, "late": 3}
    (inner,) = client.search_runs([reference["experiment_id"]], "attributes.run_name = 'inner'")
    assert inner.info.status == status


def test_prefixed_steps_share_one_run(make: Make, client: MlflowClient, run: RunRecord, plan: Plan) -> None:
    tracker = make(steps="prefixed")
    reference = tracker.start_run(run, plan)
    for name, accuracy in (("train", 0.9), ("train[7]", 0.8)):
        with tracker.step(reference, run, StepRunRecord(id=name, run_id="r1", name=name)) as step:
            step.log_params({"depth": 3})
            step.log_metrics({"accuracy": accuracy}, step=None, at=START)
            step.log_metadata({"rows": 1})
            mlflow.log_metric(f"native_{name[:5]}", 1)
    assert client.get_run(reference["run_id"]).info.status == "RUNNING"
    with pytest.raises(ValueError), tracker.step(reference, run, StepRunRecord(id="s", run_id="r1", name="test")):
        raise ValueError
    data = client.get_run(reference["run_id"]).data
    assert data.params.keys() == {*run.parameters, "train.depth", "train_7_.depth"}
    assert data.metrics == {"train.accuracy": 0.9, "train_7_.accuracy": 0.8, "native_train": 1}
    assert data.tags["metadata.train.rows"] == "1"
    states = {key: value for key, value in data.tags.items() if key.startswith("zen.step.")}
    assert states == {"zen.step.train": "FINISHED", "zen.step.train_7_": "FINISHED", "zen.step.test": "FAILED"}
    assert children(client, reference) == []


def test_resumed_run_is_picked_up(make: Make, client: MlflowClient, run: RunRecord, plan: Plan) -> None:
    tracker = make()
    reference = tracker.start_run(run, plan)
    tracker.finish_run(reference, finished(run, "failed"))
    trackers = {"wandb": {"run_id": "other"}, "odd": "text", "mlflow": reference}
    again = make().start_run(dataclasses.replace(run, trackers=trackers), plan)
    assert again == reference
    assert client.get_run(reference["run_id"]).info.status == "RUNNING"
    assert len(client.search_runs([reference["experiment_id"]])) == 1


@pytest.mark.parametrize("how", ["deleted", "unknown", "other experiment"])
def test_run_that_cannot_be_picked_up_is_made_anew(
    make: Make, client: MlflowClient, run: RunRecord, plan: Plan, how: str
) -> None:
    reference = make().start_run(run, plan)
    if how == "deleted":
        client.delete_run(reference["run_id"])
    recorded = {**reference, "run_id": "0" * 32} if how == "unknown" else reference
    settings = {"experiment": "another"} if how == "other experiment" else {}
    again = make(**settings).start_run(dataclasses.replace(run, trackers={"mlflow": recorded}), plan)
    assert again["run_id"] not in (reference["run_id"], recorded["run_id"])


def test_deleted_experiment_is_reported(make: Make, client: MlflowClient, run: RunRecord, plan: Plan) -> None:
    client.delete_experiment(client.create_experiment("training"))
    with pytest.raises(ComponentError, match=r"'training' .* is deleted") as caught:
        make().start_run(run, plan)
    assert "mlflow experiments restore" in caught.value.hint


def test_steps_of_dead_workers_are_ended_with_the_run(
    make: Make, client: MlflowClient, run: RunRecord, plan: Plan, step_run: StepRunRecord
) -> None:
    tracker = make()
    reference = tracker.start_run(run, plan)
    tracker._step_run(reference, step_run)  # what a worker did before it was killed
    tracker.finish_run(reference, finished(run, "lost"))
    assert [child.info.status for child in children(client, reference)] == ["FAILED"]


def test_two_trackers_in_one_process_stay_apart(
    make: Make, host: Any, template: Path, run: RunRecord, plan: Plan, step_run: StepRunRecord
) -> None:
    shutil.copy(template, host.root / "b.db")
    first, second = make(), make(tracking_uri="sqlite:///b.db", experiment="b")
    references = [first.start_run(run, plan), second.start_run(run, plan)]
    with first.step(references[0], run, step_run) as a, second.step(references[1], run, step_run) as b:
        a.log_metrics({"a": 1}, step=None, at=START)
        b.log_metrics({"b": 2}, step=None, at=START)
        mlflow.log_metric("native", 3)
    metrics = []
    for reference in references:
        (child,) = children(MlflowClient(reference["tracking_uri"]), reference)
        metrics.append((child.data.metrics, child.info.status))
    assert metrics == [({"a": 1}, "FINISHED"), ({"b": 2, "native": 3}, "FINISHED")]


def test_runs_of_two_threads_stay_apart(make: Make, client: MlflowClient, run: RunRecord, plan: Plan) -> None:
    tracker, barrier = make(), threading.Barrier(2)
    references: dict[str, Any] = {}

    def launch(name: str) -> None:
        own = dataclasses.replace(run, id=name, name=name)
        references[name] = tracker.start_run(own, plan)
        with tracker.step(references[name], own, StepRunRecord(id=name, run_id=name, name="train")) as step:
            barrier.wait(20)
            mlflow.log_metric(f"native_{name}", 1)
            step.log_metrics({f"ours_{name}": 1}, step=None, at=START)
        tracker.finish_run(references[name], finished(own))

    threads = [threading.Thread(target=launch, args=(name,)) for name in ("x", "y")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logged = {name: set(children(client, reference)[0].data.metrics) for name, reference in references.items()}
    assert logged == {name: {f"native_{name}", f"ours_{name}"} for name in ("x", "y")}


WORKER = """
import datetime, json, sys, logging, pathlib, types
import mlflow
from zen.records import RunRecord, StepRunRecord
from zen_plugin_mlflow.config import MLflowConfig
from zen_plugin_mlflow.tracker import MLflowTracker

root, name, reference = pathlib.Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
tracker = MLflowTracker(MLflowConfig())
tracker.open(types.SimpleNamespace(root=root, state=root / ".zen", secrets=None, log=logging.getLogger()))
run = RunRecord(id="r1", name="brave-fox", pipeline="training")
with tracker.step(reference, run, StepRunRecord(id=name, run_id="r1", name=name)) as step:
    for number in range(25):
        mlflow.log_metric("native", number, step=number)
        step.log_metrics({"ours": number}, step=number, at=datetime.datetime.now(datetime.UTC))
    step.log_params({"name": name})
tracker.close()
"""


def test_parallel_steps_of_several_processes_share_a_file(
    make: Make, client: MlflowClient, host: Any, run: RunRecord, plan: Plan
) -> None:
    tracker = make()
    reference = tracker.start_run(run, plan)
    command = [sys.executable, "-c", WORKER, str(host.root)]
    workers = [subprocess.Popen([*command, name, json.dumps(reference)]) for name in ("a", "b", "c")]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    tracker.finish_run(reference, finished(run))
    logged = children(client, reference)
    assert [(child.info.run_name, child.info.status, child.data.params) for child in logged] == [
        (name, "FINISHED", {"name": name}) for name in ("a", "b", "c")
    ]
    for child in logged:
        for key in ("native", "ours"):
            assert [point.value for point in client.get_metric_history(child.info.run_id, key)] == list(range(25))


def test_records_that_travelled_as_json_will_do(make: Make, client: MlflowClient, run: RunRecord, plan: Plan) -> None:
    tracker = make()
    reference = json.loads(json.dumps(tracker.start_run(from_json(RunRecord, to_json(run)), plan)))
    tracker.finish_run(reference, finished(run))
    assert client.get_run(reference["run_id"]).info.status == "FINISHED"


def test_cached_steps_cost_no_import(host: Any) -> None:
    code = (
        "import sys, types, pathlib; from zen_plugin_mlflow.config import MLflowConfig; from zen_plugin_mlflow.tracker "
        "import MLflowTracker; t = MLflowTracker(MLflowConfig()); t.close(); t.open(types.SimpleNamespace(root=0, "
        "state=pathlib.Path(sys.argv[1]), log=0)); t.close(); t.close(); assert 'mlflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(host.state)], check=True)


def test_check_is_content_with_a_file(make: Make) -> None:
    make().check()


def test_open_says_that_nobody_listens(host: Any, closed_port: int) -> None:
    tracker = MLflowTracker(MLflowConfig(tracking_uri=f"http://127.0.0.1:{closed_port}"))
    with pytest.raises(ComponentUnavailable, match="no MLflow answers"):
        tracker.open(host)


def test_check_does_not_wait_for_a_mute_server(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_CHECK", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        tracker = make(tracking_uri=f"http://127.0.0.1:{mute.getsockname()[1]}")
        with pytest.raises(ComponentUnavailable, match="did not answer within"):
            tracker.check()


def test_check_passes_on_what_is_wrong(make: Make, host: Any) -> None:
    (host.state / "mlflow.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(ComponentError, match="could not list experiments"):
        make().check()


@pytest.fixture
def relay(server: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """The address of a relay to the server, and how to switch it off."""
    port = int(server.rpartition(":")[2])
    listener = socket.create_server(("127.0.0.1", 0))
    open_ends: list[socket.socket] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def accept() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", port))
            open_ends.extend((near, far))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    def off() -> None:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for end in open_ends:
            end.close()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", off
    listener.close()


def test_server_keeps_everything(
    server: str, make: Make, run: RunRecord, plan: Plan, step_run: StepRunRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    tracker, client = make(tracking_uri=server, experiment="served"), MlflowClient(server)
    tracker.check()
    reference = tracker.start_run(run, plan)
    assert reference["url"] == f"{server}/#/experiments/{reference['experiment_id']}/runs/{reference['run_id']}"
    with tracker.step(reference, run, step_run) as step:
        step.log_params({"depth": 3})
        with pytest.raises(ComponentError, match="depth is '3', not '4'"):
            step.log_params({"depth": 4})
        step.log_metrics({"loss": 0.5, "nan": float("nan"), "inf": float("inf")}, step=1, at=START)
        mlflow.log_metric("native", 1)
        mlflow.log_text("hello", "note.txt")
        assert [file.path for file in client.list_artifacts(step.native.info.run_id)] == ["note.txt"]
    tracker.finish_run(reference, finished(run))
    (child,) = children(client, reference)
    assert (child.info.status, child.data.params) == ("FINISHED", {"depth": "3"})
    assert {key: str(child.data.metrics[key]) for key in ("loss", "nan", "native")} == {
        "loss": "0.5",
        "nan": "nan",
        "native": "1.0",
    }
    assert child.data.metrics["inf"] > 1e308
    assert client.get_run(reference["run_id"]).info.status == "FINISHED"
    assert capsys.readouterr().out == ""


def test_server_that_goes_away_is_told_at_once_and_fails_no_step(
    relay: tuple[str, Callable[[], None]],
    make: Make,
    run: RunRecord,
    plan: Plan,
    step_run: StepRunRecord,
    caplog: pytest.LogCaptureFixture,
) -> None:
    address, off = relay
    tracker = make(tracking_uri=address, experiment="served")
    reference = tracker.start_run(run, plan)
    began = time.monotonic()
    with pytest.raises(ZeroDivisionError), tracker.step(reference, run, step_run) as step:
        off()
        time.sleep(1.1)
        with pytest.raises(ComponentUnavailable, match="no MLflow answers"):
            step.log_params({"depth": 3})
        1 / 0  # noqa: B018  # what the user's step raises
    assert "no MLflow answers" in caplog.text
    with pytest.raises(ComponentUnavailable), tracker.step(reference, run, step_run):
        pass
    with pytest.raises(ComponentUnavailable):
        tracker.finish_run(reference, finished(run))
    assert time.monotonic() - began < 60  # MLflow itself tries again for minutes
    assert "MLFLOW_RUN_ID" not in os.environ
