"""Snapshots of a project's source: content-addressed, and re-read only where something changed.

An index remembers size, times and inode of every file with the digest of its bytes. A file whose times are so young
that a later write might not show in them is not remembered, so the index is never trusted further than the clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from zen.errors import ArtifactDamaged, UsageError
from zen.identity import digest_bytes, dumps
from zen.records import FileEntry
from zen.source.folders import Folders, SourceFile
from zen.source.git import ask_git, commit_of, has_staged
from zen.source.tracking import Tracking, tracking
from zen.storage.private import private_folder, write_private

_VERSION = 1
_FINE_NS = 50_000_000
_COARSE_NS = 2_000_000_000
_ATTEMPTS = 3
_MOST_TOLD = 100

Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The source files of a project at one moment.

    Attributes:
        digest: Digest of the manifest: equal digests are equal files.
        files: Sorted by name; names are relative POSIX paths, bytes that are no UTF-8 as lone surrogates.
        omitted: What was left out and why, sorted: ``data.json: larger than 1 MiB``.
        dirty: Whether the files differ from git's commit; None where there is none, or when it is not known.
    """

    digest: str
    files: tuple[FileEntry, ...]
    omitted: tuple[str, ...] = ()
    dirty: bool | None = None
    _index: Callable[[], None] | None = field(default=None, repr=False, compare=False)

    def remember(self) -> None:
        """Let the next snapshot read only what changes from here on; called once all that was put is committed."""
        if self._index is not None:
            self._index()

    def missing_code(self) -> list[str]:
        """Return what was left out although it is code, which a run from the snapshot will lack."""
        return [each for each in self.omitted if each.partition(": ")[0].endswith((".py", ".ipynb"))]


def take(root: Path, *, index: Path, marked: bool, put: Callable[[bytes], str], trusted: bool = True) -> Snapshot:
    """Return a snapshot of the source files under `root`, storing what was not stored before.

    Args:
        root: The project root.
        index: File that remembers what the last snapshot saw. Belongs to one store: it stands for what `put` was given.
        marked: Whether something marks `root` as a project; if not, only the files directly in it are taken.
        put: Stores bytes and returns their digest; called for new bytes and for a new manifest.
        trusted: Whether the store still has what the index says; if not, everything is put.
    """
    known = _Index.read(index) if trusted else _Index({}, "")
    root = root.resolve()
    git = tracking(root)
    folders = Folders(root, skip=index.resolve(), recursive=marked, git=git)
    current = _Index({}, "", staged=known.staged)
    files = []
    now = time.time_ns()
    for source in folders.files():
        entry = _entry(source, known, current, now, put, folders.omitted)
        if entry is not None:
            files.append(entry)
    files.sort(key=lambda entry: entry.name)
    current.omitted = sorted(folders.omitted)
    dirty = _dirty(git, current) if git else None
    # Who has an index of an older zen, or one that was damaged, makes it anew.
    same = bool(known.manifest) and current.entries == known.entries and len(files) == len(known.entries)
    same = same and current.omitted == known.omitted
    current.manifest = known.manifest if same else put(_manifest(files, current.omitted))
    remember = partial(current.write, index) if not same or current.staged != known.staged else None
    return Snapshot(current.manifest, tuple(files), tuple(current.omitted), dirty, remember)


def _dirty(git: Tracking, index: _Index) -> bool | None:
    """Say whether the project differs from the commit; what only git itself could say is asked for once."""
    if git.changed or git.index is None:
        return git.changed
    staged = has_staged(git.repository, git.index.tree)
    if staged is None and (commit := commit_of(git.repository.top).get("commit")):
        key = f"{commit} {git.index.written}"
        if index.staged.get("key") != key:
            index.staged = {"key": key, "is": ask_git(git.repository)}
        staged = index.staged["is"]
    return True if staged else None if staged is None else git.changed


def read_manifest(data: bytes) -> tuple[FileEntry, ...]:
    """Return the files that the stored manifest of a snapshot lists.

    Raises:
        UsageError: For a manifest of another version.
    """
    manifest = json.loads(data)
    if manifest.get("version") != _VERSION:
        raise UsageError(
            f"snapshot version {manifest.get('version')!r} cannot be read; this zen reads version {_VERSION}",
            hint="use the zen that wrote it",
        )
    return tuple(FileEntry(**entry) for entry in manifest["files"])


def read_omitted(data: bytes) -> tuple[str, ...]:
    """Return what the stored manifest of a snapshot says was left out, and why."""
    return tuple(json.loads(data).get("omitted", ()))


def extract(files: Iterable[FileEntry], folder: Path, *, get: Callable[[str], bytes]) -> None:
    """Write the files of a snapshot into a folder that is empty or does not exist.

    Args:
        files: As listed in the snapshot.
        folder: Is made if it is missing.
        get: Returns the stored bytes of a digest.

    Raises:
        UsageError: When the folder holds something, or a name would lead out of it. Then nothing was written.
        ArtifactDamaged: When stored bytes are not what the snapshot lists.
    """
    targets = [(entry, _target(entry.name, folder)) for entry in files]
    private_folder(folder)
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", hint="give a new folder")
    for entry, target in targets:
        data = get(entry.digest)
        if digest_bytes(data) != entry.digest:
            raise ArtifactDamaged(f"the stored bytes of {entry.name} are not those that were snapshotted")
        private_folder(target.parent)
        write_private(target, data)


def _target(name: str, folder: Path) -> Path:
    path = PurePosixPath(name)
    unsafe = not path.parts or path.is_absolute() or str(path) != name or ".." in path.parts or "\0" in name
    if unsafe or "\\" in name or (os.name == "nt" and ":" in name):
        raise UsageError(f"the snapshot holds an unsafe file name: {name!r}", hint="do not extract it")
    return folder.joinpath(*path.parts)


def _manifest(files: list[FileEntry], omitted: list[str]) -> bytes:
    listed = [{"digest": entry.digest, "name": entry.name, "size": entry.size} for entry in files]
    told = omitted[:_MOST_TOLD]
    if len(omitted) > _MOST_TOLD:
        told.append(f"and {len(omitted) - _MOST_TOLD} more")
    facts = {"files": listed, "version": _VERSION, **({"omitted": told} if told else {})}
    return dumps(facts).encode("ascii")


def _entry(
    source: SourceFile, known: _Index, current: _Index, now: int, put: Callable[[bytes], str], omitted: list[str]
) -> FileEntry | None:
    stamp = _stamp(source.status)
    digest = known.entries.get(source.name, (None, ""))[1] if known.stamp(source.name) == stamp else ""
    if not digest:
        try:
            data, stamp = _read(source.path)
        except FileNotFoundError:
            return None  # Deleted since its folder was listed.
        except _Changing:
            omitted.append(f"{source.name}: changed while it was read")
            return None
        except OSError as error:
            omitted.append(f"{source.name}: {error.strerror or type(error).__name__}")
            return None
        digest = put(data)
    if _is_settled(stamp, now):
        current.entries[source.name] = (stamp, digest)
    return FileEntry(name=source.name, digest=digest, size=stamp[0])


class _Changing(Exception):
    """A file that did not hold still for one reading."""


def _read(path: str) -> tuple[bytes, Stamp]:
    for _ in range(_ATTEMPTS):
        with open(path, "rb") as file:
            before = _stamp(os.fstat(file.fileno()))
            data = file.read(before[0] + 1)
            if _stamp(os.fstat(file.fileno())) == before and len(data) == before[0]:
                return data, before
    raise _Changing


def _stamp(status: os.stat_result) -> Stamp:
    # The time of the inode too: archives and version control set the other one back.
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _is_settled(stamp: Stamp, now: int) -> bool:
    """Say whether a later change is certain to change the times: file systems count in jiffies, some in seconds."""
    _, modified, changed, _ = stamp
    coarse = modified % 1_000_000_000 == 0 and changed % 1_000_000_000 == 0
    return max(modified, changed) < now - (_COARSE_NS if coarse else _FINE_NS)


@dataclass(slots=True)
class _Index:
    entries: dict[str, tuple[Stamp, str]]
    manifest: str
    omitted: list[str] = field(default_factory=list)
    staged: dict[str, Any] = field(default_factory=dict)

    def stamp(self, name: str) -> Stamp | None:
        entry = self.entries.get(name)
        return entry[0] if entry else None

    @classmethod
    def read(cls, path: Path) -> _Index:
        """Read an index; one that is missing or damaged is an empty one."""
        try:
            data: Any = json.loads(path.read_bytes())
            if data["version"] != _VERSION:
                return cls({}, "")
            entries = {
                name: ((item[0], item[1], item[2], item[3]), str(item[4])) for name, item in data["files"].items()
            }
            return cls(entries, str(data["manifest"]), list(data.get("omitted", [])), dict(data.get("staged", {})))
        except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
            return cls({}, "")

    def write(self, path: Path) -> None:
        """Replace the index in one step. It only saves time, so a folder that cannot be written is no error."""
        files = {name: [*stamp, digest] for name, (stamp, digest) in self.entries.items()}
        facts = {"manifest": self.manifest, "omitted": self.omitted, "staged": self.staged, "version": _VERSION}
        data = dumps({**facts, "files": files}).encode("ascii")
        temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        with contextlib.suppress(OSError):
            private_folder(path.parent)
            try:
                write_private(temporary, data)
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
