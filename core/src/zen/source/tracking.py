"""What git makes of a project: which files it tracks, which it ignores, and whether they differ from its index."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from zen.source.git import Repository, repository_of
from zen.source.ignoring import Rules, ignored, is_ignored_folder, read_rules, rules_above
from zen.source.indexed import Index, Tracked, is_unchanged, read_index

_MOST_READ = 16 * 1024 * 1024  # bytes of files whose status says nothing: a copied project has many


@dataclass(slots=True)
class Tracking:
    """How git sees the folder of a project; asked while the folder is walked.

    Attributes:
        repository: The repository.
        below: The folder of the project, from the top of the repository: empty, or with a slash at the end.
        rules: What is ignored, before the project's own rules.
        index: What is tracked; None where the index cannot be read.
        changed: Whether a file differs from the index or is not in it; None when that is not known.
    """

    repository: Repository
    below: str
    rules: list[Rules]
    index: Index | None
    changed: bool | None = False
    _left: set[str] = field(default_factory=set)
    _read: int = 0

    def __post_init__(self) -> None:
        self._left.update(self.index.files if self.index else ())

    def tracked(self, name: str) -> Tracked | None:
        """Return what the index knows of a file of the project."""
        return self.index.files.get(name) if self.index else None

    def holds_tracked(self, name: str) -> bool:
        """Say whether tracked files lie in a folder of the project, or another repository."""
        return self.index is not None and (name in self.index.folders or name in self.index.files)

    def inside(self, path: str, prefix: str, rules: list[Rules]) -> list[Rules]:
        """Return the rules that hold in a folder with an ignore file of its own."""
        own = read_rules(os.path.join(path, ".gitignore"), self.below + prefix)
        return [*rules, own] if own is not None else rules

    def ignores(self, name: str, rules: list[Rules], *, folder: bool) -> bool:
        """Say whether a file or folder of the project is ignored, unless it is tracked."""
        return ignored(self.below + name, name.rpartition("/")[2], rules, folder=folder)

    def saw(self, name: str, tracked: Tracked | None, path: str, status: os.stat_result) -> None:
        """Note a file that is there."""
        self._left.discard(name)
        if self.changed or tracked is None:
            self.changed = True
            return
        if self.index is None or tracked.assumed or tracked.is_module:
            return
        try:
            own = os.lstat(path) if tracked.is_link else status
            same = is_unchanged(tracked, path, own, self.index.written) if self._read < _MOST_READ else None
        except OSError:
            same = None
        if same is False:
            self.changed = True
        elif same is None:
            self.changed = None
        self._read += 0 if same else status.st_size

    def finish(self, *, complete: bool) -> None:
        """Note that the walk is over; what was not seen of the tracked files is gone, if it was `complete`."""
        if self.changed or self.index is None:
            self.changed = self.changed if self.index is not None else None
            return
        gone = [self.index.files[name] for name in self._left]
        if any(not (each.assumed or each.is_module) for each in gone):
            self.changed = True if complete else None


def tracking(root: Path) -> Tracking | None:
    """Return how git sees a folder; None where it is in no repository, or in one that ignores it."""
    repository = repository_of(root)
    if repository is None:
        return None
    below = "" if root == repository.top else root.relative_to(repository.top).as_posix() + "/"
    rules = rules_above(repository.top, repository.git, root)
    index = read_index(repository.git, below)
    if below and not (index is not None and index.files) and is_ignored_folder(root, repository.top, rules):
        return None
    return Tracking(repository, below, rules, index)
