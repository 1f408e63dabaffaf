"""Content-addressed bytes: small ones in the database, large ones in the artifact store.

Where an object lies follows from its size, so nothing has to be looked up first. Bytes are verified against their
digest before anybody sees them.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from zen.errors import ArtifactDamaged, ArtifactNotFound
from zen.identity import digest_bytes
from zen.interfaces import ArtifactStore, Change
from zen.records import FileEntry
from zen.storage import changes
from zen.storage.database import Database
from zen.storage.holding import Holds, proof
from zen.storage.private import KEPT, private, private_folder, write_private
from zen.storage.staging import INLINE_LIMIT, explaining_full_disk, staging_path
from zen.storage.verified import VerifiedFiles

_RECENT_BYTES = 8 * 1024 * 1024
_CHUNK = 1024 * 1024
_KEY = re.compile(r"objects/sha256/([0-9a-f]{2})/([0-9a-f]{62})")


def key_of(digest: str) -> str:
    """Return the store key of a large object."""
    algorithm, _, name = digest.partition(":")
    return f"objects/{algorithm}/{name[:2]}/{name[2:]}"


def digest_of(key: str) -> str:
    """Return the digest of the large object under a store key, or an empty string for a key of something else."""
    found = _KEY.fullmatch(key)
    return f"sha256:{found[1]}{found[2]}" if found else ""


class Objects:
    """The objects of one store. Safe for use from several threads.

    Args:
        database: Has the small ones.
        store: Has the large ones.
        cache: A folder of the state folder for local copies.
        durable: Whether what is put survives a power cut.
    """

    def __init__(self, database: Database, store: ArtifactStore, *, cache: Path, durable: bool = True) -> None:
        self._database = database
        self._store = store
        self._cache = cache
        self._durable = durable
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, bytes] = OrderedDict()
        self._recent_size = 0
        self._verified = VerifiedFiles()
        self._holds = Holds(database, cache.parent)

    def staging(self) -> Path:
        """Return the folder for files that will be put."""
        return self._store.staging()

    def put_files(self, files: Mapping[str, Path], holder: str) -> list[Change]:
        """Store large objects, which are files by their digest; the files are taken away.

        An object that is there already is replaced: it may be damaged.

        Args:
            files: The files.
            holder: Id of the run that will name the objects, or of what else will; until then it holds them.

        Returns:
            What has to be written with what names the objects: it fails if they were collected meanwhile.

        Raises:
            StoreBusy: When one is being collected, and the collector does not come to its end.
        """
        if not files:
            return []
        self._holds.take(list(files), holder)
        for digest, path in files.items():
            self._store.put(key_of(digest), path, durable=self._durable)
        return proof(list(files), holder)

    def put_bytes(self, data: bytes, uploads: Uploads | None = None) -> tuple[str, list[Change]]:
        """Return the digest of some bytes and the changes that keep them.

        Args:
            data: The bytes.
            uploads: Takes large ones, for the caller to put; without, they are stored right now.
        """
        digest = digest_bytes(data)
        if len(data) <= INLINE_LIMIT:
            return digest, [self.inline(digest, data)]
        if uploads is not None:
            uploads.add_bytes(data, digest)
            return digest, []
        with Uploads(self) as own:
            own.add_bytes(data, digest)
            return digest, own.put()

    def inline(self, digest: str, data: bytes) -> Change:
        """Return the change that keeps a small object, and remember it for readers in this process."""
        self._remember(digest, data)
        return changes.insert_object(digest, data)

    def present(self, entry: FileEntry) -> bool:
        """Say whether an object is there with its recorded size. Its bytes are verified when they are read."""
        if entry.size <= INLINE_LIMIT:
            # Not from memory: what was saved here may never have been committed.
            return self._database.object_size(entry.digest) == entry.size
        info = self._store.stat(key_of(entry.digest))
        return info is not None and info.size == entry.size

    def holds(self, digest: str) -> bool:
        """Say whether there is an object of that digest, small or large."""
        # Not from memory: what was saved here may never have been committed, and somebody may have collected it.
        return self._database.object_size(digest) is not None or self._store.stat(key_of(digest)) is not None

    def content(self, entry: FileEntry) -> bytes:
        """Return the verified bytes of an object.

        Raises:
            ArtifactNotFound: When the store does not have it.
            ArtifactDamaged: When the bytes are not the recorded ones.
        """
        if entry.size > INLINE_LIMIT:
            with self.open(entry) as file:
                return file.read()
        with self._lock:
            known = self._recent.get(entry.digest)
        if known is not None:
            return known
        data = self._database.object(entry.digest)
        if data is None:
            raise _missing(entry)
        if digest_bytes(data) != entry.digest:
            raise _damaged(entry)
        self._remember(entry.digest, data)
        return data

    def open(self, entry: FileEntry) -> BinaryIO:
        """Return the verified bytes of an object as a stream that the caller closes; fails as `content` does."""
        if entry.size <= INLINE_LIMIT:
            return io.BytesIO(self.content(entry))
        return self._opened(self._large(entry), entry)

    def path(self, entry: FileEntry) -> Path:
        """Return a local file with the verified bytes of an object, which nobody may write to; fails as `content`."""
        if entry.size <= INLINE_LIMIT:
            return self._cached(entry)
        path = self._large(entry)
        self._opened(path, entry).close()
        return path

    def copy_to(self, entry: FileEntry, target: Path) -> None:
        """Write the verified bytes of an object to a file of the caller's; fails as `content` does."""
        with (
            explaining_full_disk(f"a copy of {entry.name}"),
            self.open(entry) as source,
            open(target, "xb", opener=private) as copy,
        ):
            shutil.copyfileobj(source, copy, _CHUNK)

    def is_copy(self, entry: FileEntry, path: Path) -> bool:
        """Say whether a file that was copied earlier still holds the bytes of an object."""
        try:
            self._opened(path, entry).close()
        except (ArtifactDamaged, ArtifactNotFound):
            return False
        return True

    def _large(self, entry: FileEntry) -> Path:
        if "local_files" not in self._store.capabilities:
            return self._cached(entry)
        try:
            return self._store.local_path(key_of(entry.digest))
        except ArtifactNotFound as error:
            raise _missing(entry) from error

    def _opened(self, path: Path, entry: FileEntry) -> io.BufferedReader:
        """Return a file whose bytes were verified through this very descriptor: no other file can take its place."""
        try:
            file = open(path, "rb")  # noqa: SIM115  # handed to the caller
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise _missing(entry) from error
        try:
            if not self._verified.holds(file, entry):
                raise _damaged(entry)
        except BaseException:
            file.close()
            raise
        return file

    def _cached(self, entry: FileEntry) -> Path:
        path = self._cache / key_of(entry.digest)
        if not self.is_copy(entry, path):
            self._fetch(entry, path)
        return path

    def _fetch(self, entry: FileEntry, path: Path) -> None:
        private_folder(path.parent)
        part = staging_path(path.parent)
        try:
            with explaining_full_disk(f"a copy of {entry.name}"), open(part, "xb", opener=private) as target:
                if entry.size <= INLINE_LIMIT:
                    target.write(self.content(entry))
                else:
                    self._download(entry, target)
            part.chmod(KEPT)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)

    def _download(self, entry: FileEntry, target: BinaryIO) -> None:
        hasher = hashlib.sha256()
        try:
            source = self._store.read(key_of(entry.digest))
        except ArtifactNotFound as error:
            raise _missing(entry) from error
        with source:
            while chunk := source.read(_CHUNK):
                hasher.update(chunk)
                target.write(chunk)
        if "sha256:" + hasher.hexdigest() != entry.digest:
            raise _damaged(entry)

    def _remember(self, digest: str, data: bytes) -> None:
        with self._lock:
            if digest in self._recent:
                return
            self._recent[digest] = data
            self._recent_size += len(data)
            while self._recent_size > _RECENT_BYTES:
                self._recent_size -= len(self._recent.popitem(last=False)[1])


class Uploads:
    """Large objects that are put together: one batch holds them all. Used in a `with`, after which no file is left.

    Args:
        objects: Where to.
        holder: Id of the run that will name them, or of what else will; see `zen.storage.holding`.
    """

    def __init__(self, objects: Objects, holder: str = "") -> None:
        self._objects = objects
        self._holder = holder
        self._files: dict[str, Path] = {}

    def add(self, path: Path, digest: str) -> None:
        """Take a file away from the staging folder, to be put later."""
        own = self._files.setdefault(digest, staging_path(self._objects.staging()))
        os.replace(path, own)

    def add_bytes(self, data: bytes, digest: str) -> None:
        """Take the bytes of a large object, to be put later."""
        path = self._files.setdefault(digest, staging_path(self._objects.staging()))
        with explaining_full_disk(f"an object of {len(data)} bytes"):
            write_private(path, data)

    def put(self) -> list[Change]:
        """Put what was added, durably, and return what has to be written with what names it.

        Raises:
            StoreBusy: When a collector that removes one of the objects does not come to its end.
        """
        try:
            return self._objects.put_files(self._files, self._holder)
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the files that are left: not every store takes them away."""
        for path in self._files.values():
            path.unlink(missing_ok=True)
        self._files = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.discard()


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
