"""A new version takes over between two requests: none is lost, whoever asks and however."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from zen_plugin_serve.deployer import ServeDeployer

BODY = json.dumps({"data": [["number"], [1.5, "x"]]})
HEADERS = {"Content-Type": "application/json"}


class Load:
    """Clients that ask without a pause; half of them keep their connection, half make a new one each time."""

    def __init__(self, url: str, clients: int) -> None:
        self._address = url.removeprefix("http://")
        self._over = threading.Event()
        self.versions: list[int] = []
        self.errors: list[Any] = []
        self._threads = [threading.Thread(target=self._run, args=(number % 2 == 0,)) for number in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, keep: bool) -> None:
        connection = None
        while not self._over.is_set():
            try:
                connection = connection or http.client.HTTPConnection(self._address, timeout=30)
                connection.request("POST", "/predict", BODY, HEADERS)
                response = connection.getresponse()
                answer = json.loads(response.read())
                if response.status != 200 or answer["predictions"] != [answer["version"], [1.5, "x"]]:
                    self.errors.append((response.status, answer))
                else:
                    self.versions.append(answer["version"])
                if not keep:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(error)
                connection = None


@pytest.mark.parametrize("replicas", [1, 2])
def test_swapping_under_load_loses_no_request(deployer: ServeDeployer, pack: Any, version: Any, replicas: int) -> None:
    models = {number: pack(f"Model({number})") for number in (1, 2, 3, 4)}
    made = deployer.deploy("churn", version(1), models[1], {"replicas": replicas})
    with Load(made.url, clients=6) as load:
        for number in (2, 3, 4):
            again = deployer.deploy("churn", version(number), models[number], {"replicas": replicas})
            assert (again.state, again.url) == ("ready", made.url)
        # A thousand may have been answered before the last swap.
        while (len(load.versions) < 1_000 or 4 not in load.versions[-6:]) and not load.errors:
            time.sleep(0.01)
    assert not load.errors
    assert set(load.versions) == {1, 2, 3, 4}


def test_after_deploy_only_the_new_version_answers(deployer: ServeDeployer, pack: Any, version: Any) -> None:
    deployer.deploy("churn", version(1), pack("Model(1)"), {})
    deployer.deploy("churn", version(2), pack("Model(2)"), {})
    assert {deployer.predict("churn", [["number"]])[0] for _ in range(20)} == {2}


def test_a_request_under_way_is_answered_by_the_old_version(
    deployer: ServeDeployer, pack: Any, version: Any, ask: Callable[..., Any], place: Any, tmp_path: Path
) -> None:
    made = deployer.deploy("churn", version(1), pack("Model(1)"), {"request_timeout": 120})
    slow = json.dumps({"data": [["wait", str(tmp_path / "waits"), str(tmp_path / "go")]]}).encode()
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(ask(made, "POST", "/predict", slow)))
    asking.start()
    while not (tmp_path / "waits").exists() and asking.is_alive():
        time.sleep(0.01)
    deployer.deploy("churn", version(2), pack("Model(2)"), {})
    assert deployer.predict("churn", [["number"]]) == [2]
    assert not answers
    (tmp_path / "go").touch()
    asking.join()
    assert (answers[0][0], answers[0][1]["version"]) == (200, 1)
    deadline = time.monotonic() + 60
    while place().generation(1).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [path.name for path in (place().folder / "generations").iterdir()] == ["2"]


@pytest.mark.parametrize(
    ("model", "reason"),
    [("DiesWhenLoaded()", "ended by SIGSEGV"), ("SlowToLoad()", "not loaded in 2 s"), ([1], "no method `predict`")],
)
def test_a_version_that_fails_leaves_the_old_one_serving(
    deployer: ServeDeployer, pack: Any, version: Any, place: Any, model: Any, reason: str
) -> None:
    made = deployer.deploy("churn", version(1), pack("Model(1)"), {})
    with Load(made.url, clients=2) as load:
        settings = {"startup_timeout": 2} if reason.startswith("not loaded") else {}
        failed = deployer.deploy("churn", version(2), pack(model), settings)
    assert (failed.state, failed.version, failed.url) == ("failed", 2, "")
    assert reason in failed.reason
    assert not load.errors
    assert set(load.versions) == {1}
    found = deployer.get("churn")
    assert (found.state, found.version, found.url) == ("ready", 1, made.url)
    assert reason in found.metadata["last_failure"]
    assert [path.name for path in (place().folder / "generations").iterdir()] == ["1"]
    assert deployer.deploy("churn", version(3), pack("Model(3)"), {}).state == "ready"
    assert "last_failure" not in deployer.get("churn").metadata
