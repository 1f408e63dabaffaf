"""What plugins offer under a name: flavors with their owners, and plugins that claim a name and cannot be loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zen.errors import PluginLoadError

if TYPE_CHECKING:
    from zen.plugins import Flavor


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedFlavor:
    """A flavor and whose it is.

    Attributes:
        flavor: What the plugin says about it.
        distribution: The distribution that offers it, in its canonical spelling.
        version: The version of that distribution; empty when unknown.
        entry: The name of its entry point.
    """

    flavor: Flavor
    distribution: str
    version: str
    entry: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claims:
    """All that answers to one name for one kind.

    Attributes:
        offers: The flavors of that kind and name.
        failures: The plugins that claim the name and cannot be loaded, so that nobody knows what they offer.
        other: The flavors of that name for other kinds.
    """

    offers: tuple[LoadedFlavor, ...]
    failures: tuple[PluginLoadError, ...]
    other: tuple[LoadedFlavor, ...]
