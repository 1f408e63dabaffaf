"""Where a project is: its root, its stack file, and the folder for embedded state."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from zen.errors import ConfigError
from zen.stacks.folders import refusal

FILE = "zen.yaml"
STATE = ".zen"
REPRODUCTIONS = "reproduce"
"""Folder of the state under which runs are rebuilt; each is a project, with the state that it lies in."""
_MARKERS = (".git", "pyproject.toml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """A project.

    Attributes:
        root: The folder that it is in, absolute.
        file: Its `zen.yaml`, or None.
        state: The folder for embedded state, `.zen` in the root or `ZEN_HOME`. Finding a project does not create it.
        marked: Whether something says that `root` is a project (`zen.yaml`, `.git` or `pyproject.toml`); without, it is
            just the folder that was asked for.
    """

    root: Path
    file: Path | None = None
    state: Path
    marked: bool = False


def find_project(start: Path | None = None) -> Project:
    """Find the project that a file or folder belongs to, by default the current folder.

    Its root is the nearest folder upwards with a `zen.yaml`, else the nearest with `.git` or `pyproject.toml`, else the
    start's own folder.

    Raises:
        ConfigError: When `ZEN_HOME` is a folder that must not be one.
    """
    try:
        here = Path(os.path.abspath(start or Path.cwd()))
    except FileNotFoundError:
        raise ConfigError("the current folder no longer exists", hint="change to one that does") from None
    if not here.is_dir():
        here = here.parent
    folders = (here, *here.parents)
    file = next((folder / FILE for folder in folders if _is_file(folder / FILE)), None)
    if file:
        return Project(root=file.parent, file=file, state=_state(file.parent), marked=True)
    root = next((folder for folder in folders if any(os.path.lexists(folder / name) for name in _MARKERS)), None)
    return Project(root=root or here, state=_state(root or here), marked=root is not None)


def _is_file(path: Path) -> bool:
    # A broken link or a named pipe counts: that it cannot be read is told when it is read, not passed over.
    return os.path.lexists(path) and not os.path.isdir(path)


def _state(root: Path) -> Path:
    home = os.environ.get("ZEN_HOME")
    if not home:
        return root / STATE
    state = Path(os.path.abspath(os.path.expanduser(home)))
    why = refusal(state, root, among_sources=True)
    if why and not root.is_relative_to(state / REPRODUCTIONS):
        raise ConfigError(
            f"ZEN_HOME={home!r} cannot hold the state of zen: {why}", hint="set it to a folder of its own"
        )
    return state
