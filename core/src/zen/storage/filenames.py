"""Names of files inside artifacts: data until a folder is made of them, and checked wherever they come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from zen.errors import MaterializerError

_PART = re.compile(r"[^/\\\x00-\x1f\ud800-\udfff]+")  # no lone surrogates: they are no text anywhere else
_LONGEST_PART = 255  # bytes, of every file system that artifacts are unpacked on
_LONGEST = 2000
_MOST_MADE = 100
# What Windows takes for a device, whatever extension follows, and the signs that it has other uses for.
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\..*)?", re.IGNORECASE)
_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*\x7f]')


def check_file_name(name: str) -> str:
    """Return the name of a file of an artifact, which leads nowhere but into the folder that it is unpacked in.

    Raises:
        MaterializerError: For an absolute path, `..`, a drive, a backslash, control characters, or a part that is too
            long.
    """
    parts = name.split("/")
    if (
        not all(_PART.fullmatch(part) and len(part.encode()) <= _LONGEST_PART for part in parts)
        or {".", ".."} & set(parts)
        or len(name) > _LONGEST
        or PurePath(name).drive
    ):
        raise MaterializerError(
            f"{shown(name)} cannot name a file of an artifact",
            hint=f"use a relative POSIX path with parts of at most {_LONGEST_PART} bytes",
        )
    return name


def check_portable(names: Iterable[str]) -> None:
    """See that files of these names can lie side by side on every system, Windows and macOS too.

    Raises:
        MaterializerError: For a name that Windows does not have, and for two that some disks take for one: they differ
            only by case, or by how accents are encoded.
    """
    spelled: dict[str, str] = {}
    files = set()
    for name in names:
        _check_windows(check_file_name(name))
        files.add(_folded(name))
        for path in _with_folders(name):
            other = spelled.setdefault(_folded(path), path)
            if other != path:
                raise MaterializerError(f"{shown(path)} and {shown(other)} are one file on some disks", hint=_RENAME)
    for path in spelled:
        if any(folder in files for folder in list(_with_folders(path))[:-1]):
            raise MaterializerError(f"{shown(spelled[path])} lies below what is a file itself", hint=_RENAME)


def file_name(text: str) -> str:
    """Return a name of a file that every system can have, made of any text."""
    made = re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:_MOST_MADE].rstrip(".") or "file"
    return f"_{made}" if _DEVICES.fullmatch(made) else made


def shown(name: str) -> str:
    """Return a name in quotes as ASCII, cut when long, so that what is invisible or reversed in it can be seen."""
    text = ascii(name)
    return text if len(text) <= 120 else f"{text[:110]}…{text[-1]} ({len(name)} characters)"


_RENAME = "rename the file, and save the artifact again"


def _check_windows(name: str) -> None:
    for part in name.split("/"):
        if _NOT_ON_WINDOWS.search(part) or part[-1] in ". " or _DEVICES.fullmatch(part):
            raise MaterializerError(f"{shown(name)} names a file that Windows cannot have", hint=_RENAME)


def _with_folders(name: str) -> Iterator[str]:
    """Yield the folders of a file, the outermost first, and the file itself."""
    parts = name.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts) + 1))


def _folded(name: str) -> str:
    import unicodedata  # a step that saves its outputs needs none

    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
