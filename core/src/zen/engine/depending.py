"""What a cache policy says that results depend on: files, folders, patterns and variables, as digests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from zen.errors import UsageError
from zen.identity import digest

VARIABLE = "env:"


def digests(names: Iterable[str], root: Path) -> dict[str, str]:
    """Return what each of these is now: a digest, or `missing`.

    Args:
        names: `env:REGION`, or paths and patterns from the project root.
        root: The project root.

    Raises:
        UsageError: For a path that leads out of the project.
    """
    return {name: _variable(name) if name.startswith(VARIABLE) else _files(name, root.resolve()) for name in names}


def _variable(name: str) -> str:
    value = os.environ.get(name.removeprefix(VARIABLE))
    return "missing" if value is None else digest("variable/1", value)


def _files(name: str, root: Path) -> str:
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise UsageError(f"a step depends on {name!r}, which is not in the project", hint="give a path from its root")
    found = {path.relative_to(root).as_posix(): _content(path) for path in _matching(name, root)}
    return digest("files/1", found) if found else "missing"


def _matching(name: str, root: Path) -> Iterator[Path]:
    for path in sorted(root.glob(name)) if any(sign in name for sign in "*?[") else [root / name]:
        if path.is_dir():
            yield from (each for each in sorted(path.rglob("*")) if each.is_file())
        elif path.is_file():
            yield path


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
