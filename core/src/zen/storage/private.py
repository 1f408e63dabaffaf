"""Files and folders that nobody but their owner may read: all that zen keeps on a disk, whatever the umask says."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = 0o700
FILE = 0o600
KEPT = 0o400
"""A file that is written once."""


def private_folder(folder: Path) -> Path:
    """Make a folder and its missing parents, and return it; one that exists keeps its mode.

    Raises:
        OSError: When one cannot be made, or something else is in its place.
    """
    missing = []
    place = folder
    while not place.is_dir():
        missing.append(place)
        place = place.parent
    for new in reversed(missing):
        try:
            new.mkdir(FOLDER)
        except FileExistsError:  # somebody else was faster
            if not new.is_dir():
                raise
    return folder


def private(path: str, flags: int) -> int:
    """Open a file; as the `opener` of `open` it makes new ones private."""
    return os.open(path, flags, FILE)


def write_private(path: Path, data: bytes) -> None:
    """Write a whole file; a new one is private."""
    with open(path, "wb", opener=private) as file:
        file.write(data)
