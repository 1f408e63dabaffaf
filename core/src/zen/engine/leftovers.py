"""Files of the state folder that nobody uses any more: copies, unpacked artifacts, rebuilt sources, old indexes."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from zen.engine.keeping import INDEX
from zen.stacks.opening import OpenStack
from zen.stacks.project import REPRODUCTIONS
from zen.storage import FileLock

_AT_LEAST = dt.timedelta(hours=1)  # also without grace: a run that is about to begin may have just made it


@dataclass(frozen=True, kw_only=True, slots=True)
class Leftover:
    """A file or folder that can be made again, or is of no use.

    Attributes:
        path: Where it is.
        bytes: How much room it takes.
        what: What it is.
    """

    path: Path
    bytes: int
    what: str


def leftovers(stack: OpenStack, grace: dt.timedelta) -> Iterator[Leftover]:
    """Yield what nobody has used for the grace period; nothing while a run is open, which may use anything."""
    if stack.database.open_runs():
        return
    before = time.time() - max(grace, _AT_LEAST).total_seconds()
    for what, path in _candidates(stack):
        if _used(path) < before:
            yield Leftover(path=path, bytes=_size(path), what=what)


def swept(stack: OpenStack, grace: dt.timedelta) -> Iterator[Leftover]:
    """Remove the leftovers, and yield what is gone."""
    for each in list(leftovers(stack, grace)):
        if each.path.parent.name == REPRODUCTIONS:
            _remove_unless_used(each.path)
        else:
            _remove(each.path)
        if not each.path.exists():
            yield each


def _remove_unless_used(path: Path) -> None:
    lock = FileLock(path.with_suffix(".lock"))
    if not lock.try_acquire():  # somebody works in it
        return
    try:
        _remove(path)
        _remove(lock.path)
    finally:
        lock.release()


def _candidates(stack: OpenStack) -> Iterator[tuple[str, Path]]:
    state = stack.state
    for what, folder in (
        ("an unpacked artifact", state / "cache" / "trees"),
        ("the source of a run", state / "code"),
        ("the source of a run that was reproduced", state / REPRODUCTIONS),
    ):
        yield from ((what, path) for path in _entries(folder) if path.suffix != ".lock")
    for folder in _entries(state / "cache" / "objects" / "sha256"):
        yield from (("a copy of an object", path) for path in _entries(folder))
    current = f"-{stack.database.counter('collections')}.json"
    for path in _entries(state):
        if path.name.startswith(INDEX) and not path.name.endswith(current):
            yield "an index of sources of before the last collection", path


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _used(path: Path) -> float:
    """Return when a file, a folder or its mark was last changed."""
    times = [0.0]
    for each in (path, path / ".zen-snapshot"):
        with suppress(OSError):
            status = os.lstat(each)
            times.append(max(status.st_mtime, status.st_ctime, status.st_atime))
    return max(times)


def _size(path: Path) -> int:
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    with suppress(OSError):
        status = os.lstat(path)
        total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return total


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
