"""What a plugin author imports in the light module that the entry point names. Nothing here loads a plugin."""

from zen.plugins.flavor import Flavor, Kind
from zen.plugins.hookspecs import API, PROJECT, hookimpl, hookspec

__all__ = ["API", "PROJECT", "Flavor", "Kind", "hookimpl", "hookspec"]
