"""Loading what plugins register, each entry in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zen.cli.output import emit_json, say, table
from zen.errors import PluginError
from zen.registry import PluginEntry

__all__ = ["SECONDS", "show_trials", "try_entries"]

SECONDS = 10.0

Trial = tuple[PluginEntry, PluginError | None]


def try_entries(entries: Sequence[PluginEntry], *, seconds: float = SECONDS) -> list[Trial]:
    """Return what is wrong with each entry, in order; None for nothing."""
    from concurrent.futures import ThreadPoolExecutor

    from zen.registry.probe import MEMORY, probe

    def attempt(entry: PluginEntry) -> PluginError | None:
        # Only light modules promise to be light: what they name may import a tool.
        return probe(entry, seconds=seconds, memory=MEMORY if entry.group.startswith("zen.plugins.") else None)

    with ThreadPoolExecutor(4) as pool:  # they mostly wait
        return list(zip(entries, pool.map(attempt, entries), strict=True))


def show_trials(trials: Sequence[Trial], *, as_json: bool) -> int:
    """Show how loading went, and return the exit code: 1 when something cannot be loaded."""
    broken = [error for _, error in trials if error is not None]
    if as_json:
        emit_json([_json(entry, error) for entry, error in trials])
        return 1 if broken else 0
    rows = [(each.distribution, each.version, each.group, each.name, _state(error)) for each, error in trials]
    table(("plugin", "version", "group", "entry", "state"), rows)
    for error in broken:
        say(f"\n{error.message}\n  hint: {error.hint}")
    say(f"{len(broken)} of {len(trials)} cannot be loaded" if broken else "all right")
    return 1 if broken else 0


def _state(error: PluginError | None) -> str:
    return "broken" if error else "ok"


def _json(entry: PluginEntry, error: PluginError | None) -> dict[str, Any]:
    return {
        "distribution": entry.distribution,
        "version": entry.version,
        "group": entry.group,
        "entry": entry.name,
        "ok": error is None,
        "message": error.message if error else "",
        "hint": error.hint if error else "",
    }
