"""Files whose bytes were compared with their digest: which, and whether they are still the same files."""

from __future__ import annotations

import hashlib
import os
import time
from io import BufferedReader

from zen.records import FileEntry

# Times of files advance in ticks: two changes within one tick cannot be told apart.
_TICK = 50_000_000


class VerifiedFiles:
    """Remembers, in this process, which files hold the bytes of which digest, for as long as they do not change.

    A change of the bytes by a program shows in the times of the file; one by the disk itself is found by the next
    process, because nothing is remembered on disk.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[str, int, int, int]] = {}

    def holds(self, file: BufferedReader, entry: FileEntry) -> bool:
        """Say whether an open file holds the bytes of an entry; it stands at its start afterwards."""
        status = os.fstat(file.fileno())
        place = (status.st_dev, status.st_ino)
        found = (entry.digest, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if self._known.get(place) == found:
            return True
        if status.st_size != entry.size:
            return False
        digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        if digest != entry.digest:
            return False
        if time.time_ns() - status.st_ctime_ns > _TICK:
            self._known[place] = found
        return True
