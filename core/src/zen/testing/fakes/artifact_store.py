"""An artifact store in memory."""

from __future__ import annotations

import datetime as dt
import io
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from zen.errors import ArtifactNotFound, UsageError
from zen.interfaces import ArtifactStore, ObjectInfo, Reach

_KEY = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")


class MemoryArtifactStore(ArtifactStore):
    """Keeps bytes in a dictionary, `objects`, for as long as the component lives."""

    reach: ClassVar[Reach] = "process"

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.objects: dict[str, bytes] = {}
        self._times: dict[str, dt.datetime] = {}
        self._lock = threading.Lock()

    def put(self, key: str, source: Path, *, durable: bool = True) -> None:
        """Keep the bytes of a file."""
        data = source.read_bytes()
        with self._lock:
            self.objects[self._checked(key)] = data
            self._times[key] = dt.datetime.now(dt.UTC)

    def read(self, key: str) -> BinaryIO:
        """Return the bytes as a stream."""
        with self._lock:
            data = self.objects.get(self._checked(key))
        if data is None:
            raise ArtifactNotFound(f"the memory has no object {key!r}", key=key)
        return io.BytesIO(data)

    def stat(self, key: str) -> ObjectInfo | None:
        """Return what is known of an object, or None."""
        with self._lock:
            data = self.objects.get(self._checked(key))
        return None if data is None else self._info(key, data)

    def delete(self, key: str) -> None:
        """Forget an object."""
        with self._lock:
            self.objects.pop(self._checked(key), None)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield what begins with the prefix."""
        with self._lock:
            found = [self._info(key, data) for key, data in self.objects.items() if key.startswith(prefix)]
        yield from found

    def _info(self, key: str, data: bytes) -> ObjectInfo:
        return ObjectInfo(key=key, size=len(data), modified_at=self._times.get(key))

    def _checked(self, key: str) -> str:
        if not _KEY.fullmatch(key) or {".", ".."} & set(key.split("/")):
            raise UsageError(f"{key!r} is no key of an artifact store", key=key)
        return key
