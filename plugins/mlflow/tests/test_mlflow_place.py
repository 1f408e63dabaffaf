from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zen.errors import ComponentUnavailable, SecretNotFound
from zen.secrets import Secret
from zen_plugin_mlflow.place import locate, probe

Hosts = Callable[..., Any]


def test_default_is_a_file_in_the_state_folder(make_host: Hosts, tmp_path: Path) -> None:
    place = locate(None, make_host(tmp_path))
    assert place.uri == f"sqlite:///{tmp_path}/.zen/mlflow.db"
    assert place.artifacts == (tmp_path / ".zen" / "mlflow-artifacts").as_uri()
    assert place.page("1", "abc") is None


def test_relative_file_starts_at_the_project_root(make_host: Hosts, tmp_path: Path) -> None:
    assert locate("sqlite:///runs/m.db", make_host(tmp_path)).database == tmp_path / "runs" / "m.db"
    assert locate(f"sqlite:///{tmp_path}/m.db", make_host(tmp_path / "x")).database == tmp_path / "m.db"


def test_server_has_a_page(make_host: Hosts, tmp_path: Path) -> None:
    place = locate("https://mlflow.example.com/", make_host(tmp_path))
    assert place.artifacts is None
    assert place.page("7", "abc") == "https://mlflow.example.com/#/experiments/7/runs/abc"


@pytest.mark.parametrize(
    ("address", "label", "page"),
    [
        ("https://zen:${secret:env/PW}@h.com/x", "https://h.com/x", "https://h.com/x/#/experiments/1/runs/r"),
        ("${secret:env/URI}", "<env:URI>", None),
        ("postgresql://zen:${secret:env/PW}@db/zen?sslpassword=${secret:env/PW}", "postgresql://db/zen", None),
    ],
)
def test_secrets_are_neither_shown_nor_recorded(
    make_host: Hosts, tmp_path: Path, address: str, label: str, page: str | None
) -> None:
    place = locate(Secret(address), make_host(tmp_path, PW="hunter2", URI="https://u:hunter2@h"))
    assert "hunter2" in place.uri
    assert place.label == label
    assert place.page("1", "r") == page
    assert "hunter2" not in repr(place)
    assert "hunter2" not in place.without_secrets(f"API request to {place.uri} failed: hunter2, //zen:hunter2@h")


def test_missing_secret_is_named(make_host: Hosts, tmp_path: Path) -> None:
    with pytest.raises(SecretNotFound, match="env/PW"):
        locate(Secret("https://u:${secret:env/PW}@h"), make_host(tmp_path))


def test_probe_says_that_nobody_listens(make_host: Hosts, tmp_path: Path, closed_port: int) -> None:
    place = locate(f"http://127.0.0.1:{closed_port}", make_host(tmp_path))
    with pytest.raises(ComponentUnavailable, match=r"no MLflow answers at http://127\.0\.0\.1") as caught:
        probe(place)
    assert isinstance(caught.value.__cause__, OSError)
    assert "mlflow server" in caught.value.hint


def test_probe_is_content_with_a_listener(make_host: Hosts, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        probe(locate(f"http://127.0.0.1:{listener.getsockname()[1]}", make_host(tmp_path)))


def test_probe_leaves_proxies_to_requests(make_host: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    monkeypatch.setenv("no_proxy", "")
    probe(locate("http://mlflow.invalid", make_host(tmp_path)))


def test_probe_says_that_a_port_is_no_number(make_host: Hosts, tmp_path: Path) -> None:
    with pytest.raises(ComponentUnavailable):
        probe(locate("http://127.0.0.1:port", make_host(tmp_path)))
