"""The SQLite store among processes: no lock errors, no lost batch after a kill, and a life after a fork."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.interfaces import Change, Migration

SCHEMA = Migration(
    number=1,
    statements=(
        "CREATE TABLE counter (number INTEGER NOT NULL) STRICT",
        "INSERT INTO counter VALUES (0)",
        "CREATE TABLE line (number INTEGER NOT NULL) STRICT",
    ),
)
OPEN = """
import sys
from pathlib import Path
from types import SimpleNamespace
from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.errors import WriteConflict
from zen.interfaces import Change
def opened():
    store = SQLiteStore(SQLiteConfig())
    store.open(SimpleNamespace(root=Path(sys.argv[1]), state=Path(sys.argv[1])))
    return store
store = opened()
"""
COUNT = """
done = 0
while done < 50:
    [(number,)] = store.read("SELECT number FROM counter")
    change = Change(sql="UPDATE counter SET number = ? WHERE number = ?", parameters=(number + 1, number), expect=1)
    try:
        store.write([change], durable=done % 2 == 0)
        done += 1
    except WriteConflict:
        pass
    if REOPEN and done % 5 == 0:
        store.close()
        store = opened()
store.close()
"""
APPEND = """
number = 0
while True:
    pair = [Change(sql="INSERT INTO line VALUES (?)", parameters=(value,)) for value in (number, number + 1)]
    store.write(pair, durable=number % 4 == 0)
    print(number, flush=True)
    number += 2
"""


@pytest.fixture
def store(host):
    store = SQLiteStore(SQLiteConfig())
    store.open(host)
    store.migrate([SCHEMA])
    yield store
    store.close()


def line(number: int) -> Change:
    return Change(sql="INSERT INTO line VALUES (?)", parameters=(number,), expect=1)


def lines(store: SQLiteStore) -> list[int]:
    return [number for (number,) in store.read("SELECT number FROM line ORDER BY number")]


def run(code: str, store: SQLiteStore, **options) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", OPEN + code, str(store.path.parent)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.mark.parametrize("reopen", [False, True], ids=["open", "reopening"])
def test_processes_never_see_a_lock_error(store, reopen) -> None:
    store.close()
    workers = [run(COUNT.replace("REOPEN", str(reopen)), store) for _ in range(8)]
    assert [worker.communicate()[1] for worker in workers] == [""] * 8
    store.open(store.host)
    assert store.read("SELECT number FROM counter") == [(400,)]
    store.check()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_kill_loses_no_acknowledged_batch_and_keeps_no_half(store) -> None:
    for attempt in range(5):
        worker = run(APPEND, store)
        for _ in range(20 + attempt):
            worker.stdout.readline()
        worker.kill()
        acknowledged = worker.stdout.read().split()  # not communicate(), which leaves out what is buffered already
        worker.wait()
        last = int(acknowledged[-1]) if acknowledged else 2 * (19 + attempt)
        found = lines(store)
        assert found[: last + 2] == list(range(last + 2))
        assert len(found) in (last + 2, last + 4)
        store.check()
        store.write([Change(sql="DELETE FROM line")])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_store_of_a_killed_process_opens(store) -> None:
    store.close()
    worker = run(APPEND, store)
    for _ in range(10):
        worker.stdout.readline()
    worker.kill()
    worker.communicate()
    store.open(store.host)
    assert len(lines(store)) >= 20
    store.check()


# Forks: SQLite keeps the locks of a process in its memory, which a child inherits without having the locks.


def needs_fork(test):
    # What goes wrong in a hook of fork is a warning only.
    strict = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
    return strict(pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")(test))


with_threads = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def child(work) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    return process


@needs_fork
def test_parent_and_child_both_go_on(store) -> None:
    store.write([line(0)])
    process = child(lambda: store.write([line(1)]))
    store.write([line(2)])
    process.join()
    assert process.exitcode == 0
    assert lines(store) == [0, 1, 2]


@needs_fork
def test_child_that_outlives_the_parents_connection_loses_nothing(store, host) -> None:
    """With inherited locks the parent would take itself for the last user, and remove the child's log."""
    store.write([line(0)])
    go = multiprocessing.get_context("fork").Event()
    ready = multiprocessing.get_context("fork").Event()

    def work() -> None:
        store.write([line(1)])
        ready.set()
        go.wait(10)
        store.write([line(2)])
        os._exit(0 if lines(store) == [0, 1, 2] else 1)

    process = child(work)
    ready.wait(10)
    store.close()
    go.set()
    process.join()
    assert process.exitcode == 0
    store.open(host)
    assert lines(store) == [0, 1, 2]


@needs_fork
def test_child_that_closes_and_ends_leaves_the_parent_alone(store) -> None:
    store.write([line(0)])
    process = child(store.close)
    process.join()
    store.write([line(1)])
    other = sqlite3.connect(store.path)
    assert other.execute("SELECT count(*) FROM line").fetchall() == [(2,)]
    other.close()


@needs_fork
def test_threads_of_a_child_use_the_store_and_fork_again(store) -> None:
    def work() -> None:
        done = []
        grandchild = multiprocessing.get_context("fork").Process(target=store.write, args=([line(1)],))
        grandchild.start()
        thread = threading.Thread(target=lambda: done.append(store.read("SELECT 1")), daemon=True)
        thread.start()
        thread.join(10)
        grandchild.join(10)
        os._exit(0 if done == [[(1,)]] and grandchild.exitcode == 0 else 1)

    process = child(work)
    process.join()
    assert process.exitcode == 0
    assert lines(store) == [1]


@needs_fork
@with_threads
def test_fork_waits_until_no_thread_is_inside_sqlite(store) -> None:
    stop, failures = threading.Event(), []

    def work() -> None:
        number = 1000
        while not stop.is_set():
            try:
                store.write([line(number)], durable=False)
            except Exception as error:  # whatever happens is what the test is about
                failures.append(error)
            number += 1

    thread = threading.Thread(target=work)
    thread.start()
    for number in range(10):
        process = child(lambda number=number: store.write([line(number)], durable=False))
        process.join(20)
        assert process.exitcode == 0
    stop.set()
    thread.join()
    assert failures == []
    assert lines(store)[:10] == list(range(10))
    store.check()


@needs_fork
@with_threads
def test_two_threads_fork_at_once(store) -> None:
    codes: list[int | None] = []

    def work() -> None:
        for _ in range(5):
            process = child(lambda: os._exit(0 if store.read("SELECT 1") == [(1,)] else 1))
            process.join(20)
            codes.append(process.exitcode)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0] * 10


def test_program_started_by_subprocess_does_not_close_the_store(store) -> None:
    connection = store._connection
    subprocess.run([sys.executable, "-c", ""], check=True)
    assert store._connection is connection


def test_waiting_writers_go_ahead_soon(store) -> None:
    """The lock is polled, so a writer that waits must not sleep much longer than others write."""
    worker = run(APPEND, store)
    worker.stdout.readline()
    slowest = 0.0
    for number in range(20):
        started = time.perf_counter()
        store.write([line(-number)], durable=False)
        slowest = max(slowest, time.perf_counter() - started)
    worker.kill()
    worker.communicate()
    assert slowest < 30
