"""Real MLflow, on SQLite files and on one server for the session; the host is a fake."""

from __future__ import annotations

import datetime as dt
import importlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")

from zen.errors import SecretNotFound
from zen.records import CodeRef, Plan, RunRecord, StackSpec, StepRunRecord
from zen.secrets import Secret
from zen.testing import FakeArtifacts, FakeRecords
from zen_plugin_mlflow.config import MLflowConfig
from zen_plugin_mlflow.connection import create_database
from zen_plugin_mlflow.tracker import MLflowTracker

START = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


class Secrets:
    def __init__(self, **values: str) -> None:
        self.values = values

    def get(self, reference: str) -> str:
        name = reference.removeprefix("env/")
        if name not in self.values:
            raise SecretNotFound(f"no secret {reference!r}", reference=reference)
        return self.values[name]

    def reveal(self, secret: Secret | str) -> str:
        return secret.resolve(self.get) if isinstance(secret, Secret) else secret


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of its own: MLflow's defaults write to the current one."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def template(made_once: Callable[..., Path]) -> Path:
    """An empty MLflow database: making one takes seconds, copying it nothing."""
    return made_once("mlflow.db", lambda path: create_database(path, str(path.parent)))


LINE = """
from dataclasses import dataclass

@dataclass
class Line:
    factors: list[float]

    def predict(self, data):
        return [float(sum(f * x for f, x in zip(self.factors, row))) for row in getattr(data, "values", data)]
"""


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A model of the project itself. Its server starts in half of the time that one with scikit-learn takes."""
    (tmp_path / "mlflow_line.py").write_text(LINE)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("mlflow_line").Line([0.5, 2.0])


@pytest.fixture
def make_host() -> Callable[..., Any]:
    """Make hosts of any root, each with its secrets; nothing is written."""

    def host(root: Path, **secrets: str) -> Any:
        log = logging.getLogger("zen.test")
        lent = {"records": FakeRecords(), "artifacts": FakeArtifacts(), "secrets": Secrets(**secrets)}
        return SimpleNamespace(root=root, state=root / ".zen", log=log, **lent)

    return host


@pytest.fixture
def host(tmp_path: Path, template: Path, make_host: Callable[..., Any]) -> Any:
    made = make_host(tmp_path)
    made.state.mkdir()
    shutil.copy(template, made.state / "mlflow.db")
    return made


@pytest.fixture
def make(host: Any) -> Iterator[Callable[..., MLflowTracker]]:
    """Open trackers of one host, each with its settings; close them in the end."""
    opened = []

    def tracker(**settings: Any) -> MLflowTracker:
        opened.append(MLflowTracker(MLflowConfig(**settings)))
        opened[-1].open(host)
        return opened[-1]

    yield tracker
    for component in opened:
        component.close()


@pytest.fixture
def run() -> RunRecord:
    parameters = {"lr": 0.2, "layers": [64, 8], "name": "x"}
    return RunRecord(
        id="r1", name="brave-fox", pipeline="training", started_at=START, parameters=parameters, tags=("gpu", "nightly")
    )


@pytest.fixture
def plan() -> Plan:
    return Plan(
        pipeline="training", code=CodeRef(module="training", qualname="training"), stack=StackSpec(name="local")
    )


@pytest.fixture
def step_run() -> StepRunRecord:
    return StepRunRecord(id="s1", run_id="r1", name="train", attempt=2)


@pytest.fixture
def closed_port() -> int:
    """A port of this machine at which nobody listens."""
    return _free_port()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[str]:
    """The address of a real `mlflow server`, whose whole process group is killed afterwards."""
    pytest.importorskip("flask", reason="mlflow-skinny has no server")
    folder, port = tmp_path_factory.mktemp("server"), _free_port()
    shutil.copy(template, folder / "server.db")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder / "files")]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        command + stores, stdout=log, stderr=log, start_new_session=True, env={**os.environ, "PATH": path}
    )
    try:
        _await(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def _await(url: str, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"no server at {url}; it ended with {process.poll()}")
