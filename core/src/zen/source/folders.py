"""Which files of a project are its source."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_SUFFIXES = frozenset(
    [
        ".py",
        ".ipynb",
        ".yaml",
        ".yml",
        ".toml",
        ".json",
        ".sql",
        ".cfg",
        ".ini",
        ".md",
        ".txt",
        ".r",
        ".sh",
    ]  # In lower case.
)
_MOST_BYTES = 1024 * 1024
_MOST_FILES = 5_000
_MOST_BYTES_TOGETHER = 100 * 1024 * 1024
_MOST_SEEN = 100_000  # Entries of folders; a data set of a million files in the project must not delay a run.

# Folders that tools fill, and that change with every run or hold other people's code.
_GENERATED = frozenset(
    {"__pycache__", "node_modules", "site-packages", "dist-packages", "mlruns", "mlartifacts", "wandb"}
)
_ENVIRONMENT = frozenset({"bin", "include", "lib", "lib64", "share", "scripts"})
_SECRETS = ("secret", "credential", "password", "service_account", "service-account", "private_key", "private-key")
_DATA = frozenset({".json", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".txt"})


class SourceFile(NamedTuple):
    """A file to take: its relative POSIX name, its path, and its status when its folder was listed."""

    name: str
    path: str
    status: os.stat_result


class Folders:
    """Walks a project in a fixed order; what it leaves out for a reason of its own is in `omitted`."""

    def __init__(self, root: Path, *, skip: Path, recursive: bool) -> None:
        self.root = str(root)
        self.skip = {str(skip), str(skip.parent)} - {self.root}
        self.recursive = recursive
        self.omitted: list[str] = []
        self._seen = self._files = self._bytes = 0

    def files(self) -> Iterator[SourceFile]:
        """Yield the source files, folder by folder."""
        pending = [(self.root, "")]
        while pending:
            path, prefix = pending.pop()
            entries = self._entries(path, prefix)
            names = {entry.name for entry in entries}
            if prefix and ("pyvenv.cfg" in names or "CACHEDIR.TAG" in names):
                continue
            passed = _ENVIRONMENT if "pyvenv.cfg" in names else frozenset()
            below = []
            for entry in entries:
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if self._is_ours(entry) and entry.name.lower() not in passed:
                        below.append((entry.path, name + "/"))
                elif (found := self._file(entry, name)) is not None:
                    yield found
            if self.recursive:
                pending += reversed(below)

    def _entries(self, path: str, prefix: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(path) as listed:
                entries = sorted((entry for entry in listed if entry.name[0] != "."), key=lambda entry: entry.name)
        except OSError as error:
            self.omitted.append(f"{prefix or '.'}: {error.strerror or type(error).__name__}")
            return []
        self._seen += len(entries)
        if self._seen > _MOST_SEEN:
            self.omitted.append(f"{prefix or '.'} and what follows: more than {_MOST_SEEN:,} files in the project")
            return []
        return entries

    def _is_ours(self, entry: os.DirEntry[str]) -> bool:
        return entry.name not in _GENERATED and not entry.name.endswith(".egg-info") and entry.path not in self.skip

    def _file(self, entry: os.DirEntry[str], name: str) -> SourceFile | None:
        suffix = os.path.splitext(entry.name)[1].lower()
        if suffix not in _SUFFIXES or entry.path in self.skip or entry.name == "pyvenv.cfg":
            return None
        try:
            if entry.is_symlink() and not self._leads_inside(entry.path):
                self.omitted.append(f"{name}: a link that leads out of the project, or to no file")
                return None
            if not entry.is_file():
                return None
            status = entry.stat()
        except OSError:
            return None  # Deleted since its folder was listed.
        reason = self._refusal(entry.name, suffix, status.st_size)
        if reason:
            self.omitted.append(f"{name}: {reason}")
            return None
        return SourceFile(name, entry.path, status)

    def _leads_inside(self, path: str) -> bool:
        target = os.path.realpath(path)
        return target.startswith(os.path.join(self.root, "")) and os.path.isfile(target)

    def _refusal(self, name: str, suffix: str, size: int) -> str:
        if suffix in _DATA and any(word in name.lower() for word in _SECRETS):
            return "its name says that it holds secrets"
        if size > _MOST_BYTES:
            return "larger than 1 MiB"
        if self._files >= _MOST_FILES:
            return f"more than {_MOST_FILES:,} source files"
        if self._bytes + size > _MOST_BYTES_TOGETHER:
            return "more than 100 MiB of source files"
        self._files += 1
        self._bytes += size
        return ""
