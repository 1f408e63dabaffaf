"""Folders that a store must not use: a mistake there costs somebody's files, or puts the store into every snapshot."""

from __future__ import annotations

import os
from pathlib import Path

ADVICE = "use a hidden folder such as .zen/artifacts, or one outside the project"


def refusal(folder: Path, root: Path, *, among_sources: bool = False) -> str:
    """Return why a store of the project in `root` must not use `folder`, as the second half of a sentence; or nothing.

    Args:
        folder: The folder or file; a relative one is taken from `root`.
        root: The project root.
        among_sources: Whether it may be a visible folder in the project, where source files are looked for.
    """
    try:
        place = (root / folder.expanduser()).resolve(strict=False)
        os.stat(place)
    except FileNotFoundError:
        pass
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a loop of links before Python 3.13
        return f"it cannot be reached ({getattr(error, 'strerror', None) or error})"
    project = root.resolve()
    if place == Path(place.anchor):
        return "it is the root of the file system"
    if place == project:
        return "it is the project's own folder"
    if place in project.parents:
        return "the whole project lies in it"
    visible = project in place.parents and not any(part[0] == "." for part in place.relative_to(project).parts)
    if visible and not among_sources:
        return "it lies among the project's sources, which are recorded with each run"
    return ""
