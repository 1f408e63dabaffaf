"""Discovery without import, guarded loading, flavors, materializers, observers and commands of plugins.

`zen.registry.known`, `.reports` and `.probe` are for messages and for people: a run does not import them.
"""

from zen.registry.catalog import BUILTIN, Catalog, PluginEntry, ScanProblem
from zen.registry.claims import LoadedFlavor
from zen.registry.inventory import Installed, installed
from zen.registry.registry import Registry
from zen.registry.scanning import scan

__all__ = [
    "BUILTIN",
    "Catalog",
    "Installed",
    "LoadedFlavor",
    "PluginEntry",
    "Registry",
    "ScanProblem",
    "installed",
    "scan",
]
