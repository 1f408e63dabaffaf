"""Folders, errors and sizes of a disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from zen.builtin import disk
from zen.errors import PermissionDenied, StorageError


def error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_refusal_of_a_right_is_permission_denied(tmp_path, number) -> None:
    refused = disk.refusal(error(number), "write to", tmp_path)
    assert isinstance(refused, PermissionDenied)
    assert str(tmp_path) in refused.message


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_refusal_of_space_says_how_much_there_is(tmp_path, number) -> None:
    refused = disk.refusal(error(number), "store a in", tmp_path / "absent" / "a", size=5_000)
    assert "no space left to store a in" in refused.message
    assert "4.9 KiB needed, " in refused.message
    assert (refused.needed, refused.free > 0) == (5_000, True)


def test_refusal_of_another_kind_says_what_the_system_said(tmp_path) -> None:
    refused = disk.refusal(error(errno.EIO), "read", tmp_path)
    assert type(refused) is StorageError
    assert os.strerror(errno.EIO) in refused.message


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536 * 1024, "1.5 MiB"),
        (5 << 30, "5.0 GiB"),
        (3 << 40, "3.0 TiB"),
    ],
)
def test_readable_sizes(size, text) -> None:
    assert disk.readable(size) == text


def test_make_folder_makes_the_missing_ones(tmp_path) -> None:
    disk.make_folder(tmp_path / "a" / "b")
    disk.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_make_folder_fails_where_a_file_is(tmp_path) -> None:
    (tmp_path / "a").write_text("")
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        with pytest.raises((FileExistsError, NotADirectoryError)):
            disk.make_folder(folder)


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="read from /proc")
def test_local_folder_is_on_no_network_file_system(tmp_path) -> None:
    assert disk.network_file_system(tmp_path / "absent") == ""
