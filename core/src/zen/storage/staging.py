"""Files on their way into the store: written once, hashed while they are written."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import queue
import shutil
import stat
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from zen.errors import StorageError
from zen.storage.private import private

INLINE_LIMIT = 32 * 1024
_THREAD_FROM = 1024 * 1024
_CHUNK = 1024 * 1024
_LARGE = 64 * 1024 * 1024
_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})


class Hasher:
    """SHA-256 of a stream; from the second megabyte on it runs on a thread of its own."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._queue: queue.Queue[bytes | None] | None = None
        self._thread: threading.Thread | None = None
        self.size = 0

    def update(self, data: bytes) -> None:
        """Add bytes; the caller does not change them afterwards."""
        self.size += len(data)
        if self._queue is None and self.size > _THREAD_FROM:
            self._queue = queue.Queue(maxsize=8)
            self._thread = threading.Thread(target=self._work, args=(self._queue,), daemon=True)
            self._thread.start()
        if self._queue is None:
            self._hash.update(data)
        else:
            self._queue.put(data)

    def digest(self) -> str:
        """Return `sha256:…` of all bytes; nothing may be added afterwards."""
        if self._queue is not None and self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._queue = None
        return "sha256:" + self._hash.hexdigest()

    def _work(self, chunks: queue.Queue[bytes | None]) -> None:
        while (chunk := chunks.get()) is not None:
            self._hash.update(chunk)


class StagedFile(io.RawIOBase):
    """A file being written: in memory while it is small, in the staging folder after that.

    Once it is closed, `digest` and `size` are known, and its bytes are `inline` or at `path`.
    """

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._memory: bytearray | None = bytearray()
        self._file: IO[bytes] | None = None
        self._hasher = Hasher()
        self.path: Path | None = None
        self.digest = ""
        self.size = 0

    @classmethod
    def of(cls, path: Path, folder: Callable[[], Path]) -> StagedFile:
        """Return a file that somebody else has written, closed; a large one stays where it is.

        A link, and a file that has a second name, are copied: their bytes could be changed after they were hashed.
        """
        staged = cls(folder)
        status = os.lstat(path)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_size > INLINE_LIMIT:
            staged._memory = None
            staged.path, (staged.digest, staged.size) = path, hash_file(path)
            staged.close()
            return staged
        try:
            with staged, open(path, "rb") as source:
                shutil.copyfileobj(source, staged, _CHUNK)
        except BaseException:
            staged.remove()
            raise
        return staged

    def writable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return how many bytes were written so far."""
        return self._hasher.size if self._memory is None else len(self._memory)

    def write(self, data: Any) -> int:
        """Write all of `data`."""
        view = memoryview(data)
        if not view.nbytes:
            return 0  # an array without items has a shape that cannot be cast
        view = view.cast("B")
        if self._memory is not None and len(self._memory) + len(view) <= INLINE_LIMIT:
            self._memory += view
            return len(view)
        if self._memory is not None:
            self._spill()
        if len(view) > _LARGE:
            self._check_room(len(view))
        for start in range(0, len(view), _CHUNK):
            self._append(bytes(view[start : start + _CHUNK]))
        return len(view)

    def close(self) -> None:
        """End the file: its digest and size are known from here on."""
        if self.closed:
            return
        try:
            if self._memory is not None:
                self.digest, self.size = "sha256:" + hashlib.sha256(self._memory).hexdigest(), len(self._memory)
            elif self._file is not None:
                self.digest, self.size = self._hasher.digest(), self._hasher.size
                self._file.close()
        finally:
            super().close()

    def remove(self) -> None:
        """Close the file and take its bytes away. Never fails: what stays is found by the next sweep."""
        with contextlib.suppress(OSError):
            self.close()
        if self.path is not None:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)

    @property
    def inline(self) -> bytes | None:
        """The bytes, if the file is small; else they are at `path`."""
        return None if self._memory is None else bytes(self._memory)

    @property
    def is_whole(self) -> bool:
        """Whether the file at `path` is as long as what was hashed: somebody may have gone on after a failed write."""
        return self.path is None or self.path.stat().st_size == self.size

    def _spill(self) -> None:
        self.path = staging_path(self._folder())
        self._file = open(self.path, "xb", buffering=0, opener=private)  # noqa: SIM115  # closed by close
        small, self._memory = bytes(self._memory or b""), None
        self._append(small)

    def _check_room(self, size: int) -> None:
        """Fail before anything large is written that cannot fit: filling the disk would stop others as well."""
        free = shutil.disk_usage(self._folder()).free
        if size > free:
            raise OSError(errno.ENOSPC, f"{size / 2**30:.1f} GiB needed, {free / 2**30:.1f} GiB free")

    def _append(self, data: bytes) -> None:
        if self._file is None:
            raise ValueError("the file was taken as it is and cannot be written")
        try:
            _write_all(self._file, data)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            free = shutil.disk_usage(self._folder()).free
            raise OSError(error.errno, f"{free / 2**20:.1f} MiB free in {self._folder()}") from error
        self._hasher.update(data)


def _write_all(file: IO[bytes], data: bytes) -> None:
    # A disk that fills up shows first as a short write, not as an exception.
    view = memoryview(data)
    while view:
        written = file.write(view)
        if not written:
            raise OSError(errno.EIO, "the system took no bytes")
        view = view[written:]


def staging_path(folder: Path) -> Path:
    """Return a new path in the staging folder; its name tells which process made it."""
    return folder / f"{os.getpid()}.{uuid.uuid4().hex}"


def hash_file(path: Path) -> tuple[str, int]:
    """Return `sha256:…` and the size of a file."""
    with open(path, "rb") as file:
        digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        return digest, file.tell()


@contextlib.contextmanager
def explaining_full_disk(what: str) -> Iterator[None]:
    """Say what there was no space for.

    Raises:
        StorageError: In place of the system's error for a disk or a quota that is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        ours = error.strerror and error.strerror != os.strerror(errno.ENOSPC)
        known = f": {error.strerror}" if ours and error.errno == errno.ENOSPC else ""
        raise StorageError(
            f"no space left on the disk to save {what}{known}",
            hint="make space, or configure an artifact store on another disk",
        ) from error
