"""Observers: plugins that watch runs. They cannot fail a run, and cannot hold it up for longer than their deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from zen.errors import PluginLoadError
from zen.registry.catalog import PLUGINS, PluginEntry
from zen.registry.light import LightModules
from zen.registry.loading import describe

EVENTS = ("zen_run_started", "zen_step_started", "zen_step_finished", "zen_run_finished")
SLOW_SECONDS = 1.0
"""An observer that takes longer is mentioned, even when it returns in time."""


class Observer(NamedTuple):
    """A loaded plugin that has at least one of the observing hooks."""

    name: str
    plugin: Any


class Observers:
    """Calls the observing hooks of chosen distributions, one at a time."""

    def __init__(self, entries: Iterable[PluginEntry], modules: LightModules) -> None:
        self._entries = tuple(entry for entry in entries if entry.group == PLUGINS)
        self._modules = modules
        self._loaded: dict[str, tuple[list[Observer], list[str]]] = {}
        self._turn = threading.Lock()
        self._late: dict[str, threading.Thread] = {}

    def of(self, distributions: Iterable[str]) -> tuple[list[Observer], list[str]]:
        """Return the observers of these distributions, in that order, and a warning for each that cannot be loaded."""
        observers: dict[int, Observer] = {}
        warnings: list[str] = []
        for distribution in distributions:
            if distribution not in self._loaded:
                self._loaded[distribution] = self._load(distribution)
            found, said = self._loaded[distribution]
            observers.update({id(observer.plugin): observer for observer in found})
            warnings += said
        return list(observers.values()), warnings

    def _load(self, distribution: str) -> tuple[list[Observer], list[str]]:
        observers: list[Observer] = []
        warnings: dict[str, None] = {}
        for entry in self._entries:
            if entry.distribution != distribution:
                continue
            try:
                plugin = self._modules.load(entry).plugin
            except PluginLoadError as error:
                warnings[f"cannot observe: {error.message}"] = None
                continue
            if any(self._modules.implements(event, plugin) for event in EVENTS):
                observers.append(Observer(f"{entry.name}@{distribution}", plugin))
        return observers, list(warnings)

    def observe(self, event: str, distributions: Iterable[str], deadline: float, facts: dict[str, Any]) -> list[str]:
        """Call one hook of each, giving each `deadline` seconds; return what people should know, never raise."""
        with self._turn:
            observers, warnings = self.of(distributions)
            for observer in observers:
                if self._modules.implements(event, observer.plugin):
                    warnings += self._call(event, observer, deadline, facts)
        return warnings

    def _call(self, event: str, observer: Observer, deadline: float, facts: dict[str, Any]) -> list[str]:
        late = self._late.get(observer.name)
        if late is not None and late.is_alive():
            return [f"observer {observer.name}: {event} was left out, because {late.name} has not returned yet"]
        failure: list[BaseException] = []
        hook = self._modules.calling(event, observer.plugin)
        thread = threading.Thread(target=_run, args=(hook, facts, failure), name=event, daemon=True)
        started = time.monotonic()
        thread.start()
        thread.join(deadline)
        seconds = time.monotonic() - started
        if thread.is_alive():
            self._late[observer.name] = thread
            return [f"observer {observer.name}: {event} did not return in {deadline:g} s and was abandoned"]
        if failure:
            return [f"observer {observer.name}: {event} raised {describe(failure[0])} after {seconds:.2f} s"]
        return [f"observer {observer.name}: {event} took {seconds:.1f} s"] if seconds > SLOW_SECONDS else []


def _run(hook: Any, facts: dict[str, Any], failure: list[BaseException]) -> None:
    try:
        hook(**facts)
    except BaseException as error:  # noqa: BLE001  # an observer is somebody else's code, and may even call sys.exit
        failure.append(error)
