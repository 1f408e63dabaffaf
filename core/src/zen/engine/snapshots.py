"""The source of a run, as it was then: listed, read, and put into a folder to run from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from zen.errors import ArtifactNotFound, RunNotFound
from zen.records import FileEntry, RunRecord
from zen.source import extract, read_manifest, read_omitted
from zen.stacks.opening import OpenStack
from zen.storage.objects import key_of

_DONE = ".zen-snapshot"


def files_of(stack: OpenStack, run: RunRecord) -> tuple[FileEntry, ...]:
    """Return the source files that were recorded with a run.

    Raises:
        RunNotFound: When the run has no snapshot, or it is gone.
    """
    if not run.snapshot:
        raise RunNotFound(f"run {run.name!r} has no snapshot of its source", hint="only its records can be read")
    try:
        return read_manifest(content_of(stack, run.snapshot))
    except ArtifactNotFound as error:
        raise RunNotFound(f"the snapshot of run {run.name!r} is gone from the store") from error


def omitted_of(stack: OpenStack, run: RunRecord) -> tuple[str, ...]:
    """Return which files of the project the snapshot of a run does not have, and why; fails as `files_of` does."""
    if not run.snapshot:
        return ()
    try:
        return read_omitted(content_of(stack, run.snapshot))
    except ArtifactNotFound as error:
        raise RunNotFound(f"the snapshot of run {run.name!r} is gone from the store") from error


def file_content(stack: OpenStack, entry: FileEntry) -> bytes:
    """Return the verified bytes of one file of a snapshot."""
    return stack.objects.content(entry)


def unpack_source(files: Sequence[FileEntry], folder: Path, stack: OpenStack) -> None:
    """Write the verified files of a snapshot into an empty folder."""
    entries = {entry.digest: entry for entry in files}
    extract(files, folder, get=lambda digest: stack.objects.content(entries[digest]))


def code_folder(stack: OpenStack, run: RunRecord) -> Path:
    """Return a folder with the source of a run as it was; it is made once, and kept for others."""
    folder = stack.state / "code" / run.snapshot.partition(":")[2][:24]
    if not (folder / _DONE).exists():
        part = folder.with_name(f"{folder.name}.{os.getpid()}")
        shutil.rmtree(part, ignore_errors=True)
        unpack_source(files_of(stack, run), part, stack)
        (part / _DONE).touch(0o600)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            os.replace(part, folder)
        except OSError:  # another process was faster
            shutil.rmtree(part, ignore_errors=True)
    (folder / _DONE).touch()  # it is in use
    return folder


def content_of(stack: OpenStack, digest: str) -> bytes:
    """Return the bytes of an object of which nothing but its digest is known."""
    small = stack.database.object_size(digest)
    if small is not None:
        return stack.objects.content(FileEntry(name="manifest", digest=digest, size=small))
    found = stack.artifact_store.stat(key_of(digest))
    if found is None:
        raise ArtifactNotFound(f"the store holds no object {digest}")
    return stack.objects.content(FileEntry(name="manifest", digest=digest, size=found.size))
