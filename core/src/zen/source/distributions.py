"""Which installed distribution a module's file belongs to, and in which version.

`importlib.metadata.packages_distributions` reads the metadata of everything that is installed, on every call. Here the
distribution is guessed from the module's name, and the guess is checked against the list of files (`RECORD`) that
installers leave beside the module; only a wrong guess leads to a search through the neighbors.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_INSTALLED = ("site-packages", "dist-packages")

# Names whose distribution is called otherwise. Only a shortcut: each guess is checked like any other.
_ALIASES = {
    "attr": ("attrs",),
    "bs4": ("beautifulsoup4",),
    "crypto": ("pycryptodome",),
    "cv2": ("opencv-python", "opencv-python-headless", "opencv-contrib-python"),
    "dateutil": ("python-dateutil",),
    "docx": ("python-docx",),
    "dotenv": ("python-dotenv",),
    "faiss": ("faiss-cpu",),
    "git": ("gitpython",),
    "grpc": ("grpcio",),
    "imblearn": ("imbalanced-learn",),
    "jwt": ("pyjwt",),
    "mpl_toolkits": ("matplotlib",),
    "pil": ("pillow",),
    "psycopg2": ("psycopg2-binary",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "umap": ("umap-learn",),
    "yaml": ("pyyaml",),
    "zmq": ("pyzmq",),
}

Distribution = tuple[str, str]


def distribution_of(file: str, module: str) -> Distribution | None:
    """Return the normalised name and the version of the distribution that installed `file`, the file of `module`.

    What was installed from a folder, a file or a repository instead of an index may change without its version; there
    the digest of its file list is part of the version.
    """
    owners = _owners(file, module)
    if not owners:
        return None
    names = sorted({entry.name for entry in owners})
    return "|".join(names), "|".join(sorted({entry.exact_version() for entry in owners}))


def is_from_folder(file: str, module: str) -> bool:
    """Say whether a file was installed from a folder of this machine, where somebody works on it."""
    return any(entry.is_from_folder() for entry in _owners(file, module))


def _owners(file: str, module: str) -> list[_Entry]:
    folder = site_folder(file) or _base_folder(file, module)
    relative = os.path.relpath(file, folder).replace(os.sep, "/")
    for entries in _candidates(_neighbors(folder), module, relative):
        owners = [entry for entry in entries if entry.owns(relative)]
        if owners:
            return owners
    return []


def installed(name: str) -> Distribution | None:
    """Return the distribution of that normalised name, found along `sys.path`."""
    for folder in sys.path:
        entries = _neighbors(folder or ".").get(name)
        if entries:
            return name, entries[0].version
    return None


def site_folder(file: str) -> str:
    """Return the `site-packages` or `dist-packages` folder that holds `file`, or an empty string."""
    parts = file.split(os.sep)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] in _INSTALLED:
            return os.sep.join(parts[: index + 1])
    return ""


def normalise(name: str) -> str:
    """Return a distribution's name as the packaging standards compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


class _Entry:
    """A `.dist-info` or `.egg-info` beside a module. Reads nothing until asked."""

    __slots__ = ("name", "path", "version")

    def __init__(self, path: str, name: str, version: str) -> None:
        self.path = path
        self.name = name
        self.version = version

    def record(self) -> bytes:
        return _read(os.path.join(self.path, "RECORD"))

    def top_levels(self) -> list[str]:
        return _read(os.path.join(self.path, "top_level.txt")).decode("utf-8", "replace").split()

    def owns(self, relative: str) -> bool:
        """Say whether this distribution installed that file; without a list of files its top-level names decide."""
        record = self.record()
        if record:
            line = os.fsencode(relative)
            return any(start in b"\n" + record for start in (b"\n%s," % line, b'\n"%s",' % line))
        names = self.top_levels()
        return not names or _top(relative) in names

    def is_from_folder(self) -> bool:
        return b'"dir_info"' in _read(os.path.join(self.path, "direct_url.json"))

    def exact_version(self) -> str:
        if not os.path.exists(os.path.join(self.path, "direct_url.json")):
            return self.version
        return f"{self.version}+record.{hashlib.sha256(self.record()).hexdigest()[:16]}"


_folders: dict[str, dict[str, list[_Entry]]] = {}


def _neighbors(folder: str) -> dict[str, list[_Entry]]:
    # Read once per process: what is imported does not change when a package is upgraded under it. Only a folder that
    # had nothing is read again, for the first installation from within a notebook.
    found = _folders.get(folder)
    if not found:
        found = _folders[folder] = _scan(folder)
    return found


def _scan(folder: str) -> dict[str, list[_Entry]]:
    found: dict[str, list[_Entry]] = {}
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return found
    for name in names:
        if name.endswith(".dist-info"):
            title, _, version = name[: -len(".dist-info")].rpartition("-")
        elif name.endswith(".egg-info"):
            title, _, version = name[: -len(".egg-info")].partition("-")
            version = version.partition("-py")[0]
        else:
            continue
        if title and version:
            entry = _Entry(os.path.join(folder, name), normalise(title), version)
            found.setdefault(entry.name, []).append(entry)
    return found


def _candidates(neighbors: dict[str, list[_Entry]], module: str, relative: str) -> Iterator[list[_Entry]]:
    """Yield groups of distributions, the likeliest first; the first group that has an owner of the file decides."""
    parts = module.split(".")
    guesses = [normalise("-".join(parts[:count])) for count in range(len(parts), 0, -1)]
    guesses += _ALIASES.get(parts[0].lower(), ())
    for guess in guesses:
        yield neighbors.get(guess, [])
    everything = [entry for entries in neighbors.values() for entry in entries]
    yield [entry for entry in everything if _top(relative) in entry.top_levels()]
    yield [entry for entry in everything if entry.record()]


def _top(relative: str) -> str:
    return relative.split("/", 1)[0].split(".", 1)[0]


def _base_folder(file: str, module: str) -> str:
    levels = module.count(".") + 1 + (Path(file).stem == "__init__")
    return str(Path(file).parents[min(levels, len(Path(file).parents)) - 1])


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
