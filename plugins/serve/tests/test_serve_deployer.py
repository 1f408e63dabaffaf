from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zen.errors import ComponentError, ComponentUnavailable, UsageError
from zen_plugin_serve.deployer import ServeDeployer


def test_a_deployment_keeps_its_port(deployer: ServeDeployer, pack: Any, version: Any) -> None:
    made = deployer.deploy("churn", version(1), pack("Model(1)"), {})
    deployer.stop("churn")
    stopped = deployer.get("churn")
    assert (stopped.state, stopped.url, stopped.version) == ("stopped", "", 1)
    again = deployer.deploy("churn", version(2), pack("Model(2)"), {})
    assert (again.state, again.url) == ("ready", made.url)


def test_a_port_that_another_program_took_is_replaced(deployer: ServeDeployer, pack: Any, version: Any) -> None:
    made = deployer.deploy("churn", version(1), pack("Model(1)"), {})
    deployer.stop("churn")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(made.url.rpartition(":")[2])))
        other.listen()
        again = deployer.deploy("churn", version(2), pack("Model(2)"), {})
    assert again.state == "ready"
    assert again.url != made.url
    assert "is taken by another program" in deployer.host.log.handlers[0]._messages[-1]


def test_a_fixed_port_that_is_taken_is_the_reason(deployer: ServeDeployer, pack: Any, version: Any) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        made = deployer.deploy("churn", version(1), pack("Model(1)"), {"port": port})
    reason = f"port {port} of 127.0.0.1 cannot be used: Address already in use"
    assert (made.state, made.reason) == ("failed", reason)
    assert (deployer.get("churn").state, deployer.get("churn").reason) == ("failed", reason)


def test_a_range_of_ports_skips_what_is_taken(deployer: ServeDeployer, pack: Any, version: Any) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        made = deployer.deploy("churn", version(1), pack("Model(1)"), {"port": f"{port}-{port + 20}"})
    assert made.state == "ready"
    assert port < int(made.url.rpartition(":")[2]) <= port + 20


def test_ipv6_is_served(deployer: ServeDeployer, pack: Any, version: Any) -> None:
    made = deployer.deploy("churn", version(1), pack("Model(1)"), {"host": "::1"})
    assert made.url.startswith("http://[::1]:")
    assert deployer.predict("churn", [["number"]]) == [1]


def test_a_server_that_runs_cannot_move(deployer: ServeDeployer, pack: Any, version: Any) -> None:
    made = deployer.deploy("churn", version(1), pack("Model(1)"), {})
    with pytest.raises(ComponentError, match="serves on 127.0.0.1:") as refused:
        deployer.deploy("churn", version(2), pack("Model(2)"), {"port": 1})
    assert refused.value.hint == "stop it first, then deploy it again"
    assert deployer.get("churn") == made


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"replica": 2}, "replica: Extra inputs are not permitted"),
        ({"replicas": 0}, "replicas: Input should be greater"),
        ({"host": "0.0.0.0"}, "can be reached by others"),
        ({"port": "x"}, "is no port"),
    ],
)
def test_settings_that_cannot_be_are_told(
    deployer: ServeDeployer, pack: Any, version: Any, settings: Any, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        deployer.deploy("churn", version(), pack("Model()"), settings)
    assert deployer.get("churn") is None


@pytest.mark.parametrize("name", ["../x", "a/b", ".x", "", "x" * 64])
def test_names_that_lead_elsewhere_are_refused(deployer: ServeDeployer, pack: Any, version: Any, name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a deployment"):
        deployer.deploy(name, version(), pack("Model()"), {})
    assert deployer.get(name) is None
    deployer.delete(name)
    with pytest.raises(ComponentUnavailable):
        deployer.predict(name, [])
    for action in (deployer.stop, deployer.logs):
        with pytest.raises(ComponentError, match="no deployment"):
            action(name)


def test_files_that_cannot_be_copied_leave_nothing(
    deployer: ServeDeployer, pack: Any, version: Any, place: Any
) -> None:
    for files in ({"data": Path("/no/such/file")}, {"../data": next(iter(pack("Model()").values()))}):
        with pytest.raises(ComponentError, match="could not be copied"):
            deployer.deploy("churn", version(), files, {})
        assert not place().folder.exists()


def test_files_that_were_changed_are_not_served(
    deployer: ServeDeployer, pack: Any, version: Any, tmp_path: Path
) -> None:
    files = dict(pack("Model(1)"))
    name = next(name for name in files if name != "zen-artifact.json")
    (tmp_path / "changed").write_bytes(files[name].read_bytes() + b"x")
    made = deployer.deploy("churn", version(), {**files, name: tmp_path / "changed"}, {})
    assert made.state == "failed"
    assert made.reason
    assert deployer.get("churn").reason == made.reason


def test_pickles_are_not_loaded_where_they_may_not(make: Callable[..., Any], pack: Any, version: Any) -> None:
    made = make(allow_pickle=False).deploy("churn", version(), pack("Model(1)"), {})
    assert made.state == "failed"
    assert "can run any code" in made.reason


def test_a_malformed_signature_is_the_reason(deployer: ServeDeployer, pack: Any, version: Any) -> None:
    made = deployer.deploy("churn", version(signature={"columns": 3}), pack("Model(1)"), {})
    assert made.state == "failed"
    assert "the version's signature is" in made.reason


def test_what_the_model_prints_is_in_the_log(deployer: ServeDeployer, pack: Any, version: Any) -> None:
    deployer.deploy("churn", version(), pack("Model(1)"), {})
    deployer.predict("churn", [1, 2])
    assert "predicting 2" in deployer.logs("churn")


def test_everything_is_for_this_user_alone(deployer: ServeDeployer, pack: Any, version: Any, place: Any) -> None:
    deployer.deploy("churn", version(), pack("Model(1)"), {})
    paths = [place().folder, *place().folder.rglob("*")]
    assert {path.stat().st_mode & 0o077 for path in paths} == {0}


def test_a_folder_that_may_not_be_written_is_told(deployer: ServeDeployer, monkeypatch: pytest.MonkeyPatch) -> None:
    deployer.check()
    monkeypatch.setattr(os, "access", lambda *arguments: False)  # root may write anywhere
    with pytest.raises(ComponentUnavailable, match="may not write to"):
        deployer.check()
