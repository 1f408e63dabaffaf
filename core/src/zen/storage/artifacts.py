"""Artifacts: values saved through a materializer as content-addressed files with a manifest."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from zen.errors import MaterializerError
from zen.interfaces import Change, Materializer
from zen.records import FileEntry, Manifest
from zen.records.codec import record
from zen.storage.objects import Objects
from zen.storage.staging import INLINE_LIMIT, StagedFile, hash_file, staging_path

_PART = re.compile(r"[^/\\\x00-\x1f]+")


@record()
class Saved:
    """A value that was saved: what describes it, and the changes that are still to be written with its record."""

    manifest: Manifest
    changes: tuple[Change, ...]
    metadata: dict[str, Any]


def save(value: Any, materializer: Materializer, type_name: str, objects: Objects) -> Saved:
    """Save a value: large files are durable when this returns, small ones travel in the returned changes.

    Raises:
        MaterializerError: When the materializer refuses the value.
    """
    writer = _Writer(objects.staging)
    try:
        materializer.save(value, writer)
        files, changes = writer.finish(objects)
    finally:
        writer.discard()
    manifest = Manifest(
        format=materializer.format,
        version=materializer.version,
        type=type_name,
        files=tuple(files),
        unsafe=materializer.unsafe,
    )
    return Saved(manifest=manifest, changes=tuple(changes), metadata=dict(materializer.describe(value)))


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
        entry = self._entry(name)
        if entry.size <= INLINE_LIMIT:
            yield io.BytesIO(self._objects.content(entry))
        else:
            with open(self._objects.path(entry), "rb") as file:
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
        if not folder.is_dir():
            part = staging_path(_made(folder.parent))
            for entry in self._entries.values():
                target = part / entry.name
                _made(target.parent)
                self._objects.copy_to(entry, target)
                target.chmod(0o444)
            _made(part)
            try:
                os.replace(part, folder)
            except OSError:  # somebody else was faster: theirs holds the same bytes
                shutil.rmtree(part, ignore_errors=True)
        return folder

    def _entry(self, name: str) -> FileEntry:
        if name not in self._entries:
            raise MaterializerError(f"the artifact has no file {name!r}; it has: {', '.join(self._entries)}")
        return self._entries[name]


class _Writer:
    """Takes the files of one artifact while a materializer writes them."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._streams: dict[str, StagedFile] = {}
        self._paths: dict[str, Path] = {}
        self._private: Path | None = None

    @contextmanager
    def open(self, name: str = "data") -> Iterator[BinaryIO]:
        stream = self._streams[self._checked(name)] = StagedFile(self._folder)
        with stream:
            yield cast(BinaryIO, stream)

    def write(self, data: bytes, name: str = "data") -> None:
        with self.open(name) as stream:
            stream.write(data)

    def path(self, name: str = "data") -> Path:
        if self._private is None:
            self._private = _made(staging_path(self._folder()))
        path = self._paths[self._checked(name)] = self._private / str(len(self._paths)) / Path(name).name
        _made(path.parent)
        return path

    def finish(self, objects: Objects) -> tuple[list[FileEntry], list[Change]]:
        entries, changes = [], []
        for name, path in self._paths.items():
            self._streams[name] = _staged(path, self._folder, name)
        for name, stream in sorted(self._streams.items()):
            entries.append(FileEntry(name=name, digest=stream.digest, size=stream.size))
            if stream.inline is not None:
                changes.append(objects.inline(stream.digest, stream.inline))
            elif stream.path is not None:
                objects.put_file(stream.path, stream.digest)
        return entries, changes

    def discard(self) -> None:
        for stream in self._streams.values():
            stream.close()
            if stream.path is not None:
                stream.path.unlink(missing_ok=True)
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)

    def _checked(self, name: str) -> str:
        parts = name.split("/")
        if not all(_PART.fullmatch(part) for part in parts) or {".", ".."} & set(parts):
            raise MaterializerError(f"{name!r} cannot name a file of an artifact", hint="use a relative POSIX path")
        if name in self._streams or name in self._paths:
            raise MaterializerError(f"the artifact already has a file {name!r}")
        return name


def _staged(path: Path, folder: Callable[[], Path], name: str) -> StagedFile:
    stream = StagedFile(folder)
    if not path.is_file():
        stream.close()
        raise MaterializerError(f"the materializer asked for a path for {name!r} and wrote no file there")
    if path.stat().st_size <= INLINE_LIMIT:
        with stream:
            stream.write(path.read_bytes())
    else:
        stream.close()
        stream._memory = None
        stream.path, (stream.digest, stream.size) = path, hash_file(path)
    return stream


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
