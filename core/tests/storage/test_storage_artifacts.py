"""Artifacts: what a materializer writes comes back verified, and what goes wrong on the way leaves nothing behind."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zen.errors import ArtifactDamaged, ArtifactNotFound, MaterializerError, StorageError
from zen.interfaces import Materializer
from zen.records import FileEntry, Manifest
from zen.storage import save
from zen.storage.staging import INLINE_LIMIT

LARGE = b"large" * INLINE_LIMIT


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Acts(Materializer):
    """Does with the writer what the value, a function, says."""

    format = "acts"

    def save(self, value, writer):
        value(writer)

    def load(self, reader):
        raise AssertionError("a damaged artifact never gets this far")


def act(vault, function):
    saved = save(function, Acts(), "m.T", vault.objects)
    vault.write(saved.changes)
    return saved


# Round trip


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"data": b""},
        {"data": b"x"},
        {"data": bytes(INLINE_LIMIT), "more": bytes(INLINE_LIMIT + 1)},
        {"a/b/c": b"1", "a/b/d": LARGE, "a-b": b"", "ü 🎉.txt": b"2", "...": b"3", " ": b"4", "a:b": b"5"},
        {f"{number:03}": b"%d" % number for number in range(300)},
        {"one": LARGE, "two": LARGE, "three": b"s", "four": b"s"},
    ],
    ids=["none", "empty", "one", "both sizes", "names", "many", "alike"],
)
def test_files_come_back_as_they_were(vault, files):
    saved = vault.save(files)
    assert vault.load(saved.manifest) == files
    assert vault.load(saved.manifest, vault.objects) == files
    assert [entry.name for entry in saved.manifest.files] == sorted(files)
    assert {entry.name: (entry.digest, entry.size) for entry in saved.manifest.files} == {
        name: (digest(data), len(data)) for name, data in files.items()
    }
    assert vault.staged() == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["a", "b/c", "b/d", "ü"]),
        st.binary(max_size=50) | st.integers(INLINE_LIMIT - 1, INLINE_LIMIT + 1).map(bytes),
    )
)
def test_any_files_come_back_as_they_were(vault, files):
    assert vault.load(vault.save(files).manifest) == files


def test_equal_values_have_equal_digests_and_others_have_not(vault):
    digests = [
        vault.save(files).manifest.digest()
        for files in ({"a": b"1", "b": b"2"}, {"b": b"2", "a": b"1"}, {"a": b"2", "b": b"1"}, {"a": b"1"})
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_what_is_recorded_of_a_value(vault):
    saved = vault.save({"data": b"abc"})
    assert saved.manifest == Manifest(
        format="files-of-a-test",
        type="builtins.dict",
        files=(FileEntry(name="data", digest=digest(b"abc"), size=3),),
    )
    reader = vault.reader(saved.manifest)
    assert (reader.format, reader.version, reader.type, reader.names) == (
        "files-of-a-test",
        1,
        "builtins.dict",
        ("data",),
    )
    assert reader.resolve("anything") is dict


def test_streams_can_be_open_at_the_same_time(vault):
    def both(writer):
        with writer.open("a") as one, writer.open("b") as other:
            one.write(b"1")
            other.write(LARGE)
            one.write(b"2")

    assert vault.load(act(vault, both).manifest) == {"a": b"12", "b": LARGE}


@pytest.mark.parametrize("data", [b"", b"small", LARGE], ids=["empty", "small", "large"])
def test_a_path_is_taken_when_save_returns(vault, data):
    def at_path(writer):
        path = writer.path("sub/model.bin")
        assert path.name == "model.bin"
        assert list(path.parent.iterdir()) == []
        path.write_bytes(data)

    assert vault.load(act(vault, at_path).manifest) == {"sub/model.bin": data}
    assert vault.staged() == []


def test_a_link_at_a_path_is_copied(vault, tmp_path):
    original = tmp_path / "original"
    original.write_bytes(LARGE)

    def link(writer):
        writer.path("soft").symlink_to(original)
        os.link(original, writer.path("hard"))

    saved = act(vault, link)
    original.write_bytes(b"changed")
    assert vault.load(saved.manifest) == {"soft": LARGE, "hard": LARGE}


def test_threads_save_and_load_at_once(vault):
    failures = []

    def work(number):
        for count in range(5):
            files = {"small": b"%d" % (count % 2), "large": LARGE + b"%d" % (count % 3)}
            if vault.load(vault.save(files).manifest, vault.objects) != files:
                failures.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# Names

BAD_NAMES = [
    *("", ".", "..", "../x", "a/../b", "a/..", "/etc/passwd", "//x", "a//b", "a/", "./a", "a/./b"),
    *("a\\b", "..\\x", "\\\\host\\share", "a\0b", "a\nb", "\x1f", "\udc80", "x" * 256, "ü" * 128),
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: ascii(name)[:20])
@pytest.mark.parametrize("ask", ["open", "path", "write"])
def test_a_name_that_leads_elsewhere_is_refused(vault, name, ask):
    def misname(writer):
        if ask == "open":
            with writer.open(name):
                pass
        elif ask == "path":
            writer.path(name)
        else:
            writer.write(b"", name)

    with pytest.raises(MaterializerError, match="cannot name a file"):
        act(vault, misname)
    assert vault.staged() == []


@pytest.mark.parametrize(
    ("first", "second"), [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a/b/c", "a/b"), ("a/b", "a/b/c/d")]
)
@pytest.mark.parametrize("ask", ["write", "path"])
def test_two_files_of_one_place_are_refused(vault, first, second, ask):
    def twice(writer):
        writer.path(first).write_bytes(b"1")
        writer.path(second) if ask == "path" else writer.write(b"2", second)

    with pytest.raises(MaterializerError, match="already has a file|both a file and a folder"):
        act(vault, twice)


@pytest.mark.parametrize("name", [name for name in BAD_NAMES if name], ids=lambda name: ascii(name)[:20])
def test_a_forged_manifest_unpacks_nowhere_else(vault, name):
    entry = vault.save({"data": b"evil"}).manifest.files[0]
    forged = Manifest(format="f", files=(FileEntry(name=name, digest=entry.digest, size=entry.size),))
    with pytest.raises(MaterializerError, match="cannot name a file"):
        vault.reader(forged).tree()
    assert [path for path in (vault.state / "cache").rglob("*") if path.is_file()] == []


# Trouble while saving


def writes_and_raises(error):
    def trouble(writer):
        writer.write(b"small", "a")
        writer.write(LARGE, "b")
        writer.path("c").write_bytes(LARGE)
        with writer.open("d") as stream:
            stream.write(LARGE)
            raise error

    return trouble


@pytest.mark.parametrize(
    "error", [ValueError("no"), MaterializerError("no"), KeyboardInterrupt(), SystemExit(1)], ids=repr
)
def test_nothing_is_left_when_a_materializer_raises(vault, error):
    with pytest.raises(type(error)):
        act(vault, writes_and_raises(error))
    assert vault.staged() == []
    assert list(vault.store.list("objects/")) == []
    assert vault.metadata.read("SELECT * FROM object") == []


def test_a_full_disk_is_explained(vault):
    with pytest.raises(StorageError, match=r"no space left on the disk to save a m\.T"):
        act(vault, writes_and_raises(OSError(errno.ENOSPC, "full")))
    assert vault.staged() == []


def test_nothing_is_left_when_the_store_refuses(vault, monkeypatch):
    def refuse(*given, **more):
        raise StorageError("no")

    monkeypatch.setattr(vault.store, "put", refuse)
    with pytest.raises(StorageError, match="no"):
        act(vault, lambda writer: [writer.write(LARGE, "a"), writer.path("b").write_bytes(LARGE)])
    assert vault.staged() == []


def test_half_a_file_is_none_and_can_be_written_anew(vault):
    def second_try(writer):
        for data in (LARGE, b"small"):
            try:
                with writer.open("a") as stream:
                    stream.write(data)
                    raise ValueError
            except ValueError:
                pass
        writer.write(b"whole", "a")

    assert vault.load(act(vault, second_try).manifest) == {"a": b"whole"}
    assert vault.staged() == []


def test_half_a_file_is_not_part_of_the_artifact(vault):
    def swallow(writer):
        writer.write(b"1", "whole")
        try:
            with writer.open("half") as stream:
                stream.write(b"2")
                raise ValueError
        except ValueError:
            pass

    assert vault.load(act(vault, swallow).manifest) == {"whole": b"1"}


def test_a_file_that_was_not_closed_is_an_error(vault):
    opened = []

    def forget(writer):
        opened.append(writer.open("a"))
        opened[0].__enter__().write(LARGE)

    with pytest.raises(MaterializerError, match="'a' and did not close it"):
        act(vault, forget)
    assert vault.staged() == []


def test_a_file_that_is_shorter_than_what_was_hashed_is_an_error(vault):
    """As after a failed write whose error the materializer swallowed."""

    def shorten(writer):
        writer.write(LARGE, "a")
        [path] = vault.staged()
        os.truncate(path, 10)

    with pytest.raises(StorageError, match="did not become what was written"):
        act(vault, shorten)


@pytest.mark.parametrize("leave", [lambda path: None, Path.mkdir], ids=["nothing", "folder"])
def test_a_path_without_a_file_is_an_error(vault, leave):
    with pytest.raises(MaterializerError, match="wrote no file there"):
        act(vault, lambda writer: leave(writer.path("a")))
    assert vault.staged() == []


# What is told about a value


class Describes(Acts):
    def __init__(self, facts):
        self.facts = facts

    def describe(self, value):
        return self.facts() if callable(self.facts) else self.facts


class Scalar:
    ndim = 0

    def item(self):
        return 7


def metadata(vault, facts):
    return save(lambda writer: None, Describes(facts), "m.T", vault.objects).metadata


@pytest.mark.parametrize(
    ("facts", "recorded"),
    [
        ({"rows": 3}, {"rows": 3}),
        ({"mean": math.nan, "shape": (2, 3)}, {"mean": {"$float": "nan"}, "shape": {"$tuple": [2, 3]}}),
        ({"rows": Scalar()}, {"rows": 7}),
        ({1: {"a"}, "kind": int}, {"1": {"$set": ["a"]}, "kind": "<class 'int'>"}),
        ({}, {}),
    ],
    ids=lambda value: None,
)
def test_facts_about_a_value_are_recorded_as_plain_data(vault, facts, recorded):
    assert metadata(vault, facts) == recorded


def test_a_value_that_cannot_be_described_is_saved_all_the_same(vault):
    assert metadata(vault, lambda: 1 / 0) == {
        "problem": "Describes could not describe it: ZeroDivisionError: division by zero"
    }
    assert "could not describe it" in metadata(vault, lambda: None)["problem"]


# Damage


def damage(vault, entry):
    if entry.size > INLINE_LIMIT:
        path = vault.object_file(entry.digest)
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    else:
        from zen.interfaces import Change

        sql = "UPDATE object SET data = zeroblob(size) WHERE digest = ?"
        vault.write(Change(sql=sql, parameters=(entry.digest,), expect=1))


WAYS = {
    "read": lambda reader: reader.read(),
    "open": lambda reader: reader.open().__enter__(),
    "path": lambda reader: reader.path(),
    "tree": lambda reader: reader.tree(),
}


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_no_materializer_sees_damaged_bytes(vault, data, way):
    saved = vault.save({"data": data})
    damage(vault, saved.manifest.files[0])
    with pytest.raises(ArtifactDamaged):
        way(vault.reader(saved.manifest))
    vault.save({"data": data})
    assert vault.load(saved.manifest) == {"data": data}


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_missing_object_is_an_error(vault, data, way):
    file = FileEntry(name="data", digest=digest(data), size=len(data))
    with pytest.raises(ArtifactNotFound, match=file.digest):
        way(vault.reader(Manifest(format="f", files=(file,))))
    assert [path for path in (vault.state / "cache").rglob("*") if path.is_file()] == []


def test_an_unknown_file_is_named(vault):
    with pytest.raises(MaterializerError, match="no file 'x'; it has: a, b"):
        vault.reader(vault.save({"a": b"", "b": b""}).manifest).read("x")


# Trees

FILES = {"index.json": b"{}", "files/a": LARGE, "files/sub/b": b"b", "files/sub/empty": b""}


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_tree_holds_all_files_read_only(vault):
    folder = vault.reader(vault.save(FILES).manifest).tree()
    assert content(folder) == FILES
    assert not any(path.stat().st_mode & 0o222 for path in folder.rglob("*") if path.is_file())
    assert len(list(folder.parent.iterdir())) == 1


def test_a_tree_without_files_is_an_empty_folder(vault):
    assert content(vault.reader(vault.save({}).manifest).tree()) == {}


def test_a_tree_is_made_once(vault):
    manifest = vault.save(FILES).manifest
    folder = vault.reader(manifest).tree()
    before = {path: path.stat().st_ino for path in folder.rglob("*")}
    assert vault.reader(manifest).tree() == folder
    assert {path: path.stat().st_ino for path in folder.rglob("*")} == before


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("wrong", [None, b"", b"x" * len(LARGE)])
def test_a_damaged_tree_is_made_anew(vault, name, wrong):
    manifest = vault.save(FILES).manifest
    path = vault.reader(manifest).tree() / name
    path.unlink()
    if wrong is not None:
        path.write_bytes(wrong)
    folder = vault.reader(manifest).tree()
    assert content(folder) == FILES
    assert len(list(folder.parent.iterdir())) == 1


def test_a_tree_that_was_never_finished_does_not_count(vault):
    """A process may be killed while it unpacks: nobody takes its half for the whole."""
    saved = vault.save(FILES)
    damage(vault, saved.manifest.files[-1])
    with pytest.raises(ArtifactDamaged):
        vault.reader(saved.manifest).tree()
    assert list((vault.state / "cache" / "trees").iterdir()) == []
    vault.save(FILES)
    assert content(vault.reader(saved.manifest).tree()) == FILES


def test_threads_may_ask_for_one_tree_at_once(vault):
    manifest, found = vault.save(FILES).manifest, []
    threads = [threading.Thread(target=lambda: found.append(vault.reader(manifest).tree())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    assert content(found[0]) == FILES
