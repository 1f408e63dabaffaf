"""The staging folder: one for each living process, and nothing for the dead."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from zen.builtin.staging import Staging

LEAVE = """
import os, sys
from pathlib import Path
from zen.builtin.staging import Staging
own = Staging(Path(sys.argv[1])).own()
(own / "deep").mkdir()
(own / "deep" / "file").write_text("x")
print(own, flush=True)
sys.stdin.read()
os._exit(1)
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "staging"


@pytest.fixture
def other(folder):
    """A process with a staging folder, and that folder."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", LEAVE, str(folder)], stdin=pipe, stdout=pipe, text=True)
    yield process, Path(process.stdout.readline().strip())
    process.communicate()


def age(folder: Path, *, days: float) -> None:
    then = time.time() - days * 86_400
    for path in folder.iterdir():
        os.utime(path, (then, then), follow_symlinks=False)


def test_folder_is_made_when_it_is_needed(folder) -> None:
    staging = Staging(folder)
    staging.sweep()
    assert not folder.exists()
    assert staging.own().is_dir()
    assert staging.own() == staging.own()
    assert staging.own().parent == folder


def test_each_store_has_its_own(folder) -> None:
    assert Staging(folder).own() != Staging(folder).own()


def test_threads_of_a_store_share_one(folder) -> None:
    staging, found = Staging(folder), set()
    threads = [threading.Thread(target=lambda: found.add(staging.own())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1


def test_close_removes_an_empty_folder(folder) -> None:
    staging = Staging(folder)
    staging.own()
    staging.close()
    staging.close()
    assert list(folder.iterdir()) == []
    assert staging.own().is_dir()


def test_close_keeps_what_is_still_in_use(folder) -> None:
    staging = Staging(folder)
    own = staging.own()
    (own / "file").write_text("x")
    staging.close()
    assert (own / "file").exists()


def test_old_leftovers_of_a_dead_process_are_removed(folder, other) -> None:
    process, own = other
    process.communicate()
    age(folder, days=1.01)
    Staging(folder).sweep()
    assert not own.exists()
    assert list(folder.iterdir()) == []


def test_young_leftovers_are_kept(folder, other) -> None:
    process, own = other
    process.communicate()
    age(folder, days=0.99)
    Staging(folder).sweep()
    assert (own / "deep" / "file").exists()


def test_folder_of_a_living_process_is_kept_however_old(folder, other) -> None:
    _, own = other
    age(folder, days=30)
    Staging(folder).sweep()
    assert (own / "deep" / "file").exists()


def test_stray_things_are_removed_when_they_are_old(folder, tmp_path) -> None:
    folder.mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    (folder / "stray").write_text("x")
    (folder / "alone.lock").write_text("")
    (folder / "link").symlink_to(tmp_path / "kept")
    age(folder, days=2)
    Staging(folder).sweep()
    assert list(folder.iterdir()) == []
    assert (tmp_path / "kept" / "file").exists()


def test_sweep_of_what_may_not_be_removed_does_not_fail(ordinary) -> None:
    folder = ordinary / "staging"
    (folder / "old").mkdir(parents=True)
    age(folder, days=2)
    folder.chmod(0o500)
    Staging(folder).sweep()
    assert (folder / "old").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_gets_its_own_and_leaves_the_parents(folder) -> None:
    staging = Staging(folder)
    own = staging.own()

    def work() -> None:
        staging.close()
        inherited = staging.own() == own
        staging.close()
        os._exit(1 if inherited else 0)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == 0
    assert own.is_dir()
    age(folder, days=2)
    Staging(folder).sweep()
    assert own.is_dir()
