"""Files on their way into the store: written once, hashed while they are written."""

from __future__ import annotations

import hashlib
import io
import os
import queue
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

INLINE_LIMIT = 32 * 1024
_THREAD_FROM = 1024 * 1024
_CHUNK = 1024 * 1024


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
    """A file being written: in memory while it is small, in the staging folder after that."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._memory: bytearray | None = bytearray()
        self._file: IO[bytes] | None = None
        self._hasher = Hasher()
        self.path: Path | None = None
        self.digest = ""
        self.size = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Write all of `data`."""
        view = memoryview(data).cast("B")
        if self._memory is not None and len(self._memory) + len(view) <= INLINE_LIMIT:
            self._memory += view
            return len(view)
        if self._memory is not None:
            self._spill()
        for start in range(0, len(view), _CHUNK):
            chunk = bytes(view[start : start + _CHUNK])
            self._hasher.update(chunk)
            _write_all(self._file, chunk)
        return len(view)

    def close(self) -> None:
        """End the file: its digest and size are known from here on."""
        if self.closed:
            return
        if self._memory is not None:
            self.digest, self.size = "sha256:" + hashlib.sha256(self._memory).hexdigest(), len(self._memory)
        elif self._file is not None:
            self._file.close()
            self.digest, self.size = self._hasher.digest(), self._hasher.size
        super().close()

    @property
    def inline(self) -> bytes | None:
        """The bytes, if the file is small; else they are at `path`."""
        return None if self._memory is None else bytes(self._memory)

    def _spill(self) -> None:
        self.path = staging_path(self._folder())
        self._file = open(self.path, "wb", buffering=0)  # noqa: SIM115  # closed by close
        small, self._memory = bytes(self._memory or b""), None
        self._hasher.update(small)
        _write_all(self._file, small)


def _write_all(file: IO[bytes] | None, data: bytes) -> None:
    # A disk that fills up shows first as a short write, not as an exception.
    view = memoryview(data)
    while view and file is not None:
        view = view[file.write(view) :]


def staging_path(folder: Path) -> Path:
    """Return a new path in the staging folder; its name tells which process made it."""
    return folder / f"{os.getpid()}.{uuid.uuid4().hex}"


def hash_file(path: Path) -> tuple[str, int]:
    """Return `sha256:…` and the size of a file."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest(), size
