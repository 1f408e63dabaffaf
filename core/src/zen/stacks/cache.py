"""Keeps the values of the last stack file that was read, so that most commands need no YAML parser.

The key is a digest of the file's bytes, so a stale entry is never used; places are not kept: a file with a fault is
parsed again to find them. Only a file without faults whose values JSON can hold is kept, and only where there already
is a state folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from zen.errors import Fault
from zen.stacks.document import Document, Marks
from zen.stacks.reader import parse_document, read_bytes, shown_path

NAME = "stackfile.json"
_SCHEME = 1  # raise when the reader starts to mean something else by the same bytes


def read_cached(path: Path, state: Path) -> Document:
    """Read a stack file, from the cache in the folder `state` if its bytes are those that were read last."""
    file = shown_path(path)
    try:
        source = read_bytes(path)
    except OSError as error:
        return Document(file, None, faults=[Fault(message=f"cannot be read: {error.strerror or error}", file=file)])
    key = f"{_SCHEME}:{hashlib.sha256(source).hexdigest()}"
    cached = _load(state / NAME)
    if isinstance(cached, dict) and cached.get("key") == key and "data" in cached:
        return Document(file, cached["data"], marks=lambda: _marks(source, file))
    document = parse_document(source, file)
    if not document.faults and state.is_dir():
        _save(state / NAME, {"key": key, "data": document.data})
    return document


def forget_cached(state: Path) -> None:
    """Keep the values of the stack file no longer."""
    with contextlib.suppress(OSError):
        (state / NAME).unlink(missing_ok=True)


def _marks(source: bytes, file: str) -> Marks:
    return parse_document(source, file).marks


def _load(path: Path) -> Any:
    try:
        return json.loads(read_bytes(path))
    except (OSError, ValueError, RecursionError):
        return None


def _save(path: Path, entry: dict[str, Any]) -> None:
    from zen.storage.private import write_private  # most commands find the file in the cache, and need no storage

    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        text = json.dumps(entry, allow_nan=False)
        if json.loads(text) != entry:  # keys that are no texts
            return
        write_private(partial, text.encode())
        os.replace(partial, path)
    except (OSError, ValueError, TypeError):  # a cache that cannot be written is no fault
        partial.unlink(missing_ok=True)
