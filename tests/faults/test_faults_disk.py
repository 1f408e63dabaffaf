"""Law: a disk that fails costs what was being written, says so, and nothing that was acknowledged before.

A full disk is a real one of 4 MiB, in a mount namespace of its own; limits of the process are the system's own; what
no system does on demand (an error of the n-th call) is put in its place.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from zen.builtin import disk
from zen.builtin.local_files import LocalArtifactStore, LocalFilesConfig
from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.errors import PermissionDenied, StorageError, ZenError
from zen.interfaces import Change, Materializer, Migration
from zen.storage import Database, Objects, reader, save, staging

FULL = os.environ.get("ZEN_FAULTS") == "full"
LINUX = sys.platform == "linux"

# A disk that is full

SCENARIO = r'''
import json, os, subprocess, sys
from pathlib import Path

disk, project, kind = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
FLOW = """
import os, sys
from pathlib import Path
from typing import Annotated
from zen import pipeline, step

def fill(leave):
    file = os.open(Path(os.environ["ZEN_HOME"]).parent / "ballast", os.O_CREAT | os.O_WRONLY)
    size = 0
    try:
        while True:
            size += os.write(file, bytes(4096))
    except OSError:
        os.ftruncate(file, max(size - leave, 0))

@step
def first() -> Annotated[str, "first"]:
    return "acknowledged " * 5000

@step(enable_cache=False)
def second(text: str, kind: str) -> Annotated[bytes, "second"]:
    if kind != "well":
        fill({"blob": 100 << 10, "commit": 0, "log": 200 << 10}[kind])
    if kind == "log":
        for number in range(20000):
            print("line", number, "x" * 50)
    return bytes(range(256)) * (1600 if kind == "blob" else 60)

@pipeline
def flow(kind: str):
    second(first(), kind)

if __name__ == "__main__":
    if sys.argv[1] in ("launch", "snapshot"):
        fill(0 if sys.argv[1] == "launch" else 150 << 10)
        sys.argv[1] = "well"
    flow(kind=sys.argv[1])
"""
(project / "flow.py").write_text(FLOW)
(project / "pyproject.toml").touch()
environment = {**os.environ, "ZEN_HOME": str(disk / "zen"), "ZEN_PROGRESS": "off"}

def run(*arguments):
    done = subprocess.run([sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True)
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}

AFTER = """
import contextlib, io, json
import flow
from zen import Client
from zen.cli.main import main

def zen(*arguments):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = main(arguments)
    return {"code": code, "out": out.getvalue()}

runs = [run.state for run in Client().runs()]
result = {"runs": runs, "first": len(Client().artifact("first").load()), "doctor": zen("doctor", "--json")}
print(json.dumps({**result, "again": flow.flow(kind="well").state}))
"""

result = {"before": run("flow.py", "well")}
if kind == "snapshot":
    (project / "more.py").write_bytes(b"# " + os.urandom(200 << 10).hex().encode())
result["full"] = run("flow.py", kind)
(disk / "ballast").unlink()
(project / "more.py").unlink(missing_ok=True)
after = run("-c", AFTER)
assert after["code"] == 0, after["err"]
result |= json.loads(after["out"])
print(json.dumps(result))
'''
FULL_DISK = {
    # Where the space runs out: what is said, and what becomes of the run; a run that cannot be recorded as failed is found lost.
    "blob": (r"step 'second': no space left on the disk to save a builtins.bytes: 0.\d MiB free in ", {"failed"}),
    "commit": (r"no space left to write to the metadata store .*metadata.db: .* of 4.0 MiB free", {"failed", "lost"}),
    "log": (r"no space left to write to the metadata store .*metadata.db: .* of 4.0 MiB free", {"failed", "lost"}),
    "snapshot": (r"no space left", set()),
    "launch": (r"no space left to use the metadata store .*metadata.db: 0 B of 4.0 MiB free", set()),
}


def mounted(folder: Path, size: str) -> list[str]:
    """Return what stands before a command so that a folder is a small disk for it, and for nobody else."""
    inside = f'mount -t tmpfs -o size={size} tmpfs "{folder}" && exec "$@"'
    prefix = ["unshare", "-rm", "sh", "-c", inside, "sh"]
    if not LINUX or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs Linux, and root or user namespaces")
    return prefix


@pytest.mark.parametrize("kind", FULL_DISK)
def test_full_disk_is_told_and_costs_the_run_only(kind, tmp_path, record_property) -> None:
    small, project = tmp_path / "disk", tmp_path / "project"
    small.mkdir()
    project.mkdir()
    command = [*mounted(small, "4m"), sys.executable, "-c", SCENARIO, str(small), str(project), kind]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZEN_")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    message, over = FULL_DISK[kind]
    assert result["before"]["code"] == 0, result["before"]["err"]
    assert result["full"]["code"] != 0
    assert re.search(message, result["full"]["err"]), result["full"]["err"]
    assert "make space" in result["full"]["err"]
    states = result["runs"]
    assert states[1:] == ["completed"] and states[0] in over if over else states == ["completed"]
    assert result["first"] == 65000
    assert result["doctor"]["code"] == 0, result["doctor"]["out"]
    assert result["again"] == "completed"
    record_property("lost", 0)


# What the n-th call of the system answers


class Bytes(Materializer):
    format = "bytes-of-a-test"

    def save(self, value, writer):
        writer.write(value, "data")

    def load(self, reader):
        return reader.read("data")


class Vault:
    """The stores of one folder, and values that were acknowledged."""

    def __init__(self, folder: Path) -> None:
        host = SimpleNamespace(root=folder, state=folder, log=logging.getLogger("test"))
        self.metadata, self.files = SQLiteStore(SQLiteConfig()), LocalArtifactStore(LocalFilesConfig())
        self.metadata.open(host)
        self.files.open(host)
        self.database = Database(self.metadata)
        self.database.prepare()
        self.folder = folder
        self.kept: dict[bytes, object] = {}

    def objects(self) -> Objects:
        return Objects(self.database, self.files, cache=self.folder / "cache")

    def keep(self, value: bytes) -> None:
        saved = save(value, Bytes(), "builtins.bytes", self.objects())
        self.database.write(saved.changes)
        self.kept[value] = saved.manifest

    def require_all(self) -> None:
        for value, manifest in self.kept.items():
            read = reader(manifest, self.objects(), state=self.folder, resolve=lambda name: bytes)
            assert Bytes().load(read) == value
        assert self.metadata.read("PRAGMA integrity_check") == [("ok",)]

    def close(self) -> None:
        self.metadata.close()
        self.files.close()


@pytest.fixture
def vault(tmp_path):
    vault = Vault(tmp_path)
    yield vault
    vault.close()


class Nth:
    """Counts the calls of several functions together, and answers the n-th with an error of the system."""

    def __init__(self, number: int, code: int) -> None:
        self.number, self.code, self.calls = number, code, 0

    def __call__(self, function):
        def call(*arguments, **options):
            self.calls += 1
            if self.calls == self.number:
                raise OSError(self.code, os.strerror(self.code))
            return function(*arguments, **options)

        return call

    @contextlib.contextmanager
    def everywhere(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(disk, "sync", self(disk.sync))
            patch.setattr(disk.os, "replace", self(os.replace))
            patch.setattr(staging, "open", self._opened, raising=False)
            yield

    def _opened(self, *arguments, **options):
        file = open(*arguments, **options)  # handed on
        if not isinstance(file, io.FileIO):
            return file
        return SimpleNamespace(write=self(file.write), close=file.close)


SAID = {
    errno.EIO: "Input/output error",
    errno.ENOSPC: "no space left",
    errno.EROFS: "(?i)read-only file system",
    errno.EDQUOT: "no space left",
}


@pytest.mark.skipif(os.name == "nt", reason="the codes are POSIX")
@pytest.mark.parametrize("code", SAID, ids=errno.errorcode.get)
def test_error_of_any_call_costs_that_write_only(vault, code, record_property) -> None:
    """A failed sync too is an error of that write: it is not tried again and taken for done."""
    vault.keep(b"before" * 20000)
    counted = Nth(0, code)
    with counted.everywhere():
        vault.keep(b"counted" * 20000)
    assert counted.calls >= 5
    for number in range(1, counted.calls + 1):
        value = f"{code} {number} ".encode() * 20000
        with Nth(number, code).everywhere(), pytest.raises((ZenError, OSError)) as caught:
            vault.keep(value)
        assert re.search(SAID[code], str(caught.value)), f"call {number}"
        vault.require_all()
        vault.keep(value)  # once the disk is well
    vault.require_all()
    record_property("injected", counted.calls)


def test_failed_sync_is_never_repeated_as_success(vault) -> None:
    """The system may forget what it could not write: a second sync that succeeds says nothing about the first."""
    synced = []

    def failing(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}") if LINUX else descriptor)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "sync", failing)
        with pytest.raises(StorageError, match="Input/output error"):
            vault.keep(b"never" * 20000)
    assert len(synced) == 1
    assert not list((vault.folder / "artifacts" / "objects").rglob("*"))


def test_short_writes_are_gone_on_with(vault) -> None:
    """A disk that fills up, or a signal, shows first as a write that took a part."""

    def opened(*arguments, **options):
        file = open(*arguments, **options)  # handed on
        return SimpleNamespace(write=lambda data: file.write(bytes(data[:1000])), close=file.close)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "open", opened, raising=False)
        vault.keep(bytes(range(256)) * 1000)
    vault.require_all()


# Limits and rights, as the system has them

LIMITED = """
import logging, os, resource, sys
from pathlib import Path
from types import SimpleNamespace
from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.errors import ZenError
from zen.interfaces import Change
folder, what, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
host = SimpleNamespace(root=folder, state=folder, log=logging.getLogger())
try:
    if what == "files":
        held = [os.open("/dev/null", os.O_RDONLY) for _ in range(10)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1 + limit, max(held) + 1 + limit))
    store = SQLiteStore(SQLiteConfig())
    store.open(host)
    if what == "size":
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for number in range(2000 if what == "size" else 3):
        store.write([Change(sql="INSERT INTO line VALUES (?, ?)", parameters=(number, "x" * 900))])
        print(number, flush=True)
except ZenError as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    os._exit(6)
os._exit(0)
"""
SCHEMA = Migration(number=1, statements=("CREATE TABLE line (number INTEGER, text TEXT) STRICT",))


def lines_of(folder: Path) -> SQLiteStore:
    store = SQLiteStore(SQLiteConfig())
    store.open(SimpleNamespace(root=folder, state=folder, log=logging.getLogger("test")))
    store.migrate([SCHEMA])
    return store


def limited(folder: Path, what: str, limit: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LIMITED, str(folder), what, str(limit)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.skipif(os.name == "nt", reason="needs limits of POSIX")
def test_write_that_a_limit_cuts_short_loses_nothing_acknowledged(tmp_path, record_property) -> None:
    """The log of SQLite ends within a page: a real short write, then an error."""
    limits = range(70_000, 400_000, 7_000 if FULL else 70_001)
    for limit in limits:
        folder = tmp_path / str(limit)
        folder.mkdir()
        lines_of(folder).close()
        done = limited(folder, "size", limit)
        assert done.returncode == 6, done.stderr
        assert "the disk failed under the metadata store" in done.stderr and "zen doctor" in done.stderr
        store = lines_of(folder)
        acknowledged = len(done.stdout.split())
        assert store.read("SELECT count(*) FROM line")[0][0] in (acknowledged, acknowledged + 1)
        assert acknowledged > 10
        store.check()
        store.write([Change(sql="INSERT INTO line VALUES (-1, '')")])
        store.close()
    record_property("cut", len(limits))


@pytest.mark.skipif(os.name == "nt", reason="needs limits of POSIX")
def test_too_many_open_files_are_told(tmp_path) -> None:
    lines_of(tmp_path).close()
    said = set()
    for limit in range(8):
        done = limited(tmp_path, "files", limit)
        if done.returncode == 0:
            break
        assert done.returncode == 6, done.stderr
        said.add("too many files open" in done.stderr and "ulimit -n" in done.stderr)
        lines_of(tmp_path).close()
    assert said == {True} and limit < 7


RIGHTS = """
import codecs, logging, os, sys
codecs.lookup("unicode_escape")  # who we become may not even read Python's own library
from pathlib import Path
from types import SimpleNamespace
from zen.builtin.local_files import LocalArtifactStore, LocalFilesConfig
from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.errors import ZenError
from zen.interfaces import Change
folder, which = Path(sys.argv[1]), sys.argv[2]
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
host = SimpleNamespace(root=folder, state=folder, log=logging.getLogger())
try:
    if which == "metadata":
        store = SQLiteStore(SQLiteConfig())
        store.open(host)
        store.write([Change(sql="INSERT INTO line VALUES (1, 'x')")])
    else:
        store = LocalArtifactStore(LocalFilesConfig())
        store.open(host)
        (folder.parent / "value").write_bytes(b"x" * 100000)
        store.put("objects/sha256/aa/bb", folder.parent / "value")
except ZenError as error:
    print(f"{type(error).__name__}: {error}")
    os._exit(0)
print("done")
os._exit(0)
"""
REFUSED = {
    # What the rights are: on the folder, on the files in it; whose they are.
    "read-only folder": (0o500, 0o600, True),
    "no x bit": (0o600, 0o600, True),
    "read-only files": (0o700, 0o400, True),
    "other owner": (0o700, 0o600, False),
}


@pytest.mark.skipif(os.name == "nt", reason="rights are POSIX")
@pytest.mark.parametrize("which", ["metadata", "artifacts"])
@pytest.mark.parametrize("case", REFUSED)
def test_missing_rights_are_told_and_change_nothing(case, which, record_property) -> None:
    import tempfile

    on_folder, on_files, own = REFUSED[case]
    if not own and os.geteuid() != 0:
        pytest.skip("only root can make files of another owner")
    if case == "read-only files" and which == "artifacts":
        pytest.skip("objects are read-only as they are")
    with tempfile.TemporaryDirectory() as name:  # all folders above it can be entered by everybody
        os.chmod(name, 0o777)
        folder = Path(name) / "state"
        folder.mkdir()
        lines_of(folder).close()
        _give(folder, on_folder, on_files, own=own)
        before = (folder / "metadata.db").read_bytes() if os.geteuid() == 0 else b""
        done = subprocess.run(
            [sys.executable, "-c", RIGHTS, str(folder), which], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.stdout.startswith(PermissionDenied.__name__), done.stdout + done.stderr
        assert "may not" in done.stdout and "give this user the right to" in done.stdout and name in done.stdout
        _give(folder, 0o700, 0o600, own=True)
        assert not before or (folder / "metadata.db").read_bytes() == before


def _give(folder: Path, on_folder: int, on_files: int, *, own: bool) -> None:
    for file in folder.iterdir():
        os.chmod(file, on_files)
    os.chmod(folder, on_folder)
    if os.geteuid() == 0:
        for path in (folder, *(folder / file for file in os.listdir(folder))):
            os.chown(path, *((65534, 65534) if own else (0, 0)))


def test_read_only_mount_is_told(tmp_path) -> None:
    small = tmp_path / "disk"
    small.mkdir()
    inside = f'mount -o remount,ro "{small}" && exec "$@"'
    make = "from pathlib import Path; Path(__import__('sys').argv[1], 'x').touch()"
    prefix = [*mounted(small, "4m"), "sh", "-c", f'{sys.executable} -c "{make}" "{small}" && {inside}', "sh"]
    done = subprocess.run(
        [*prefix, sys.executable, "-c", RIGHTS.replace("if os.geteuid() == 0:", "if False:"), str(small), "metadata"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.startswith(PermissionDenied.__name__) and "Read-only file system" in done.stdout, done.stderr
