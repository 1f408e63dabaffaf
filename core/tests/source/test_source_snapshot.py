from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import zen.source.folders as folders
import zen.source.snapshot as snapshots
from zen.errors import ArtifactDamaged, UsageError
from zen.identity import digest_bytes
from zen.records import FileEntry
from zen.source import Snapshot, extract, read_manifest, take

Write = Callable[[str, str], Path]


class Store(dict[str, bytes]):
    """Objects by digest, and how often one was put."""

    puts = 0

    def put(self, data: bytes) -> str:
        self.puts += 1
        digest = digest_bytes(data)
        self[digest] = data
        return digest


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def shoot(root: Path, store: Store, tmp_path: Path) -> Callable[..., Snapshot]:
    def run(*, marked: bool = True) -> Snapshot:
        taken = take(root, index=tmp_path / "state" / "index.json", marked=marked, put=store.put)
        taken.remember()
        return taken

    return run


@pytest.fixture
def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files that were written just now count as written long ago."""
    monkeypatch.setattr(snapshots, "_is_settled", lambda stamp, now: True)


def _names(snapshot: Snapshot) -> list[str]:
    return [entry.name for entry in snapshot.files]


def test_snapshot_holds_the_source_files(write: Write, shoot: Callable[..., Snapshot], store: Store) -> None:
    for name in ("b.py", "a/c.SQL", "a/__init__.py", "n.ipynb", "model.pkl", "data.csv"):
        write(name, name)
    found = shoot()
    assert _names(found) == ["a/__init__.py", "a/c.SQL", "b.py", "n.ipynb"]
    assert found.files[2] == FileEntry(name="b.py", digest=digest_bytes(b"b.py"), size=4)
    assert read_manifest(store[found.digest]) == found.files
    assert found.omitted == ()


def test_snapshot_leaves_out_what_is_no_source(write: Write, root: Path, store: Store) -> None:
    hidden = (".git/a.py", "__pycache__/a.py", "node_modules/a.json", ".env.yaml", "state/a.json", "x.egg-info/a.txt")
    for name in (
        *hidden,
        "env/pyvenv.cfg",
        "env/a.py",
        "cache/CACHEDIR.TAG",
        "cache/a.py",
        "site-packages/a.py",
        "a.py",
    ):
        write(name, "")
    assert _names(take(root, index=root / "state" / "index.json", marked=True, put=store.put)) == ["a.py"]


def test_snapshot_of_a_root_that_is_an_environment_too(write: Write, shoot: Callable[..., Snapshot]) -> None:
    for name in ("pyvenv.cfg", "lib/x.py", "bin/activate.py", "training.py", "pkg/a.py"):
        write(name, "")
    assert _names(shoot()) == ["pkg/a.py", "training.py"]


def test_snapshot_without_a_marker_takes_the_folder_only(write: Write, shoot: Callable[..., Snapshot]) -> None:
    write("a.py", "")
    write("other/b.py", "")
    assert _names(shoot(marked=False)) == ["a.py"]


def test_snapshot_does_not_read_or_store_what_did_not_change(
    write: Write, shoot: Callable[..., Snapshot], store: Store, settle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.py", "1")
    write("b.py", "2")
    first = shoot()
    puts = store.puts
    monkeypatch.setattr(snapshots, "_read", lambda path: pytest.fail(f"read {path}"))
    assert shoot() == first
    assert store.puts == puts


def test_snapshot_follows_changes(write: Write, shoot: Callable[..., Snapshot], store: Store, settle: None) -> None:
    write("a.py", "1")
    write("b.py", "2")
    write("c.py", "3")
    first = shoot()
    write("a.py", "one")
    (write("b.py", "2").parent / "b.py").unlink()
    os.rename(write("c.py", "3"), write("a.py", "one").with_name("d.py"))
    second = shoot()
    assert [(entry.name, store[entry.digest]) for entry in second.files] == [("a.py", b"one"), ("d.py", b"3")]
    assert second.digest != first.digest


def test_snapshot_sees_an_edit_that_keeps_size_and_time(
    write: Write, shoot: Callable[..., Snapshot], settle: None
) -> None:
    file = write("a.py", "1")
    os.utime(file, ns=(10**18, 10**18))
    first = shoot()
    file.write_text("2")
    os.utime(file, ns=(10**18, 10**18))
    assert shoot() != first


def test_snapshot_sees_an_edit_right_after_the_last_one(write: Write, shoot: Callable[..., Snapshot]) -> None:
    seen = set()
    for number in range(50):
        write("a.py", str(number % 10) * 8)
        seen.add((shoot().digest, number % 10))
    assert len(seen) == 10


def test_young_files_are_not_remembered(write: Write, shoot: Callable[..., Snapshot], tmp_path: Path) -> None:
    file = write("a.py", "1")
    os.utime(file, ns=(time.time_ns() + 10**10,) * 2)
    shoot()
    assert json.loads((tmp_path / "state" / "index.json").read_text())["files"] == {}


def test_file_is_settled_when_a_later_change_is_certain_to_show() -> None:
    now = 2_000_000_000_123_456_789
    young, old = now - 10_000_000, now - 100_000_000
    whole = now // 10**9 * 10**9 - 10**9
    assert not snapshots._is_settled((1, young, old, 1), now)
    assert not snapshots._is_settled((1, old, young, 1), now)
    assert snapshots._is_settled((1, old, old, 1), now)
    assert not snapshots._is_settled((1, whole, whole, 1), now)


def test_snapshot_gives_up_on_a_file_that_changes_while_it_is_read(
    write: Write, shoot: Callable[..., Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.py", "1")
    write("b.py", "1")
    numbers = iter(range(10**6))
    real = snapshots._stamp
    monkeypatch.setattr(snapshots, "_stamp", lambda s: real(s) if s.st_size == 1 else (*real(s)[:3], next(numbers)))
    write("b.py", "22")
    found = shoot()
    assert _names(found) == ["a.py"]
    assert found.omitted == ("b.py: changed while it was read",)


def test_snapshot_reads_again_what_grew_while_it_was_read(
    write: Write, shoot: Callable[..., Snapshot], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("a.py", "1")
    real, calls = os.fstat, []

    def grow(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        if not calls:
            file.write_text("longer")
        calls.append(descriptor)
        return status

    monkeypatch.setattr(snapshots.os, "fstat", grow)
    assert store[shoot().files[0].digest] == b"longer"


def test_snapshot_passes_over_a_file_that_vanishes(
    write: Write, shoot: Callable[..., Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("a.py", "1")
    real = snapshots._entry

    def vanish(*args: object) -> object:
        file.unlink()
        return real(*args)  # type: ignore[arg-type]  # Handed through.

    monkeypatch.setattr(snapshots, "_entry", vanish)
    found = shoot()
    assert (found.files, found.omitted) == ((), ())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_snapshot_takes_names_that_are_not_utf8(
    root: Path, shoot: Callable[..., Snapshot], store: Store, tmp_path: Path, settle: None
) -> None:
    name = os.fsdecode(b"caf\xe9.py")
    (root / name).write_text("x")
    found = shoot()
    assert _names(found) == [name]
    assert shoot() == found
    extract(read_manifest(store[found.digest]), tmp_path / "copy", get=store.__getitem__)
    assert os.listdir(os.fsencode(tmp_path / "copy")) == [b"caf\xe9.py"]


def test_snapshot_follows_links_only_inside_the_root(
    write: Write, root: Path, shoot: Callable[..., Snapshot], tmp_path: Path
) -> None:
    (tmp_path / "secret.py").write_text("")
    (root / "out.py").symlink_to(tmp_path / "secret.py")
    (root / "gone.py").symlink_to(root / "nowhere")
    (root / "folder").symlink_to(tmp_path)
    (root / "cycle").symlink_to(root)
    (root / "in.py").symlink_to(write("a.py", "1"))
    found = shoot()
    assert _names(found) == ["a.py", "in.py"]
    reason = "a link that leads out of the project, or to no file"
    assert found.omitted == (f"gone.py: {reason}", f"out.py: {reason}")


def test_snapshot_omits_what_is_large_or_secret(write: Write, shoot: Callable[..., Snapshot]) -> None:
    write("large.json", "x" * (1024 * 1024 + 1))
    write("limit.json", "x" * 1024 * 1024)
    write("gcp-service-account.json", "{}")
    write("secrets.toml", "")
    write("secrets.py", "")
    found = shoot()
    assert _names(found) == ["limit.json", "secrets.py"]
    assert found.omitted == (
        "gcp-service-account.json: its name says that it holds secrets",
        "large.json: larger than 1 MiB",
        "secrets.toml: its name says that it holds secrets",
    )


def test_snapshot_stops_at_its_limits(
    write: Write, shoot: Callable[..., Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        write(f"{number}.py", "xx")
    monkeypatch.setattr(folders, "_MOST_FILES", 2)
    assert shoot().omitted == ("2.py: more than 2 source files", "3.py: more than 2 source files")
    monkeypatch.setattr(folders, "_MOST_FILES", 9)
    monkeypatch.setattr(folders, "_MOST_BYTES_TOGETHER", 6)
    assert shoot().omitted == ("3.py: more than 100 MiB of source files",)
    write("zzz/a.py", "")
    monkeypatch.setattr(folders, "_MOST_SEEN", 5)
    assert "zzz/ and what follows" in shoot().omitted[-1]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 0}', '{"version": 1, "files": {"a.py": [1]}, "manifest": ""}']
)
def test_damaged_index_is_an_empty_one(text: str, write: Write, shoot: Callable[..., Snapshot], tmp_path: Path) -> None:
    write("a.py", "1")
    first = shoot()
    (tmp_path / "state" / "index.json").write_text(text)
    assert shoot() == first


def test_index_is_written_once_what_it_stands_for_is_committed(
    write: Write, root: Path, store: Store, tmp_path: Path, settle: None
) -> None:
    """A process that dies before the commit leaves no index of objects that nobody has."""
    lost, index = Store(), tmp_path / "index.json"
    write("a.py", "A = 1")
    take(root, index=index, marked=True, put=lost.put)
    write("b.py", "B = 1")
    found = take(root, index=index, marked=True, put=store.put)
    found.remember()
    assert {found.digest, *(entry.digest for entry in found.files)} == set(store)
    before = store.puts
    take(root, index=index, marked=True, put=store.put)
    assert store.puts == before


def test_index_that_cannot_be_written_is_no_error(write: Write, root: Path, store: Store, tmp_path: Path) -> None:
    write("a.py", "1")
    (tmp_path / "state").write_text("a file")
    taken = take(root, index=tmp_path / "state" / "index.json", marked=True, put=store.put)
    taken.remember()
    assert taken.files


def test_index_leaves_no_other_file(write: Write, shoot: Callable[..., Snapshot], tmp_path: Path, settle: None) -> None:
    write("a.py", "1")
    shoot()
    assert os.listdir(tmp_path / "state") == ["index.json"]
    assert json.loads((tmp_path / "state" / "index.json").read_text())["files"]["a.py"][0] == 1


def test_index_that_cannot_be_replaced_leaves_no_file(
    write: Write, shoot: Callable[..., Snapshot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.py", "1")
    monkeypatch.setattr(snapshots.os, "replace", lambda *paths: os.stat("/nowhere/at/all"))
    assert shoot().files
    assert os.listdir(tmp_path / "state") == []


def test_snapshot_of_a_thousand_unchanged_files_is_little_work(
    write: Write,
    shoot: Callable[..., Snapshot],
    settle: None,
    count_calls: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(1_000):
        write(f"p{number % 20}/m{number}.py", str(number))
    first = shoot()
    assert len(first.files) == 1_000
    monkeypatch.setattr(snapshots, "open", pytest.fail, raising=False)  # none is read again
    assert count_calls(shoot) < 100_000  # 32,000


def test_extract_writes_the_files_back(
    write: Write, shoot: Callable[..., Snapshot], store: Store, tmp_path: Path
) -> None:
    write("a/b.py", "1")
    write("c.py", "2")
    found = shoot()
    extract(found.files, tmp_path / "copy", get=store.__getitem__)
    copied = take(tmp_path / "copy", index=tmp_path / "other.json", marked=True, put=store.put)
    assert copied.digest == found.digest


@pytest.mark.parametrize(
    "name", ["../a.py", "/a.py", "a/../../b.py", "", ".", "a//b.py", "./a.py", "a/", "a\0.py", "..\\a.py", "C:\\a.py"]
)
def test_extract_refuses_names_that_lead_out(name: str, tmp_path: Path) -> None:
    files = [FileEntry(name=name, digest=digest_bytes(b""), size=0)]
    with pytest.raises(UsageError, match="unsafe file name"):
        extract(files, tmp_path / "copy", get=lambda digest: b"")
    assert not (tmp_path / "copy").exists()


def test_extract_refuses_a_folder_that_holds_something(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not empty"):
        (tmp_path / "a").touch()
        extract([], tmp_path, get=lambda digest: b"")


def test_extract_refuses_damaged_bytes(tmp_path: Path) -> None:
    files = [FileEntry(name="a.py", digest=digest_bytes(b"1"), size=1)]
    with pytest.raises(ArtifactDamaged, match=r"a\.py"):
        extract(files, tmp_path / "copy", get=lambda digest: b"2")


def test_read_manifest_refuses_another_version() -> None:
    with pytest.raises(UsageError, match="version 9"):
        read_manifest(b'{"version": 9, "files": []}')
