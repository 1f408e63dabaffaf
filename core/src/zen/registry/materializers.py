"""Materializers of installed plugins: found by the name of a type, loaded when a value of it turns up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from zen.errors import AmbiguousFlavor, PluginLoadError, listing
from zen.registry.blocking import disabled_hint
from zen.registry.catalog import BUILTIN, TYPES, Catalog, PluginEntry
from zen.registry.loading import Subject, guard, load_class, split_reference

if TYPE_CHECKING:
    from zen.interfaces import Materializer

DATACLASS = "@dataclass"
"""What stands in `zen.types.v1` for every dataclass."""


class Materializers:
    """Looks up materializers in the plugins that are not blocked; one instance of each serves all."""

    def __init__(self, catalog: Catalog, is_blocked: Callable[[PluginEntry], bool]) -> None:
        self._catalog = catalog
        self._is_blocked = is_blocked
        self._claims = _claims(entry for entry in catalog.group(TYPES) if not is_blocked(entry))
        self._of_type: dict[type, Materializer | None] = {}
        self._by_value: dict[str, Materializer] = {}

    def for_type(self, cls: type) -> Materializer | None:
        """Return the materializer of the first class of the MRO that one is registered for; None for nobody.

        Raises:
            AmbiguousFlavor: When two distributions claim that class.
            PluginLoadError: When the materializer cannot be loaded.
        """
        if cls not in self._of_type:
            self._of_type[cls] = self._find(cls)
        return self._of_type[cls]

    def _find(self, cls: type) -> Materializer | None:
        names = [f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__]
        if hasattr(cls, "__dataclass_fields__") and cls is not object:
            # Dataclasses have no base class of their own: they are known by their shape, before the last base of all.
            names.insert(-1, DATACLASS)
        for name in names:
            entries = self._claims.get(name)
            if entries:
                return self.load(_only(name, entries))
        return None

    def by_reference(self, reference: str) -> Materializer:
        """Return the materializer that was recorded with an artifact: nothing but what is registered is imported.

        Args:
            reference: `module:Class`, as the entry point says it or as the class says it of itself.

        Raises:
            PluginLoadError: When no installed plugin registers it, or it cannot be loaded.
        """
        wanted = _tidy(reference)
        known = self._by_value.get(wanted)
        if known is not None:
            return known
        entries = [entry for entries in self._claims.values() for entry in entries]
        for entry in entries:
            if _tidy(entry.value) == wanted:
                return self.load(entry)
        for entry in entries:
            if _package(entry.value) == _package(wanted) and _own_reference(self.load(entry)) == wanted:
                return self.load(entry)
        raise self._unregistered(reference)

    def load(self, entry: PluginEntry) -> Materializer:
        """Return the materializer that an entry of `zen.types.v1` names.

        Raises:
            PluginLoadError: When it cannot be loaded.
        """
        value = _tidy(entry.value)
        if value not in self._by_value:
            self._by_value[value] = _instance(entry)
        return self._by_value[value]

    def _unregistered(self, reference: str) -> PluginLoadError:
        blocked = [
            entry
            for entry in self._catalog.group(TYPES)
            if _tidy(entry.value) == _tidy(reference) and self._is_blocked(entry)
        ]
        package = _package(reference)
        install = None if blocked else BUILTIN if package == "zen" else package.replace("_", "-")
        registered = {_package(entry.value) for entries in self._claims.values() for entry in entries}
        return PluginLoadError(
            f"no installed plugin registers the materializer {reference!r}; there are some in: {listing(registered)}",
            hint=disabled_hint(blocked[0]) if blocked else f"`pip install {install}`",
            reference=reference,
            install=install,
        )


def _claims(entries: Iterable[PluginEntry]) -> dict[str, list[PluginEntry]]:
    """Return who claims which type. zen's own types cannot be taken over, nor can all types at once."""
    claims: dict[str, list[PluginEntry]] = {}
    for entry in entries:
        if entry.distribution == BUILTIN or entry.name != "builtins.object":
            claims.setdefault(entry.name, []).append(entry)
    for name, several in claims.items():
        claims[name] = [entry for entry in several if entry.distribution == BUILTIN] or several
    return claims


def _only(name: str, entries: list[PluginEntry]) -> PluginEntry:
    if len(entries) == 1:
        return entries[0]
    distributions = tuple(sorted(entry.distribution for entry in entries))
    raise AmbiguousFlavor(
        f"the type {name} is claimed by more than one distribution: {listing(distributions)}",
        hint=f"uninstall one, or disable it in zen.yaml: `plugins: {{disable: [{distributions[-1]}]}}`",
        name=name,
        distributions=distributions,
    )


def _instance(entry: PluginEntry) -> Materializer:
    from zen.interfaces import Materializer

    subject = Subject.of(entry, "the materializer of")
    cls = load_class(entry.value, subject)
    if not issubclass(cls, Materializer):
        raise subject.fault(f"is {cls.__qualname__}, which is not derived from zen.interfaces.Materializer")
    missing = sorted(cls.__abstractmethods__)
    if missing:
        raise subject.fault(f"is {cls.__qualname__}, which lacks: {listing(missing)}")
    with guard(subject):
        return cls()


def _own_reference(materializer: Materializer) -> str:
    cls = type(materializer)
    return f"{cls.__module__}:{cls.__qualname__}"


def _tidy(reference: str) -> str:
    """Return a reference without spaces and extras; as it is when it is none."""
    try:
        module, attribute = split_reference(reference)
    except ValueError:
        return reference
    return f"{module}:{attribute}" if attribute else module


def _package(reference: str) -> str:
    return reference.strip().partition(":")[0].partition(".")[0]
