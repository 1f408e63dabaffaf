"""The quarantine of an artifact store: objects that were moved aside, each with a note that says when and why."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zen.errors import ArtifactNotFound
from zen.interfaces import ArtifactStore
from zen.records.codec import record
from zen.storage.objects import key_of
from zen.storage.private import write_private
from zen.storage.staging import explaining_full_disk, staging_path

PREFIX = "quarantine/"
DAMAGED = "damaged"
UNNAMED = "nothing names it"
_NOTE = ".json"


@record()
class Item:
    """What lies in quarantine.

    Attributes:
        key: Of the bytes.
        size: Of the bytes.
        at: Since when; None if the note cannot be read.
        why: The reason; empty if the note cannot be read.
    """

    key: str
    size: int
    at: dt.datetime | None
    why: str


class Quarantine:
    """The quarantine of a store. Who moves an object has condemned it, so that nobody puts it meanwhile."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def move(self, digest: str, note: Mapping[str, Any]) -> str:
        """Move a large object aside, and return its new key."""
        source, key = key_of(digest), self._noted(digest, note)
        if "local_files" in self._store.capabilities:
            self._store.put(key, self._store.local_path(source))  # a rename
        else:
            with self._staged() as path, self._store.read(source) as stream, explaining_full_disk("a damaged object"):
                with open(path, "xb") as file:
                    shutil.copyfileobj(stream, file, 1 << 20)
                self._store.put(key, path)
        self._store.delete(source)
        return key

    def keep(self, digest: str, data: bytes, note: Mapping[str, Any]) -> str:
        """Keep a copy of the bytes of a small object, and return its key."""
        key = self._noted(digest, note)
        self._put(key, data)
        return key

    def items(self) -> Iterator[Item]:
        """Yield what is there."""
        for info in self._store.list(PREFIX):
            if not info.key.endswith(_NOTE):
                note = self._note(info.key)
                yield Item(key=info.key, size=info.size, at=_time(note.get("at")), why=str(note.get("why", "")))

    def remove(self, key: str) -> None:
        """Delete what is there for good, with its note."""
        self._store.delete(key)
        self._store.delete(f"{key}{_NOTE}")

    def _noted(self, digest: str, note: Mapping[str, Any]) -> str:
        """Write the note, and return the key for the bytes; of one object, several may come here."""
        key = f"{PREFIX}{key_of(digest).removeprefix('objects/')}/{os.urandom(4).hex()}"
        facts = {"digest": digest, "at": dt.datetime.now(dt.UTC).isoformat(), **note}
        self._put(f"{key}{_NOTE}", json.dumps(facts, indent=1).encode())
        return key

    def _put(self, key: str, data: bytes) -> None:
        with self._staged() as path:
            write_private(path, data)
            self._store.put(key, path)

    def _staged(self) -> _Staged:
        return _Staged(staging_path(self._store.staging()))

    def _note(self, key: str) -> dict[str, Any]:
        try:
            with self._store.read(f"{key}{_NOTE}") as stream:
                note = json.loads(stream.read(1 << 20))
        except (ArtifactNotFound, ValueError):
            return {}
        return note if isinstance(note, dict) else {}


class _Staged:
    """A path for a file that is gone afterwards."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Path:
        return self._path

    def __exit__(self, *exception: object) -> None:
        self._path.unlink(missing_ok=True)


def _time(text: Any) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(str(text))
    except ValueError:
        return None
