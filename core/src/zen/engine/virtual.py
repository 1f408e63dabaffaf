"""A fresh environment for a run: made with uv, from what was installed when the run was launched."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from zen.errors import RunError, UsageError
from zen.registry.inventory import Installed

_LINES = 15  # of what uv says, when it fails


class Made:
    """A new environment.

    Attributes:
        python: Its interpreter.
        notes: What is in it that may be another thing than was installed then.
    """

    def __init__(self, python: Path, notes: Sequence[str]) -> None:
        self.python = python
        self.notes = tuple(notes)


def make_environment(
    folder: Path, python: str, distributions: Sequence[Installed], *, root: Path, source: Path
) -> Made:
    """Make an environment.

    Args:
        folder: Where; it does not exist.
        python: The version of the interpreter, such as `3.11.7`; another patch level will do.
        distributions: What to install.
        root: The project: what was installed from it is installed from its copy.
        source: The copy.

    Raises:
        UsageError: When there is no uv.
        RunError: When uv fails.
    """
    uv, notes = _uv(), []
    try:
        _run([*uv, "venv", "--quiet", "--python", python, str(folder)], "no environment could be made")
    except RunError:
        near = ".".join(python.split(".")[:2])
        _run([*uv, "venv", "--quiet", "--python", near, str(folder)], "no environment could be made")
        notes.append(f"Python {python} is not to be had here; another {near} was taken")
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    indexed, local = requested(distributions, root, source, notes)
    install = [*uv, "pip", "install", "--quiet", "--no-deps", "--python", str(interpreter)]
    if indexed:
        listed = folder / "requirements.txt"
        listed.write_text("\n".join(indexed) + "\n", encoding="utf-8")
        _run([*install, "-r", str(listed)], "what was installed then cannot be installed now")
    if local:
        _run([*install, *local], "what was installed from folders cannot be installed from there now")
    return Made(interpreter, notes)


def requested(
    distributions: Sequence[Installed], root: Path, source: Path, notes: list[str]
) -> tuple[list[str], list[str]]:
    """Return what to install from indexes, and the arguments for what was installed from folders; add to the notes."""
    indexed, local = [], []
    root = root.resolve()
    for each in distributions:
        if each.source == "index" and each.version:
            indexed.append(f"{each.name}=={each.version}")
        elif each.source == "url" and each.url:
            indexed.append(f"{each.name} @ {each.url}")
        elif (place := _place(each, root, source, notes)) is not None:
            local += ["-e", str(place)] if each.source == "editable" else [str(place)]
    return indexed, local


def _place(each: Installed, root: Path, source: Path, notes: list[str]) -> Path | None:
    """Return from where to install what was installed from a folder; None if that is nowhere."""
    if not each.url:
        notes.append(f"{each.name} {each.version} is left out: nothing says where it came from")
        return None
    place = Path(each.url).resolve()
    if place.is_relative_to(root):
        copy = source / place.relative_to(root)
        if _is_installable(copy):
            notes.append(f"{each.name} is installed from the snapshot")
            return copy
        notes.append(f"{each.name} is left out: the snapshot has nothing to install it from; its folder is on the path")
        return None
    if _is_installable(place):
        notes.append(f"{each.name} {each.version} is installed from its current source in {place}, as it is now")
        return place
    notes.append(f"{each.name} {each.version} is left out: there is nothing to install in {place} any more")
    return None


def _is_installable(place: Path) -> bool:
    return place.is_file() or any((place / name).is_file() for name in ("pyproject.toml", "setup.py"))


def _uv() -> list[str]:
    if found := shutil.which("uv"):
        return [found]
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    raise UsageError("a fresh environment is made with uv, which is not here", hint="pip install uv")


def _run(command: Sequence[str], failure: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        told = "\n".join(done.stderr.strip().splitlines()[-_LINES:])
        raise RunError(f"{failure}: {told}", hint="without --fresh-environment it runs in the current one")
