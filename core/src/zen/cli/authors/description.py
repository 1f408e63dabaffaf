"""All that an installed plugin offers, as plain data; its tools are imported for that."""

from __future__ import annotations

from typing import Any

from zen.cli.output import fields, table, write
from zen.cli.settings import settings_of
from zen.errors import PluginError
from zen.registry import Catalog, LoadedFlavor, PluginEntry, Registry
from zen.registry.catalog import COMMANDS, PLUGINS, TYPES
from zen.registry.loading import Subject, load

__all__ = ["describe", "show"]


def describe(registry: Registry, distribution: str) -> dict[str, Any]:
    """Return what a distribution offers. What cannot be loaded is among its `problems`."""
    entries = [entry for entry in registry.usable() if entry.distribution == distribution]
    [report] = [report for report in registry.reports() if report.distribution == distribution]
    problems = list(report.problems)
    # A registry of its entries alone: other plugins, which may hang, are not its business.
    own = Registry(Catalog(entries=tuple(entries)))
    found, errors = own.flavors()
    problems += [error.message for error in errors]
    flavors = [_flavor(own, loaded, problems) for loaded in found]
    return {
        "distribution": distribution,
        "version": report.version,
        "flavors": flavors,
        "types": {entry.name: entry.value for entry in entries if entry.group == TYPES},
        "commands": {entry.name: entry.value for entry in entries if entry.group == COMMANDS},
        "hooks": _hooks(entries),
        "problems": problems,
    }


def _flavor(registry: Registry, loaded: LoadedFlavor, problems: list[str]) -> dict[str, Any]:
    flavor = loaded.flavor
    found: dict[str, Any] = {
        "kind": flavor.kind,
        "name": flavor.name,
        "summary": flavor.summary,
        "docs": flavor.docs,
        "config": flavor.config,
        "implementation": flavor.implementation,
        "capabilities": {},
        "lacks": [],
        "settings": [],
    }
    try:
        found["settings"] = settings_of(registry.config_class(loaded))
        component = registry.component_class(loaded)
    except PluginError as error:
        problems.append(error.message)
        return found
    known = component.known_capabilities
    found["capabilities"] = {name: known.get(name, "") for name in sorted(component.capabilities)}
    found["lacks"] = sorted(set(known) - component.capabilities)
    return found


def _hooks(entries: list[PluginEntry]) -> list[str]:
    """Return the names of the hooks that its light modules implement."""
    found: set[str] = set()
    for entry in entries:
        if entry.group != PLUGINS:
            continue
        try:
            module = load(entry.value, Subject.of(entry, "the plugin"), light=True)
        except PluginError:  # told with the flavors
            continue
        found |= {name for name, value in vars(module).items() if hasattr(value, "zen_impl")}
    return sorted(found)


def show(found: dict[str, Any]) -> None:
    """Write a description for people."""
    fields(
        [
            ("plugin", f"{found['distribution']} {found['version']}".strip()),
            ("hooks", ", ".join(found["hooks"])),
            ("commands", ", ".join(f"zen {name}" for name in found["commands"])),
            ("problems", "\n".join(found["problems"])),
        ]
    )
    for flavor in found["flavors"]:
        write("")
        _show_flavor(flavor)
    if found["types"]:
        write("")
        table(("type", "materializer"), list(found["types"].items()))


def _show_flavor(flavor: dict[str, Any]) -> None:
    capabilities = [f"{name}: {meaning}" if meaning else name for name, meaning in flavor["capabilities"].items()]
    fields(
        [
            ("flavor", f"{flavor['name']} ({flavor['kind']})"),
            ("summary", flavor["summary"]),
            ("docs", flavor["docs"]),
            ("can", "\n".join(capabilities)),
            ("cannot", ", ".join(flavor["lacks"])),
        ]
    )
    if flavor["settings"]:
        write("")
        rows = [tuple(setting.values()) for setting in flavor["settings"]]
        table(("setting", "type", "default", "summary"), rows)
