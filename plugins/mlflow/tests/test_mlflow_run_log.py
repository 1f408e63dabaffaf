from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Callable
from typing import Any

import pytest
from mlflow import MlflowClient

from zen.errors import ComponentError, ComponentUnavailable
from zen_plugin_mlflow.connection import Connection
from zen_plugin_mlflow.place import Place, locate
from zen_plugin_mlflow.run_log import RunLog, as_text, valid_name

START = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


@pytest.fixture
def client(host: Any) -> MlflowClient:
    return MlflowClient(f"sqlite:///{host.state}/mlflow.db")


@pytest.fixture
def log(host: Any, client: MlflowClient) -> Callable[..., RunLog]:
    run_id = client.create_run("0").info.run_id
    return lambda **options: RunLog(Connection(locate(None, host), host.log), run_id, **options)


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("accuracy", "accuracy"),
        ("train/f1: macro-avg.é", "train/f1: macro-avg.é"),
        ("train[7]", "train_7_"),
        ("recall@5%", "recall_5_"),
        ("a//b/", "a/b"),
        ("/../etc/./passwd", "etc/passwd"),
        ("..a", "a"),
        ("", "_"),
        (".", "_"),
        ("x" * 300, "x" * 250),
    ],
)
def test_names_become_what_mlflow_takes(
    wanted: str, name: str, log: Callable[..., RunLog], client: MlflowClient
) -> None:
    assert valid_name(wanted) == name
    log().params({wanted: 1})
    assert client.get_run(log().run_id).data.params == {name: "1"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (0.1, "0.1"),
        (True, "True"),
        (None, "None"),
        ({"a": (1, None)}, '{"a": [1, null]}'),
        ([dt.date(2026, 1, 2)], '["2026-01-02"]'),
        ("lone \ud800", "lone \\ud800"),
    ],
)
def test_values_become_text(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_params_are_logged_in_batches(log: Callable[..., RunLog], client: MlflowClient) -> None:
    params = {f"p{number}": number for number in range(250)}
    log(prefix="train/").params(params)
    assert client.get_run(log().run_id).data.params == {f"train/{key}": str(value) for key, value in params.items()}


def test_long_values_are_cut_with_a_note(
    log: Callable[..., RunLog], client: MlflowClient, caplog: pytest.LogCaptureFixture
) -> None:
    log().params({"long": "x" * 6001, "fits": "y" * 6000})
    log().tags({"long": "x" * 8001})
    data = client.get_run(log().run_id).data
    assert (len(data.params["long"]), data.params["long"][-2:]) == (6000, "x…")
    assert data.params["fits"] == "y" * 6000
    assert len(data.tags["long"]) == 8000
    assert "the value of 'long' has 6001 characters; MLflow takes 6000" in caplog.text


def test_changed_params_are_reported_and_the_rest_is_kept(log: Callable[..., RunLog], client: MlflowClient) -> None:
    log().params({"lr": 0.1, "depth": 3})
    log().params({"lr": 0.1})
    with pytest.raises(ComponentError, match=r"lr is '0\.1', not '0\.2'") as caught:
        log().params({"depth": 3, "lr": 0.2, "seed": 7})
    assert caught.value.params == ("lr",)
    assert caught.value.__cause__ is not None
    assert client.get_run(log().run_id).data.params == {"lr": "0.1", "depth": "3", "seed": "7"}


def test_params_of_a_run_that_is_gone_are_an_error(log: Callable[..., RunLog], client: MlflowClient) -> None:
    client.delete_run(log().run_id)
    with pytest.raises(ComponentError, match="could not log parameters"):
        log().params({"lr": 0.1})


def test_metrics_keep_step_and_time(log: Callable[..., RunLog], client: MlflowClient) -> None:
    writer = log()
    writer.metrics({"loss": 1.5, "n": 2}, step=None, at=START)
    writer.metrics({"loss": 0.5}, step=3, at=START + dt.timedelta(seconds=1))
    writer.flush()
    history = client.get_metric_history(writer.run_id, "loss")
    began = int(START.timestamp() * 1000)
    assert [(point.value, point.step, point.timestamp) for point in history] == [
        (1.5, 0, began),
        (0.5, 3, began + 1000),
    ]


def test_metrics_that_are_no_numbers_are_kept_as_mlflow_takes_them(
    log: Callable[..., RunLog], client: MlflowClient
) -> None:
    writer = log()
    writer.metrics({"nan": math.nan, "inf": math.inf, "minus": -math.inf}, step=None, at=START)
    metrics = client.get_run(writer.run_id).data.metrics
    assert math.isnan(metrics["nan"])
    assert metrics["inf"] >= 1.7e308
    assert metrics["minus"] <= -1.7e308


def test_ten_thousand_metrics_take_few_requests(
    log: Callable[..., RunLog], client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests, send = [], MlflowClient.log_batch

    def counted(self: MlflowClient, *told: Any, **named: Any) -> Any:
        requests.append(told)
        return send(self, *told, **named)

    monkeypatch.setattr(MlflowClient, "log_batch", counted)
    writer = log()
    for number in range(10_000):
        writer.metrics({"loss": 1 / (number + 1)}, step=number, at=START)
    writer.flush()
    assert 10 <= len(requests) < 500  # MLflow takes up to a thousand at once
    assert len(client.get_metric_history(writer.run_id, "loss")) == 10_000


def test_metrics_wait_for_a_store_that_is_away(log: Callable[..., RunLog], client: MlflowClient) -> None:
    writer = log()
    place, writer.connection.place = writer.connection.place, Place(uri="http://127.0.0.1:1", label="gone")
    with pytest.raises(ComponentUnavailable):
        writer.metrics({"loss": 1.0}, step=1, at=START)
    writer.connection.place = place
    writer.flush()
    assert client.get_run(writer.run_id).data.metrics == {"loss": 1.0}


def test_renamed_keys_are_told_once(log: Callable[..., RunLog], caplog: pytest.LogCaptureFixture) -> None:
    writer = log()
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            writer.metrics({"f1@5": number}, step=number, at=START)
    assert caplog.text.count("'f1@5'") == 1


def test_end_keeps_standard_output_clean(server: str, host: Any, capsys: pytest.CaptureFixture[str]) -> None:
    client = MlflowClient(server)
    run_id = client.create_run("0").info.run_id
    RunLog(Connection(locate(server, host), host.log), run_id).end("KILLED", START)
    info = client.get_run(run_id).info
    assert (info.status, info.end_time) == ("KILLED", int(START.timestamp() * 1000))
    assert capsys.readouterr().out == ""
