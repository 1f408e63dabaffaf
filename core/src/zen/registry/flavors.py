"""Finding the one flavor that a name means: never a winner by order of installation."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from zen.errors import AmbiguousFlavor, PluginError, PluginLoadError, listing
from zen.registry.catalog import BUILTIN, PLUGINS, Catalog, PluginEntry, canonical, fold
from zen.registry.claims import Claims, LoadedFlavor
from zen.registry.light import LightModules


class Flavors:
    """Looks up flavors in the plugins that are not blocked."""

    def __init__(self, catalog: Catalog, modules: LightModules, is_blocked: Callable[[PluginEntry], bool]) -> None:
        self._catalog = catalog
        self._modules = modules
        self._is_blocked = is_blocked

    def find(self, kind: str, name: str) -> LoadedFlavor:
        """Return the flavor of that kind that `flavor` or `flavor@distribution` names.

        Raises:
            FlavorNotFound: When no plugin offers it.
            AmbiguousFlavor: When two distributions do.
            PluginLoadError: When what offers it cannot be loaded.
            PluginIncompatible: When it is offered for another major version of the plugin API only.
        """
        flavor, _, distribution = name.partition("@")
        entries = self._entries(flavor, distribution)
        # zen's own names cannot be taken over, so nobody else's module is loaded for them.
        own = self._claims(kind, [entry for entry in entries if entry.distribution == BUILTIN])
        if own.offers:
            return own.offers[0]
        claims = self._claims(kind, entries)
        if len(claims.offers) + len(claims.failures) > 1:
            raise _ambiguous(kind, flavor, claims)
        if claims.failures:
            raise claims.failures[0]
        if not claims.offers:
            from zen.registry.missing import not_found

            raise not_found(self._catalog, kind, name, claims, self._is_blocked, lambda: self.all(kind))
        return claims.offers[0]

    def _entries(self, flavor: str, distribution: str) -> list[PluginEntry]:
        return [
            entry
            for entry in self._catalog.named(PLUGINS, flavor)
            if not self._is_blocked(entry) and (not distribution or canonical(distribution) == entry.distribution)
        ]

    def _claims(self, kind: str, entries: Iterable[PluginEntry]) -> Claims:
        offers: list[LoadedFlavor] = []
        other: list[LoadedFlavor] = []
        failures: list[PluginLoadError] = []
        for entry in entries:
            try:
                found = self._offers(entry)
            except PluginLoadError as error:
                failures.append(error)
                continue
            offers += [loaded for loaded in found if loaded.flavor.kind == kind]
            other += [loaded for loaded in found if loaded.flavor.kind != kind]
        return Claims(offers=tuple(offers), failures=tuple(failures), other=tuple(other))

    def _offers(self, entry: PluginEntry) -> list[LoadedFlavor]:
        """Return what an entry point offers: the flavors of its name."""
        return [
            LoadedFlavor(flavor=flavor, distribution=entry.distribution, version=entry.version, entry=entry.name)
            for flavor in self._modules.load(entry).named(entry.name)
        ]

    def all(self, kind: str | None = None) -> tuple[list[LoadedFlavor], list[PluginError]]:
        """Return the flavors of all plugins, by kind and name, and what is wrong; loads every light module."""
        found: list[LoadedFlavor] = []
        errors: dict[tuple[str, str], PluginError] = {}
        for entry in self._catalog.group(PLUGINS):
            if self._is_blocked(entry):
                continue
            # Entries that share a module share its fault, which is told once.
            place = (entry.distribution, entry.value)
            try:
                found += self._offers(entry)
                self._check_listed(entry)
            except PluginError as error:
                errors[place] = error
        found = sorted(
            (loaded for loaded in found if kind in (None, loaded.flavor.kind)),
            key=lambda loaded: (loaded.flavor.kind, loaded.flavor.name, loaded.distribution),
        )
        return found, [*errors.values(), *_conflicts(found)]

    def _check_listed(self, entry: PluginEntry) -> None:
        """Refuse flavors that nobody can name, because they have no entry point or a kind that does not exist."""
        from typing import get_args

        from zen.plugins import Kind

        offered = self._modules.load(entry).flavors
        listed = {
            fold(other.name) for other in self._catalog.group(PLUGINS) if other.distribution == entry.distribution
        }
        lost = [flavor.name for flavor in offered if fold(flavor.name) not in listed]
        if lost:
            raise PluginError(
                f"{entry.distribution} offers {listing(lost)} without an entry point of that name in {PLUGINS}",
                hint="its pyproject.toml needs one entry for each flavor name; reinstall it after the change",
                distribution=entry.distribution,
            )
        unknown = [f"{flavor.name} ({flavor.kind})" for flavor in offered if flavor.kind not in get_args(Kind)]
        if unknown:
            raise PluginError(
                f"{entry.distribution} offers {listing(unknown)}, and this zen has no such kind of component",
                hint=f"`pip install --upgrade {BUILTIN}` if it is a new kind",
                distribution=entry.distribution,
            )


def _ambiguous(kind: str, flavor: str, claims: Claims) -> AmbiguousFlavor:
    """Return the error for several distributions with one name, those that cannot be loaded among them."""
    offering = sorted(loaded.distribution for loaded in claims.offers)
    broken = sorted(error.distribution for error in claims.failures)
    said = "; ".join(
        [listing(offering)] * bool(offering) + [f"{listing(broken)}, which cannot be loaded"] * bool(broken)
    )
    choices = " or ".join(f"`flavor: {flavor}@{distribution}`" for distribution in offering or broken)
    error = AmbiguousFlavor(
        f"the {kind} flavor {flavor!r} is claimed by more than one distribution: {said}",
        hint=f"say which: {choices}; or uninstall the other",
        kind=kind,
        name=flavor,
        distributions=(*offering, *broken),
    )
    error.__cause__ = claims.failures[0] if claims.failures else None
    return error


def _conflicts(found: Iterable[LoadedFlavor]) -> list[PluginError]:
    """Return an error for each kind and name with several owners."""
    owners: dict[tuple[str, str], list[LoadedFlavor]] = {}
    for loaded in found:
        owners.setdefault((loaded.flavor.kind, fold(loaded.flavor.name)), []).append(loaded)
    return [_conflict(kind, name, several) for (kind, name), several in owners.items() if len(several) > 1]


def _conflict(kind: str, name: str, several: list[LoadedFlavor]) -> PluginError:
    others = [loaded.distribution for loaded in several if loaded.distribution != BUILTIN]
    if len(others) == len(several):
        return _ambiguous(kind, name, Claims(offers=tuple(several), failures=(), other=()))
    return PluginError(
        f"the {kind} flavor {name!r} is zen's own; that of {listing(others)} is not used in its place",
        hint=f"a stack gets it by `flavor: {name}@{others[0]}`",
        kind=kind,
        name=name,
        distributions=tuple(others),
    )
