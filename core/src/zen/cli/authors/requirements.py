"""What has to be installed for a stack, as pip writes it."""

from __future__ import annotations

from dataclasses import dataclass

from zen.errors import FlavorNotFound, PluginError
from zen.registry import BUILTIN, Registry
from zen.stacks import Project, active_stack, load_stack_file
from zen.stacks.resolve import EMBEDDED

__all__ = ["Requirement", "requirements"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """One distribution that a stack needs.

    Attributes:
        distribution: Its name.
        version: What is installed; empty for nothing.
        flavors: The flavors that come from it, as `kind/flavor`.
    """

    distribution: str
    version: str
    flavors: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The requirement as pip takes it."""
        return f"{self.distribution}=={self.version}" if self.version else self.distribution


def requirements(project: Project, registry: Registry, chosen: str | None) -> tuple[str, list[Requirement]]:
    """Return the name of a stack and what it needs, zen itself first.

    Configurations are not looked at, so the variables and tools of the stack need not be there.

    Args:
        project: Whose stack.
        registry: What is installed.
        chosen: The stack; None for the active one.

    Raises:
        FlavorNotFound: For a flavor that no known plugin offers.
        AmbiguousFlavor: For one that several distributions offer.
        StackNotFound: When there is no such stack.
    """
    name = active_stack(project, chosen)
    file = load_stack_file(project)
    named = {kind: [entry.flavor for entry in entries] for kind, entries in file.complete(name).entries.items()}
    wanted = [(kind, flavor) for kind, flavors in named.items() for flavor in flavors]
    wanted += [(kind, flavor) for kind, flavor in EMBEDDED.items() if kind not in named]
    versions = {entry.distribution: entry.version for entry in registry.catalog.entries}
    found: dict[str, list[str]] = {BUILTIN: []}
    for kind, flavor in wanted:
        found.setdefault(_distribution(registry, kind, flavor), []).append(f"{kind}/{flavor.partition('@')[0]}")
    return name, [
        Requirement(distribution=each, version=versions.get(each, ""), flavors=tuple(flavors))
        for each, flavors in sorted(found.items(), key=lambda item: (item[0] != BUILTIN, item[0]))
    ]


def _distribution(registry: Registry, kind: str, flavor: str) -> str:
    """Return what offers a flavor, or the known plugin that would.

    Raises:
        PluginError: When nobody is known to.
    """
    try:
        return registry.flavor(kind, flavor).distribution
    except FlavorNotFound as error:
        install = error.facts.get("install")
        if not isinstance(install, str):
            raise
        return install
    except PluginError as error:
        # A plugin that cannot be loaded is installed all the same.
        owner = error.facts.get("distribution")
        if not isinstance(owner, str):
            raise
        return owner
