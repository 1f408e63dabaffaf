"""The store itself: batches whose answer is lost, processes that fork, texts and settings that are refused."""

from __future__ import annotations

import multiprocessing
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from zen.errors import ComponentUnavailable, StoreBusy, UsageError, WriteConflict
from zen.interfaces import Change, Migration
from zen_plugin_postgres.config import PostgresConfig
from zen_plugin_postgres.statements import translated
from zen_plugin_postgres.store import PostgresStore

TABLE = Migration(number=1, statements=("CREATE TABLE thing (name TEXT PRIMARY KEY, number BIGINT)",))
ADD = "UPDATE thing SET number = number + 1 WHERE name = ?"


class Proxy:
    """Stands between a client and the server, and loses what it is told to lose.

    Attributes:
        lose: `answer` cuts the connection after the next commit was done, `request` before it is sent.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.lose = ""
        self.lost = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._back, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                if self.lose == "request" and b"COMMIT" in data:
                    self._cut(client, server)
                    return
                server.sendall(data)
        server.close()

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                if self.lose == "answer" and b"COMMIT\0" in data:
                    self._cut(client, server)
                    return
                client.sendall(data)
        client.close()

    def _cut(self, *ends: socket.socket) -> None:
        self.lose, self.lost = "", self.lost + 1
        for end in ends:
            end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def proxy(database: dict[str, Any]) -> Iterator[Proxy]:
    between = Proxy(database["host"], database["port"])
    yield between
    between.close()


@pytest.fixture
def through(proxy: Proxy, database: dict[str, Any], connected: Callable[..., PostgresStore]) -> PostgresStore:
    """A store whose connection can be cut."""
    store = connected(url=f"postgresql://{database['user']}@127.0.0.1:{proxy.port}/{database['database']}")
    store.migrate([TABLE])
    store.write([Change(sql="INSERT INTO thing VALUES ('a', 0)", expect=1)])
    return store


@pytest.mark.parametrize("lose", ["answer", "request"])
@pytest.mark.parametrize("durable", [True, False])
def test_a_batch_whose_answer_is_lost_is_kept_once(through, proxy, lose, durable) -> None:
    proxy.lose = lose
    through.write([Change(sql=ADD, parameters=("a",), expect=1)], durable=durable)
    assert proxy.lost == 1
    assert through.read("SELECT number FROM thing") == [(1,)]


def test_a_conflict_is_one_after_a_lost_request_too(through, proxy) -> None:
    proxy.lose = "request"
    with pytest.raises(WriteConflict) as caught:
        through.write([Change(sql=ADD, parameters=("a",)), Change(sql=ADD, parameters=("b",), expect=1)])
    assert (proxy.lost, caught.value.index) == (1, 1)
    assert through.read("SELECT number FROM thing") == [(0,)]


def test_a_server_that_does_not_come_back_is_told(through, proxy, database) -> None:
    proxy.close()
    store = PostgresStore(PostgresConfig(url=f"postgresql://127.0.0.1:{proxy.port}/x", connect_timeout=2.0))
    with pytest.raises(ComponentUnavailable, match="cannot be reached"):
        store.open(through.host)


def test_conflicts_name_their_change(connected) -> None:
    store = connected()
    store.migrate([TABLE])
    insert = "INSERT INTO thing VALUES (?, 1)"
    with pytest.raises(WriteConflict) as caught:
        store.write([Change(sql=insert, parameters=(name,), expect=1) for name in ("a", "b", "a")])
    assert caught.value.index == 2
    assert store.read("SELECT * FROM thing") == []


def test_a_transaction_that_stays_in_the_way_is_told(connected, database) -> None:
    store = connected(busy_timeout=0.3)
    store.migrate([TABLE])
    store.write([Change(sql="INSERT INTO thing VALUES ('a', 0)")])
    with psycopg.connect(database["url"]) as other:
        other.execute("UPDATE zen.thing SET number = 7")
        with pytest.raises(StoreBusy, match="was busy for 0.3 s"):
            store.write([Change(sql=ADD, parameters=("a",))])
    store.write([Change(sql=ADD, parameters=("a",), expect=1)])
    assert store.read("SELECT number FROM thing") == [(8,)]


def _in_child(store: PostgresStore, done: Any) -> None:
    store.write([Change(sql=ADD, parameters=("a",), expect=1)])
    done.put(store.read("SELECT number FROM thing"))
    store.close()


def test_a_fork_has_connections_of_its_own(connected) -> None:
    store = connected()
    store.migrate([TABLE])
    store.write([Change(sql="INSERT INTO thing VALUES ('a', 0)")])
    context = multiprocessing.get_context("fork")
    done = context.Queue()
    child = context.Process(target=_in_child, args=(store, done))
    child.start()
    assert done.get(timeout=60) == [(1,)]
    child.join(60)
    store.write([Change(sql=ADD, parameters=("a",), expect=1)])
    assert store.read("SELECT number FROM thing") == [(2,)]


def test_a_nul_is_refused_and_finds_nothing(connected) -> None:
    store = connected()
    store.migrate([TABLE])
    with pytest.raises(UsageError, match="NUL"):
        store.write([Change(sql="INSERT INTO thing VALUES (?, 1)", parameters=("a\0",))])
    assert store.read("SELECT * FROM thing WHERE name = ?", ("a\0",)) == []


def test_two_namespaces_do_not_meet(connected) -> None:
    one, two = connected(), connected(namespace="other")
    one.migrate([TABLE])
    two.migrate([TABLE])
    one.write([Change(sql="INSERT INTO thing VALUES ('a', 0)")])
    assert two.read("SELECT * FROM thing") == []
    assert one.check() is None


@pytest.mark.parametrize(
    "config", [{"url": "mysql://x"}, {"namespace": "A b"}, {"namespace": "pg_x"}, {"pool_size": 0}, {"busy_timeout": 0}]
)
def test_settings_that_cannot_be_meant_are_refused(config) -> None:
    with pytest.raises(ValueError, match="url|namespace|above 0"):
        PostgresConfig(**config)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("SELECT ?, '?', \"?\"", "SELECT %s, '?', \"?\""),
        ("SELECT 'it''s ?', ?", "SELECT 'it''s ?', %s"),
        ("SELECT 5 % 2, 'a%'", "SELECT 5 %% 2, 'a%%'"),
    ],
)
def test_question_marks_outside_of_quotes_are_parameters(given, made) -> None:
    assert translated(given) == made


def test_no_password_is_shown(database, connected) -> None:
    parts = urlsplit(database["url"])
    store = connected(url=f"postgresql://{parts.username}:correct-horse@{parts.hostname}:{parts.port}{parts.path}")
    assert "correct-horse" not in store.where
    store.migrate([TABLE])
    with pytest.raises(WriteConflict) as caught:
        store.write([Change(sql=ADD, parameters=("a",), expect=1)])
    assert "correct-horse" not in str(caught.value)
