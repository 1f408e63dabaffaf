"""Checks of what is installed: the distribution, the entry point, what its modules import and change."""

from __future__ import annotations

import importlib.metadata
import re
from typing import TYPE_CHECKING

from zen.testing.checks import Checks, DoesNotApply, NotVerified, require
from zen.testing.imports import PUBLIC, folders, foreign, global_changes, imported, needed, private_imports, top

if TYPE_CHECKING:
    from zen.testing.kit import Kit

ZEN = "zen-hub"
# What a configuration may import beside the standard library: pydantic and what pydantic itself consists of.
_PYDANTIC = frozenset(
    {"annotated_types", "dotenv", "pydantic", "pydantic_core", "pydantic_settings", "typing_extensions"}
    | {"typing_inspection"}
)
# The public interface of zen brings them along.
_PROVIDED = frozenset({"pluggy", "pydantic", "pydantic_core"})


class DistributionChecks(Checks):
    """Checks of the distribution that a plugin comes in; not verified for a class that was handed in."""

    def distribution(self, kit: Kit) -> str:
        """Return the name of the distribution."""
        raise NotImplementedError

    def modules(self, kit: Kit) -> list[str]:
        """Return the modules that zen imports of it."""
        raise NotImplementedError

    def test_only_the_public_surface_of_zen_is_imported(self, kit: Kit) -> None:
        """The plugin imports nothing of zen but its public modules, so that it goes on working with the next zen."""
        private = private_imports(self._outside(kit))
        require(
            not private,
            tried="the import statements of the plugin's modules",
            came="\n       ".join(private),
            do=f"import from one of: {', '.join(PUBLIC)}",
        )

    def test_importing_changes_no_global_state(self, kit: Kit) -> None:
        """Importing the plugin changes no environment variable, logging, warning filter, signal handler or folder."""
        modules = self.modules(kit)
        changed = global_changes(modules)
        require(
            not changed,
            tried=f"import {', '.join(modules)} in a fresh process, after the tools that they import",
            came="\n       ".join(changed),
            do="do it where it is needed and undo it there; best do without",
        )

    def test_requirements_cover_what_is_imported(self, kit: Kit) -> None:
        """Every module that the plugin imports belongs to a declared requirement."""
        missing = self._undeclared(kit)
        require(
            not missing,
            tried="the plugin's import statements against the requirements of its distribution",
            came=f"imported and not declared: {', '.join(missing)}",
            do="add them to `dependencies` in pyproject.toml and reinstall it",
        )

    def test_distribution_has_a_type_marker(self, kit: Kit) -> None:
        """Each package of the distribution contains `py.typed`, so that type checkers use its annotations."""
        bare = [
            place.name for place in folders(self._own(kit)) if place.is_dir() and not (place / "py.typed").is_file()
        ]
        require(
            not bare,
            tried="py.typed in the packages of the plugin",
            came=f"no such file in {', '.join(bare)}",
            do="add an empty file py.typed beside __init__.py, and see that the wheel contains it",
        )

    def test_distribution_has_a_readme(self, kit: Kit) -> None:
        """The distribution has a README, for people."""
        metadata = self._metadata(kit).metadata
        text = metadata.get_payload() or metadata.get("Description") or ""  # type: ignore[attr-defined]  # a Message
        require(
            str(text).strip(),
            tried=f"the description of {self.distribution(kit)}",
            came="it is empty",
            do='write a README.md and name it in pyproject.toml: readme = "README.md"',
        )

    def _own(self, kit: Kit) -> set[str]:
        return {top(name) for name in self.modules(kit)}

    def _outside(self, kit: Kit) -> set[str]:
        """Return the plugin's own top-level modules, unless it is part of zen."""
        if self.distribution(kit) == ZEN:
            raise DoesNotApply("it is part of zen")
        return self._own(kit)

    def _metadata(self, kit: Kit) -> importlib.metadata.Distribution:
        name = self.distribution(kit)
        try:
            return importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise NotVerified(f"the metadata of {name} cannot be found", give="install it") from error

    def _undeclared(self, kit: Kit) -> list[str]:
        """Return the top-level modules that the plugin needs and no requirement, not even of an extra, provides."""
        modules = needed(self._outside(kit)) - _PROVIDED
        requirements = self._metadata(kit).requires or []
        declared = {_canonical(re.split(r"[^A-Za-z0-9._-]", each, maxsplit=1)[0]) for each in requirements}
        providers = importlib.metadata.packages_distributions()
        owners = {name: set(map(_canonical, providers.get(name, ()))) for name in sorted(modules)}
        return [
            f"{name} ({' or '.join(sorted(names))})"
            for name, names in owners.items()
            if names and not names & {*declared, self.distribution(kit)}
        ]


class FlavorChecks(DistributionChecks):
    """Checks of an installed flavor."""

    def distribution(self, kit: Kit) -> str:
        """Return the distribution that offers the flavor."""
        return kit.loaded.distribution

    def modules(self, kit: Kit) -> list[str]:
        """Return the light module, the module of the configuration and that of the implementation."""
        flavor = kit.loaded.flavor
        named = (_light_module(kit), flavor.config, flavor.implementation)
        return list(dict.fromkeys(name.partition(":")[0] for name in named if name))

    def test_entry_point_resolves_to_a_flavor(self, kit: Kit) -> None:
        """The entry point of the flavor's name leads to a light module that offers it, with a summary."""
        flavor = kit.loaded.flavor
        require(
            flavor.summary.strip(),
            tried=f"the summary of the flavor {flavor.name!r}",
            came=flavor.summary,
            do="say in one line what it is for: `zen flavor list` shows it",
        )

    def test_light_module_imports_no_tool(self, kit: Kit) -> None:
        """The light module imports the standard library and zen.plugins only, so that listing it stays fast."""
        module = _light_module(kit)
        heavy = foreign(imported([module]), self._own(kit))
        require(
            not heavy,
            tried=f"import {module} in a fresh process",
            came=f"it also imported {', '.join(heavy)}",
            do="name configuration and implementation as 'module:Class' texts and import nothing but zen.plugins there",
        )

    def test_configuration_imports_no_tool(self, kit: Kit) -> None:
        """The configuration imports the standard library and pydantic only: `zen stack check` needs no tool."""
        module = kit.loaded.flavor.config.partition(":")[0]
        if not module:
            raise DoesNotApply("it has no configuration")
        # What the light module imports is that one's fault.
        light = set(map(top, imported([_light_module(kit)])))
        heavy = set(foreign(imported([module]), self._own(kit))) - _PYDANTIC - light
        require(
            not heavy,
            tried=f"import {module} in a fresh process",
            came=f"it also imported {', '.join(sorted(heavy))}",
            do="keep the configuration class in a module of its own that does not import the tool",
        )

    def test_implementation_is_a_component_of_its_kind(self, kit: Kit) -> None:
        """The implementation is a concrete subclass of the interface of its kind, of this major version."""
        from zen.errors import PluginError
        from zen.interfaces import KINDS

        interface = KINDS[self.kind]
        tried = f"the implementation as a {interface.__name__}, version {interface.api}"
        do = f"derive it from zen.interfaces.{interface.__name__} and write what is abstract"
        try:
            cls = kit.component_class
        except PluginError as error:
            raise AssertionError(f"tried: {tried}\n came: {error}\n   do: {do}") from error
        abstract = sorted(getattr(cls, "__abstractmethods__", ()))
        require(
            issubclass(cls, interface) and not abstract and cls.api == interface.api,
            tried=tried,
            came=f"bases {[base.__name__ for base in cls.__mro__]}, version {cls.api}, abstract: {abstract}",
            do=do,
        )


def _light_module(kit: Kit) -> str:
    from zen.registry.catalog import PLUGINS

    loaded = kit.loaded
    entries = kit.registry.catalog.named(PLUGINS, loaded.entry or loaded.flavor.name)
    return next(entry.value for entry in entries if entry.distribution == loaded.distribution).partition(":")[0]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
