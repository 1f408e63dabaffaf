"""The file lock: one holder at a time among threads, instances and processes, and none after death."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from zen.storage.filelock import FileLock

HOLD = """
import os, sys, time
from zen.storage.filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""
COUNT = """
import sys
from zen.storage.filelock import FileLock
lock = FileLock(sys.argv[1])
for _ in range(100):
    with lock:
        with open(sys.argv[2]) as file:
            number = int(file.read())
        with open(sys.argv[2], "w") as file:
            file.write(str(number + 1))
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.lock"


@pytest.fixture
def elsewhere(path):
    """Another process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_lock_excludes_other_instances(path) -> None:
    first, second = FileLock(path), FileLock(path)
    assert first.try_acquire()
    assert first.held
    assert not second.try_acquire()
    assert not second.held
    first.release()
    assert second.try_acquire()
    second.release()


def test_lock_is_released_at_the_end_of_a_block(path) -> None:
    lock = FileLock(path)
    with suppress(ZeroDivisionError), lock:
        assert lock.held
        raise ZeroDivisionError
    assert not lock.held
    assert FileLock(path).try_acquire()


def test_release_of_a_free_lock_is_harmless(path) -> None:
    lock = FileLock(path)
    lock.release()
    assert lock.try_acquire()
    lock.release()
    lock.release()


def test_acquire_gives_up_after_its_timeout(path) -> None:
    with FileLock(path):
        started = time.monotonic()
        assert not FileLock(path).acquire(timeout=0.1)
        assert time.monotonic() - started > 0.05


def test_acquire_of_a_shared_instance_gives_up_after_its_timeout(path) -> None:
    lock = FileLock(path)
    with lock:
        assert not lock.acquire(timeout=0.05)
    assert lock.try_acquire()


def test_threads_that_share_an_instance_take_turns(path) -> None:
    lock, inside, most = FileLock(path), [], []

    def work() -> None:
        for _ in range(20):
            with lock:
                inside.append(1)
                most.append(len(inside))
                time.sleep(0)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 80
    assert max(most) == 1


def test_processes_take_turns(path, tmp_path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    workers = [subprocess.Popen([sys.executable, "-c", COUNT, str(path), str(counter)]) for _ in range(4)]
    assert [worker.wait() for worker in workers] == [0] * 4
    assert counter.read_text() == "400"


def test_lock_ends_with_the_process_that_holds_it(path, elsewhere) -> None:
    lock = FileLock(path)
    assert not lock.try_acquire()
    elsewhere.kill()
    elsewhere.wait()
    assert lock.try_acquire()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs signals")
def test_lock_of_a_stopped_process_is_held(path, elsewhere) -> None:
    elsewhere.send_signal(signal.SIGSTOP)
    assert not FileLock(path).try_acquire()


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_holder_is_the_process_that_holds_it(path, elsewhere) -> None:
    assert FileLock(path).holder() == elsewhere.pid
    elsewhere.kill()
    elsewhere.wait()
    assert FileLock(path).holder() is None


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed on Windows")
def test_lock_of_a_removed_file_is_not_taken(path) -> None:
    """Two processes that lock two files of one name would both go ahead."""
    holder, waiter = FileLock(path), FileLock(path)
    holder.acquire()
    thread = threading.Thread(target=waiter.acquire)
    thread.start()
    time.sleep(0.05)  # the waiter has opened the file
    path.unlink()
    holder.release()
    thread.join()
    assert waiter.held
    assert not FileLock(path).try_acquire()


def test_program_started_while_held_does_not_keep_the_lock(path) -> None:
    with FileLock(path):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    try:
        assert FileLock(path).try_acquire()
    finally:
        child.communicate(b"\n")


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@needs_fork
def test_forked_child_neither_holds_nor_frees_the_lock(path) -> None:
    lock = FileLock(path)
    lock.acquire()

    def child() -> None:
        held = lock.held
        lock.release()
        os._exit(1 if held or lock.try_acquire() else 0)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 0
    assert not FileLock(path).try_acquire()


@needs_fork
def test_forked_child_does_not_keep_the_lock_of_a_dead_parent(path) -> None:
    code = HOLD.replace("print(", "os.fork() and print(").replace("sleep(60)", "sleep(5)")
    parent = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    parent.stdout.readline()
    lock = FileLock(path)
    assert not lock.try_acquire()
    parent.kill()
    parent.wait()
    assert lock.acquire(timeout=60)  # the child may be about to let go of its copy
    parent.stdout.close()


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_fork_while_threads_use_the_lock_leaves_it_usable(path) -> None:
    lock, stop = FileLock(path), threading.Event()

    def work() -> None:
        while not stop.is_set():
            with lock:
                pass

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(10):
        process = multiprocessing.get_context("fork").Process(target=lambda: os._exit(0 if lock.acquire(5) else 1))
        process.start()
        process.join()
        assert process.exitcode == 0
    stop.set()
    thread.join()


@pytest.mark.skipif(os.name == "nt", reason="locks of Windows belong to the process")
def test_release_frees_the_lock_while_a_copy_of_the_descriptor_is_open(path) -> None:
    """Code that forks without Python's knowledge leaves such a copy."""
    lock = FileLock(path)
    lock.acquire()
    copy = os.dup(lock._descriptor)
    lock.release()
    assert FileLock(path).try_acquire()
    os.close(copy)


def test_missing_folder_is_an_error(tmp_path) -> None:
    lock = FileLock(tmp_path / "absent" / "a.lock")
    with pytest.raises(FileNotFoundError):
        lock.acquire()
    (tmp_path / "absent").mkdir()
    assert lock.acquire(timeout=60)


def test_remove_takes_the_file_away_and_spares_one_that_took_its_place(path) -> None:
    lock = FileLock(path)
    lock.remove()
    assert lock.acquire()
    lock.remove()
    assert not path.exists() and not lock.held
    lock.acquire()
    path.unlink()
    with FileLock(path) as other:
        lock.remove()
        assert path.exists() and other.held
        assert not FileLock(path).try_acquire()


def test_who_waits_while_the_file_is_removed_holds_one_that_is_there(path) -> None:
    first, second, third = FileLock(path), FileLock(path), FileLock(path)
    first.acquire()
    assert not second.try_acquire()
    waiting = threading.Thread(target=second.acquire)
    waiting.start()
    first.remove()
    waiting.join()
    assert second.held and path.exists()
    assert not third.try_acquire()
    second.release()


def test_who_takes_a_lock_that_is_removed_has_a_file_of_its_own(tmp_path, monkeypatch):
    first, second, third = (FileLock(tmp_path / "lock") for _ in range(3))
    assert first.try_acquire()
    release = first.release
    # The second one takes the lock at the first moment at which it is free.
    monkeypatch.setattr(first, "release", lambda: (release(), second.acquire()))
    first.remove()
    assert second.held
    assert not third.try_acquire()
