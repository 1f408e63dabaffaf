"""Level 1: the light modules of plugins, imported one at a time and registered with pluggy.

pluggy's own loader is not used: it reads all metadata on every call, has no guard, and picks silently between
duplicates. pluggy itself is imported with the first plugin.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zen.errors import PluginLoadError
from zen.forks import freed_by_fork
from zen.registry.catalog import PluginEntry, fold
from zen.registry.loading import Subject, call, describe, guard, load

if TYPE_CHECKING:
    from pluggy import PluginManager

    from zen.plugins import Flavor


@dataclass(frozen=True, kw_only=True, slots=True)
class LightModule:
    """A loaded plugin: what pluggy has registered, and the flavors that it offers."""

    plugin: Any
    flavors: tuple[Flavor, ...]

    def named(self, name: str) -> tuple[Flavor, ...]:
        """Return its flavors of that name: at most one of each kind."""
        wanted = fold(name)
        return tuple(flavor for flavor in self.flavors if fold(flavor.name) == wanted)


class LightModules:
    """Loads light modules, each once; a failure is kept and raised again. Entries may share a module."""

    def __init__(self) -> None:
        self._lock = freed_by_fork(threading.RLock())
        self._loaded: dict[tuple[str, str], LightModule | PluginLoadError] = {}
        self._manager: PluginManager | None = None

    @property
    def manager(self) -> PluginManager:
        """What holds the loaded plugins."""
        if self._manager is None:
            import pluggy

            from zen.plugins import PROJECT, hookspecs

            self._manager = pluggy.PluginManager(PROJECT)
            self._manager.add_hookspecs(hookspecs)
        return self._manager

    def load(self, entry: PluginEntry) -> LightModule:
        """Return the light module that an entry of `zen.plugins.v1` names.

        Raises:
            PluginLoadError: When it cannot be imported, its hooks do not fit, or it offers no valid flavors.
        """
        key = (entry.distribution, entry.value)
        with self._lock:
            known = self._loaded.get(key)
            if known is None:
                try:
                    known = self._load(entry, Subject.of(entry, "the plugin"))
                except PluginLoadError as error:
                    known = error
                self._loaded[key] = known
        if isinstance(known, PluginLoadError):
            raise known.with_traceback(None)
        return known

    def _load(self, entry: PluginEntry, subject: Subject) -> LightModule:
        plugin = load(entry.value, subject, light=True)
        self._register(plugin, entry, subject)
        return LightModule(plugin=plugin, flavors=self._flavors(plugin, subject))

    def _register(self, plugin: Any, entry: PluginEntry, subject: Subject) -> None:
        """Hand a module to pluggy, which checks the signatures of its hooks. Two distributions may share a module."""
        if self.manager.is_registered(plugin):
            return
        from pluggy import PluginValidationError

        self._check_marked(plugin, subject)
        try:
            with guard(subject):
                try:
                    self.manager.register(plugin, name=f"{entry.name}@{entry.distribution} ({entry.value})")
                    self.manager.check_pending()
                except PluginValidationError as error:
                    raise _unfit(subject, error) from error
        except PluginLoadError:
            if self.manager.is_registered(plugin):
                self.manager.unregister(plugin)
            raise

    def _check_marked(self, plugin: Any, subject: Subject) -> None:
        """Refuse functions that are named like a hook and are none: pluggy would pass over them in silence."""
        for name in vars(self.manager.hook):
            function = vars(plugin).get(name) if hasattr(plugin, "__dict__") else None
            if not name.startswith("_") and callable(function) and not hasattr(function, "zen_impl"):
                raise subject.fault(
                    f"defines {name} without marking it as a hook", hint=f"write @hookimpl above {name}"
                )

    def _flavors(self, plugin: Any, subject: Subject) -> tuple[Flavor, ...]:
        with guard(subject):
            answers = call(lambda: list(self.calling("zen_flavors", plugin)()), subject)
            found = [flavor for answer in answers for flavor in _iterable(answer, subject)]
        for flavor in found:
            _check(flavor, subject)
        if len({(flavor.kind, fold(flavor.name)) for flavor in found}) < len(found):
            raise subject.fault("offers two flavors of one kind and name")
        return tuple(found)

    def calling(self, event: str, plugin: Any) -> Any:
        """Return what calls one hook of one plugin only."""
        others = [other for other in self.manager.get_plugins() if other is not plugin]
        return self.manager.subset_hook_caller(event, remove_plugins=others)

    def implements(self, event: str, plugin: Any) -> bool:
        """Return whether a plugin has a hook."""
        return any(hook.plugin is plugin for hook in getattr(self.manager.hook, event).get_hookimpls())


def _unfit(subject: Subject, error: Exception) -> PluginLoadError:
    """Return the error for a hook that pluggy refuses; its message names the hook, given and expected arguments."""
    lines = [line.strip() for line in str(getattr(error, "args", ("",))[0]).splitlines() if line.strip()]
    return subject.fault(f"has a hook that does not fit: {'; '.join(lines) or describe(error)}")


def _iterable(answer: Any, subject: Subject) -> Iterable[Any]:
    if isinstance(answer, (list, tuple)):
        return answer
    raise subject.fault(f"returns {type(answer).__name__} from zen_flavors, not a list of Flavor")


def _check(flavor: Any, subject: Subject) -> None:
    """Refuse what is no flavor, or says something else than text."""
    from zen.plugins import Flavor

    if not isinstance(flavor, Flavor):
        raise subject.fault(f"returns a {type(flavor).__name__} from zen_flavors, not a Flavor")
    for field in ("kind", "name", "summary", "implementation", "config", "docs"):
        value = getattr(flavor, field)
        if not isinstance(value, str):
            raise subject.fault(f"has a flavor whose {field} is {value!r}, not text")
    if not flavor.implementation:
        raise subject.fault(f"has a flavor {flavor.name!r} without an implementation")
