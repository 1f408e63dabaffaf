"""The scan: finds the entry points of zen's groups without importing anything.

It reads what `importlib.metadata` reads and decides as that does: along `sys.path`, the first distribution of a name
hides the later ones, and `entry_points.txt` is a list of ``name = value`` lines under ``[group]`` lines. It is several
times faster because it parses no METADATA, takes the version from the folder's name, and looks into no file that
does not mention zen. A test holds the two against each other.

It differs on purpose in two places: of two metadata folders in one folder of the path the newer version counts, where
`importlib.metadata` takes what the file system lists first; and folders that pip leaves behind when it is interrupted
(``~en_hub-0.1.dist-info``) do not count.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from zen.registry.catalog import GROUPS, Catalog, PluginEntry, ScanProblem, canonical, fold
from zen.registry.folders import Folder, open_folder

_release = re.compile(r"\d+(?:\.\d+)*")
_version_line = re.compile(rb"^Version:[ \t]*(\S+)", re.MULTILINE)
_value = re.compile(r"[\w.]+(?:\s*:\s*[\w.]+)?(?:\s*\[.*\])?")


class Metadata(NamedTuple):
    """One metadata folder, known by its name alone."""

    distribution: str
    version: str
    place: Folder
    name: str

    def newness(self) -> tuple[tuple[int, ...], bool, bool, str]:
        """Return what to compare by: release number, final release, dist-info before egg-info, name."""
        release = _release.match(self.version)
        numbers = tuple(int(part) for part in release[0].split(".")) if release else ()
        is_final = release is not None and release[0] == self.version
        return numbers, is_final, self.name.lower().endswith(".dist-info"), self.name


def scan(paths: Sequence[str] | None = None) -> Catalog:
    """Return the entry points of zen's groups on `paths`, by default `sys.path`. Imports nothing that is installed."""
    entries: list[PluginEntry] = []
    problems: list[ScanProblem] = []
    seen: dict[str, Metadata] = {}
    hidden: list[Metadata] = []
    for place in _folders(sys.path if paths is None else paths):
        for metadata in _newest(_metadata(place), hidden):
            if metadata.distribution in seen:
                hidden.append(metadata)
            else:
                seen[metadata.distribution] = metadata
                _read(metadata, entries, problems)
    problems += _hidden(hidden, seen, {entry.distribution for entry in entries})
    return Catalog(
        entries=tuple(entry for entry in entries if entry.group in GROUPS),
        strays=tuple(entry for entry in entries if entry.group not in GROUPS),
        problems=tuple(problems),
    )


def metadata_folders(paths: Sequence[str] | None = None) -> list[Metadata]:
    """Return the metadata folders of the distributions that count on `paths`, by default `sys.path`."""
    found: dict[str, Metadata] = {}
    for place in _folders(sys.path if paths is None else paths):
        for each in _newest(_metadata(place), []):
            found.setdefault(each.distribution, each)
    return list(found.values())


def _folders(paths: Iterable[str]) -> Iterator[Folder]:
    """Yield what is on the path, each place once."""
    for path in dict.fromkeys(paths):
        folder = open_folder(path)
        if folder is not None:
            yield folder


def _metadata(place: Folder) -> Iterator[Metadata]:
    is_egg = place.path.lower().endswith(".egg")
    for name in place.names:
        if name.lower().endswith((".dist-info", ".egg-info")) and not name.startswith("~"):
            yield Metadata(*_split(name.rpartition(".")[0]), place, name)
        elif is_egg and name.lower() == "egg-info":
            yield Metadata(*_split(os.path.basename(place.path)[:-4]), place, name)


def _split(stem: str) -> tuple[str, str]:
    """Return the canonical name and the version of ``zen_hub-0.1.0``, ``zen_hub-0.1-py3.11`` or ``zen_hub``."""
    first, *rest = stem.split("-")
    for index, part in enumerate(rest):
        if part[:1].isdigit():
            return canonical("-".join([first, *rest[:index]])), part
    return canonical(stem), ""


def _newest(found: Iterable[Metadata], hidden: list[Metadata]) -> list[Metadata]:
    """Return one metadata folder for each distribution, by name; the others go to `hidden`."""
    chosen: dict[str, Metadata] = {}
    for metadata in found:
        other = chosen.setdefault(metadata.distribution, metadata)
        if other is not metadata:
            older, newer = sorted((other, metadata), key=Metadata.newness)
            chosen[metadata.distribution] = newer
            hidden.append(older)
    return [chosen[distribution] for distribution in sorted(chosen)]


def _read(metadata: Metadata, entries: list[PluginEntry], problems: list[ScanProblem]) -> None:
    """Add the entries of one distribution, and what is wrong with them."""
    data = metadata.place.read(f"{metadata.name}/entry_points.txt")
    if not data or b"[zen" not in data:
        return
    version = metadata.version or version_of(metadata)
    known: set[tuple[str, str]] = set()
    for group, line in _lines(data.decode(errors="replace")):
        name, found, value = (part.strip() for part in line.partition("="))
        message = _fault(group, name, value if found else "", known)
        if message:
            problems.append(ScanProblem(distribution=metadata.distribution, message=message))
            continue
        known.add((group, fold(name)))
        entries.append(
            PluginEntry(group=group, name=name, value=value, distribution=metadata.distribution, version=version)
        )


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield the group and the text of each line of zen's groups."""
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line.strip("[]")
        elif line and not line.startswith("#") and group.startswith(("zen.", "zen_", "zen-")):
            yield group, line


def _fault(group: str, name: str, value: str, known: set[tuple[str, str]]) -> str:
    if not name or not _value.fullmatch(value):
        return f"its entry point '{name} = {value}' in {group} is not 'name = module:attribute'; it is left out"
    if (group, fold(name)) in known:
        return f"it declares {name!r} in {group} twice; the first counts"
    return ""


def version_of(metadata: Metadata) -> str:
    """Return the version of an egg-info folder of a source tree, whose name has none."""
    found = _version_line.search(metadata.place.read(f"{metadata.name}/PKG-INFO") or b"")
    return found[1].decode(errors="replace") if found else ""


def _hidden(hidden: Iterable[Metadata], seen: dict[str, Metadata], plugins: set[str]) -> Iterator[ScanProblem]:
    """Yield a problem for each hidden distribution that is another version than the one that counts.

    An editable install leaves two metadata folders of one version, or one without a version: that is no problem.
    """
    for metadata in hidden:
        used = seen[metadata.distribution]
        if metadata.distribution in plugins and metadata.version and metadata.version != used.version:
            yield ScanProblem(
                distribution=metadata.distribution,
                message=f"installed twice: {used.version or 'the one'} in {used.place.path} counts,"
                f" {metadata.version} in {metadata.place.path} is hidden by it; uninstall one",
            )
