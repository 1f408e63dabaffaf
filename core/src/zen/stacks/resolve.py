"""From the name of a stack to the stack itself: flavors found, configurations checked, all faults at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from zen.errors import ConfigError, Fault, FlavorNotFound, PluginError, StackNotFound, listing, nearest
from zen.records import ComponentSpec, StackSpec
from zen.stacks.config import dump, field_names, parse
from zen.stacks.document import Document, Place, raise_faults
from zen.stacks.folders import ADVICE, refusal
from zen.stacks.names import RULE, is_name, reason, shown
from zen.stacks.project import FILE, Project
from zen.stacks.references import resolve_references, secret_names
from zen.stacks.stackfile import KINDS, LOCAL, Entry, StackDefinition, StackFile, read_stack_file

if TYPE_CHECKING:
    from zen.registry import Registry

EMBEDDED: Mapping[str, str] = {
    "orchestrator": "local",
    "artifact_store": "local",
    "metadata_store": "sqlite",
    "secret_store": "local",
}
"""The flavors that a stack has where it does not say."""

_CHOICE = "stack"
_STORES = frozenset({"artifact_store", "metadata_store"})


def load_stack_file(project: Project) -> StackFile:
    """Return what the project's `zen.yaml` says; without one, that there is the stack `local`.

    Never raises for what is in the file: see `StackFile.faults`. Imports no plugin.
    """
    if not project.file:
        return StackFile()
    from zen.stacks.cache import read_cached

    return read_stack_file(read_cached(project.file, project.state))


def stack_names(project: Project) -> list[str]:
    """Return the names of the project's stacks, in the order of the file. Imports no plugin.

    Raises:
        StackFileError: When the file has faults.
    """
    file = load_stack_file(project)
    file.check()
    return list(file.stacks)


def active_stack(project: Project, chosen: str | None = None) -> str:
    """Return the name of the stack to use.

    That is `chosen`, else `ZEN_STACK`, else what `zen stack use` chose here, else the file's default, else `local`.

    Raises:
        StackNotFound: When there is no such stack; the message says who asked for it.
        StackFileError: When the file has faults.
    """
    file = load_stack_file(project)
    file.check()
    candidates = (
        (chosen, ""),
        (os.environ.get("ZEN_STACK"), "from the variable ZEN_STACK"),
        (_choice(project), "chosen by `zen stack use`"),
    )
    for name, source in candidates:
        if name:
            return _existing(name, file, project, source)
    return file.default or LOCAL


def use_stack(project: Project, name: str) -> None:
    """Make a stack the active one of this project on this machine, until another is chosen.

    Raises:
        StackNotFound: When there is no such stack.
        StackFileError: When the file has faults.
    """
    file = load_stack_file(project)
    file.check()
    _existing(name, file, project)
    from zen.storage.private import private_folder, write_private

    try:
        private_folder(project.state)
        partial = project.state / f"{_CHOICE}.{os.getpid()}"
        write_private(partial, f"{name}\n".encode())
        os.replace(partial, project.state / _CHOICE)
    except OSError as error:
        raise ConfigError(
            f"the choice cannot be kept in {project.state}: {error.strerror}", hint="set ZEN_STACK instead"
        ) from error


def resolve(
    project: Project, registry: Registry, name: str, *, variables: Mapping[str, str] | None = None
) -> StackSpec:
    """Return a stack with its flavors found and its configurations checked; the embedded defaults are filled in.

    Of the plugins, only those that the stack names are imported, and of these only their configurations.

    Args:
        project: The project.
        registry: What is installed.
        name: The stack.
        variables: What `${env:NAME}` refers to; by default the environment.

    Raises:
        StackNotFound: When there is no such stack.
        StackFileError: With every fault of the file, and every fault of what this stack names.
        PluginError: When an embedded default itself cannot be found or loaded.
    """
    file = load_stack_file(project)
    if name not in file.stacks or not file.blocks_known:
        file.check()
        _existing(name, file, project)
    stack = file.complete(name)
    resolution = _Resolution(project, registry, os.environ if variables is None else variables, file)
    components = [resolution.component(entry) for entry in _entries(stack)]
    if resolution.faults:
        from zen.stacks.cache import forget_cached

        forget_cached(project.state)  # one of them may be a secret that was written out
    resolution.check()
    return StackSpec(name=name, components=tuple(filter(None, components)), settings=dict(stack.settings))


def secret_references(stack: StackSpec) -> tuple[str, ...]:
    """Return the names of all secrets that a stack refers to, such as `env/PGPASSWORD`, each once."""
    return tuple(dict.fromkeys(name for component in stack.components for name in secret_names(component.config)))


class _Resolution:
    """Resolves the components of one stack and collects what is wrong with them."""

    def __init__(self, project: Project, registry: Registry, variables: Mapping[str, str], file: StackFile) -> None:
        self.project, self.registry, self.variables = project, registry, variables
        self.document: Document | None = file.document
        self.faults: list[Fault] = list(file.faults)
        self.missing: list[str] = []
        self.cause: PluginError | None = None

    def component(self, entry: Entry) -> ComponentSpec | None:
        place = Place(self.faults, self.document if entry.path else None, entry.path or (entry.kind,))
        before = len(self.faults)
        data = resolve_references(entry.config, place, self.variables)
        try:
            loaded = self.registry.flavor(entry.kind, entry.flavor)
            cls = self.registry.config_class(loaded)
            config = parse(cls, data, place)
        except PluginError as error:
            if not entry.path:
                raise
            self._plugin_fault(error, place)
            return None
        if len(self.faults) > before:
            return None
        if entry.kind in _STORES:
            self._check_folders(entry.kind, config, place)
        return ComponentSpec(
            kind=entry.kind,
            flavor=loaded.flavor.name,
            name=entry.name,
            distribution=loaded.distribution,
            version=loaded.version,
            config=dump(config),
            on_error=entry.on_error,
        )

    def check(self) -> None:
        if self.missing:
            from zen.registry.known import pip_install

            raise_faults(self.faults, hint=f"install what is missing: {pip_install(self.missing)}", cause=self.cause)
        raise_faults(self.faults, cause=self.cause)

    def _plugin_fault(self, error: PluginError, place: Place) -> None:
        self.cause = self.cause or error
        install = error.facts.get("install") if isinstance(error, FlavorNotFound) else None
        if install:  # one line for all of them stands at the end
            self.missing.append(install)
        where = place.at("flavor") if isinstance(self._written(place), dict) else place
        where.report(f"{place}: {error.message}", "" if install else error.hint)

    def _written(self, place: Place) -> object:
        return self.document.value(place.path) if self.document else None

    def _check_folders(self, kind: str, config: object, place: Place) -> None:
        for name in field_names(type(config)):
            value = getattr(config, name)
            if not isinstance(value, Path):
                continue
            # A database is a file that no snapshot takes for source.
            why = refusal(value, self.project.root, among_sources=kind == "metadata_store")
            if why:
                place.at(name).report(
                    f"{place.at(name)}: {str(value)!r} cannot be where a store keeps things: {why}", ADVICE
                )


def _entries(stack: StackDefinition) -> Iterable[Entry]:
    for kind in KINDS:
        if kind in stack.entries:
            yield from stack.entries[kind]
        elif kind in EMBEDDED:
            yield Entry(kind=kind, flavor=EMBEDDED[kind], name=EMBEDDED[kind])


def _choice(project: Project) -> str:
    try:
        return (project.state / _CHOICE).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _existing(name: str, file: StackFile, project: Project, source: str = "") -> str:
    if name in file.stacks:
        return name
    where = f"{project.file.name} has" if project.file else f"there is no {FILE}, only"
    why = "" if is_name(name) else f": {reason(name)}"
    raise StackNotFound(
        f"no stack {shown(name)}{f' ({source})' if source else ''}{why}; {where}: {listing(file.stacks)}",
        hint=nearest(name, file.stacks) or (RULE if why else "`zen stack list` shows the stacks"),
        name=name,
    )
