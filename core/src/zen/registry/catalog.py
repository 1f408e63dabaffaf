"""The catalog: every entry point of an installed plugin as plain data, with nothing imported."""

from __future__ import annotations

import re
from dataclasses import dataclass

BUILTIN = "zen-hub"
PLUGINS = "zen.plugins.v1"
TYPES = "zen.types.v1"
COMMANDS = "zen.commands.v1"
GROUPS = (PLUGINS, TYPES, COMMANDS)

_separators = re.compile(r"[-_.]+")
_major = re.compile(r"zen\.(?:plugins|types|commands)\.v(\d+)")


def canonical(distribution: str) -> str:
    """Return the one spelling of a distribution's name: lower case, runs of ``-_.`` as one ``-``.

    Source: https://packaging.python.org/en/latest/specifications/name-normalization/
    """
    return _separators.sub("-", distribution).lower()


def fold(name: str) -> str:
    """Return a flavor's name in the spelling in which it is compared: ``-`` and ``_`` are equal."""
    return name.replace("_", "-")


def major(group: str) -> int | None:
    """Return the major version of the plugin API that a group is for; None when the group is none of zen's."""
    found = _major.fullmatch(group)
    return int(found[1]) if found else None


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginEntry:
    """One entry point.

    Attributes:
        group: `zen.plugins.v1`, `zen.types.v1`, `zen.commands.v1`, or another `zen.*` group for a stray.
        name: The flavor's, type's or command's name, as declared.
        value: `module` or `module:attribute`.
        distribution: The distribution that declares it, in its canonical spelling.
        version: The version of that distribution; empty when its metadata do not say.
    """

    group: str
    name: str
    value: str
    distribution: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name!r} of {self.distribution} {self.version}".rstrip()


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanProblem:
    """Something about the metadata of one distribution that people should know."""

    distribution: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalog:
    """All entry points of zen's groups, in the order of `sys.path` and by name within one folder of it.

    Attributes:
        entries: The entries of the groups that this version reads.
        strays: The entries of other `zen.*` groups: misspelt, or for another major version of the plugin API.
        problems: What is odd about the metadata of distributions that have such entries.
    """

    entries: tuple[PluginEntry, ...] = ()
    strays: tuple[PluginEntry, ...] = ()
    problems: tuple[ScanProblem, ...] = ()

    def group(self, group: str) -> tuple[PluginEntry, ...]:
        """Return the entries of one group."""
        return tuple(entry for entry in self.entries if entry.group == group)

    def named(self, group: str, name: str) -> tuple[PluginEntry, ...]:
        """Return the entries of one group with that name, one for each distribution that declares it."""
        wanted = fold(name)
        return tuple(entry for entry in self.entries if entry.group == group and fold(entry.name) == wanted)
