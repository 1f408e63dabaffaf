"""Reads a YAML or JSON file into a `Document`: values, places, and every fault of the file as such.

YAML 1.2 without tags, merge keys and duplicate keys, in UTF-8. A file is at most 1 MiB large and 50 levels deep, and
its aliases stand for at most 10,000 values, so no file can take long or much memory.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from pathlib import Path

from zen.errors import Fault
from zen.stacks.document import Document

LARGEST = 1024 * 1024

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
    (codecs.BOM_UTF8, "a byte order mark"),
)
# YAML 1.2.2, section 5.1: what may stand in a file. U+FEFF is allowed there, but nobody means it.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# JSON writes what is beyond U+FFFF as two halves, which YAML has no escape for.
_HALVES = re.compile(r"(?<!\\)((?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


def read_document(path: Path, *, shown: str = "") -> Document:
    """Read a configuration file. Never raises for what is in it: see `Document.faults` and `Document.check`.

    Args:
        path: A file in YAML or JSON.
        shown: How messages name it; by default its path from the current folder.
    """
    file = shown or shown_path(path)
    try:
        source = read_bytes(path)
    except OSError as error:
        return Document(file, None, faults=[Fault(message=f"cannot be read: {error.strerror or error}", file=file)])
    return parse_document(source, file)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a regular file that is not too large.

    Raises:
        OSError: When it cannot be read, is no file, or is larger than 1 MiB.
    """
    # Without O_NONBLOCK, opening a named pipe waits for somebody to write to it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a regular file")
        source = stream.read(LARGEST + 1)
    if len(source) > LARGEST:
        raise OSError(f"it is larger than 1 MiB ({max(status.st_size, len(source)):,} bytes)")
    return source


def parse_document(source: bytes, file: str) -> Document:
    """Return the document that these bytes are."""
    try:
        text = _decode(source)
    except _EncodingError as error:
        return Document(file, None, faults=[error.fault(file)])
    if file.endswith(".json"):
        text = _HALVES.sub(_joined, text)

    from zen.stacks.parser import parse  # imports yaml

    data, marks, faults = parse(text, file)
    return Document(file, data, marks=lambda: marks, faults=faults)


def shown_path(path: Path) -> str:
    """Return how messages name a file: its path from the current folder if it is below, else the whole path."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


class _EncodingError(ValueError):
    def __init__(self, message: str, hint: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.hint, self.line, self.column = hint, line, column

    def fault(self, file: str) -> Fault:
        return Fault(message=str(self), hint=self.hint, file=file, line=self.line, column=self.column)


def _decode(source: bytes) -> str:
    for mark, encoding in _MARKS:
        if source.startswith(mark):
            raise _EncodingError(
                f"the file begins with {encoding} at byte offset 0", "save it as UTF-8 without a byte order mark"
            )
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError as error:
        before = source[: error.start].decode("utf-8")
        raise _EncodingError(
            f"not UTF-8: the byte 0x{source[error.start]:02x} at byte offset {error.start} ({error.reason})",
            "save the file as UTF-8",
            *_place(before),
        ) from None
    bad = _UNPRINTABLE.search(text)
    if bad:
        before = text[: bad.start()]
        raise _EncodingError(
            f"the character U+{ord(bad[0]):04X} at byte offset {len(before.encode())} may not stand in a file",
            "remove it, or save the file as UTF-8 if it is in another encoding",
            *_place(before),
        )
    return text


def _place(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _joined(match: re.Match[str]) -> str:
    code = 0x10000 + ((int(match[2], 16) - 0xD800) << 10) + (int(match[3], 16) - 0xDC00)
    return f"{match[1]}\\U{code:08X}"
