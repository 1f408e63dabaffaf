"""Blocking: which installed plugins the user wants left alone. Decided on names, before anything is imported."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from zen.registry.catalog import BUILTIN, Catalog, PluginEntry, canonical

VARIABLE = "ZEN_DISABLE_PLUGINS"
_EVERYTHING = ("1", "all", "true", "yes")


class Blocking:
    """Says whether an entry is blocked. zen's own entries never are.

    Args:
        disabled: Names of distributions or of entries.
        allowed: When given, everything else is blocked: names of distributions or of entries.
        environment: Where `ZEN_DISABLE_PLUGINS` is read: `1` or `all`, or names with commas between.
    """

    def __init__(
        self,
        disabled: Iterable[str] = (),
        allowed: Iterable[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        variable = (os.environ if environment is None else environment).get(VARIABLE, "")
        self._everything = variable.strip().lower() in _EVERYTHING
        named = () if self._everything or variable.strip() == "0" else variable.split(",")
        self._disabled = {canonical(name.strip()): name.strip() for name in (*disabled, *named) if name.strip()}
        self._allowed = None if allowed is None else {canonical(name.strip()) for name in allowed}

    def __call__(self, entry: PluginEntry) -> bool:
        """Return whether an entry is blocked."""
        if entry.distribution == BUILTIN:
            return False
        names = {entry.distribution, canonical(entry.name)}
        allowed = self._allowed is None or not names.isdisjoint(self._allowed)
        return self._everything or not allowed or not names.isdisjoint(self._disabled)

    def idle(self, catalog: Catalog) -> list[str]:
        """Return the disabled names that nothing installed answers to, as they were written: perhaps misspelt."""
        entries = (*catalog.entries, *catalog.strays)
        names = {name for entry in entries for name in (entry.distribution, canonical(entry.name))}
        return [written for name, written in self._disabled.items() if name not in names]


def disabled_hint(entry: PluginEntry) -> str:
    """Return what to say when what was asked for is there and blocked."""
    where = f"{VARIABLE} and `plugins: {{disable: …, allow: …}}` in zen.yaml"
    return f"{entry.distribution} has it and is disabled: see {where}"
