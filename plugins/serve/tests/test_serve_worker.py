"""The process that predicts, spoken to as the server does."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zen.records import to_json
from zen_plugin_serve.config import ServeConfig
from zen_plugin_serve.frames import ASK, FAILED, READY, decode, encode
from zen_plugin_serve.place import Order


@pytest.fixture
def order(project: Path, version: Any) -> Order:
    return Order(
        name="churn",
        generation=1,
        version=version(3),
        settings=ServeConfig().model_dump(),
        python=sys.executable,
        root=str(project),
        created_at=dt.datetime(2026, 1, 31, tzinfo=dt.UTC),
    )


@contextlib.contextmanager
def started(order: Order, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-P", "-m", "zen_plugin_serve.worker", str(folder)]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        send(worker, to_json(order))
        yield worker
    finally:
        worker.kill()
        worker.wait()


def send(worker: subprocess.Popen[bytes], value: Any) -> None:
    assert worker.stdin is not None
    worker.stdin.write(encode(ASK, json.dumps(value).encode()))
    worker.stdin.flush()


def received(worker: subprocess.Popen[bytes]) -> tuple[int, Any]:
    assert worker.stdout is not None
    kind, body = decode(worker.stdout) or (0, b"null")
    return kind, json.loads(body)


def test_messages_come_back_whole_or_not_at_all() -> None:
    data = encode(200, b"abc")
    assert decode(io.BytesIO(data)) == (200, b"abc")
    assert all(decode(io.BytesIO(data[:length])) is None for length in range(len(data)))


def test_what_the_model_prints_is_no_answer(order: Order, pack: Any, capfd: pytest.CaptureFixture[str]) -> None:
    folder = next(iter(pack("Model(7)").values())).parent
    with started(order, folder) as worker:
        assert received(worker)[0] == READY
        for _ in range(3):
            send(worker, {"data": [["number"]]})
            assert received(worker) == (200, {"predictions": [7], "model": "churn", "version": 3})
        assert worker.stdin is not None
        worker.stdin.close()
        assert worker.wait(60) == 0
    assert capfd.readouterr().err.count("predicting 1") == 3


def test_a_model_that_cannot_be_loaded_is_told(order: Order, tmp_path: Path) -> None:
    with started(order, tmp_path) as worker:
        assert worker.stdout is not None
        kind, reason = decode(worker.stdout) or (0, b"")
        assert kind == FAILED
        assert reason
        assert worker.wait(60) == 1


def test_a_prediction_that_hangs_ends_when_nobody_asks_any_more(order: Order, pack: Any, tmp_path: Path) -> None:
    folder = next(iter(pack("Model(7)").values())).parent
    with started(order, folder) as worker:
        assert received(worker)[0] == READY
        send(worker, {"data": [["hang", str(tmp_path / "hangs")]]})
        while not (tmp_path / "hangs").exists() and worker.poll() is None:
            time.sleep(0.01)
        assert worker.stdin is not None
        worker.stdin.close()
        assert worker.wait(60) == 1
