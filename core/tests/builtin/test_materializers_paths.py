"""The law of paths: what is loaded has the same names, bytes, executable bits and empty folders, and is read-only."""

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from zen.builtin.materializers import paths
from zen.builtin.materializers.paths import PathMaterializer
from zen.errors import MaterializerError
from zen.testing.artifacts import round_trip, save


def _listing(top: Path) -> dict[str, tuple[bytes | None, bool]]:
    return {
        path.relative_to(top).as_posix(): (
            (path.read_bytes(), bool(path.stat().st_mode & 0o100)) if path.is_file() else (None, False)
        )
        for path in top.rglob("*")
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    top = tmp_path / "model"
    (top / "a b" / "ü").mkdir(parents=True)
    (top / "empty" / "inner").mkdir(parents=True)
    (top / "a b" / "ü" / "weights.bin").write_bytes(bytes(range(256)))
    (top / "index.json").write_bytes(b"the user's own")
    (top / ".hidden").write_bytes(b"")
    (top / "run.sh").write_bytes(b"#!/bin/sh\n")
    (top / "run.sh").chmod(0o755)
    return top


@pytest.mark.parametrize("fresh_process", [False, True])
def test_a_folder_comes_back(folder, fresh_process):
    loaded = round_trip(PathMaterializer(), folder, fresh_process=fresh_process)
    assert type(loaded) is type(folder)
    assert _listing(loaded) == _listing(folder)


@pytest.mark.parametrize("name", ["report.html", "data", "index.json", "with space ü.txt"])
def test_a_lone_file_keeps_its_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"<p>")
    loaded = round_trip(PathMaterializer(), tmp_path / name)
    assert loaded.name == name
    assert loaded.read_bytes() == b"<p>"


def test_a_relative_path_is_read_from_the_working_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert round_trip(PathMaterializer(), Path("run.sh")).read_bytes() == b"#!/bin/sh\n"
    assert _listing(round_trip(PathMaterializer(), Path(""))) == _listing(folder)


def test_an_empty_folder_comes_back(tmp_path):
    (tmp_path / "nothing").mkdir()
    assert list(round_trip(PathMaterializer(), tmp_path / "nothing").iterdir()) == []


def test_a_loaded_file_cannot_be_written(folder):
    loaded = round_trip(PathMaterializer(), folder)
    assert not [path for path in loaded.rglob("*") if path.is_file() and path.stat().st_mode & 0o222]


def test_equal_files_give_equal_artifacts(folder, tmp_path):
    one = save(PathMaterializer(), folder)
    os.utime(folder / "run.sh", (1, 1))
    other = save(PathMaterializer(), folder.rename(tmp_path / "renamed"))
    assert one.names == other.names
    assert [one.read(name) for name in one.names] == [other.read(name) for name in other.names]


def _fifo(path):
    os.mkfifo(path)


def _socket(path):
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket has at most 107 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)
    os.chdir(here)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path: path.symlink_to("/etc/passwd"), "symbolic link"),
        (lambda path: path.symlink_to("."), "symbolic link"),
        (lambda path: path.symlink_to("nowhere"), "symbolic link"),
        (_fifo, "named pipe"),
        (_socket, "socket"),
    ],
    ids=["link", "loop", "broken link", "pipe", "socket"],
)
def test_links_and_pipes_are_refused(folder, make, kind):
    special = folder / "a b" / "special"
    make(special)
    for value in (folder, special):
        with pytest.raises(MaterializerError, match=f"special is a {kind}; only regular files") as caught:
            save(PathMaterializer(), value)
        assert caught.value.path == str(special)


def test_a_device_is_refused():
    with pytest.raises(MaterializerError, match="character device"):
        save(PathMaterializer(), Path("/dev/null"))


def test_a_path_to_nothing_is_refused(tmp_path):
    with pytest.raises(MaterializerError, match=r"gone\.csv does not exist\n  write the file before"):
        save(PathMaterializer(), tmp_path / "gone.csv")
    with pytest.raises(MaterializerError, match="cannot be read"):
        save(PathMaterializer(), Path("a\0b"))


def test_a_file_that_becomes_a_link_while_it_is_read_is_refused(folder, monkeypatch):
    look = paths._look

    def swap(top):
        found = look(top)
        (folder / "run.sh").unlink()
        (folder / "run.sh").symlink_to("/etc/passwd")
        return found

    monkeypatch.setattr(paths, "_look", swap)
    with pytest.raises(MaterializerError, match=r"run\.sh cannot be read"):
        save(PathMaterializer(), folder)


def test_a_folder_that_becomes_a_link_while_it_is_read_is_refused(folder, tmp_path, monkeypatch):
    """The file is there by its name, and is another one."""
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(folder / "a b", elsewhere)
    look = paths._look

    def swap(top):
        found = look(top)
        (folder / "a b").rename(tmp_path / "gone")
        (folder / "a b").symlink_to(elsewhere)
        return found

    monkeypatch.setattr(paths, "_look", swap)
    with pytest.raises(MaterializerError, match="was replaced while it was read"):
        save(PathMaterializer(), folder)


def test_a_file_that_becomes_a_pipe_while_it_is_read_is_refused(folder, monkeypatch):
    look = paths._look

    def swap(top):
        found = look(top)
        (folder / "run.sh").unlink()
        _fifo(folder / "run.sh")
        return found

    monkeypatch.setattr(paths, "_look", swap)
    with pytest.raises(MaterializerError, match=r"run\.sh was replaced while it was read"):
        save(PathMaterializer(), folder)


def test_a_file_with_a_second_name_is_a_file(folder):
    os.link(folder / "run.sh", folder / "second")
    loaded = round_trip(PathMaterializer(), folder)
    assert (loaded / "second").read_bytes() == (loaded / "run.sh").read_bytes() == (folder / "run.sh").read_bytes()


def test_a_name_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.txt")).touch()
    with pytest.raises(MaterializerError, match="not valid UTF-8"):
        save(PathMaterializer(), tmp_path)


def test_too_many_files_are_refused(folder, monkeypatch):
    monkeypatch.setattr(paths, "MOST_FILES", 3)
    with pytest.raises(MaterializerError, match="holds more than 3 files"):
        save(PathMaterializer(), folder)


@pytest.mark.parametrize(
    "index",
    [
        [],
        {},
        {"kind": "folder", "executable": 1, "empty": []},
        {"kind": "folder", "executable": [], "empty": ["../x"]},
        {"kind": "folder", "executable": [], "empty": ["/tmp"]},
        {"kind": "folder", "executable": [], "empty": [1]},
        {"kind": "other", "executable": [], "empty": []},
        {"kind": "file", "executable": [], "empty": []},
    ],
    ids=str,
)
def test_a_damaged_index_is_a_clear_error(folder, tmp_path, index):
    reader = save(PathMaterializer(), folder, tmp_path / "artifact")
    (tmp_path / "artifact" / "index.json").chmod(0o644)
    (tmp_path / "artifact" / "index.json").write_text(json.dumps(index))
    with pytest.raises(MaterializerError, match="unsafe|not one that zen wrote|speaks of one file"):
        PathMaterializer().load(reader)


def test_name_and_size_are_described(folder):
    assert PathMaterializer().describe(folder / "run.sh") == {"kind": "file", "name": "run.sh", "size": 10}
    assert PathMaterializer().describe(folder) == {"kind": "folder", "name": "model"}
