"""What a server makes of requests, friendly and hostile."""

from __future__ import annotations

import http.client
import json
import re
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zen.errors import ComponentError, ComponentUnavailable, UsageError
from zen.records import Deployment
from zen.testing.hosts import FakeHost
from zen_plugin_serve.config import ServeConfig
from zen_plugin_serve.deployer import ServeDeployer

LIMITS = {"max_bytes": 20_000, "max_rows": 100, "max_waiting": 2}
COLUMNS = {"columns": [{"name": "age", "type": "int64"}, {"name": "sex", "type": "str"}]}


@pytest.fixture(scope="module")
def server(project: Path, pack: Any, version: Any) -> Iterator[ServeDeployer]:
    """A deployer with `plain`, which takes any rows, `hasty`, which gives them half a second, and `typed` with columns."""
    deployer = ServeDeployer(ServeConfig(**LIMITS))
    deployer.open(FakeHost(project))
    files = pack("Model()")
    deployer.deploy("plain", version(3), files, {})
    deployer.deploy("hasty", version(3), files, {"request_timeout": 0.5})
    deployer.deploy("typed", version(4, signature=COLUMNS), files, {})
    yield deployer
    for name in ("plain", "hasty", "typed"):
        deployer.delete(name)


@pytest.fixture
def plain(server: ServeDeployer) -> Deployment:
    return server.get("plain")


@pytest.fixture
def hasty(server: ServeDeployer) -> Deployment:
    return server.get("hasty")


@pytest.fixture
def typed(server: ServeDeployer) -> Deployment:
    return server.get("typed")


def body(*rows: Any) -> bytes:
    return json.dumps({"data": rows}).encode()


def test_predictions_come_with_model_and_version(plain: Deployment, ask: Any) -> None:
    status, answer, response = ask(plain, "POST", "/predict", body([1, 2], ["number"]))
    assert (status, answer) == (200, {"predictions": [[1, 2], 1], "model": "churn", "version": 3})
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert not [name for name in response.headers if name.lower().startswith("access-control")]


def test_health_and_metadata_say_what_is_served(typed: Deployment, ask: Any) -> None:
    assert ask(typed, "GET", "/health")[:2] == (
        200,
        {"state": "ready", "model": "churn", "version": 4, "reason": ""},
    )
    status, facts, _ = ask(typed, "GET", "/metadata")
    assert status == 200
    assert (facts["model"], facts["version"], facts["run_id"], facts["signature"]) == ("churn", 4, "run-1", COLUMNS)
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", facts["zen"])
    assert facts["deployed_at"] == typed.created_at.isoformat()


def test_the_schema_is_that_of_the_training_data(typed: Deployment, ask: Any) -> None:
    status, document, _ = ask(typed, "GET", "/openapi.json")
    assert status == 200
    post = document["paths"]["/predict"]["post"]
    rows = post["requestBody"]["content"]["application/json"]["schema"]["properties"]["data"]
    assert rows["items"]["anyOf"][0]["properties"] == {"age": {"type": "integer"}, "sex": {"type": ["string", "null"]}}
    assert {"200", "400", "413", "415", "422", "500", "503", "504"} <= set(post["responses"])


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/oauth2-redirect", "/", "/../etc/passwd", "/predict/x"])
def test_there_are_no_other_pages(plain: Deployment, ask: Any, path: str) -> None:
    status, answer, _ = ask(plain, "GET", path)
    assert status == 404
    assert "there are GET /health" in answer["error"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/predict"), ("DELETE", "/health"), ("OPTIONS", "/predict")])
def test_other_methods_are_refused(plain: Deployment, ask: Any, method: str, path: str) -> None:
    status, answer, _ = ask(plain, method, path)
    assert status == 405
    assert "there are GET /health" in answer["error"]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1",
        "localhost:1",
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "",
        "[::2]:{port}",
    ],
)
def test_other_hosts_are_refused(plain: Deployment, ask: Any, host: str) -> None:
    port = plain.url.rpartition(":")[2]
    for method, path, data in (("GET", "/health", None), ("POST", "/predict", body([1]))):
        assert ask(plain, method, path, data, host=host.format(port=port))[0] == 403


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_own_hosts_are_served(plain: Deployment, ask: Any, host: str) -> None:
    assert ask(plain, "GET", "/health", host=host.format(port=plain.url.rpartition(":")[2]))[0] == 200


def test_two_hosts_or_none_are_refused(plain: Deployment) -> None:
    port = plain.url.rpartition(":")[2].encode()
    ours = b"Host: 127.0.0.1:" + port + b"\r\n"
    for headers in (b"", b"Host: evil.example\r\n" + ours, ours + ours):
        answer = raw(plain, b"GET /health HTTP/1.1\r\n" + headers + b"Connection: close\r\n\r\n")
        assert answer.split()[1] in (b"400", b"403")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_pages_from_elsewhere_are_refused(plain: Deployment, ask: Any, headers: dict[str, str]) -> None:
    assert ask(plain, "POST", "/predict", body([1]), **headers)[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "application/json; charset=utf-16"},
        {"content_type": ""},
        {"content_encoding": "gzip"},
    ],
)
def test_other_contents_are_refused(plain: Deployment, ask: Any, headers: dict[str, str]) -> None:
    assert ask(plain, "POST", "/predict", body([1]), **headers)[0] == 415


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"nonsense", b'{"data": [NaN]}', b"\xff\xfe", b'{"data": [' + b"9" * 5000 + b"]}", b"[" * 20_000],
)
def test_what_is_no_json_is_told(plain: Deployment, ask: Any, text: bytes) -> None:
    status, answer, _ = ask(plain, "POST", "/predict", text)
    assert status == 400
    assert answer["error"].startswith("the body is no JSON that can be read: ")


@pytest.mark.parametrize(
    "value", [[1], 5, None, "x", {}, {"rows": []}, {"data": [], "more": 1}, {"data": {"age": 1}}, {"data": None}]
)
def test_other_shapes_are_told(plain: Deployment, ask: Any, value: Any) -> None:
    status, answer, _ = ask(plain, "POST", "/predict", json.dumps(value).encode())
    assert status == 422
    assert "data" in answer["error"]


def test_wrong_values_are_told_with_row_column_and_type(typed: Deployment, ask: Any) -> None:
    status, answer, _ = ask(typed, "POST", "/predict", body({"age": 3, "sex": "f"}, {"age": "x", "sex": 1}))
    assert status == 422
    assert answer == {
        "error": "row 1, column 'age': expected an integer, got 'x'",
        "faults": [
            {
                "row": 1,
                "column": "age",
                "expected": "an integer",
                "message": "row 1, column 'age': expected an integer, got 'x'",
            },
            {
                "row": 1,
                "column": "sex",
                "expected": "a text or null",
                "message": "row 1, column 'sex': expected a text or null, got 1",
            },
        ],
    }


def test_deep_values_in_a_row_do_no_harm(plain: Deployment, typed: Deployment, ask: Any) -> None:
    for depth in (100, 400, 900, 960, 990, 5000):
        deep = b'{"data": [' + b"[" * depth + b"]" * depth + b"]}"
        assert ask(plain, "POST", "/predict", deep)[0] in (200, 400, 500)
        assert ask(typed, "POST", "/predict", b'{"data": [{"age": ' + deep + b', "sex": "f"}]}')[0] in (400, 422)
    assert ask(plain, "POST", "/predict", body(["number"]))[0] == 200


def test_long_bodies_are_refused(plain: Deployment, ask: Any) -> None:
    assert ask(plain, "POST", "/predict", body("x" * 19_000))[0] == 200
    for size in (20_001, 1_000_000, 30_000_000):
        status, answer, _ = ask(plain, "POST", "/predict", b" " * size)
        assert (status, answer) == (413, {"error": "the body is too long; at most 20000 bytes are read"})


def test_bodies_without_a_length_are_counted(plain: Deployment) -> None:
    port = plain.url.rpartition(":")[2].encode()
    head = b"POST /predict HTTP/1.1\r\nHost: localhost:" + port + b"\r\nContent-Type: application/json\r\n"
    chunks = b"".join(b"2710\r\n" + b" " * 10_000 + b"\r\n" for _ in range(3)) + b"0\r\n\r\n"
    answer = raw(plain, head + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunks)
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_length_beyond_all_measure_is_refused_at_once(plain: Deployment) -> None:
    port = plain.url.rpartition(":")[2].encode()
    head = b"POST /predict HTTP/1.1\r\nHost: localhost:" + port + b"\r\nContent-Type: application/json\r\n"
    assert raw(plain, head + b"Content-Length: 99999999999999999\r\n\r\n").startswith(b"HTTP/1.1 413")


def test_many_rows_are_refused(plain: Deployment, ask: Any) -> None:
    assert ask(plain, "POST", "/predict", body(*range(100)))[0] == 200
    status, answer, _ = ask(plain, "POST", "/predict", body(*range(101)))
    assert (status, answer["error"]) == (413, "the request has 101 rows; at most 100 are taken at once")


def test_a_body_that_does_not_arrive_is_not_waited_for(hasty: Deployment) -> None:
    port = hasty.url.rpartition(":")[2].encode()
    head = b"POST /predict HTTP/1.1\r\nHost: localhost:" + port + b"\r\nContent-Type: application/json\r\n"
    assert raw(hasty, head + b"Content-Length: 100\r\n\r\n{").startswith(b"HTTP/1.1 408")


def test_who_leaves_before_the_end_does_no_harm(server: ServeDeployer, plain: Deployment, ask: Any) -> None:
    port = plain.url.rpartition(":")[2].encode()
    head = b"POST /predict HTTP/1.1\r\nHost: localhost:" + port + b"\r\nContent-Type: application/json\r\n"
    before = server.logs("plain")
    for _ in range(10):
        with opened(plain) as connection:
            connection.sendall(head + b"Content-Length: 100\r\n\r\n{")
    with opened(plain) as connection:
        send(plain, connection, body(["sleep", 0.2]))
    assert answered(lambda: ask(plain, "POST", "/predict", body(["number"]))[0] == 200)
    assert server.logs("plain").count("Traceback") == before.count("Traceback")


@pytest.mark.parametrize("nonsense", [b"\x16\x03\x01\x02\x00\x01" * 50, b"GET\r\n\r\n", b"\0" * 100, b"A" * 200_000])
def test_what_is_no_http_is_refused(plain: Deployment, ask: Any, nonsense: bytes) -> None:
    assert raw(plain, nonsense)[:12] in (b"", b"HTTP/1.1 400")
    assert ask(plain, "GET", "/health")[0] == 200


def test_missing_values_of_the_model_are_null(plain: Deployment, ask: Any) -> None:
    assert ask(plain, "POST", "/predict", body(["nan"]))[1]["predictions"] == [[None, None]]


@pytest.mark.parametrize("word", ["raise", "exit", "infinity", "object"])
def test_errors_of_the_model_have_an_id_and_no_traceback(
    server: ServeDeployer, plain: Deployment, ask: Any, word: str
) -> None:
    status, answer, _ = ask(plain, "POST", "/predict", body([word]))
    assert status == 500
    assert answer.keys() == {"error", "id"}
    assert "Traceback" not in answer["error"]
    assert "a secret" not in answer["error"]
    assert f"error {answer['id']}:\nTraceback" in server.logs("plain")


def test_a_model_that_dies_is_started_again(server: ServeDeployer, plain: Deployment, ask: Any) -> None:
    status, answer, _ = ask(plain, "POST", "/predict", body(["die"]))
    assert status == 500
    assert f"error {answer['id']}: the process that predicts ended by SIGKILL" in server.logs("plain")
    assert answered(lambda: ask(plain, "POST", "/predict", body(["number"]))[0] == 200)


@pytest.mark.parametrize("row", [["sleep", 60], ["hang"]])
def test_a_prediction_that_takes_too_long_is_ended(hasty: Deployment, ask: Any, row: list[Any]) -> None:
    status, answer, _ = ask(hasty, "POST", "/predict", body(row))
    assert (status, answer) == (504, {"error": "the prediction took longer than 0.5 s"})
    assert answered(lambda: ask(hasty, "POST", "/predict", body(["number"]))[0] == 200)


def test_predict_answers_as_the_server_does(server: ServeDeployer) -> None:
    assert server.predict("typed", [{"age": 3, "sex": "f"}]) is not None
    with pytest.raises(ComponentError, match="row 0, column 'age': expected an integer, got 'x'") as refused:
        server.predict("typed", [{"age": "x", "sex": "f"}])
    assert refused.value.status == 422
    with pytest.raises(ComponentError, match="the model failed; the log says why") as failed:
        server.predict("plain", [["raise"]])
    assert failed.value.answer["id"] in failed.value.hint
    with pytest.raises(ComponentError, match="the body is too long"):
        server.predict("plain", ["x" * 10_000_000])
    with pytest.raises(UsageError, match="cannot be sent as JSON"):
        server.predict("plain", [float("nan")])
    with pytest.raises(ComponentUnavailable, match="does not serve"):
        server.predict("nothing", [])


def test_too_many_requests_are_told_to_come_again(plain: Deployment, tmp_path: Path) -> None:
    connections = [opened(plain) for _ in range(6)]
    for connection in connections:
        send(plain, connection, body(["wait", str(tmp_path / "waits"), str(tmp_path / "go")]))
    refused: list[socket.socket] = []
    while len(refused) < 3:
        answering, _, _ = select.select([each for each in connections if each not in refused], [], [], 60)
        assert answering
        refused += answering
    (tmp_path / "go").touch()
    answers = [connection.recv(10_000) for connection in connections]
    codes = sorted(answer.split()[1] for answer in answers)
    assert codes == [b"200"] * 3 + [b"503"] * 3
    assert all(b"retry-after: 1" in answer for answer in answers if b" 503 " in answer)
    for connection in connections:
        connection.close()


def opened(deployment: Deployment) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(deployment.url.rpartition(":")[2])), timeout=20)


def send(deployment: Deployment, connection: socket.socket, data: bytes) -> None:
    port = deployment.url.rpartition(":")[2]
    head = f"POST /predict HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}"
    connection.sendall(head.encode() + b"\r\n\r\n" + data)


def raw(deployment: Deployment, data: bytes) -> bytes:
    with opened(deployment) as connection:
        try:
            connection.sendall(data)
            return connection.recv(10_000)
        except ConnectionError:
            return b""


def answered(holds: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.1)
    return False


def test_a_kept_connection_does_not_wait_for_acknowledgements(plain: Deployment) -> None:
    connection = http.client.HTTPConnection(plain.url.removeprefix("http://"), timeout=20)
    for _ in range(40):  # at first, each is acknowledged at once
        timed(connection)
    assert any(timed(connection) < 0.03 for _ in range(500))  # Nagle's algorithm would make each take 40 ms
    connection.close()


def timed(connection: http.client.HTTPConnection) -> float:
    before = time.perf_counter()
    connection.request("POST", "/predict", body(["number"]).decode(), {"Content-Type": "application/json"})
    connection.getresponse().read()
    return time.perf_counter() - before
