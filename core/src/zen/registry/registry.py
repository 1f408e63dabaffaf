"""The registry: everything about installed plugins, at three levels of loading.

Level 0 is the catalog, with nothing imported. Level 1 imports the light module of what is named. Level 2 imports its
configuration, then its implementation. A plugin that is broken breaks what names it, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from zen.errors import AmbiguousFlavor, PluginError, PluginIncompatible, listing
from zen.registry.blocking import Blocking
from zen.registry.catalog import BUILTIN, COMMANDS, PLUGINS, TYPES, Catalog, PluginEntry
from zen.registry.claims import LoadedFlavor
from zen.registry.flavors import Flavors
from zen.registry.light import LightModules
from zen.registry.loading import Subject, load, load_class
from zen.registry.materializers import Materializers
from zen.registry.observers import Observers
from zen.registry.scanning import scan

if TYPE_CHECKING:
    from zen.interfaces import Component, Materializer
    from zen.registry.reports import PluginReport

OBSERVER_SECONDS = 5.0


class Registry:
    """Finds and loads what plugins offer. May be used from several threads.

    Args:
        catalog: What is installed; by default what a scan of `sys.path` finds.
        disabled: Names of distributions or entries that are not to be loaded; `ZEN_DISABLE_PLUGINS` adds to them.
        allowed: When given, the only names of distributions or entries that may be loaded, zen's own apart.
    """

    def __init__(
        self, catalog: Catalog | None = None, *, disabled: Iterable[str] = (), allowed: Iterable[str] | None = None
    ) -> None:
        self.catalog = scan() if catalog is None else catalog
        self._blocking = Blocking(disabled, allowed)
        self._modules = LightModules()
        self._flavors = Flavors(self.catalog, self._modules, self._blocking)

    @cached_property
    def _materializers(self) -> Materializers:
        return Materializers(self.catalog, self._blocking)

    @cached_property
    def _observers(self) -> Observers:
        return Observers(self._usable(PLUGINS), self._modules)

    def _usable(self, group: str) -> list[PluginEntry]:
        return [entry for entry in self.catalog.group(group) if not self._blocking(entry)]

    def flavor(self, kind: str, name: str) -> LoadedFlavor:
        """Return the flavor that `flavor` or `flavor@distribution` names; loads the light modules of that name.

        Raises:
            FlavorNotFound: With what is installed, the nearest name and, where one is known, what to install
                (`install`).
            AmbiguousFlavor: When two distributions offer it and the name does not say which.
            PluginLoadError: When what offers it cannot be loaded; the original is the cause.
            PluginIncompatible: When it is there for another major version of the plugin API only.
        """
        return self._flavors.find(kind, name)

    def flavors(self, kind: str | None = None) -> tuple[list[LoadedFlavor], list[PluginError]]:
        """Return all flavors, by kind and name, and an error for each broken plugin; loads every light module."""
        return self._flavors.all(kind)

    def config_class(self, loaded: LoadedFlavor) -> type | None:
        """Return the class of a flavor's configuration; None when it takes none.

        Raises:
            PluginLoadError: When it cannot be imported, or is neither a dataclass nor a pydantic model.
        """
        if not loaded.flavor.config:
            return None
        subject = _subject(loaded, "the configuration of")
        cls = load_class(loaded.flavor.config, subject)
        if not (hasattr(cls, "__dataclass_fields__") or hasattr(cls, "model_fields")):
            raise subject.fault(f"is {cls.__qualname__}, which is neither a dataclass nor a pydantic model")
        return cls

    def component_class(self, loaded: LoadedFlavor) -> type[Component]:
        """Return the class that implements a flavor.

        Raises:
            PluginLoadError: When it cannot be imported, or is no concrete component of the flavor's kind.
            PluginIncompatible: When it implements another major version of the kind's interface.
        """
        return _checked(load_class(loaded.flavor.implementation, _subject(loaded, "the implementation of")), loaded)

    def materializer(self, cls: type) -> Materializer | None:
        """Return what saves values of a type, by the first class of its MRO that is registered; None for nobody.

        Raises:
            AmbiguousFlavor: When two distributions register that class.
            PluginLoadError: When the materializer cannot be loaded.
        """
        return self._materializers.for_type(cls)

    def materializer_by_reference(self, reference: str) -> Materializer:
        """Return the materializer that was recorded with an artifact (`module:Class`), if a plugin registers it.

        Raises:
            PluginLoadError: When none does, with what to install (`install`), or it cannot be loaded.
        """
        return self._materializers.by_reference(reference)

    def observers(self, distributions: Iterable[str]) -> list[str]:
        """Return who observes runs among these distributions, as `entry@distribution`; loads their light modules."""
        return [observer.name for observer in self._observers.of(distributions)[0]]

    def observe(
        self, event: str, distributions: Iterable[str], *, deadline: float = OBSERVER_SECONDS, **facts: Any
    ) -> list[str]:
        """Tell the observers among these distributions, one after the other, that something has happened.

        An observer that does not return in time is left behind on its thread, and left out until it has returned.

        Args:
            event: The hook: `zen_run_started`, `zen_step_started`, `zen_step_finished` or `zen_run_finished`.
            distributions: Whose plugins are told: those that the stack names.
            deadline: How many seconds each of them has.
            facts: The arguments of the hook.

        Returns:
            A warning for each that failed, was slow, was abandoned, or cannot be loaded. Never raises for them.
        """
        return self._observers.observe(event, distributions, deadline, facts)

    def commands(self) -> dict[str, PluginEntry]:
        """Return the commands that plugins add, by name; imports nothing."""
        found: dict[str, PluginEntry] = {}
        for entry in self._usable(COMMANDS):
            found.setdefault(entry.name, entry)
        return dict(sorted(found.items()))

    def load_command(self, entry: PluginEntry) -> Any:
        """Return the command that an entry of `zen.commands.v1` names.

        Raises:
            AmbiguousFlavor: When another distribution has a command of that name.
            PluginLoadError: When it cannot be loaded.
        """
        owners = [other.distribution for other in self._usable(COMMANDS) if other.name == entry.name]
        if len(owners) > 1 and BUILTIN not in owners:
            raise AmbiguousFlavor(
                f"the command {entry.name!r} is claimed by more than one distribution: {listing(owners)}",
                hint="uninstall one, or disable it with `plugins: {disable: […]}` in zen.yaml",
                name=entry.name,
                distributions=tuple(owners),
            )
        subject = Subject.of(entry, "the command")
        command = load(entry.value, subject)
        if not callable(command):
            raise subject.fault(f"is {entry.value!r}, which is no command but {type(command).__name__}")
        return command

    def check(self, entry: PluginEntry) -> PluginError | None:
        """Load one entry in this process; return what is wrong with it. `zen.registry.probe` does it in another."""
        try:
            if entry.group == PLUGINS:
                self._modules.load(entry)
            elif entry.group == TYPES:
                self._materializers.load(entry)
            else:
                self.load_command(entry)
        except PluginError as error:
            return error
        return None

    def usable(self) -> list[PluginEntry]:
        """Return the entries that are not blocked, of every group; imports nothing."""
        return [entry for entry in self.catalog.entries if not self._blocking(entry)]

    def reports(self) -> list[PluginReport]:
        """Return what is installed and what is odd about its metadata; imports nothing."""
        from zen.registry.reports import reports

        return reports(self.catalog, self._blocking)

    def idle_names(self) -> list[str]:
        """Return the disabled names that nothing installed answers to: perhaps they are misspelt."""
        return self._blocking.idle(self.catalog)


def _subject(loaded: LoadedFlavor, part: str) -> Subject:
    return Subject(distribution=loaded.distribution, version=loaded.version, entry=loaded.flavor.name, part=part)


def _checked(cls: type, loaded: LoadedFlavor) -> type[Component]:
    """Return a class when it is a concrete component of the flavor's kind and of this API."""
    from zen.interfaces import KINDS, Component

    subject = _subject(loaded, "the implementation of")
    interface = KINDS.get(loaded.flavor.kind, Component)
    if not issubclass(cls, interface):
        raise subject.fault(f"is {cls.__qualname__}, which is not derived from zen.interfaces.{interface.__name__}")
    if cls.__abstractmethods__:
        raise subject.fault(f"is {cls.__qualname__}, which lacks: {listing(cls.__abstractmethods__)}")
    if cls.api != interface.api:
        raise PluginIncompatible(
            f"{subject} implements v{cls.api} of {interface.__name__}; this zen has v{interface.api}",
            hint=f"`pip install --upgrade {BUILTIN if cls.api > interface.api else loaded.distribution}`",
            distribution=loaded.distribution,
            needs=cls.api,
            has=interface.api,
        )
    return cls
