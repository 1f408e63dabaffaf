"""The source of two runs, as the lines that differ. Only text, and only so much of it as somebody reads."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Literal

from zen.client.comparison import FileDiff, SourceDiff
from zen.client.shown import plural
from zen.engine import snapshots
from zen.errors import ArtifactDamaged, ArtifactNotFound, RunNotFound, UsageError
from zen.records import FileEntry, RunRecord
from zen.stacks.opening import OpenStack

LARGEST = 256 * 1024
MOST_FILES = 100
MOST_LINES = 2_000  # of one file's diff


def diff(stack: OpenStack, first: RunRecord, other: RunRecord, position: int) -> SourceDiff:
    """Return how the source of a run differs from that of the first."""
    if first.snapshot == other.snapshot:
        return SourceDiff(run=position, note="" if first.snapshot else "no source was recorded")
    try:
        before, after = ({entry.name: entry for entry in snapshots.files_of(stack, run)} for run in (first, other))
    except (RunNotFound, ArtifactDamaged, UsageError) as error:
        return SourceDiff(run=position, note=error.message)
    names = [name for name in before | after if _digest(before, name) != _digest(after, name)]
    # Python before the rest: that is what runs.
    names.sort(key=lambda name: (not name.endswith((".py", ".ipynb")), name))
    files = tuple(_file(stack, name, before.get(name), after.get(name)) for name in names[:MOST_FILES])
    left_out = len(names) - len(files)
    return SourceDiff(run=position, files=files, note=f"{plural(left_out, 'more file')} not shown" if left_out else "")


def _digest(files: dict[str, FileEntry], name: str) -> str:
    return files[name].digest if name in files else ""


def _file(stack: OpenStack, name: str, before: FileEntry | None, after: FileEntry | None) -> FileDiff:
    change: Literal["added", "removed", "changed"] = (
        "added" if before is None else "removed" if after is None else "changed"
    )
    try:
        lines = list(_lines(name, _text(stack, before), _text(stack, after)))
    except _Unshown as reason:
        return FileDiff(name=name, change=change, note=str(reason))
    added = sum(line.startswith("+") for line in lines[2:])
    removed = sum(line.startswith("-") for line in lines[2:])
    note = f"{len(lines) - MOST_LINES} more lines" if len(lines) > MOST_LINES else ""
    text = "\n".join(lines[:MOST_LINES])
    return FileDiff(name=name, change=change, added=added, removed=removed, diff=text, note=note)


class _Unshown(Exception):
    """A file whose lines are not shown, and why."""


def _text(stack: OpenStack, entry: FileEntry | None) -> str:
    if entry is None:
        return ""
    if entry.size > LARGEST:
        raise _Unshown(f"larger than {LARGEST // 1024} KiB")
    try:
        data = snapshots.file_content(stack, entry)
        if b"\0" in data:
            raise _Unshown("not text")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Unshown("not text") from error
    except (ArtifactNotFound, ArtifactDamaged) as error:
        raise _Unshown(error.message) from error


def _lines(name: str, before: str, after: str) -> Iterator[str]:
    """Yield the lines of a unified diff without their ends, as `diff -u` writes them."""
    for line in difflib.unified_diff(_split(before), _split(after), f"a/{name}", f"b/{name}", lineterm=""):
        yield from line.split("\n")


def _split(text: str) -> list[str]:
    lines = text.split("\n")
    if lines[-1]:
        lines[-1] += "\n\\ No newline at end of file"
    else:
        lines.pop()
    return lines
