"""A project with models of all sorts, and a deployer in it."""

from __future__ import annotations

import http.client
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import zen
from zen.records import Deployment, ModelVersion
from zen.testing.hosts import FakeHost
from zen_plugin_serve.config import ServeConfig
from zen_plugin_serve.deployer import ServeDeployer
from zen_plugin_serve.place import Place

MODELS = '''
import os, signal, sys, time


class Model:
    """Does with each row what its first value says."""

    def __init__(self, number=1):
        self.number = number

    def predict(self, rows):
        print("predicting", len(rows))
        return [self.one(row) for row in rows]

    def one(self, row):
        if not isinstance(row, list) or not row or not isinstance(row[0], str):
            return row
        word = row[0]
        if word == "number":
            return self.number
        if word == "sleep":
            time.sleep(row[1])
        elif word == "wait":  # until the second file is there; the first one says that it does
            open(row[1], "w").close()
            while not os.path.exists(row[2]):
                time.sleep(0.01)
        elif word == "meet":  # others who do
            open(os.path.join(row[1], str(os.getpid())), "w").close()
            while len(os.listdir(row[1])) < row[2]:
                time.sleep(0.01)
            return row[2]
        elif word == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif word == "exit":
            sys.exit(3)
        elif word == "raise":
            raise RuntimeError("a secret of the model")
        elif word == "infinity":
            return float("inf")
        elif word == "nan":
            return [float("nan"), None]
        elif word == "object":
            return object()
        elif word == "hang":
            if len(row) > 1:
                open(row[1], "w").close()
            signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL})
            while True:
                pass
        return row


class SlowToLoad(Model):
    def __setstate__(self, state):
        time.sleep(60)


class DiesWhenLoaded(Model):
    def __setstate__(self, state):
        print("last words", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
'''


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the module `serve_models` in it."""
    root = tmp_path_factory.mktemp("project")
    (root / "zen.yaml").write_text("")
    (root / "serve_models.py").write_text(MODELS)
    return root


@pytest.fixture(scope="session")
def pack(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Mapping[str, Path]]:
    """Packs a value in the project; for a text, the model that `serve_models` has under that name."""

    def packed(value: Any) -> Mapping[str, Path]:
        before = Path.cwd()
        sys.path.insert(0, str(project))
        os.chdir(project)
        try:
            models = importlib.import_module("serve_models")
            return zen.pack(
                eval(value, vars(models)) if isinstance(value, str) else value,
                tmp_path_factory.mktemp("packed") / "files",
            )
        finally:
            os.chdir(before)
            sys.path.remove(str(project))

    return packed


@pytest.fixture
def make(project: Path) -> Iterator[Callable[..., ServeDeployer]]:
    """Makes deployers; all deployments are gone afterwards."""
    made = []

    def opened(**config: Any) -> ServeDeployer:
        deployer = ServeDeployer(ServeConfig(**config))
        deployer.open(FakeHost(project))
        made.append(deployer)
        return deployer

    yield opened
    for deployer in made:
        for each in deployer.list():
            deployer.delete(each.name)


@pytest.fixture
def deployer(make: Callable[..., ServeDeployer]) -> ServeDeployer:
    return make()


@pytest.fixture(scope="session")
def version() -> Callable[..., ModelVersion]:
    """Makes versions of the model `churn`."""
    return lambda number=1, **metadata: ModelVersion(model="churn", version=number, run_id="run-1", metadata=metadata)


@pytest.fixture(scope="session")
def place(project: Path) -> Callable[..., Place]:
    """Gives the folder of a deployment."""
    return lambda name="churn": Place(project / ".zen" / "deployments" / name)


@pytest.fixture(scope="session")
def ask() -> Callable[..., tuple[int, Any, http.client.HTTPResponse]]:
    """Sends a request as it is; gives status, JSON and the response."""
    return _ask


def _ask(
    deployment: Deployment, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, Any, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(deployment.url.removeprefix("http://"), timeout=30)
    try:
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        if body is not None:
            named = {"content-type": "application/json"} | named
        connection.request(method, path, body, named)
        response = connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else None, response
    finally:
        connection.close()
