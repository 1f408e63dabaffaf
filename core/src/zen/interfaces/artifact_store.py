"""Artifact stores: raw bytes by key. Content addressing, verification and garbage collection are not their business."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, ClassVar, Literal

from zen.interfaces.component import Component
from zen.records.codec import record

Reach = Literal["process", "host", "network"]


@record()
class ObjectInfo:
    """A stored object.

    Attributes:
        key: Its key.
        size: Its size in bytes.
        modified_at: When it was put, with time zone, by the store's own clock; None where the store does not tell.
            Garbage collection spares what is young, and what is of unknown age.
    """

    key: str
    size: int
    modified_at: dt.datetime | None = None


class ArtifactStore(Component):
    """Keeps bytes under keys such as `objects/sha256/ab/cdef…`.

    Keys are relative POSIX paths of `[A-Za-z0-9._/-]`, made by zen, never by users; any other (`../x`, `/x`) is refused
    with a `ZenError` or a `ValueError`. Safe for use from several threads and processes at once. A relative path in its
    configuration starts at `host.root`; what the configuration does not name lies in `host.state`.

    Attributes:
        reach: From where the bytes can be read: this `process`, this `host`, or the `network`.
    """

    kind: ClassVar[str] = "artifact_store"
    reach: ClassVar[Reach] = "host"
    known_capabilities: ClassVar[Mapping[str, str]] = {
        "local_files": "objects are files of this machine: local_path and staging"
    }

    @abstractmethod
    def put(self, key: str, source: Path, *, durable: bool = True) -> None:
        """Store the bytes of a local file under a key, whole or not at all; an existing object is replaced.

        The store may move `source` away. With `durable`, the object survives a power cut once this returns.

        Raises:
            PermissionDenied: When the store may not be written.
            ComponentUnavailable: When it cannot be reached.
        """

    @abstractmethod
    def read(self, key: str) -> BinaryIO:
        """Return the bytes as a stream that the caller closes.

        It is read once, from the start to the end, and need not seek. It gives one whole object, also when another is
        put under the key meanwhile. Several may be open at once; none is used after `close`.

        Raises:
            ArtifactNotFound: When nothing is stored under the key.
        """

    @abstractmethod
    def stat(self, key: str) -> ObjectInfo | None:
        """Return what is stored under the key, or None."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object. Removing what is not there is harmless."""

    @abstractmethod
    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield the objects whose key starts with `prefix`, in any order.

        A prefix is the beginning of a key, not a folder: `objects/a` finds `objects/abc` and `objects/a/b`.
        """

    def local_path(self, key: str) -> Path:
        """Capability `local_files`: return the object's own file, which nobody may write to.

        Raises:
            ArtifactNotFound: When nothing is stored under the key.
        """
        raise TypeError(f"{type(self).__qualname__} does not declare the capability 'local_files'")

    def staging(self) -> Path:
        """Return a folder for files that are about to be `put`; with `local_files` on the store's own file system."""
        folder = self.host.state / "staging"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder
