"""Which commit a project is at, read from git's own files: no process is started for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TREE = re.compile(rb"commit \d+\0tree ([0-9a-f]+)\n")
_HEAD = 200  # bytes of a commit in which its tree stands
_LONGEST = 100_000_000
_PATIENCE = 5.0


class Repository(NamedTuple):
    """A repository: the folder that it is about, and git's own folder."""

    top: Path
    git: Path


def commit_of(root: Path) -> dict[str, str]:
    """Return `commit` and `branch` of the repository that a folder lies in; nothing where there is none.

    A branch without commits has no commit, and a detached head no branch.
    """
    try:
        found = repository_of(root)
        return _read(found.git) if found is not None else {}
    except (OSError, ValueError):  # a repository that is damaged, or being changed: it says nothing
        return {}


def repository_of(root: Path) -> Repository | None:
    """Return the repository that a folder lies in; None where there is none, or it is damaged."""
    try:
        top = next((place for place in (root, *root.parents) if (place / ".git").exists()), None)
        found = Repository(top, _folder(top / ".git")) if top is not None else None
        return found if found is not None and (found.git / "HEAD").is_file() else None
    except (OSError, ValueError):
        return None


def has_staged(found: Repository, tree: str) -> bool | None:
    """Say whether the index differs from the commit; None when that cannot be read from a file of its own.

    Args:
        found: The repository.
        tree: What the index says that it stands for.
    """
    try:
        commit = _read(found.git).get("commit", "")
        known = _tree_of(found.git, commit) if tree and commit else ""
    except (OSError, ValueError):
        return None
    return tree != known if known else None


def ask_git(found: Repository) -> bool | None:
    """Say whether the index differs from the commit, asking git itself; None when it does not answer."""
    import subprocess  # only now: most runs need no process for it

    command = ["git", "--no-optional-locks", "diff-index", "--cached", "--quiet", "HEAD"]
    try:
        code = subprocess.run(command, cwd=found.top, capture_output=True, timeout=_PATIENCE, check=False).returncode
    except (OSError, subprocess.TimeoutExpired):
        return None
    return bool(code) if code in (0, 1) else None


def _tree_of(folder: Path, commit: str) -> str:
    """Return the tree of a commit that has a file of its own; an empty string for one in a pack."""
    import zlib

    name = Path("objects", commit[:2], commit[2:])
    file = next((place / name for place in _places(folder) if (place / name).is_file()), None)
    if file is None:
        return ""
    try:
        head = zlib.decompressobj().decompress(file.read_bytes(), _HEAD)
    except zlib.error:
        return ""
    found = _TREE.match(head)
    return found[1].decode() if found else ""


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


def _places(folder: Path) -> list[Path]:
    """Return where things of a repository may be: in a worktree's own folder, and in the one that all share."""
    common = folder / "commondir"
    return [folder, folder / common.read_text(encoding="utf-8").strip()] if common.is_file() else [folder]


def _commit(folder: Path, reference: str) -> str:
    places = _places(folder)
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
