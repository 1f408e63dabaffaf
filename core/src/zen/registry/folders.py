"""Places on `sys.path` as the scan sees them: a folder or a zip archive, with the names directly in it."""

from __future__ import annotations

import os
from typing import Protocol


class Folder(Protocol):
    """A place on `sys.path`."""

    path: str
    names: list[str]

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a file in it (`name` has ``/`` as separator); None when it cannot be read."""


def open_folder(path: str) -> Folder | None:
    """Return the place at `path`; None when there is nothing to read there. An empty path is the current folder."""
    try:
        return _Directory(path)
    except NotADirectoryError:
        return _archive(path)
    except (OSError, TypeError, ValueError):
        # As `importlib.metadata` does: what cannot be listed holds no distribution. Paths hold NUL bytes, None, …
        return None


class _Directory:
    def __init__(self, path: str) -> None:
        self.path = path
        self.names = os.listdir(path or ".")

    def read(self, name: str) -> bytes | None:
        # os.open and os.read, because they cost half of what open() does and a scan makes hundreds of these calls.
        try:
            descriptor = os.open(os.path.join(self.path, name), os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError:
            return None
        try:
            parts = []
            while part := os.read(descriptor, 65_536):
                parts.append(part)
            return b"".join(parts)
        except OSError:
            return None
        finally:
            os.close(descriptor)


class _Archive:
    def __init__(self, path: str) -> None:
        from zipfile import ZipFile

        self.path = path
        with ZipFile(path) as archive:
            self.names = list(dict.fromkeys(name.split("/", 1)[0] for name in archive.namelist()))

    def read(self, name: str) -> bytes | None:
        from zipfile import ZipFile

        with ZipFile(self.path) as archive:
            try:
                return archive.read(name)
            except (KeyError, OSError, ValueError):
                return None


def _archive(path: str) -> Folder | None:
    from zipfile import BadZipFile

    try:
        return _Archive(path)
    except (OSError, BadZipFile):
        return None
