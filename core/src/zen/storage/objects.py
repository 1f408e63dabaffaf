"""Content-addressed bytes: small ones in the database, large ones in the artifact store.

Where an object lies follows from its size, so nothing has to be looked up first. Bytes are verified against their
digest before anybody sees them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import OrderedDict
from pathlib import Path

from zen.errors import ArtifactDamaged, ArtifactNotFound
from zen.identity import digest_bytes
from zen.interfaces import ArtifactStore, Change
from zen.records import FileEntry
from zen.storage import changes
from zen.storage.database import Database
from zen.storage.staging import INLINE_LIMIT, hash_file, staging_path

_RECENT_BYTES = 8 * 1024 * 1024


def key_of(digest: str) -> str:
    """Return the store key of a large object."""
    algorithm, _, name = digest.partition(":")
    return f"objects/{algorithm}/{name[:2]}/{name[2:]}"


class Objects:
    """The objects of one store."""

    def __init__(self, database: Database, store: ArtifactStore, *, cache: Path, durable: bool = True) -> None:
        self._database = database
        self._store = store
        self._cache = cache
        self._durable = durable
        self._recent: OrderedDict[str, bytes] = OrderedDict()
        self._recent_size = 0
        self._verified: dict[str, tuple[int, int, int]] = {}

    def staging(self) -> Path:
        """Return the folder for files that will be put."""
        return self._store.staging()

    def put_file(self, path: Path, digest: str) -> None:
        """Store a large object; the file is taken away. One that is there already is replaced: it may be damaged."""
        self._store.put(key_of(digest), path, durable=self._durable)

    def put_bytes(self, data: bytes) -> tuple[str, list[Change]]:
        """Return the digest of some bytes and the changes that keep them; large ones are stored right now."""
        digest = digest_bytes(data)
        if len(data) <= INLINE_LIMIT:
            return digest, [self.inline(digest, data)]
        path = staging_path(self.staging())
        path.write_bytes(data)
        self.put_file(path, digest)
        return digest, []

    def inline(self, digest: str, data: bytes) -> Change:
        """Return the change that keeps a small object, and remember it for readers in this process."""
        self._remember(digest, data)
        return changes.insert_object(digest, data)

    def present(self, entry: FileEntry) -> bool:
        """Say whether an object is there with its recorded size. Its bytes are verified when they are read."""
        if entry.size <= INLINE_LIMIT:
            return entry.digest in self._recent or self._database.object_size(entry.digest) == entry.size
        info = self._store.stat(key_of(entry.digest))
        return info is not None and info.size == entry.size

    def content(self, entry: FileEntry) -> bytes:
        """Return the verified bytes of an object.

        Raises:
            ArtifactNotFound: When the store does not have it.
            ArtifactDamaged: When the bytes are not the recorded ones.
        """
        if entry.size > INLINE_LIMIT:
            return self.path(entry).read_bytes()
        if (known := self._recent.get(entry.digest)) is not None:
            return known
        data = self._database.object(entry.digest)
        if data is None:
            raise _missing(entry)
        if digest_bytes(data) != entry.digest:
            raise _damaged(entry)
        self._remember(entry.digest, data)
        return data

    def path(self, entry: FileEntry) -> Path:
        """Return a local file with the verified bytes of an object, which nobody may write to."""
        if entry.size <= INLINE_LIMIT:
            return self._cached_copy(entry)
        if "local_files" not in self._store.capabilities:
            return self._download(entry)
        path = self._store.local_path(key_of(entry.digest))
        self._verify(path, entry)
        return path

    def _verify(self, path: Path, entry: FileEntry) -> None:
        info = path.stat()
        seen = (info.st_ino, info.st_mtime_ns, info.st_size)
        if self._verified.get(entry.digest) == seen:
            return
        if hash_file(path) != (entry.digest, entry.size):
            raise _damaged(entry)
        self._verified[entry.digest] = seen

    def _cached_copy(self, entry: FileEntry) -> Path:
        path = self._cache / key_of(entry.digest)
        if not path.exists():
            self._into_cache(path, self.content(entry))
        self._verify(path, entry)
        return path

    def _into_cache(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = staging_path(path.parent)
        part.write_bytes(data)
        part.chmod(0o444)
        os.replace(part, path)

    def _download(self, entry: FileEntry) -> Path:
        path = self._cache / key_of(entry.digest)
        if path.exists() and hash_file(path) == (entry.digest, entry.size):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        part = staging_path(path.parent)
        hasher = hashlib.sha256()
        with self._store.read(key_of(entry.digest)) as source, open(part, "wb") as target:
            while chunk := source.read(1024 * 1024):
                hasher.update(chunk)
                target.write(chunk)
        if "sha256:" + hasher.hexdigest() != entry.digest:
            part.unlink()
            raise _damaged(entry)
        part.chmod(0o444)
        os.replace(part, path)
        return path

    def _remember(self, digest: str, data: bytes) -> None:
        if digest in self._recent:
            return
        self._recent[digest] = data
        self._recent_size += len(data)
        while self._recent_size > _RECENT_BYTES:
            self._recent_size -= len(self._recent.popitem(last=False)[1])

    def copy_to(self, entry: FileEntry, target: Path) -> None:
        """Write the verified bytes of an object to a file of the caller's."""
        if entry.size <= INLINE_LIMIT:
            target.write_bytes(self.content(entry))
        else:
            shutil.copyfile(self.path(entry), target)


def _missing(entry: FileEntry) -> ArtifactNotFound:
    return ArtifactNotFound(
        f"the store does not have the object {entry.digest} ({entry.name}, {entry.size} bytes)",
        hint="run the step that made it again, with the cache off",
        digest=entry.digest,
    )


def _damaged(entry: FileEntry) -> ArtifactDamaged:
    return ArtifactDamaged(
        f"the stored bytes of {entry.digest} ({entry.name}, {entry.size} bytes) are not the recorded ones",
        hint="run the step that made it again, with the cache off; saving the same value replaces damaged bytes",
        digest=entry.digest,
    )
