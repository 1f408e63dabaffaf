"""Which files of a project are its source: what git would track, or where there is no git, what looks like source."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from zen.source.ignoring import Rules
from zen.source.tracking import Tracking

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
_CODE = frozenset({".py", ".ipynb", ".sql", ".md", ".r", ".sh"})
_KEYS = (".pem", ".key", ".p12", ".pfx", ".jks", ".keystore")
_PRIVATE = frozenset(
    {".env", ".netrc", ".pgpass", ".pypirc", ".npmrc", ".htpasswd", "id_rsa", "id_ed25519", "id_ecdsa"}
)
_EXAMPLES = ("example", "sample", "template", "dist")


class SourceFile(NamedTuple):
    """A file to take: its relative POSIX name, its path, and its status when its folder was listed."""

    name: str
    path: str
    status: os.stat_result


class _Place(NamedTuple):
    """A folder to walk.

    Attributes:
        prefix: Its name, from the root, with a slash at the end.
        rules: What git ignores in it.
        tracked_only: Whether only tracked files count: it is ignored, or no source.
        nested: Whether it lies in another repository.
    """

    path: str
    prefix: str
    rules: list[Rules]
    tracked_only: bool = False
    nested: bool = False


class Folders:
    """Walks a project in a fixed order; what it leaves out for a reason of its own is in `omitted`.

    Args:
        root: The project.
        skip: A file in the state folder; neither is source.
        recursive: Whether to go into folders.
        git: How git sees the project, if it is in a repository.
    """

    def __init__(self, root: Path, *, skip: Path, recursive: bool, git: Tracking | None = None) -> None:
        self.root = str(root)
        self.skip = {str(skip), str(skip.parent)} - {self.root}
        self.recursive = recursive
        self.git = git
        self.omitted: list[str] = []
        self._seen = self._files = self._bytes = 0
        self._complete = recursive

    def files(self) -> Iterator[SourceFile]:
        """Yield the source files, folder by folder."""
        pending = [_Place(self.root, "", self.git.rules if self.git else [])]
        while pending:
            place = pending.pop()
            entries = self._entries(place)
            names = {entry.name for entry in entries}
            if place.prefix and ("pyvenv.cfg" in names or "CACHEDIR.TAG" in names):
                place = place._replace(tracked_only=True)
                if not self._holds_tracked(place.prefix[:-1]):
                    continue
            if self.git and ".gitignore" in names:
                place = place._replace(rules=self.git.inside(place.path, place.prefix, place.rules))
            below = []
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    found = self._folder(entry, place, names)
                    below += [found] if found is not None else []
                elif (file := self._file(entry, place)) is not None:
                    yield file
            if self.recursive:
                pending += reversed(below)
        if self.git:
            self.git.finish(complete=self._complete)

    def _entries(self, place: _Place) -> list[os.DirEntry[str]]:
        """Return what is in a folder; without git, nothing that is hidden."""
        hidden = ".git" if self.git else "."
        try:
            with os.scandir(place.path) as listed:
                found = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            self._complete = False
            self.omitted.append(f"{place.prefix or '.'}: {error.strerror or type(error).__name__}")
            return []
        entries = [each for each in found if each.name[0] != "." or (self.git is not None and each.name != hidden)]
        self._seen += len(entries)
        if self._seen > _MOST_SEEN:
            self._complete = False
            self.omitted.append(
                f"{place.prefix or '.'} and what follows: more than {_MOST_SEEN:,} files in the project"
            )
            return []
        return entries

    def _folder(self, entry: os.DirEntry[str], place: _Place, beside: set[str]) -> _Place | None:
        """Return a folder to walk, or None for one that holds no source."""
        name = place.prefix + entry.name
        if entry.path in self.skip:
            return None
        foreign = (
            place.tracked_only
            or entry.name in _GENERATED
            or entry.name.endswith(".egg-info")
            or ("pyvenv.cfg" in beside and entry.name.lower() in _ENVIRONMENT)
            or (self.git is not None and self.git.ignores(name, place.rules, folder=True))
        )
        if foreign and not self._holds_tracked(name):
            return None
        nested = place.nested or (self.git is not None and os.path.lexists(os.path.join(entry.path, ".git")))
        return _Place(entry.path, name + "/", place.rules, foreign, nested)

    def _holds_tracked(self, name: str) -> bool:
        return self.git is not None and self.git.holds_tracked(name)

    def _file(self, entry: os.DirEntry[str], place: _Place) -> SourceFile | None:
        name = place.prefix + entry.name
        suffix = os.path.splitext(entry.name)[1].lower()
        tracked = self.git.tracked(name) if self.git else None
        if entry.path in self.skip or (tracked is None and not self._is_source(entry.name, name, suffix, place)):
            return None
        try:
            status = entry.stat(follow_symlinks=False)
            if self.git and not place.nested:
                self.git.saw(name, tracked, entry.path, status)
            if entry.is_symlink():
                if not self._leads_inside(entry.path):
                    self.omitted.append(f"{name}: a link that leads out of the project, or to no file")
                    return None
                status = entry.stat()
            if not entry.is_file():
                return None
        except OSError:
            return None  # Deleted since its folder was listed.
        reason = self._refusal(entry.name, suffix, status.st_size)
        if reason:
            self.omitted.append(f"{name}: {reason}")
            return None
        return SourceFile(name, entry.path, status)

    def _is_source(self, bare: str, name: str, suffix: str, place: _Place) -> bool:
        """Say whether a file that is not tracked is source all the same."""
        if place.tracked_only or bare == "pyvenv.cfg":
            return False
        if self.git is None:
            return suffix in _SUFFIXES
        return not self.git.ignores(name, place.rules, folder=False)

    def _leads_inside(self, path: str) -> bool:
        target = os.path.realpath(path)
        return target.startswith(os.path.join(self.root, "")) and os.path.isfile(target)

    def _refusal(self, name: str, suffix: str, size: int) -> str:
        if _may_hold_secrets(name.lower(), suffix):
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


def _may_hold_secrets(name: str, suffix: str) -> bool:
    if name.endswith(_EXAMPLES):
        return False
    if name in _PRIVATE or name.startswith(".env.") or suffix in _KEYS:
        return True
    return suffix not in _CODE and any(word in name for word in _SECRETS)
