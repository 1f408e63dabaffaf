"""Real scoring servers as real processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from zen import pack
from zen.errors import ComponentError, ComponentUnavailable, UsageError
from zen.records import Deployment, ModelVersion
from zen_plugin_mlflow import processes, served_model
from zen_plugin_mlflow.config import MLflowDeployerConfig, MLflowRegistryConfig
from zen_plugin_mlflow.connection import Connection
from zen_plugin_mlflow.deployer import MLflowDeployer
from zen_plugin_mlflow.deployments import Folder
from zen_plugin_mlflow.place import locate
from zen_plugin_mlflow.registry import MLflowRegistry

# mlflow-skinny serves no models; zen-plugin-sklearn saves the ones of these tests.
NEEDED = ("pandas", "sklearn", "zen_plugin_sklearn")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(any(find_spec(name) is None for name in NEEDED), reason="needs [full]"),
]

Deployer = Callable[..., MLflowDeployer]
COLUMNS = {"signature": {"columns": [{"name": "age", "type": "float64"}, {"name": "income", "type": "float64"}]}}
ROWS = [[0.5, 1.0], [3.0, 2.0]]


@pytest.fixture
def deployer(host: Any) -> Iterator[Deployer]:
    """Make deployers of one host; what they have started is ended."""
    made = MLflowDeployer(MLflowDeployerConfig())

    def make(**settings: Any) -> MLflowDeployer:
        component = MLflowDeployer(MLflowDeployerConfig(**settings))
        component.open(host)
        return component

    yield make
    made.open(host)
    for deployment in made.list():
        made.delete(deployment.name)


@pytest.fixture
def ridge() -> Any:
    from sklearn.linear_model import Ridge

    return Ridge().fit([[0.0, 1.0], [1.0, 3.0], [2.0, 1.0]], [0.0, 1.0, 2.0])


@pytest.fixture
def files(line: Any, tmp_path: Path) -> dict[str, Path]:
    return pack(line, tmp_path / "packed")


def get(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return int(answer.status)


def test_endpoint_is_that_of_mlflow(deployer: Deployer, ridge: Any, host: Any, tmp_path: Path) -> None:
    component, files = deployer(), pack(ridge, tmp_path / "packed")
    made = component.deploy("churn", ModelVersion(model="m", version=3, metadata=COLUMNS), files, {})
    assert (made.state, made.metadata["source"], made.metadata["columns"]) == ("ready", "files", ["age", "income"])
    root = made.url.removesuffix("/invocations")
    assert [get(f"{root}/{path}") for path in ("ping", "health", "version")] == [200, 200, 200]
    wanted = pytest.approx(ridge.predict(ROWS).tolist())
    names = ("age", "income")
    for data in (
        ROWS,
        [dict(zip(names, row, strict=True)) for row in ROWS],
        dict(zip(names, zip(*ROWS, strict=True), strict=True)),
        {"dataframe_split": {"columns": list(names), "data": ROWS}},
        {"inputs": [dict(zip(names, row, strict=True)) for row in ROWS]},
    ):
        assert component.predict("churn", data) == wanted
    with pytest.raises(ComponentError, match=r"answered 400: .*income") as caught:
        component.predict("churn", [{"age": 1.0}])
    assert not isinstance(caught.value, ComponentUnavailable)
    assert component.get("churn") == made
    assert not (host.state / "mlruns").exists()


def test_registered_model_is_the_one_that_is_served(deployer: Deployer, ridge: Any, host: Any) -> None:
    registry = MLflowRegistry(MLflowRegistryConfig())
    registry.open(host)
    host.artifacts.values["a1"] = ridge
    version = registry.register(ModelVersion(model="churn", version=1, artifact="a1", run_id="r1"))
    made = deployer().deploy("churn", version, {}, {})
    assert (made.state, made.metadata["source"]) == ("ready", "models:/churn/1"), made.reason
    assert deployer().predict("churn", ROWS) == pytest.approx(ridge.predict(ROWS).tolist())


@pytest.mark.parametrize("uri", ["models:/churn/1", "models:/other/5", "s3://bucket/x"])
def test_uri_of_another_registry_is_not_taken(host: Any, uri: str, tmp_path: Path) -> None:
    registry = MLflowRegistry(MLflowRegistryConfig())
    registry.open(host)
    registry.register(ModelVersion(model="churn", version=1, run_id="of another run"))
    connection = Connection(locate(None, host), host.log)
    version = ModelVersion(model="m", version=1, uri=uri, run_id="r1")
    assert served_model.fetch(version, tmp_path / "model", connection, can_wait=True) == ""
    assert not (tmp_path / "model").exists()


def test_store_that_is_away_matters_without_files_only(
    deployer: Deployer, files: dict[str, Path], closed_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    component = deployer(tracking_uri=f"http://127.0.0.1:{closed_port}")
    version = ModelVersion(model="churn", version=1, uri="models:/churn/1")
    failed = component.deploy("churn", version, {}, {})
    assert (failed.state, "no MLflow answers" in failed.reason) == ("failed", True)
    assert component.deploy("churn", version, files, {}).state == "ready"
    assert "is made of zen's own files" in caplog.text


def test_pickles_are_served_where_the_stack_says_so(
    deployer: Deployer, host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (host.root / "zen.yaml").write_text("{}")
    lines = ["class Card:", "    def predict(self, data):", "        return data.sum(axis=1)"]
    (host.root / "pickled_cards.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(host.root)
    import pickled_cards  # type: ignore[import-not-found]  # written above

    files = pack(pickled_cards.Card(), host.root / "pickled")
    version = ModelVersion(model="m", version=1)
    refused = deployer().deploy("card", version, files, {})
    assert (refused.state, "can run any code" in refused.reason) == ("failed", True)
    made = deployer(allow_pickle=True).deploy("card", version, files, {})
    assert made.state == "ready", made.reason
    assert deployer().predict("card", [[1, 2], [3, 4]]) == [3, 7]


def test_failing_swap_leaves_the_old_one(deployer: Deployer, files: dict[str, Path], tmp_path: Path) -> None:
    component = deployer()
    made = component.deploy("churn", ModelVersion(model="m", version=1), files, {})
    broken = {"zen-artifact.json": files["zen-artifact.json"]}
    failed = component.deploy("churn", ModelVersion(model="m", version=2), broken, {})
    assert (failed.state, failed.version, bool(failed.reason)) == ("failed", 2, True)
    assert component.get("churn") == made
    assert len(component.predict("churn", ROWS)) == 2
    assert failed.reason in component.logs("churn")
    again = component.deploy("churn", ModelVersion(model="m", version=3), files, {})
    assert (again.state, again.url, component.get("churn")) == ("ready", made.url, again)
    assert "did not become ready" not in component.logs("churn")


def test_server_that_is_not_ready_in_time_fails(deployer: Deployer, files: dict[str, Path], host: Any) -> None:
    made = deployer(start_timeout=0.1).deploy("churn", ModelVersion(model="m", version=1), files, {})
    assert (made.state, made.reason) == ("failed", "the server was not ready within 0.1 seconds")
    folder = Folder.of(host.state / "mlflow-deployments", "churn")
    assert folder.processes() == {}


def test_killed_server_is_noticed(deployer: Deployer, files: dict[str, Path]) -> None:
    component = deployer()
    made = component.deploy("churn", ModelVersion(model="m", version=1), files, {})
    _kill(component, made)
    found = component.get("churn")
    assert found is not None
    assert (found.state, found.url) == ("failed", "")
    assert f"its process {made.metadata['pid']} is gone" in found.reason
    with pytest.raises(ComponentUnavailable, match="is gone"):
        component.predict("churn", ROWS)


def test_killed_server_is_deployed_again_at_its_port(deployer: Deployer, files: dict[str, Path]) -> None:
    component = deployer()
    urls: list[str] = []
    for version in (1, 2, 3):  # a port that is free for a moment may be given to any other program of the machine
        made = component.deploy("churn", ModelVersion(model="m", version=version), files, {})
        assert made.state == "ready"
        if made.url in urls[-1:]:
            return
        urls.append(made.url)
        _kill(component, made)
    pytest.fail(f"never the port of before: {urls}")


def _kill(component: MLflowDeployer, made: Deployment) -> None:
    os.kill(made.metadata["pid"], signal.SIGKILL)
    end = time.monotonic() + 60
    while component.get("churn").state == "ready" and time.monotonic() < end:  # type: ignore[union-attr]  # it is there
        time.sleep(0.05)


LAUNCH = """
import logging, pathlib, sys, types
from zen.records import ModelVersion
from zen_plugin_mlflow.config import MLflowDeployerConfig
from zen_plugin_mlflow.deployer import MLflowDeployer

root, packed = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
deployer = MLflowDeployer(MLflowDeployerConfig())
deployer.open(types.SimpleNamespace(root=root, state=root / ".zen", log=logging.getLogger(), secrets=None))
files = {path.name: path for path in packed.iterdir()}
assert deployer.deploy("churn", ModelVersion(model="m", version=1), files, {}).state == "ready"
"""


def test_deployment_outlives_the_shell_that_made_it(
    deployer: Deployer, files: dict[str, Path], host: Any, tmp_path: Path
) -> None:
    shell = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(host.root), str(tmp_path / "packed")], start_new_session=True
    )
    assert shell.wait(120) == 0
    try:
        os.killpg(shell.pid, signal.SIGHUP)  # what a terminal does that is closed
    except ProcessLookupError:
        pass
    component = deployer()
    found = component.get("churn")
    assert found is not None
    assert found.state == "ready"
    assert len(component.predict("churn", ROWS)) == 2
    component.stop("churn")
    assert component.get("churn").state == "stopped"  # type: ignore[union-attr]  # it is there
    component.delete("churn")
    assert list((host.state / "mlflow-deployments").iterdir()) == []


class Clients:
    """Clients of an endpoint for as long as the context is open: some keep their connection, some pause, some do not."""

    def __init__(self, url: str) -> None:
        self.address, self.answers = urlsplit(url), 0
        self.errors: list[Exception] = []
        self._over = threading.Event()
        kinds = [(True, 0.0), (True, 0.0), (True, 0.8), (False, 0.0), (False, 0.0)]
        self._threads = [threading.Thread(target=self._ask, args=kind) for kind in kinds]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, keeps: bool, pause: float) -> None:
        connection = http.client.HTTPConnection(self.address.hostname or "", self.address.port, timeout=30)
        body, headers = json.dumps({"inputs": ROWS}), {"Content-Type": "application/json"}
        while not self._over.is_set():
            try:
                connection.request("POST", self.address.path, body, headers)
                answer = connection.getresponse()
                assert len(json.loads(answer.read())["predictions"]) == 2
                self.answers += 1
            except Exception as error:
                self.errors.append(error)
            if not keeps:
                connection.close()
            time.sleep(pause)


def test_swap_loses_no_request_of_any_client(deployer: Deployer, files: dict[str, Path], host: Any) -> None:
    component, folder = deployer(), Folder.of(host.state / "mlflow-deployments", "churn")
    made = component.deploy("churn", ModelVersion(model="m", version=1), files, {})
    with Clients(made.url) as clients:
        for version in (2, 3):
            swapped = component.deploy("churn", ModelVersion(model="m", version=version), files, {})
            assert (swapped.state, swapped.url) == ("ready", made.url)
            assert [process.pid for process in folder.processes().values()] == [swapped.metadata["pid"]]
        end = time.monotonic() + 60
        while clients.answers < 1000 and time.monotonic() < end:
            time.sleep(0.1)
    assert clients.errors == []
    assert clients.answers >= 1000


def test_settings_reach_the_server(
    deployer: Deployer, files: dict[str, Path], closed_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"port": closed_port, "environment": {"SEEN": "yes"}, "replicas": 2}
    made = deployer().deploy("churn", ModelVersion(model="m", version=1), files, settings)
    assert made.url == f"http://127.0.0.1:{closed_port}/invocations"
    environment = Path(f"/proc/{made.metadata['pid']}/environ")
    if environment.exists():
        assert b"SEEN=yes" in environment.read_bytes()
    assert "no setting replicas" in caplog.text
    with pytest.raises(UsageError, match="port"):
        deployer().deploy("churn", ModelVersion(model="m", version=1), files, {"port": "http"})


def test_names_are_those_of_folders(deployer: Deployer) -> None:
    for name in ("", "../x", "a/b", ".hidden"):
        with pytest.raises(UsageError, match="cannot name a deployment"):
            deployer().get(name)
    with pytest.raises(ComponentError, match="no deployment 'churn'; there are: none"):
        deployer().stop("churn")
    deployer().delete("churn")


def test_another_process_with_the_same_id_is_left_alone() -> None:
    mine = processes.Process(pid=os.getpid(), born="another time")
    assert not processes.is_alive(mine)
    processes.end(mine, 1)  # would end these tests


HEADLESS = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
ctypes.CDLL(None).pthread_exit(None)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="others are asked by ps")
def test_process_is_alive_as_long_as_one_of_its_threads(tmp_path: Path) -> None:
    """What is killed on a busy machine is a zombie before its threads have let go of its port."""
    command = [sys.executable, "-c", HEADLESS]
    started = processes.start(command, folder=tmp_path, log=tmp_path / "log", environment=os.environ)
    try:
        end = time.monotonic() + 60
        while " Z " not in Path(f"/proc/{started.pid}/stat").read_text() and time.monotonic() < end:
            time.sleep(0.01)
        assert " Z " in Path(f"/proc/{started.pid}/stat").read_text()
        assert processes.is_alive(started)
    finally:
        processes.send(started, signal.SIGKILL)
    assert processes.await_end(started, 60)


def test_check_names_what_is_missing(deployer: Deployer, monkeypatch: pytest.MonkeyPatch) -> None:
    deployer().check()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "pandas" else name)
    with pytest.raises(ComponentError, match="without pandas") as caught:
        deployer().check()
    assert "zen-plugin-mlflow[full]" in caught.value.hint
