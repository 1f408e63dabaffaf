"""Which distributions are installed, in which versions, and which of them did not come from an index.

Names and versions stand in the names of folders; only where an installer says that it took something from elsewhere is
a file read. While nothing is installed or removed, the answer is remembered.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, Literal, NamedTuple

from zen.registry.scanning import Metadata, metadata_folders, version_of

Source = Literal["index", "editable", "local", "url"]
_CREDENTIALS = re.compile(r"^([a-z+]+://)[^/@]*@")
_ESCAPED = re.compile("(?:%[0-9a-fA-F]{2})+")
_SITE = ("site-packages", "dist-packages")

_known: dict[tuple[tuple[str, int], ...], tuple[Installed, ...]] = {}


class Installed(NamedTuple):
    """One distribution.

    Attributes:
        name: Normalized: lower case, with hyphens.
        source: Where it came from: an index, a folder that is used as it is (`editable`) or was copied (`local`), or
            another address.
        url: The folder or address, if it came from no index; no credentials.
    """

    name: str
    version: str
    source: Source = "index"
    url: str = ""


def installed() -> tuple[Installed, ...]:
    """Return what is installed on `sys.path`, by name."""
    key = tuple((path, _changed(path)) for path in dict.fromkeys(sys.path))
    if key not in _known:
        _known.clear()
        _known[key] = tuple(sorted(_read(each) for each in metadata_folders()))
    return _known[key]


def _changed(path: str) -> int:
    try:
        return os.stat(path or ".").st_mtime_ns
    except (OSError, ValueError):
        return 0


def _read(metadata: Metadata) -> Installed:
    name, version = metadata.distribution, metadata.version or version_of(metadata)
    if os.path.basename(metadata.place.path) not in _SITE:  # beside the source, where it is used as it is
        is_folder = os.path.isdir(metadata.place.path)
        return Installed(name, version, "editable" if is_folder else "local", os.path.abspath(metadata.place.path))
    data = metadata.place.read(f"{metadata.name}/direct_url.json")
    return Installed(name, version, *_origin(data)) if data else Installed(name, version)


def _origin(data: bytes) -> tuple[Source, str]:
    """Return what the note of an installer says (PEP 610)."""
    try:
        found: Any = json.loads(data)
        url = str(found["url"])
        commit = str((found.get("vcs_info") or {}).get("commit_id", ""))
        system = str((found.get("vcs_info") or {}).get("vcs", ""))
        editable = bool((found.get("dir_info") or {}).get("editable", False))
    except (ValueError, KeyError, TypeError, AttributeError):
        return "local", ""
    if url.startswith("file:"):
        return ("editable" if editable else "local"), _path(url)
    plain = _CREDENTIALS.sub(r"\1", url)
    return "url", f"{system}+{plain}@{commit}" if system else plain


def _path(url: str) -> str:
    """Return the path of a `file:` URL; without urllib, whose import takes longer than all else here."""
    path = url.removeprefix("file://").removeprefix("localhost")
    path = _ESCAPED.sub(lambda found: os.fsdecode(bytes.fromhex(found[0].replace("%", ""))), path)
    return path[1:].replace("/", "\\") if os.name == "nt" and path.startswith("/") else path
