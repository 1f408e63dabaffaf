"""Lines of a step that no store has yet, in files: they outlive the process, however it ends.

Nothing is synced: what a process has written is safe from its own death. A file is `RUN.STEP_RUN.FIRST.PART.lines`;
FIRST is the number that its first block gets in the store, so whoever finds the file knows whether the store has it.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

from zen.engine.capture import Line, Stream, as_record, left_out
from zen.errors import RunNotFound, StorageError
from zen.stacks.opening import OpenStack
from zen.storage import FileLock, changes
from zen.storage.private import private_folder

PART = 8 * 1024 * 1024
_FORGOTTEN = 24 * 3600.0  # seconds
_NAME = re.compile(r"([0-9a-z]+)\.([0-9a-z]+)\.([0-9]+)\.([0-9]+)\.lines")
_LINE = re.compile(r"(\+?)(stdout|stderr|log) ([0-9]+) (.*)", re.DOTALL)
_UNFINISHED = "+"


def folder_of(state: Path) -> Path:
    """Return the folder of these files."""
    return state / "runs"


class Spool:
    """The files beside the memory of one attempt. When the disk is full or read-only, it keeps nothing.

    Args:
        folder: Where they lie.
        owner: `RUN.STEP_RUN`.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        self._folder = folder
        self._owner = owner
        self._first, self._part = 1, 0
        self._file: int | None = None
        self._end = 0  # of the finished lines; the unfinished ones stand behind it and are written over
        self._size = 0
        self._used: list[tuple[int, int]] = []
        self._broken = False

    def append(self, lines: list[Line], unfinished: list[Line]) -> None:
        """Keep more lines, and the unfinished ones in place of the last."""
        if self._broken:
            return
        try:
            file = self._opened() if self._file is None else self._file
            data = done = _encoded(lines)
            if unfinished:
                data += _encoded(unfinished, _UNFINISHED)
            if (over := self._size - self._end - len(data)) > 0:
                data += b"\n" * over  # over what is left of longer unfinished lines: one write does it all
            _write(file, data, self._end)
            self._size = max(self._size, self._end + len(data))
            self._end += len(done)
        except OSError:
            self._broken = True
        if self._size > PART:
            self._next_part()

    def begin(self, first: int, unfinished: list[Line]) -> None:
        """Go on in a new file, whose first block is to be `first`."""
        self._shut()
        self._first, self._part = first, 0
        if unfinished:
            self.append([], unfinished)

    def drop(self, before: int | None = None) -> None:
        """Remove the files that are stored: those that begin before that block, or all."""
        if before is None:
            self._shut()
        for first, part in list(self._used):
            if before is None or first < before:
                self._remove(first, part)

    def _next_part(self) -> None:
        """Start another file; of many, the first and the last two are kept, as the head and the tail are."""
        self._shut()
        if self._part > 1:
            self._remove(self._first, self._part - 1)
        self._part += 1

    def _remove(self, first: int, part: int) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._path(first, part))
        self._used.remove((first, part))

    def _opened(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
        path = self._path(self._first, self._part)
        try:
            self._file = os.open(path, flags, 0o600)
        except FileNotFoundError:
            private_folder(self._folder)
            self._file = os.open(path, flags, 0o600)
        self._end = self._size = 0
        self._used.append((self._first, self._part))
        return self._file

    def _shut(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                os.close(file)

    def _path(self, first: int, part: int) -> str:
        return os.path.join(self._folder, f"{self._owner}.{first}.{part}.lines")


class Left(NamedTuple):
    """A file that an attempt left behind."""

    run: str
    step_run: str
    first: int
    part: int
    path: Path


def recover(stack: OpenStack, step_run: str) -> None:
    """Record what an attempt of this machine wrote last, whose process is gone."""
    _store(stack, [left for left in _left(stack.state) if left.step_run == step_run])


def recover_all(stack: OpenStack) -> None:
    """Record what the attempts of dead runs wrote last; what a live process may still record itself is left alone."""
    runs: dict[str, list[Left]] = {}
    for left in _left(stack.state):
        runs.setdefault(left.run, []).append(left)
    for run, found in runs.items():
        lock = FileLock(folder_of(stack.state) / f"{run}.lock")
        if not lock.try_acquire():
            continue
        try:
            # Its process may have removed them, all stored, before it let go of the lock.
            _store(stack, [left for left in found if left.path.exists() and _is_over(stack, left)])
        finally:
            lock.remove()


def _is_over(stack: OpenStack, left: Left) -> bool:
    try:
        return stack.database.step_run(left.step_run).finished
    except RunNotFound:  # of another store of this project, which will take it soon; or of none any more
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.path.stat().st_mtime > _FORGOTTEN:
                left.path.unlink()
        return False


def _store(stack: OpenStack, found: list[Left]) -> None:
    files: dict[tuple[str, int], list[Left]] = {}
    for left in sorted(found):
        files.setdefault((left.step_run, left.first), []).append(left)
    last = dict(files.keys())
    for (step_run, first), parts in files.items():
        lines = [as_record(line) for line in _lines(parts, end=last[step_run] == first)]
        try:
            if lines:
                stack.database.write([changes.late_lines(step_run, first, lines)], durable=False)
        except StorageError as error:
            stack.log.warning("the last lines of step run %s stay in %s: %s", step_run, parts[0].path, error)
            continue
        for part in parts:
            part.path.unlink(missing_ok=True)


def _lines(parts: list[Left], *, end: bool) -> list[Line]:
    """Return the lines of one file and its parts; at the `end` also what had no line end."""
    lines: list[Line] = []
    for number, part in enumerate(parts):
        found, unfinished = _read(part.path)
        if number and part.part != parts[number - 1].part + 1:
            lines.append(left_out(0, (part.part - parts[number - 1].part - 1) * PART, found))
        lines += found
        if end and part is parts[-1]:
            lines += unfinished
    return lines


def _read(path: Path) -> tuple[list[Line], list[Line]]:
    """Return the finished and the unfinished lines of a file; what the death of its writer tore is left out."""
    finished: list[Line] = []
    unfinished: list[Line] = []
    try:
        data = path.read_bytes()
    except FileNotFoundError:  # somebody has stored it meanwhile
        return finished, unfinished
    for raw in data.split(b"\n"):
        found = _LINE.fullmatch(raw.decode("utf-8", "backslashreplace"))
        if found:
            line = cast(Stream, found[2]), int(found[3]), found[4]
            (unfinished if found[1] else finished).append(line)
    return finished, unfinished


def _left(state: Path) -> Iterator[Left]:
    try:
        with os.scandir(folder_of(state)) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(".lines")]
    except OSError:
        return
    for name in names:
        if found := _NAME.fullmatch(name):
            yield Left(found[1], found[2], int(found[3]), int(found[4]), folder_of(state) / name)


def _encoded(lines: list[Line], sign: str = "") -> bytes:
    return "".join([f"{sign}{stream} {at} {text}\n" for stream, at, text in lines]).encode()


def _write(file: int, data: bytes, offset: int) -> None:
    if hasattr(os, "pwrite"):
        written = os.pwrite(file, data, offset)
    else:
        os.lseek(file, offset, os.SEEK_SET)
        written = os.write(file, data)
    if written < len(data):
        raise OSError(f"wrote {written} of {len(data)} bytes")  # the disk is full
