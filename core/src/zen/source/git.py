"""Which commit a project is at, read from git's own files: no process is started for it."""

from __future__ import annotations

import re
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LONGEST = 100_000_000


def commit_of(root: Path) -> dict[str, str]:
    """Return `commit` and `branch` of the repository that a folder lies in; nothing where there is none.

    A branch without commits has no commit, and a detached head no branch.
    """
    try:
        found = next((place for place in (root, *root.parents) if (place / ".git").exists()), None)
        return _read(_folder(found / ".git")) if found is not None else {}
    except (OSError, ValueError):  # a repository that is damaged, or being changed: it says nothing
        return {}


def _folder(path: Path) -> Path:
    """Return git's folder; worktrees and submodules have a file that names it."""
    if path.is_dir():
        return path
    named = path.read_text(encoding="utf-8").partition("gitdir:")[2].strip()
    return path.parent / named


def _read(folder: Path) -> dict[str, str]:
    head = (folder / "HEAD").read_text(encoding="utf-8").strip()
    if _COMMIT.fullmatch(head):
        return {"commit": head}
    reference = head.removeprefix("ref:").strip()
    commit = _commit(folder, reference)
    branch = {"branch": reference.removeprefix("refs/heads/")}
    return {**branch, "commit": commit} if commit else branch


def _commit(folder: Path, reference: str) -> str:
    common = folder / "commondir"
    places = [folder, folder / common.read_text(encoding="utf-8").strip()] if common.is_file() else [folder]
    for place in places:
        loose = place / reference
        if loose.is_file() and _COMMIT.fullmatch(text := loose.read_text(encoding="utf-8").strip()):
            return text
    for place in places:
        packed = place / "packed-refs"
        if packed.is_file() and packed.stat().st_size < _LONGEST:
            for line in packed.read_text(encoding="utf-8").splitlines():
                commit, _, name = line.partition(" ")
                if name == reference and _COMMIT.fullmatch(commit):
                    return commit
    return ""
