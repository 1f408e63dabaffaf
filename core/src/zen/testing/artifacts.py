"""Artifacts in a folder: what a materializer is tested with, without a store.

    def test_frame_comes_back():
        assert round_trip(FrameMaterializer(), frame).equals(frame)
        assert round_trip(FrameMaterializer(), frame, fresh_process=True).equals(frame)

The writer and the reader are as strict as the real ones may be: streams go forward only, names are checked, and the
files are read-only once they are saved.
"""

from __future__ import annotations

import atexit
import builtins
import functools
import importlib
import io
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from zen.errors import MaterializerError
from zen.interfaces import ArtifactReader, ArtifactWriter, Materializer

_MANIFEST = ".artifact.json"
_PART = re.compile(r"[^/\\\x00-\x1f]+")


class FolderWriter(ArtifactWriter):
    """An `ArtifactWriter` that keeps the files in a folder.

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

    def close(self, materializer: Materializer, value: Any) -> FolderReader:
        """Finish the artifact and return a reader of it; the files can be written no more.

        Raises:
            MaterializerError: When a path was asked for and no regular file was written there.
        """
        for name in self.names:
            path = self.folder / name
            if path.is_symlink() or not path.is_file():
                raise MaterializerError(f"the materializer asked for a path for {name!r} and wrote no file there")
            path.chmod(0o444)
        facts = {
            "format": materializer.format,
            "version": materializer.version,
            "type": f"{type(value).__module__}.{type(value).__qualname__}",
            "names": self.names,
        }
        (self.folder / _MANIFEST).write_text(json.dumps(facts))
        return FolderReader(self.folder)


class FolderReader(ArtifactReader):
    """An `ArtifactReader` of what a `FolderWriter` has closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._facts = json.loads((folder / _MANIFEST).read_text())

    @property
    def format(self) -> str:
        """The format of the materializer that saved it."""
        return str(self._facts["format"])

    @property
    def version(self) -> int:
        """The version of that format."""
        return int(self._facts["version"])

    @property
    def type(self) -> str:
        """The type of the value, `module.qualname`."""
        return str(self._facts["type"])

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files, sorted."""
        return tuple(self._facts["names"])

    @contextmanager
    def open(self, name: str = "data") -> Iterator[BinaryIO]:
        """Open a file for reading."""
        with self.path(name).open("rb") as stream:
            yield stream

    def path(self, name: str = "data") -> Path:
        """Return the path of a file; it is read-only."""
        if name not in self.names:
            raise MaterializerError(f"the artifact has no file {name!r}; it has: {', '.join(self.names) or 'none'}")
        return self.folder / name

    def read(self, name: str = "data") -> bytes:
        """Return the whole bytes of a file."""
        return self.path(name).read_bytes()

    def tree(self) -> Path:
        """Return a new folder that holds copies of all files under their own names, read-only."""
        folder = _new_folder()
        folder.mkdir()
        for name in self.names:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.path(name), target)
            target.chmod(0o444)
        return folder

    def resolve(self, type_name: str) -> builtins.type:
        """Return the class of that name, importing the longest part of the name that is a module."""
        parts = type_name.split(".")
        for length in range(len(parts) - 1, 0, -1):
            try:
                found = functools.reduce(
                    getattr, parts[length:], cast(Any, importlib.import_module(".".join(parts[:length])))
                )
            except (ImportError, AttributeError):
                continue
            if isinstance(found, builtins.type):
                return found
        raise MaterializerError(f"{type_name} cannot be imported", type=type_name)


def save(materializer: Materializer, value: Any, folder: Path | None = None) -> FolderReader:
    """Save a value as the files of a folder (by default one that is removed when this process ends)."""
    writer = FolderWriter(_new_folder() if folder is None else folder)
    materializer.save(value, writer)
    return writer.close(materializer, value)


def round_trip(materializer: Materializer, value: Any, *, fresh_process: bool = False) -> Any:
    """Save a value, load it again, and return what came back.

    Args:
        materializer: With `fresh_process`, one that is made without arguments.
        value: With `fresh_process`, of a type that another process can import.
        fresh_process: Load the value in another process, which has imported nothing yet, save it again there, and
            return what this process loads of that: it proves that the files say everything that loading needs.

    Raises:
        MaterializerError: From the materializer; from the fresh process with the end of what it said.
    """
    reader = save(materializer, value)
    return materializer.load(_saved_again(materializer, reader) if fresh_process else reader)


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


def _checked(name: str) -> str:
    parts = name.split("/")
    if not all(map(_PART.fullmatch, parts)) or {".", ".."} & set(parts):
        raise MaterializerError(f"{name!r} cannot name a file of an artifact", hint="use a relative POSIX path")
    return name


_FRESH = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from zen.testing.artifacts import _again; _again()"


def _saved_again(materializer: Materializer, reader: FolderReader) -> FolderReader:
    cls, folder = type(materializer), _new_folder()
    arguments = [json.dumps(sys.path), cls.__module__, cls.__qualname__, str(reader.folder), str(folder)]
    done = subprocess.run([sys.executable, "-c", _FRESH, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MaterializerError(f"a fresh process could not load and save the value again:\n{done.stderr[-2000:]}")
    return FolderReader(folder)


def _again() -> None:
    """Load and save in the fresh process."""
    module, qualname, source, target = sys.argv[2:]
    materializer = functools.reduce(getattr, qualname.split("."), cast(Any, importlib.import_module(module)))()
    save(materializer, materializer.load(FolderReader(Path(source))), Path(target))


_numbers = itertools.count(1)


@functools.cache
def _scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="zen-testing-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _new_folder() -> Path:
    return _scratch() / str(next(_numbers))
