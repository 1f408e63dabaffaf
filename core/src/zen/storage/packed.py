"""Artifacts packed into a folder: the files under their own names, and one that says what they are.

A packed artifact needs no store: it is what a server loads its model from, and what materializers are tested with.
"""

from __future__ import annotations

import builtins
import hashlib
import io
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from zen.errors import ArtifactDamaged, MaterializerError
from zen.interfaces import ArtifactReader, ArtifactWriter, Materializer
from zen.records import FileEntry, Manifest
from zen.storage.filenames import check_file_name
from zen.storage.label import LABEL, Label, read_label, write_label

_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class FolderWriter(ArtifactWriter):
    """An `ArtifactWriter` that keeps the files in a folder. Its streams go forward only, as those of any store may.

    Raises:
        MaterializerError: When a file is written twice, or its name is not a relative POSIX path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._names: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files so far, sorted."""
        return tuple(sorted(self._names))

    @contextmanager
    def open(self, name: str = "data") -> Iterator[BinaryIO]:
        """Open a file to be written from start to end: the stream cannot seek and cannot be read."""
        with self.path(name).open("xb") as stream:
            yield cast(BinaryIO, _ForwardStream(stream))

    def path(self, name: str = "data") -> Path:
        """Return a path to write a file at."""
        path = self.folder / _checked(name)
        if name in self._names:
            raise MaterializerError(f"the artifact already has a file {name!r}", hint="give each file its own name")
        self._names.add(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, data: bytes, name: str = "data") -> None:
        """Write a whole file."""
        with self.open(name) as stream:
            stream.write(data)

    def close(self, materializer: Materializer, type_name: str) -> Label:
        """Finish the artifact: its files become read-only, and its label is written.

        Raises:
            MaterializerError: When a path was asked for and no regular file was written there.
        """
        for name in self.names:
            path = self.folder / name
            if path.is_symlink() or not path.is_file():
                raise MaterializerError(f"the materializer asked for a path for {name!r} and wrote no file there")
            path.chmod(0o444)
        manifest = Manifest(
            format=materializer.format,
            version=materializer.version,
            type=type_name,
            files=tuple(_entry(name, self.folder / name) for name in self.names),
            unsafe=materializer.unsafe,
        )
        cls = type(materializer)
        label = Label(manifest=manifest, materializer=f"{cls.__module__}:{cls.__qualname__}")
        write_label(self.folder, label)
        return label


class FolderReader(ArtifactReader):
    """An `ArtifactReader` of a packed artifact: each file is verified before it is given out.

    Args:
        folder: Where it was packed.
        resolve: Returns the class of a recorded type name.
        verify: Whether to see that the files are those that were packed; tests give damaged ones on purpose.

    Raises:
        ArtifactNotFound: When the folder holds no packed artifact.
    """

    def __init__(self, folder: Path, resolve: Callable[[str], builtins.type], *, verify: bool = True) -> None:
        self.folder = folder
        self.label = read_label(folder)
        self._resolve = resolve
        self._entries = {entry.name: entry for entry in self.label.manifest.files}
        self._verified: set[str] = set() if verify else set(self._entries)

    @property
    def format(self) -> str:
        """The format of the materializer that saved it."""
        return self.label.manifest.format

    @property
    def version(self) -> int:
        """The version of that format."""
        return self.label.manifest.version

    @property
    def type(self) -> str:
        """The type of the value, `module.qualname`."""
        return self.label.manifest.type

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files."""
        return tuple(self._entries)

    @contextmanager
    def open(self, name: str = "data") -> Iterator[BinaryIO]:
        """Open a file for reading."""
        with self._opened(name) as stream:
            yield stream

    def path(self, name: str = "data") -> Path:
        """Return the path of a file; it is read-only."""
        self._opened(name).close()
        return self.folder / name

    def read(self, name: str = "data") -> bytes:
        """Return the whole bytes of a file."""
        with self._opened(name) as stream:
            return stream.read()

    def tree(self) -> Path:
        """Return a new temporary folder that holds copies of all files under their own names, read-only."""
        import tempfile  # nothing else of the layer needs it

        folder = Path(tempfile.mkdtemp(prefix="zen-artifact-"))
        for name in self.names:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.path(name), target)
            target.chmod(0o444)
        return folder

    def resolve(self, type_name: str) -> builtins.type:
        """Return the class of a recorded type name."""
        return self._resolve(type_name)

    def _opened(self, name: str) -> BinaryIO:
        """Return a file whose bytes were verified through this very descriptor; the caller closes it."""
        if name not in self._entries:
            raise MaterializerError(f"the artifact has no file {name!r}; it has: {', '.join(self.names) or 'none'}")
        path = self.folder / _checked(name)
        try:
            stream = os.fdopen(os.open(path, _READ), "rb")
        except OSError as error:
            raise _damaged(path) from error
        try:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode) or not self._holds(stream, name):
                raise _damaged(path)
        except BaseException:
            stream.close()
            raise
        return stream

    def _holds(self, stream: BinaryIO, name: str) -> bool:
        if name in self._verified:
            return True
        entry = self._entries[name]
        if os.fstat(stream.fileno()).st_size != entry.size or _digest(stream) != entry.digest:
            return False
        stream.seek(0)
        self._verified.add(name)
        return True


class _ForwardStream(io.RawIOBase):
    """Takes bytes from start to end and nothing else."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._stream.write(data)

    def flush(self) -> None:
        if not self._stream.closed:
            self._stream.flush()


def _entry(name: str, path: Path) -> FileEntry:
    with path.open("rb") as file:
        return FileEntry(name=name, digest=_digest(file), size=file.tell())


def _digest(file: BinaryIO) -> str:
    return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"  # type: ignore[arg-type]  # a file is one


def _damaged(path: Path) -> ArtifactDamaged:
    return ArtifactDamaged(f"{path} is not the file that was packed", hint="pack the artifact again")


def _checked(name: str) -> str:
    if name == LABEL:
        raise MaterializerError(f"{name!r} cannot name a file of an artifact", hint="that is the name of its label")
    return check_file_name(name)
