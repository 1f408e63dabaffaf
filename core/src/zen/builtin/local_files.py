"""The local artifact store: a folder of files that are written once."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, ClassVar

from zen.builtin.disk import make_folder, refusal, replace
from zen.builtin.staging import Staging
from zen.errors import ArtifactNotFound, SchemaTooNew, StorageError, StoreDamaged, UsageError
from zen.interfaces import ArtifactStore, Host, ObjectInfo
from zen.storage.private import KEPT, private, write_private

_LAYOUT = {"layout": 1, "hash": "sha256"}
_KEY = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")
_PREFIX = re.compile(r"(?:[A-Za-z0-9._-]+/)*[A-Za-z0-9._-]*")
_OWN = frozenset({"format.json", "staging"})
# A symbolic link is not followed and a pipe is not waited for: neither can be one of our objects.
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalFilesConfig:
    """Configuration of the local artifact store.

    Attributes:
        path: The folder, relative to the project root; `artifacts` in zen's state folder by default.
    """

    path: Path | None = None


class LocalArtifactStore(ArtifactStore):
    """Keeps each object as a read-only file of a folder, which nobody but its owner may read.

    The folder also holds `format.json`, which says how it is laid out, and `staging`, where files are prepared.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset({"local_files"})
    folder: Path
    _staging: Staging

    def open(self, host: Host) -> None:
        """Make the folder if there is none, and look at its layout.

        Raises:
            PermissionDenied: When it may not be made or read.
            SchemaTooNew: When a newer zen laid it out.
            StoreDamaged: When its `format.json` cannot be read.
        """
        super().open(host)
        folder: Path | None = self.config.path
        self.folder = host.state / "artifacts" if folder is None else host.root / Path(folder).expanduser()
        self._staging = Staging(self.folder / "staging")
        try:
            self._check_layout()
        except OSError as error:
            raise refusal(error, "open the artifact store", self.folder) from error
        self._staging.sweep()

    def check(self) -> None:
        """Prepare and remove a file.

        Raises:
            PermissionDenied: When the folder may not be written.
            StorageError: When there is no space, or the disk fails.
        """
        probe = self.staging() / "probe"
        try:
            write_private(probe, b"zen")
            probe.unlink()
        except OSError as error:
            raise refusal(error, "write to the artifact store", self.folder) from error

    def close(self) -> None:
        """Give the staging folder back."""
        if hasattr(self, "_staging"):
            self._staging.close()

    def put(self, key: str, source: Path, *, durable: bool = True) -> None:
        """Move the file into its place, or copy it first where it lies on another file system; see the interface.

        A symbolic link, and a file that has a second name, are copied: their bytes could be changed from outside.

        Raises:
            StorageError: When the disk is full or fails; nothing is stored then, and an older object stays.
        """
        target = self._file(key)
        size = None
        try:
            status = os.lstat(source)
            size = status.st_size
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                self._put(source, target, durable)
            else:
                self._put_copy(source, target, durable)
        except OSError as error:
            raise refusal(error, f"store {key} in", self.folder, size=size) from error

    def read(self, key: str) -> BinaryIO:
        """Return the object's bytes as a stream; see the interface."""
        try:
            descriptor = os.open(self._file(key), _READ)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise self._absent(key) from None
            raise refusal(error, f"read {key} in", self.folder) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise self._absent(key)
        return os.fdopen(descriptor, "rb")

    def stat(self, key: str) -> ObjectInfo | None:
        """Return what is known of an object, or None; see the interface."""
        try:
            status = os.lstat(self._file(key))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise refusal(error, f"look for {key} in", self.folder) from error
        return _info(key, status) if stat.S_ISREG(status.st_mode) else None

    def delete(self, key: str) -> None:
        """Remove the object's file; see the interface."""
        file = self._file(key)
        try:
            if os.name == "nt":
                os.chmod(file, 0o600)  # Windows removes no read-only file.
            file.unlink()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            raise refusal(error, f"delete {key} from", self.folder) from error

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield the objects in the order of their keys; see the interface."""
        if not _PREFIX.fullmatch(prefix) or _climbs(prefix):
            raise UsageError(f"{prefix!r} cannot begin a key of an artifact store", hint=_RULE, prefix=prefix)
        return self._walk(prefix.rpartition("/")[0], prefix)

    def local_path(self, key: str) -> Path:
        """Return the object's file, which is read-only; see the interface."""
        if self.stat(key) is None:
            raise self._absent(key)
        return self._file(key)

    def staging(self) -> Path:
        """Return the folder of this process on the store's own file system.

        Raises:
            PermissionDenied: When the store may not be written.
        """
        try:
            return self._staging.own()
        except OSError as error:
            raise refusal(error, "write to the artifact store", self.folder) from error

    def _file(self, key: str) -> Path:
        if not _KEY.fullmatch(key) or _climbs(key) or _own(key):
            raise UsageError(f"{key!r} is no key of an artifact store", hint=_RULE, key=key)
        return self.folder / key

    def _absent(self, key: str) -> ArtifactNotFound:
        return ArtifactNotFound(f"the artifact store {self.folder} has no object {key!r}", key=key)

    def _put(self, source: Path, target: Path, durable: bool) -> None:
        os.chmod(source, KEPT)
        try:
            _place(source, target, durable)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._put_copy(source, target, durable)

    def _put_copy(self, source: Path, target: Path, durable: bool) -> None:
        copy = self._staging.own() / f"copy-{os.urandom(8).hex()}"
        try:
            _copy(source, copy)
            os.chmod(copy, KEPT)
            _place(copy, target, durable)
        except BaseException:
            with suppress(OSError):
                copy.unlink()
            raise

    def _walk(self, folder: str, prefix: str) -> Iterator[ObjectInfo]:
        try:
            with os.scandir(self.folder / folder) as entries:
                # A folder sorts as its keys do, with the slash: `a-b` before `a/b`.
                found = sorted(((_key(folder, entry), entry) for entry in entries), key=itemgetter(0))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise refusal(error, "list", self.folder) from error
        for key, entry in found:
            if not key.startswith(prefix) or _own(key):
                continue
            if key.endswith("/"):
                yield from self._walk(key[:-1], prefix)
            elif entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    yield _info(key, entry.stat(follow_symlinks=False))

    def _check_layout(self) -> None:
        file = self.folder / "format.json"
        try:
            text = file.read_bytes()
        except FileNotFoundError:
            make_folder(self.folder)
            draft = self._staging.own() / "format.json"
            write_private(draft, (json.dumps(_LAYOUT, separators=(",", ":")) + "\n").encode())
            replace(draft, file)
            return
        _check_format(text, file)


_RULE = "keys are relative paths of A-Z a-z 0-9 . _ - with / between them, without . and .. as a part"


def _climbs(path: str) -> bool:
    return any(part in (".", "..") for part in path.split("/"))


def _own(path: str) -> bool:
    # In lower case, because some file systems do not tell the two apart.
    return path.partition("/")[0].lower() in _OWN


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    # The time of the inode, because a put renames a file that may have been written long before.
    put = dt.datetime.fromtimestamp(max(status.st_mtime, status.st_ctime), dt.UTC)
    return ObjectInfo(key=key, size=status.st_size, modified_at=put)


def _key(folder: str, entry: os.DirEntry[str]) -> str:
    key = f"{folder}/{entry.name}" if folder else entry.name
    return f"{key}/" if entry.is_dir(follow_symlinks=False) else key


def _place(source: Path, target: Path, durable: bool) -> None:
    try:
        replace(source, target, durable=durable)
    except FileNotFoundError:
        make_folder(target.parent, durable=durable)
        replace(source, target, durable=durable)


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise UsageError(f"{source} is no file, so it cannot be stored", path=source)
    with open(source, "rb") as reader, open(target, "xb", opener=private) as writer:
        size = os.fstat(reader.fileno()).st_size
        while chunk := reader.read(_CHUNK):
            writer.write(chunk)
    # The last guard against a write that the system cut short without an error.
    written = target.stat().st_size
    if written != size:
        raise StorageError(f"{written} of {size} bytes of {source} were copied to {target}", path=target)


def _check_format(text: bytes, file: Path) -> None:
    try:
        found = json.loads(text)
        layout, digest = int(found["layout"]), str(found["hash"])
    except (ValueError, TypeError, KeyError) as error:
        raise StoreDamaged(
            f"{file} does not say how the artifact store is laid out",
            hint=f"if the store was made by this zen, write {json.dumps(_LAYOUT)} into it",
            path=file,
        ) from error
    if layout > _LAYOUT["layout"] or digest != _LAYOUT["hash"]:  # type: ignore[operator]  # the values are of two types
        raise SchemaTooNew(
            f"the artifact store {file.parent} has layout {layout} with {digest}; this zen knows layout 1 with sha256",
            hint="upgrade zen: pip install --upgrade zen-hub",
            path=file,
        )
