"""Files and folders: a path as a value takes its bytes along."""

from __future__ import annotations

import os
import pathlib
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from zen.builtin.materializers.plain import decode_json, encode_json
from zen.errors import MaterializerError
from zen.interfaces import ArtifactReader, ArtifactWriter, Materializer
from zen.storage.filenames import check_file_name, shown

MOST_FILES = 100_000
_FILES = "files/"
_INDEX = "index.json"
_CHUNK = 1 << 20
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class PathMaterializer(Materializer):
    """Saves the file, or all the files of the folder, that a path names.

    The files are kept below `files/` under their relative names; `index.json` says what else there is to know:
    whether it is a lone file, which files are executable, which folders are empty. Symbolic links, pipes, sockets and
    devices are refused, also those that take a file's place while it is saved; a file with a second name (a hard link)
    is a file. Times and owners are not kept, nor is the name of a folder, so equal files give equal artifacts.

    A loaded path leads to a copy of the reader's that nobody may write to.
    """

    format: ClassVar[str] = "files"

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Copy the files into the artifact."""
        if not isinstance(value, pathlib.Path):
            raise MaterializerError(f"{value!r} is not a path of this machine")
        found = _look(value)
        executable = []
        for name, file, status in found.files:
            with _open(file, status) as source, writer.open(_FILES + name) as target:
                shutil.copyfileobj(source, target, _CHUNK)
                if os.fstat(source.fileno()).st_mode & stat.S_IXUSR:
                    executable.append(name)
        index = {"kind": found.kind, "executable": executable, "empty": found.empty}
        writer.write(encode_json(index), _INDEX)

    def load(self, reader: ArtifactReader) -> Path:
        """Return the path of a read-only copy; a lone file has the name that it was saved with."""
        kind, executable, empty = _read_index(reader)
        names = [name.removeprefix(_FILES) for name in reader.names if name.startswith(_FILES)]
        if kind == "file" and len(names) != 1:
            raise MaterializerError(f"the {_INDEX} of the artifact speaks of one file, and there are {len(names)}")
        root = reader.tree() / _FILES
        root.mkdir(exist_ok=True)  # a tree is made of files: folders with nothing in them and modes are added here
        for folder in empty:
            _inside(root, folder).mkdir(parents=True, exist_ok=True)
        for name in set(names).intersection(executable):
            file = _inside(root, name)
            if not file.stat().st_mode & stat.S_IXUSR:  # a tree is shared, and a changed one is verified again
                file.chmod(0o500)
        return root / names[0] if kind == "file" else root

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return the name, and for a file its size in bytes."""
        if value.is_file():
            return {"kind": "file", "name": value.name, "size": value.stat().st_size}
        return {"kind": "folder", "name": value.name}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """What a path leads to: `file` or `folder`, its files by relative name, and the folders with nothing in them."""

    kind: str
    files: list[tuple[str, Path, os.stat_result]]
    empty: list[str]


def _look(top: Path) -> _Found:
    try:
        status = _status(top)
        if stat.S_ISREG(status.st_mode):
            return _Found(kind="file", files=[(_name(top, top.parent), top, status)], empty=[])
        files, empty = _walk(top)
    except (OSError, ValueError) as error:  # ValueError: a NUL in a name
        raise MaterializerError(f"{top} cannot be read: {error}", path=str(top)) from error
    named = [(_name(file, top), file, status) for file, status in files]
    return _Found(kind="folder", files=named, empty=[_name(folder, top) for folder in empty])


def _read_index(reader: ArtifactReader) -> tuple[str, list[str], list[str]]:
    index = decode_json(reader.read(_INDEX))
    if not isinstance(index, dict) or index.get("kind") not in ("file", "folder"):
        raise _not_ours()
    return index["kind"], _names(index.get("executable")), _names(index.get("empty"))


def _names(data: Any) -> list[str]:
    if not isinstance(data, list) or len(data) > MOST_FILES or not all(isinstance(name, str) for name in data):
        raise _not_ours()
    return data


def _not_ours() -> MaterializerError:
    return MaterializerError(f"the {_INDEX} of the artifact is not one that zen wrote")


def _status(path: Path) -> os.stat_result:
    """Return what a file or folder is.

    Raises:
        MaterializerError: For anything else.
    """
    try:
        status = path.lstat()
        mode = status.st_mode
    except FileNotFoundError:
        raise MaterializerError(
            f"the path {path} does not exist", hint="write the file before you return its path", path=str(path)
        ) from None
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return status
    kind, hint = next(
        ((kind, hint) for test, kind, hint in _REFUSED if test(mode)), ("special file", "leave it out of the folder")
    )
    raise MaterializerError(f"{path} is a {kind}; only regular files and folders are kept", hint=hint, path=str(path))


_REFUSED = (
    (stat.S_ISLNK, "symbolic link", "copy what it points to, or return path.resolve() if it is the value itself"),
    (stat.S_ISFIFO, "named pipe", "leave it out of the folder"),
    (stat.S_ISSOCK, "socket", "leave it out of the folder"),
    (stat.S_ISBLK, "block device", "leave it out of the folder"),
    (stat.S_ISCHR, "character device", "leave it out of the folder"),
)


def _walk(top: Path) -> tuple[list[tuple[Path, os.stat_result]], list[Path]]:
    """Return the files below a folder, and the folders with nothing in them, both in the order of their names."""
    files: list[tuple[Path, os.stat_result]] = []
    empty: list[Path] = []
    for folder, entries in _folders(top):
        if not entries and folder != top:
            empty.append(folder)
        files += [(path, status) for path, status in entries if stat.S_ISREG(status.st_mode)]
        if len(files) > MOST_FILES:
            raise MaterializerError(
                f"{top} holds more than {MOST_FILES:,} files", hint="pack them into an archive first", path=str(top)
            )
    return sorted(files, key=itemgetter(0)), sorted(empty)


def _folders(top: Path) -> Iterator[tuple[Path, list[tuple[Path, os.stat_result]]]]:
    pending = [top]
    while pending:
        folder = pending.pop()
        entries = [(path, _status(path)) for path in folder.iterdir()]
        pending += [path for path, status in entries if stat.S_ISDIR(status.st_mode)]
        yield folder, entries


def _name(path: Path, base: Path) -> str:
    name = path.relative_to(base).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError:
        raise MaterializerError(
            f"the file name {name!r} is not valid UTF-8", hint="rename the file", path=repr(str(path))
        ) from None
    return name


def _open(path: Path, seen: os.stat_result) -> BinaryIO:
    """Open the very file that was looked at; not what was put in its place, or in that of a folder above it, since."""
    try:
        descriptor = os.open(path, _READ)
    except OSError as error:
        raise MaterializerError(f"{path} cannot be read: {error}", path=str(path)) from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or not os.path.samestat(status, seen):
        os.close(descriptor)
        raise MaterializerError(f"{path} was replaced while it was read", path=str(path))
    return os.fdopen(descriptor, "rb")


def _inside(root: Path, name: str) -> Path:
    """Return the path below `root`; a stored name never leads out of it."""
    try:
        return root.joinpath(*check_file_name(name).split("/"))
    except MaterializerError as error:
        raise MaterializerError(f"the artifact holds the unsafe file name {shown(name)}") from error
