from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zen.errors import ComponentError, ComponentUnavailable, PermissionDenied, SecretNotFound
from zen.secrets import Secret
from zen_plugin_wandb.config import WandbConfig
from zen_plugin_wandb.place import Place, ask_who, locate, probe, resolved, valid_name

KEY = "0123456789abcdef0123456789abcdef01234567"
REFERENCE = Secret("${secret:env/KEY}")


def test_files_are_in_the_state_folder(host: Any) -> None:
    assert locate(WandbConfig(), host).files == host.root / ".zen" / "wandb"


def test_folder_is_relative_to_the_project(host: Any) -> None:
    assert locate(WandbConfig(dir="runs"), host).files == host.root / "runs" / "wandb"


def test_hidden_folder_is_used_where_there_is_one(host: Any) -> None:
    (host.state / ".wandb").mkdir()
    assert locate(WandbConfig(), host).files == host.root / ".zen" / ".wandb"


def test_offline_runs_ask_for_no_secret(host: Any) -> None:
    place = locate(WandbConfig(api_key=REFERENCE, base_url="https://wandb.example.com"), host)
    assert (place.key, place.address, host.secrets.asked) == ("", "", [])


def test_secret_that_is_missing_is_named(host: Any) -> None:
    with pytest.raises(SecretNotFound, match="env/NONE"):
        locate(WandbConfig(mode="online", api_key=Secret("${secret:env/NONE}")), host)


def test_key_is_shown_nowhere(host: Any) -> None:
    place = locate(WandbConfig(mode="online", api_key=REFERENCE), host)
    assert place.key == KEY
    assert KEY not in repr(place)
    assert place.without_secrets(f"bad key {KEY}") == "bad key ***"


def test_configured_place_is_what_it_says() -> None:
    place = Place(mode="online", folder=Path(), address="http://h", key=KEY)
    assert resolved(place) is place


def test_key_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert resolved(Place(mode="online", folder=Path(), address="http://h")).key == KEY


def test_key_of_a_login_is_used(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(f"machine wandb.example.com\n  login user\n  password {KEY}\n")
    place = resolved(Place(mode="online", folder=Path(), address="https://wandb.example.com"))
    assert place.key == KEY


def test_nobody_is_asked_for_a_key() -> None:
    with pytest.raises(PermissionDenied, match="no API key for http://h") as caught:
        resolved(Place(mode="online", folder=Path(), address="http://h"))
    assert "wandb login" in caught.value.hint


def test_closed_port_is_told_at_once(closed_port: int) -> None:
    with pytest.raises(ComponentUnavailable, match="no W&B server answers"):
        probe(Place(mode="online", folder=Path(), address=f"http://127.0.0.1:{closed_port}"))


def test_files_need_no_server(closed_port: int) -> None:
    probe(Place(mode="offline", folder=Path(), address=f"http://127.0.0.1:{closed_port}"))


def test_proxy_is_left_to_its_work(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example.com:3128")
    monkeypatch.setenv("no_proxy", "")
    probe(Place(mode="online", folder=Path(), address="http://wandb.example.com"))


def test_server_knows_the_key(stub: Any) -> None:
    stub.known_key = "YXBpOjAxMjM0"
    ask_who(Place(mode="online", folder=Path(), address=stub.url, key=KEY))


def test_server_that_does_not_know_the_key_is_told(stub: Any) -> None:
    stub.known_key = "another"
    with pytest.raises(PermissionDenied, match="does not know this API key"):
        ask_who(Place(mode="online", folder=Path(), address=stub.url, key=KEY))


@pytest.fixture
def server() -> Iterator[Callable[[int, bytes], str]]:
    """Start servers that always give one answer."""
    servers = []

    def start(status: int, body: bytes) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for each in servers:
        each.shutdown()
        each.server_close()


@pytest.mark.parametrize(
    ("status", "body", "error", "expected"),
    [
        (401, b"", PermissionDenied, "does not know this API key"),
        (404, b"", ComponentError, "HTTP status 404"),
        (200, b"<html>", ComponentError, "is no W&B server"),
        (200, b"[]", ComponentError, "is no W&B server"),
    ],
)
def test_other_answers_are_told(
    server: Callable[[int, bytes], str], status: int, body: bytes, error: type[Exception], expected: str
) -> None:
    with pytest.raises(error, match=expected) as caught:
        ask_who(Place(mode="online", folder=Path(), address=server(status, body), key=KEY))
    assert KEY not in str(caught.value)


def test_mute_server_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(ComponentUnavailable, match="does not answer"):
            ask_who(Place(mode="online", folder=Path(), address=address, key=KEY), timeout=0.5)


@pytest.mark.parametrize(
    ("wanted", "name"),
    [("training", "training"), ("a/b c:d", "a-b-c-d"), ("größe", "gr--e"), ("...", "unnamed"), ("x" * 200, "x" * 128)],
)
def test_names_are_made_valid(wanted: str, name: str) -> None:
    assert valid_name(wanted) == name
