"""Files on their way in: the digest is of the bytes that were written, however they came, and short writes go on."""

from __future__ import annotations

import array
import ctypes
import errno
import hashlib
import io
import os
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zen.errors import StorageError
from zen.storage import staging
from zen.storage.staging import INLINE_LIMIT, Hasher, StagedFile, explaining_full_disk, hash_file, staging_path


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.fixture
def folder(tmp_path):
    return lambda: tmp_path


def test_the_limit_is_32_kib():
    """Pinned: where an object lies follows from its size, so another limit would not find the old ones."""
    assert INLINE_LIMIT == 32 * 1024


@pytest.mark.parametrize("size", [0, 1, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20 + 5])
@pytest.mark.parametrize("chunk", [2**18, 2**20, 2**23])
def test_a_second_thread_gives_the_same_digest(size, chunk):
    data = os.urandom(1024) * (size // 1024 + 1)
    hasher = Hasher()
    for start in range(0, size, chunk):
        hasher.update(data[start : min(start + chunk, size)])
    threads = threading.active_count()
    assert hasher.digest() == digest(data[:size])
    assert hasher.size == size
    assert threading.active_count() == threads - (size > 2**20)


@pytest.mark.parametrize("size", [0, 1, INLINE_LIMIT, INLINE_LIMIT + 1, 2**20 + 1])
def test_small_files_stay_in_memory_and_large_ones_do_not(folder, tmp_path, size):
    data = bytes(range(256)) * (size // 256 + 1)
    with StagedFile(folder) as file:
        assert file.write(data[:size]) == size
        assert file.tell() == size
    assert (file.digest, file.size) == (digest(data[:size]), size)
    assert file.inline == (data[:size] if size <= INLINE_LIMIT else None)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([] if size <= INLINE_LIMIT else [data[:size]])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 20_000), max_size=8))
def test_the_digest_does_not_depend_on_the_pieces(tmp_path_factory, sizes):
    folder = tmp_path_factory.mktemp("pieces")
    pieces = [bytes([number]) * size for number, size in enumerate(sizes)]
    with StagedFile(lambda: folder) as file:
        for piece in pieces:
            file.write(piece)
    data = b"".join(pieces)
    assert (file.digest, file.size) == (digest(data), len(data))
    assert (file.inline if file.path is None else file.path.read_bytes()) == data


def test_anything_with_bytes_can_be_written(folder):
    with StagedFile(folder) as file:
        file.write(bytearray(b"ab"))
        file.write(memoryview(b"cd"))
        file.write(array.array("h", [1]))
        file.write(((ctypes.c_double * 0) * 3)())
        file.write(memoryview(bytearray()))
        file.writelines([b"e", b"f"])
    assert file.inline == b"abcd\x01\0ef"


def test_writing_more_leaves_what_was_given_unchanged(folder):
    data = bytearray(b"x" * (2**20 + 5))
    with StagedFile(folder) as file:
        file.write(data)
        data[:] = b"y" * len(data)
    assert file.digest == digest(b"x" * len(data))


class Short(io.FileIO):
    """A file of a system that takes less than it is given: a disk that fills up, a signal, a quota."""

    most = 1000

    def write(self, data):
        return super().write(memoryview(data)[: self.most])


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(
        staging, "open", lambda path, mode, buffering, opener: Short(path, mode.replace("b", "")), raising=False
    )


def test_a_short_write_goes_on_where_it_ended(folder, short):
    data = os.urandom(INLINE_LIMIT + 12_345)
    with StagedFile(folder) as file:
        assert file.write(data) == len(data)
    assert file.path.read_bytes() == data
    assert file.digest == digest(data)


def test_a_disk_that_takes_nothing_is_an_error_and_no_endless_loop(folder, short, monkeypatch):
    monkeypatch.setattr(Short, "most", 0)
    with pytest.raises(OSError, match="no bytes"), StagedFile(folder) as file:
        file.write(bytes(INLINE_LIMIT + 1))


def test_what_failed_to_be_written_is_not_in_the_digest(folder, short, monkeypatch):
    file = StagedFile(folder)
    file.write(bytes(INLINE_LIMIT + 1))
    monkeypatch.setattr(Short, "write", lambda self, data: io.FileIO.write(self, data[:7]) and 0)
    with pytest.raises(OSError, match="no bytes"):
        file.write(b"more than seven bytes")
    file.close()
    assert file.size == INLINE_LIMIT + 1
    assert not file.is_whole


def test_closing_again_changes_nothing(folder):
    file = StagedFile(folder)
    file.write(b"a")
    file.close()
    file.close()
    assert file.digest == digest(b"a")
    with pytest.raises(ValueError, match="closed"):
        file.writelines([b"b"])


@pytest.mark.parametrize("size", [5, INLINE_LIMIT + 1])
def test_remove_takes_the_bytes_away(folder, tmp_path, size):
    file = StagedFile(folder)
    file.write(bytes(size))
    file.remove()
    file.remove()
    assert file.closed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, INLINE_LIMIT, INLINE_LIMIT + 1])
def test_a_file_of_somebody_else_is_taken_as_it_is(folder, tmp_path, size):
    path = tmp_path / "theirs"
    path.write_bytes(bytes(size))
    file = StagedFile.of(path, folder)
    assert file.closed
    assert (file.digest, file.size) == (digest(bytes(size)), size)
    assert file.path == (path if size > INLINE_LIMIT else None)


@pytest.mark.parametrize("link", [os.link, os.symlink])
@pytest.mark.parametrize("size", [5, INLINE_LIMIT + 1])
def test_a_link_is_copied(tmp_path, link, size):
    """What it leads to stays theirs, and can be changed after it was hashed."""
    (tmp_path / "original").write_bytes(bytes(size))
    link(tmp_path / "original", tmp_path / "linked")
    (tmp_path / "staging").mkdir()
    file = StagedFile.of(tmp_path / "linked", lambda: tmp_path / "staging")
    (tmp_path / "original").write_bytes(b"changed")
    assert (file.inline if file.path is None else file.path.read_bytes()) == bytes(size)
    assert file.path is None or file.path.parent.name == "staging"


def test_staging_paths_tell_the_process_and_differ(tmp_path):
    one, other = staging_path(tmp_path), staging_path(tmp_path)
    assert one != other
    assert one.name.startswith(f"{os.getpid()}.")


def test_hash_file_gives_digest_and_size(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert hash_file(tmp_path / "f") == (digest(b"abc"), 3)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_explained(number):
    with (
        pytest.raises(StorageError, match="no space left on the disk to save a thing"),
        explaining_full_disk("a thing"),
    ):
        raise OSError(number, "full")


def test_other_errors_of_the_system_pass():
    with pytest.raises(PermissionError), explaining_full_disk("a thing"):
        raise PermissionError(errno.EACCES, "no")
