"""Artifacts: values saved through a materializer as content-addressed files with a manifest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from zen.errors import MaterializerError, StorageError
from zen.identity import to_plain
from zen.interfaces import Change, Materializer
from zen.records import FileEntry, Manifest
from zen.records.codec import record
from zen.storage.filenames import check_file_name
from zen.storage.objects import Objects, Uploads
from zen.storage.private import KEPT, private_folder
from zen.storage.staging import StagedFile, explaining_full_disk, staging_path

_LONGEST_FACT = 200


@record()
class Saved:
    """A value that was saved: what describes it, and the changes that are still to be written with its record.

    `metadata` is what the materializer told about the value, in the JSON form of plain data.
    """

    manifest: Manifest
    changes: tuple[Change, ...]
    metadata: dict[str, Any]


def save(
    value: Any, materializer: Materializer, type_name: str, objects: Objects, uploads: Uploads | None = None
) -> Saved:
    """Save a value: large files are durable when this returns, small ones travel in the returned changes.

    Args:
        value: The value.
        materializer: What saves it.
        type_name: The name of its type.
        objects: Where to.
        uploads: Takes the large files, for the caller to put them together with others; then they are not durable yet.

    Raises:
        MaterializerError: When the materializer refuses the value.
        StorageError: When the disk is full, or a file did not become what was written to it.
    """
    writer = _Writer(objects.staging)
    try:
        with explaining_full_disk(f"a {type_name}"), Uploads(objects) as own:
            materializer.save(value, writer)
            files, changes = writer.finish(objects, own if uploads is None else uploads)
            changes += own.put()
    finally:
        writer.discard()
    manifest = Manifest(
        format=materializer.format,
        version=materializer.version,
        type=type_name,
        files=tuple(files),
        unsafe=materializer.unsafe,
    )
    return Saved(manifest=manifest, changes=tuple(changes), metadata=_described(value, materializer))


def _described(value: Any, materializer: Materializer) -> dict[str, Any]:
    try:
        return {str(key): _fact(fact) for key, fact in dict(materializer.describe(value)).items()}
    except Exception as error:  # noqa: BLE001  # a plugin's code; the value is saved, only the facts about it are lost
        problem = f"{type(materializer).__qualname__} could not describe it: {type(error).__name__}: {error}"
        return {"problem": problem[:_LONGEST_FACT]}


def _fact(fact: Any) -> Any:
    fact = fact.item() if getattr(fact, "ndim", None) == 0 else fact
    try:
        return to_plain(fact)
    except (TypeError, RecursionError):  # for people only: a text will do
        return str(fact)[:_LONGEST_FACT]


def reader(manifest: Manifest, objects: Objects, *, state: Path, resolve: Callable[[str], type]) -> ArtifactFiles:
    """Return the files of an artifact, each verified before it is given out."""
    return ArtifactFiles(manifest, objects, state, resolve)


class ArtifactFiles:
    """The files of one stored artifact: what a materializer loads from."""

    def __init__(self, manifest: Manifest, objects: Objects, state: Path, resolve: Callable[[str], type]) -> None:
        self._manifest = manifest
        self._objects = objects
        self._state = state
        self._entries = {entry.name: entry for entry in manifest.files}
        self.resolve = resolve

    @property
    def format(self) -> str:
        """The recorded format."""
        return self._manifest.format

    @property
    def version(self) -> int:
        """The recorded version of the format."""
        return self._manifest.version

    @property
    def type(self) -> str:
        """The recorded type of the value."""
        return self._manifest.type

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files."""
        return tuple(self._entries)

    @contextmanager
    def open(self, name: str = "data") -> Iterator[BinaryIO]:
        """Open a file for reading."""
        with self._objects.open(self._entry(name)) as file:
            yield file

    def read(self, name: str = "data") -> bytes:
        """Return the whole bytes of a file."""
        return self._objects.content(self._entry(name))

    def path(self, name: str = "data") -> Path:
        """Return the path of a local copy that nobody may write to."""
        return self._objects.path(self._entry(name))

    def tree(self) -> Path:
        """Return a local folder that holds all files under their own names, read-only."""
        folder = self._state / "cache" / "trees" / self._manifest.digest().partition(":")[2]
        if not self._is_tree(folder):
            part = staging_path(private_folder(folder.parent))
            try:
                self._unpack(private_folder(part))
                self._place(part, folder)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        return folder

    def _is_tree(self, folder: Path) -> bool:
        return folder.is_dir() and all(
            self._objects.is_copy(entry, folder / entry.name) for entry in self._entries.values()
        )

    def _unpack(self, folder: Path) -> None:
        for entry in self._entries.values():
            target = folder / check_file_name(entry.name)
            private_folder(target.parent)
            self._objects.copy_to(entry, target)
            target.chmod(KEPT)

    def _place(self, part: Path, folder: Path) -> None:
        try:
            os.replace(part, folder)
        except OSError:  # there is one already: somebody else was faster, or it is the damaged one
            if self._is_tree(folder):
                return
            old = staging_path(folder.parent)
            os.replace(folder, old)
            shutil.rmtree(old, ignore_errors=True)
            os.replace(part, folder)

    def _entry(self, name: str) -> FileEntry:
        if name not in self._entries:
            raise MaterializerError(f"the artifact has no file {name!r}; it has: {', '.join(self._entries)}")
        return self._entries[name]


class _Writer:
    """Takes the files of one artifact while a materializer writes them."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._names: set[str] = set()
        self._folders: set[str] = set()
        self._streams: dict[str, StagedFile] = {}
        self._paths: dict[str, Path] = {}
        self._private: Path | None = None

    @contextmanager
    def open(self, name: str = "data") -> Iterator[BinaryIO]:
        self._claim(name)
        stream = self._streams[name] = StagedFile(self._folder)
        try:
            with stream:
                yield cast(BinaryIO, stream)
        except BaseException:
            # Half a file is none: who catches this can write the file anew.
            self._names.discard(name)
            self._streams.pop(name).remove()
            raise

    def write(self, data: bytes, name: str = "data") -> None:
        with self.open(name) as stream:
            stream.write(data)

    def path(self, name: str = "data") -> Path:
        self._claim(name)
        if self._private is None:
            self._private = private_folder(staging_path(self._folder()))
        path = self._paths[name] = self._private / str(len(self._paths)) / name.rpartition("/")[2]
        private_folder(path.parent)
        return path

    def finish(self, objects: Objects, uploads: Uploads) -> tuple[list[FileEntry], list[Change]]:
        for name, path in self._paths.items():
            if not path.is_file():
                raise MaterializerError(f"the materializer asked for a path for {name!r} and wrote no file there")
            self._streams[name] = StagedFile.of(path, self._folder)
        entries, changes = [], []
        for name, stream in sorted(self._streams.items()):
            if not stream.closed:
                raise MaterializerError(f"the materializer opened the file {name!r} and did not close it")
            if not stream.is_whole:
                raise StorageError(f"the file {name!r} did not become what was written to it; see what failed before")
            entries.append(FileEntry(name=name, digest=stream.digest, size=stream.size))
            if stream.inline is not None:
                changes.append(objects.inline(stream.digest, stream.inline))
            elif stream.path is not None:
                uploads.add(stream.path, stream.digest)
        return entries, changes

    def discard(self) -> None:
        for stream in self._streams.values():
            stream.remove()
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)

    def _claim(self, name: str) -> None:
        parts = check_file_name(name).split("/")
        folders = {"/".join(parts[:count]) for count in range(1, len(parts))}
        if name in self._names:
            raise MaterializerError(f"the artifact already has a file {name!r}")
        if name in self._folders or not folders.isdisjoint(self._names):
            raise MaterializerError(f"{name!r} cannot be both a file and a folder of the artifact")
        self._names.add(name)
        self._folders |= folders
