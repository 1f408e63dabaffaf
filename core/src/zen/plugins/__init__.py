"""What a plugin author imports in the light module that the entry point names. Nothing here loads a plugin."""

from zen.plugins.flavor import Flavor
from zen.plugins.hookspecs import API, PROJECT, hookimpl, hookspec
from zen.records import Kind

__all__ = ["API", "PROJECT", "Flavor", "Kind", "hookimpl", "hookspec"]
