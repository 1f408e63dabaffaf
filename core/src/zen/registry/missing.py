"""Why a flavor was not found: the nearest name, what to install, what is blocked, what is misspelt."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, get_args

from zen.errors import FlavorNotFound, PluginError, PluginIncompatible, listing, nearest
from zen.registry.blocking import disabled_hint
from zen.registry.catalog import BUILTIN, PLUGINS, Catalog, PluginEntry, canonical, fold, major
from zen.registry.known import closest, known_flavors, pip_install, plugin_for

if TYPE_CHECKING:
    from zen.registry.claims import Claims, LoadedFlavor


def not_found(
    catalog: Catalog,
    kind: str,
    name: str,
    claims: Claims,
    is_blocked: Callable[[PluginEntry], bool],
    everything: Callable[[], tuple[list[LoadedFlavor], list[PluginError]]],
) -> PluginError:
    """Return the error for a flavor that no usable plugin offers.

    Args:
        catalog: All that is installed.
        kind: The kind that was asked for.
        name: `flavor` or `flavor@distribution`.
        claims: What answers to the name for other kinds.
        is_blocked: Whether an entry is blocked by the user.
        everything: Loads the flavors of that kind; called only when the answer lists them.
    """
    flavor, _, distribution = name.partition("@")
    strays = [entry for entry in catalog.strays if fold(entry.name) == fold(flavor)]
    newer = [entry for entry in strays if major(entry.group) not in (None, 1)]
    if newer:
        return _incompatible(kind, flavor, newer[0])
    blocked = [entry for entry in catalog.named(PLUGINS, flavor) if is_blocked(entry)]
    hint = (
        _misspelt(strays) or (disabled_hint(blocked[0]) if blocked else "") or _elsewhere(catalog, flavor, distribution)
    )
    found, errors = everything()
    names = sorted({loaded.flavor.name for loaded in found})
    message = f"no {kind} flavor {name!r}; installed: {listing(names)}" + _other(claims) + _broken(errors)
    install = None if hint else plugin_for(kind, flavor)
    return FlavorNotFound(
        message,
        hint=hint or _install(install) or _guess(kind, flavor, names, catalog),
        kind=kind,
        name=name,
        installed=tuple(names),
        install=install,
    )


def _incompatible(kind: str, flavor: str, entry: PluginEntry) -> PluginIncompatible:
    needs, has = major(entry.group) or 0, major(PLUGINS) or 0
    newer = f"`pip install --upgrade {BUILTIN}`, or an older {entry.distribution}"
    older = f"`pip install --upgrade {entry.distribution}`"
    return PluginIncompatible(
        f"the {kind} flavor {flavor!r} of {entry.distribution} {entry.version} needs the plugin API v{needs};"
        f" this zen has v{has}",
        hint=newer if needs > has else older,
        kind=kind,
        name=flavor,
        distribution=entry.distribution,
        needs=needs,
        has=has,
    )


def _misspelt(strays: Iterable[PluginEntry]) -> str:
    for entry in strays:
        return (
            f"{entry.distribution} declares {entry.name!r} in the group {entry.group!r}, which zen does not read:"
            f" its pyproject.toml should say {PLUGINS!r}"
        )
    return ""


def _elsewhere(catalog: Catalog, flavor: str, distribution: str) -> str:
    """Return who has the flavor when the distribution after the `@` has not."""
    if not distribution:
        return ""
    owners = [entry.distribution for entry in catalog.named(PLUGINS, flavor)]
    installed = {entry.distribution for entry in catalog.entries}
    missing = "" if canonical(distribution) in installed else f"{distribution} is not installed; "
    return f"{missing}{flavor!r} is in: {listing(owners)}"


def _other(claims: Claims) -> str:
    if not claims.other:
        return ""
    kinds = listing(f"{loaded.flavor.kind} (of {loaded.distribution})" for loaded in claims.other)
    return f"; {claims.other[0].flavor.name!r} is a flavor of {kinds}"


def _broken(errors: Iterable[PluginError]) -> str:
    names = {error.facts["distribution"] for error in errors if "entry" in error.facts}
    return f"; cannot be loaded: {listing(names)}" if names else ""


def _install(distribution: str | None) -> str:
    return pip_install([distribution]) if distribution else ""


def _guess(kind: str, flavor: str, names: list[str], catalog: Catalog) -> str:
    """Return the best advice for a name that nobody knows."""
    from zen.plugins import Kind

    if not any(entry.distribution == BUILTIN for entry in catalog.entries):
        return f"{BUILTIN} itself is not installed where this Python looks: `pip install {BUILTIN}`"
    if kind not in get_args(Kind):
        return nearest(kind, get_args(Kind)) or f"the kinds are: {listing(get_args(Kind))}"
    close = closest(flavor, [*names, *known_flavors(kind)])
    if close is None:
        return "`zen flavor list` shows what there is"
    return f"did you mean {close!r}?" + ("" if close in names else f" {_install(plugin_for(kind, close))}")
