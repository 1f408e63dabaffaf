from __future__ import annotations

import datetime as dt
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from zen.records import ModelVersion
from zen_plugin_serve.place import Order, Place, Status, valid


def order(generation: int = 1) -> Order:
    return Order(
        name="churn",
        generation=generation,
        version=ModelVersion(model="churn", version=3),
        settings={"replicas": 1},
        python=sys.executable,
        root="/",
        created_at=dt.datetime(2026, 1, 31, tzinfo=dt.UTC),
    )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "deployments" / "churn")
    with made.exclusive(1, make=True):
        return made


def test_orders_and_statuses_come_back(place: Place) -> None:
    assert (place.order(), place.status()) == (None, Status())
    place.write_order(order())
    place.write_status(Status(pid=5, port=80, serving=order(), judged=1))
    assert place.order() == order()
    assert place.status().serving == order()


def test_everything_is_for_this_user_alone(place: Place, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"model")
    source.chmod(0o444)
    place.copy(1, {"data": source, "deep/er/file": source})
    place.write_order(order())
    os.close(place.open_log())
    modes = {path.stat().st_mode & 0o077 for path in [place.folder, *place.folder.rglob("*")]}
    assert modes == {0}
    assert (place.generation(1) / "deep" / "er" / "file").read_bytes() == b"model"


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "", ".", "a//b", "a\0b"])
def test_files_do_not_leave_their_folder(place: Place, tmp_path: Path, name: str) -> None:
    (tmp_path / "source").write_text("x")
    with pytest.raises(ValueError, match="is no name for a file"):
        place.copy(1, {name: tmp_path / "source"})
    assert not place.generation(1).exists()


def test_generations_are_never_counted_twice(place: Place) -> None:
    assert place.next_generation() == 1
    place.copy(4, {})  # by a deploy that was killed
    assert place.next_generation() == 5
    place.write_order(order(7))
    assert place.next_generation() == 8
    place.drop_before(5)
    assert not place.generation(4).exists()


def test_one_at_a_time_changes_a_deployment(place: Place) -> None:
    with place.exclusive(1), pytest.raises(TimeoutError), Place(place.folder).exclusive(0.05):
        pass
    with Place(place.folder).exclusive(0):
        pass


def test_who_waited_for_what_was_removed_makes_it_anew(place: Place) -> None:
    found = []

    def wait() -> None:
        with Place(place.folder).exclusive(5, make=True):
            found.append(place.folder.is_dir())

    with place.exclusive(1):
        waiting = threading.Thread(target=wait)
        waiting.start()
        place.remove()
    waiting.join()
    assert found == [True]


def test_a_lock_on_a_removed_file_is_none(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    own = fcntl.flock
    taken: list[int] = []

    def removed_meanwhile(descriptor: int, how: int) -> None:
        if not taken:
            place.remove()
        taken.append(descriptor)
        own(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", removed_meanwhile)
    with Place(place.folder).exclusive(1, make=True):
        assert (place.folder / "deploying.lock").exists()
    assert len(taken) == 2


def test_nothing_is_locked_where_nothing_is(tmp_path: Path) -> None:
    with Place(tmp_path / "gone").exclusive(1) as lock:
        assert lock is None
    assert not (tmp_path / "gone").exists()


def test_a_server_is_alive_until_its_process_ends(place: Place) -> None:
    assert not place.is_alive()
    program = (
        "import sys, pathlib; from zen_plugin_serve.place import Place;"
        " print(Place(pathlib.Path(sys.argv[1])).hold(), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(place.folder)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert server.stdout.readline() == "True\n"
    assert place.is_alive()
    assert not Place(place.folder).hold(0.05)
    server.kill()
    server.communicate()
    assert not place.is_alive()


def test_the_log_begins_anew_when_it_is_long(place: Place) -> None:
    descriptor = place.open_log()
    os.write(descriptor, b"x" * (10 * 2**20 + 1))
    place.turn_log()
    os.write(descriptor, b"new")
    os.close(descriptor)
    assert place.tail() == "new"
    assert len(place.log.with_suffix(".log.1").read_bytes()) == 10 * 2**20 + 1


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "a/b", "a b", "x" * 64, "-a", "a.", "ä", "a\n"])
def test_names_are_those_of_folders(name: str) -> None:
    assert not valid(name)
    assert valid("Churn_2.eu-west")
