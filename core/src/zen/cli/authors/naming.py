"""The names in the project of a plugin, all made from the one that its author chose."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zen.errors import UsageError
from zen.registry import BUILTIN, Catalog
from zen.registry.catalog import fold
from zen.registry.known import PREFIX, known_distributions

__all__ = ["Names", "choose_names"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """The names of one plugin.

    Attributes:
        flavor: What a stack file calls it: `acme-cloud`.
    """

    flavor: str

    @property
    def distribution(self) -> str:
        """What is installed: `zen-plugin-acme-cloud`."""
        return PREFIX + fold(self.flavor)

    @property
    def package(self) -> str:
        """What is imported: `zen_plugin_acme_cloud`."""
        return self.distribution.replace("-", "_")

    @property
    def title(self) -> str:
        """How its classes begin: `AcmeCloud`."""
        made = "".join(part[:1].upper() + part[1:] for part in re.split("[-_]", self.flavor))
        return made if made.isidentifier() else f"Plugin{made}"

    @property
    def variable(self) -> str:
        """How names of its environment variables begin: `ACME_CLOUD`."""
        made = fold(self.flavor).replace("-", "_").upper()
        return made if made.isidentifier() else f"PLUGIN_{made}"

    @property
    def is_known(self) -> bool:
        """Whether zen's messages already recommend a distribution of this name."""
        return self.distribution in known_distributions()


def choose_names(name: str, catalog: Catalog) -> Names:
    """Return the names of a plugin.

    Args:
        name: The flavor, or the distribution with the usual prefix.
        catalog: What is installed: zen's own names cannot be taken.

    Raises:
        UsageError: When stack files could not name it.
    """
    from zen.stacks.names import advice, is_name, reason, shown

    flavor = name.removeprefix(PREFIX)
    if not is_name(flavor):
        raise UsageError(f"{shown(flavor)} is no name for a plugin: {reason(flavor)}", hint=advice(flavor))
    own = {fold(entry.name) for entry in catalog.entries if entry.distribution == BUILTIN}
    if fold(flavor) in own:
        raise UsageError(f"{flavor!r} is a name of zen's own components", hint=f"such as '{flavor}-2', or your tool's")
    return Names(flavor=flavor)
