"""Packed artifacts as zip files: written so that they can be read anywhere, read as if the worst had written them.

A name in an archive is only looked up in the label; bytes go into numbered files of the staging folder while they are
hashed. So no name becomes a path, and nothing is written anywhere else.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from zen.errors import ArtifactDamaged, StorageError, UsageError, listing
from zen.records import FileEntry
from zen.records.codec import record
from zen.storage.filenames import check_portable, shown
from zen.storage.label import LABEL, MOST_LABEL, Label, label_text, parse_label
from zen.storage.staging import StagedFile, explaining_full_disk

_CHUNK = 1024 * 1024
_DIRECTORY_ENTRY = b"PK\x01\x02"
_LONGEST_ENTRY = 512  # bytes of the central directory for each entry, on average
_SMALL = 1024 * 1024  # below this no ratio is asked for: a label of equal lines compresses well
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_TIME = (1980, 1, 1, 0, 0, 0)
_HEADER = 30  # bytes before the name of an entry: the least that lies between two
# What zipfile and zlib raise for bytes that are no zip file, or not a whole one.
_MALFORMED = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError),
    *(NotImplementedError, RuntimeError, UnicodeError, ValueError, OverflowError, IndexError, KeyError),
)


@record()
class Limits:
    """How much an archive may hold.

    Attributes:
        most_bytes: All files together, unpacked.
        most_files: How many files.
        most_ratio: How many times as large as the archive its files may be together.
    """

    most_bytes: int = 8 * 1024**3
    most_files: int = 100_000
    most_ratio: int = 100


def write_archive(path: Path, label: Label, opened: Callable[[FileEntry], BinaryIO]) -> None:
    """Write an artifact as a zip file, whole or not at all; equal artifacts give equal bytes.

    Nothing is compressed: what compresses a thousand times is what importers refuse.

    Args:
        path: Where; nothing may be there.
        label: What it is.
        opened: Returns the verified bytes of a file as a stream.

    Raises:
        UsageError: When there is something at the path.
        MaterializerError: When a file has a name that not every system has.
    """
    check_portable([LABEL, *(entry.name for entry in label.manifest.files)])
    if os.path.lexists(path):
        raise UsageError(f"{path} is there already", hint="give a new file, or remove it")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with explaining_full_disk(str(path)), zipfile.ZipFile(part, "x") as archive:
            archive.writestr(_info(LABEL), label_text(label))
            for entry in label.manifest.files:
                with opened(entry) as source, archive.open(_info(entry.name), "w", force_zip64=True) as target:
                    shutil.copyfileobj(source, target, _CHUNK)
        os.replace(part, path)
    except FileNotFoundError as error:
        raise UsageError(f"{path.parent} is no folder to write {path.name} in", hint="make it first") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def extracted(
    path: Path, limits: Limits, staging: Callable[[], Path]
) -> Iterator[tuple[Label, list[tuple[FileEntry, StagedFile]]]]:
    """Give the label of an archive and its files, each in the staging folder and with the bytes that the label says.

    What is still in the staging folder in the end is removed.

    Raises:
        UsageError: When there is no such file.
        StorageError: When the archive is no zip file, is not whole, is too large, or holds anything but plain files
            under the names of its label. `reason` says what.
        ArtifactDamaged: When the bytes of a file are not those that its label says.
        ArtifactNotFound: When it holds no artifact.
    """
    files: list[tuple[FileEntry, StagedFile]] = []
    try:
        with _opened(path, limits) as archive:
            entries = _checked_entries(archive, path, limits)
            label = parse_label(_label_bytes(archive, entries, path), str(path))
            _check_against(label, entries, path, limits)
            _check_space(label, path, staging())
            for entry in label.manifest.files:
                staged = StagedFile(staging)
                files.append((entry, staged))
                with explaining_full_disk(f"the files of {path}"):
                    _extract(archive, entries[entry.name], entry, staged, path)
        yield label, files
    finally:
        for _, staged in files:
            staged.remove()


class _Source(io.FileIO):
    """The file of an archive. Its table of contents is read in one piece, whatever size it says it has."""

    def __init__(self, path: Path, most_files: int) -> None:
        super().__init__(path)
        self._most_files = most_files

    def read(self, size: int | None = -1, /) -> bytes:
        limit = max(self._most_files * _LONGEST_ENTRY, 2 * _CHUNK)
        if size is None or size < 0 or size > limit:
            size = limit + 1
        data = super().read(size) or b""
        # An upper bound is enough: zipfile makes an object for each entry before anybody can count them.
        if len(data) > limit or data.count(_DIRECTORY_ENTRY) > 2 * self._most_files + 2:
            raise zipfile.BadZipFile(f"it has more than {self._most_files:,} entries")
        return data


@contextmanager
def _opened(path: Path, limits: Limits) -> Iterator[zipfile.ZipFile]:
    try:
        kind = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise UsageError(f"no archive {shown(str(path))}: {getattr(error, 'strerror', error)}") from error
    if not stat.S_ISREG(kind):  # a pipe would wait, a device would never end
        raise UsageError(f"{path} is no file", hint="give a zip file that `zen artifact export` has written")
    try:
        with _Source(path, limits.most_files) as source, zipfile.ZipFile(source) as archive:
            yield archive
    except StorageError:
        raise
    except _MALFORMED as error:
        raise refused(path, f"it is no whole zip file ({type(error).__name__}: {error})") from error


def _checked_entries(archive: zipfile.ZipFile, path: Path, limits: Limits) -> dict[str, zipfile.ZipInfo]:
    """Return the files of an archive by name, after nothing but its table of contents was read."""
    infos = archive.infolist()
    if len(infos) > 2 * limits.most_files + 1:
        raise refused(path, f"it has more than {limits.most_files:,} entries", _raise_limit("--max-files"))
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.orig_filename  # zipfile cuts the other one at a NUL
        if name in found:
            raise refused(path, f"it holds {shown(name)} twice")
        _check_entry(info, path)
        found[name] = info
    _check_sizes(infos, path, limits)
    return found


def _check_entry(info: zipfile.ZipInfo, path: Path) -> None:
    name, kind = shown(info.orig_filename), stat.S_IFMT(info.external_attr >> 16)
    if info.flag_bits & _ENCRYPTED:
        raise refused(path, f"{name} in it is encrypted", "export it again without a password")
    if info.compress_type not in _METHODS:
        raise refused(path, f"{name} in it is compressed by method {info.compress_type}; only deflate is read")
    if kind not in (0, stat.S_IFDIR if info.orig_filename.endswith("/") else stat.S_IFREG):
        raise refused(path, f"{name} in it is a link, a device or a pipe (mode {info.external_attr >> 16:o})")


def _check_sizes(infos: Sequence[zipfile.ZipInfo], path: Path, limits: Limits) -> None:
    total = sum(info.file_size for info in infos)
    if total > limits.most_bytes:
        reason = f"it unpacks to {total:,} bytes, more than {limits.most_bytes:,}"
        raise refused(path, reason, _raise_limit("--max-bytes"))
    size = os.stat(path).st_size
    if total > max(_SMALL, size * limits.most_ratio):
        reason = f"it unpacks to {total // max(size, 1):,} times its size, more than {limits.most_ratio:,}"
        raise refused(path, reason, _raise_limit("--max-ratio"))
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise refused(path, f"{shown(info.orig_filename)} in it lies inside another entry")
        end = info.header_offset + _HEADER + info.compress_size


def _label_bytes(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], path: Path) -> bytes:
    if LABEL not in entries:
        raise refused(path, f"it has no {LABEL}", "give a zip file that `zen artifact export` has written")
    with archive.open(entries[LABEL]) as stream:
        return stream.read(MOST_LABEL + 1)


def _check_against(label: Label, entries: dict[str, zipfile.ZipInfo], path: Path, limits: Limits) -> None:
    """See that the archive holds the files of its label, and nothing else."""
    files = {entry.name: entry for entry in label.manifest.files}
    if len(files) > limits.most_files:
        raise refused(path, f"it has more than {limits.most_files:,} files", _raise_limit("--max-files"))
    check_portable([LABEL, *files])
    folders = {name[: at + 1] for name in files for at, sign in enumerate(name) if sign == "/"}
    if more := [name for name in entries if name not in files and name != LABEL and name not in folders]:
        raise refused(path, f"it holds what its label does not name: {listing(map(shown, more))}")
    if missing := [name for name in files if name not in entries]:
        raise refused(path, f"it lacks what its label names: {listing(map(shown, missing))}")
    for name, entry in files.items():
        if entries[name].file_size != entry.size:
            raise _damaged(path, name)


def _check_space(label: Label, path: Path, staging: Path) -> None:
    free = shutil.disk_usage(staging).free
    if label.manifest.size > free:
        raise StorageError(
            f"no space left on the disk to import {path}: {label.manifest.size:,} bytes needed, {free:,} free",
            hint="make space, or configure an artifact store on another disk",
        )


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, entry: FileEntry, staged: StagedFile, path: Path) -> None:
    """Unpack one file. It is never longer than the label says, whatever the archive does."""
    left = entry.size
    with archive.open(info) as source, staged:
        while chunk := source.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                break
            staged.write(chunk)
    if left or staged.digest != entry.digest:
        raise _damaged(path, entry.name)


def refused(path: Path, reason: str, hint: str = "") -> StorageError:
    """Return the error for an archive that is not taken."""
    return StorageError(f"the archive {path} is refused: {reason}", hint=hint, path=path, reason=reason)


def _raise_limit(option: str) -> str:
    return f"if you know who made it and that it has to be so large: {option}"


def _damaged(path: Path, name: str) -> ArtifactDamaged:
    return ArtifactDamaged(
        f"{shown(name)} in the archive {path} is not the file that was exported",
        hint="get the archive again, or let its artifact be exported again",
        path=path,
        reason=f"{shown(name)} is not the file that was exported",
    )


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _TIME)
    info.create_system = 3  # what the attributes mean; the same on every system that writes
    info.external_attr = (stat.S_IFREG | 0o444) << 16
    return info
