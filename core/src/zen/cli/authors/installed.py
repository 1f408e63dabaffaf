"""Finding the installed plugin that a person means, by the name of its distribution or of one of its entries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from zen.errors import AmbiguousFlavor, FlavorNotFound, listing, nearest
from zen.registry import PluginEntry
from zen.registry.catalog import COMMANDS, PLUGINS, canonical
from zen.registry.known import PREFIX, known_distributions, pip_install

__all__ = ["chosen", "distribution_of", "source_folder"]


def distribution_of(entries: Sequence[PluginEntry], name: str) -> str:
    """Return the distribution that a name means.

    Args:
        entries: What is installed.
        name: A distribution, with or without the usual prefix, or a flavor or command.

    Raises:
        FlavorNotFound: When nothing answers to it.
        AmbiguousFlavor: When entries of that name belong to several distributions.
    """
    installed = {entry.distribution for entry in entries}
    for candidate in (canonical(name), PREFIX + canonical(name)):
        if candidate in installed:
            return candidate
    named = [entry for entry in entries if entry.group in (PLUGINS, COMMANDS)]
    owners = sorted({entry.distribution for entry in named if canonical(entry.name) == canonical(name)})
    if len(owners) > 1:
        raise AmbiguousFlavor(
            f"{name!r} is in more than one plugin: {listing(owners)}",
            hint="name the plugin itself",
            name=name,
            distributions=tuple(owners),
        )
    if not owners:
        raise _unknown(name, [*installed, *(entry.name for entry in named)], installed)
    return owners[0]


def chosen(entries: Sequence[PluginEntry], names: Iterable[str]) -> list[PluginEntry]:
    """Return the entries of these distributions or of these names, all for none; those that share a module once.

    Raises:
        FlavorNotFound: When nothing answers to one of the names.
    """
    known = {answer for entry in entries for answer in _answers(entry)}
    for name in names:
        if canonical(name) not in known:
            raise _unknown(name, known, {entry.distribution for entry in entries})
    wanted = {canonical(name) for name in names}
    found = [entry for entry in entries if not wanted or not wanted.isdisjoint(_answers(entry))]
    return list({(entry.distribution, entry.group, entry.value): entry for entry in reversed(found)}.values())[::-1]


def _answers(entry: PluginEntry) -> set[str]:
    return {entry.distribution, canonical(entry.name)}


def _unknown(name: str, known: Iterable[str], installed: Iterable[str]) -> FlavorNotFound:
    candidates = {canonical(name), PREFIX + canonical(name)} & known_distributions()
    install = next(iter(candidates), None)
    return FlavorNotFound(
        f"no plugin {name!r} that can be used; installed: {listing(installed)}",
        hint=(pip_install([install]) if install else nearest(name, known))
        or "`zen plugin list` shows those that are disabled, too",
        name=name,
        install=install,
    )


def source_folder(distribution: str) -> Path | None:
    """Return the project that an editable installation was made from; None for any other."""
    import importlib.metadata
    import json
    import urllib.parse
    import urllib.request

    try:
        text = importlib.metadata.distribution(distribution).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return None
    origin = json.loads(text) if text else {}
    url = urllib.parse.urlsplit(str(origin.get("url", "")))
    if url.scheme != "file" or not origin.get("dir_info", {}).get("editable"):
        return None
    folder = Path(urllib.request.url2pathname(url.path))
    return folder if (folder / "pyproject.toml").is_file() else None
