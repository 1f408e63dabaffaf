"""What git tracks: its index, read as it is on disk."""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

_LARGEST = 64 * 1024 * 1024
_LARGEST_READ = 1024 * 1024
_SHORT, _LONG = 20, 32  # bytes of a digest
_WORD = 0xFFFFFFFF
_LINK = 0o120000
_MODULE = 0o160000
_KINDS = 0o170000


class Tracked(NamedTuple):
    """A file in the index: what git knew of it when it last looked."""

    seconds: int
    nanoseconds: int
    inode: int
    size: int
    mode: int
    digest: bytes
    assumed: bool  # told to believe that it did not change, or not to have it on disk

    @property
    def is_module(self) -> bool:
        """Whether it is another repository, not a file."""
        return self.mode & _KINDS == _MODULE

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return self.mode & _KINDS == _LINK


@dataclass(slots=True)
class Index:
    """The index of a repository.

    Attributes:
        files: What it tracks below a folder, by path from there.
        folders: The folders that these lie in.
        tree: The digest of the tree that the index stands for, if it says so; empty after a change of it.
        written: When it was written, in nanoseconds.
    """

    files: dict[str, Tracked] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    tree: str = ""
    written: int = 0


def read_index(git: Path, below: str) -> Index | None:
    """Return the index in git's folder, as far as it is about what lies below a folder.

    Args:
        git: Git's folder.
        below: The folder, from the top of the repository: empty, or with a slash at the end.

    Returns:
        None when there is none, or it is of a kind that is not read here: split, sparse, or very large.
    """
    try:
        with open(git / "index", "rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(_LARGEST + 1)
    except OSError:
        return None
    if len(data) > _LARGEST or data[:4] != b"DIRC":
        return None
    try:
        return _parsed(data, os.fsencode(below), _LONG if _has_long_digests(git) else _SHORT, status.st_mtime_ns)
    except (OSError, struct.error, IndexError, ValueError):  # cut off, or being written in another way than git does
        return None


def is_unchanged(tracked: Tracked, path: str, status: os.stat_result, written: int) -> bool | None:
    """Say whether a file is what the index has, by its status, else by its content; None if it is too large to read.

    Args:
        tracked: What the index has.
        path: The file.
        status: Its own, not that of what it links to.
        written: When the index was written.

    Raises:
        OSError: When it cannot be read.
    """
    if status.st_mode & _KINDS != tracked.mode & _KINDS:
        return False
    seconds, nanoseconds = divmod(status.st_mtime_ns, 1_000_000_000)
    same = (
        status.st_size & _WORD == tracked.size
        and seconds & _WORD == tracked.seconds
        and tracked.nanoseconds in (0, nanoseconds)
        and tracked.inode in (0, status.st_ino & _WORD)
    )
    if same and status.st_mtime_ns < written:  # else a change right after the index was written may look the same
        return True
    if status.st_size > _LARGEST_READ:
        return None
    if tracked.is_link:
        data = os.fsencode(os.readlink(path))
    else:
        with open(path, "rb") as file:
            data = file.read()
    hasher = hashlib.sha1 if len(tracked.digest) == _SHORT else hashlib.sha256
    return hasher(b"blob %d\0" % len(data) + data, usedforsecurity=False).digest() == tracked.digest


def _has_long_digests(git: Path) -> bool:
    common = git / "commondir"
    place = git / common.read_text(encoding="utf-8").strip() if common.is_file() else git
    return "objectformat = sha256" in (place / "config").read_text(encoding="utf-8", errors="replace").lower()


def _parsed(data: bytes, below: bytes, width: int, written: int) -> Index | None:
    version, count = struct.unpack_from(">II", data, 4)
    if version not in (2, 3, 4):
        return None
    found = Index(written=written)
    head = struct.Struct(f">8xII4xII8xI{width}sH")  # times, device, inode, mode, owners, size, digest, flags
    place, name = 12, b""
    unpack, cut = head.unpack_from, len(below)
    for _ in range(count):
        seconds, nanoseconds, inode, mode, size, digest, flags = unpack(data, place)
        start = place + head.size
        assumed = bool(flags & 0x8000)
        if flags & 0x4000:
            assumed = assumed or bool(data[start] & 0x40)
            start += 2
        if version == 4:
            kept, start = _varint(data, start)
            end = data.index(b"\0", start)
            name = name[: len(name) - kept] + data[start:end]
            place = end + 1
        else:
            length = flags & 0xFFF
            end = start + length if length < 0xFFF else data.index(b"\0", start)
            name = data[start:end]
            place += (end - place + 8) & ~7
        if mode & _KINDS == 0o040000:
            return None  # a sparse index: a folder stands for its files
        if not cut or name.startswith(below):
            found.files[os.fsdecode(name[cut:])] = Tracked(seconds, nanoseconds, inode, size, mode, digest, assumed)
    for path in found.files:
        folder = path.rpartition("/")[0]
        while folder and folder not in found.folders:
            found.folders.add(folder)
            folder = folder.rpartition("/")[0]
    return found if _extensions(data, place, width, found) else None


def _extensions(data: bytes, place: int, width: int, found: Index) -> bool:
    """Read what follows the files; say whether these were all."""
    while place + 8 <= len(data) - width:
        name, size = struct.unpack_from(">4sI", data, place)
        if name == b"link":
            return False  # a split index: most files stand in another one
        if name == b"TREE":
            end = data.index(b"\0", place + 8) + 1
            counts, _, _ = data[end : place + 8 + size].partition(b"\n")
            start = end + len(counts) + 1
            if int(counts.split(b" ")[0]) >= 0:
                found.tree = data[start : start + width].hex()
        place += 8 + size
    return True


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = data[place] & 0x7F
    while data[place] & 0x80:
        place += 1
        value = ((value + 1) << 7) | (data[place] & 0x7F)
    return value, place + 1
