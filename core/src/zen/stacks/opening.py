"""An open stack: the components of a resolved stack, connected in this process, each when it is first needed."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from zen.errors import SecretNotFound, ZenError
from zen.interfaces import ArtifactStore, Component, MetadataStore, Orchestrator, SecretStore
from zen.records import ArtifactRecord, ComponentSpec, RunRecord, StackSpec, StepRunRecord
from zen.registry import Registry
from zen.secrets import Secret
from zen.secrets.redaction import redactor
from zen.stacks.config import build
from zen.stacks.materialization import load
from zen.stacks.project import Project
from zen.stacks.resolve import load_stack_file
from zen.storage import Database, Objects
from zen.storage.private import private_folder, write_private

C = TypeVar("C", bound=Component)
_EMBEDDED = ("env/", "file/")


_registries: dict[tuple[object, ...], Registry] = {}


def registry_of(project: Project) -> Registry:
    """Return the registry of installed plugins, without those that the project's file blocks; one for each process."""
    file = load_stack_file(project)
    key = (file.disabled, file.allowed, tuple(sys.path), os.environ.get("ZEN_DISABLE_PLUGINS", ""))
    if key not in _registries:
        _registries[key] = Registry(disabled=file.disabled, allowed=file.allowed)
    return _registries[key]


class OpenStack:
    """The components of one stack, and the host that they are lent. Thread-safe; close it, or use it in a `with`."""

    def __init__(self, spec: StackSpec, project: Project, registry: Registry) -> None:
        self.spec = spec
        self.project = project
        self.registry = registry
        self.log = logging.getLogger("zen")
        self._components: dict[tuple[str, str], Component] = {}
        self._lock = threading.RLock()
        self._database: Database | None = None
        self._objects: Objects | None = None
        self._state_made = False
        self._asked: set[str] = set()

    # What components are lent

    @property
    def root(self) -> Path:
        """The project root."""
        return self.project.root

    @property
    def state(self) -> Path:
        """The folder for local state, made when it is first asked for."""
        folder = self.project.state
        if not self._state_made:
            private_folder(folder)
            if not (folder / ".gitignore").exists():
                write_private(folder / ".gitignore", b"*\n")
            self._state_made = True
        return folder

    @property
    def secrets(self) -> OpenStack:
        """Answers secret references."""
        return self

    @property
    def records(self) -> OpenStack:
        """Reads what is recorded."""
        return self

    @property
    def artifacts(self) -> OpenStack:
        """Reads artifacts."""
        return self

    def get(self, reference: str) -> str:
        """Return the value behind a secret reference, which this process masks from here on.

        `env/…` and `file/…` are always answered here.
        """
        value = self._answer(reference)
        if redactor.register(reference, value):
            from zen.secrets.logged import mask_logs  # not needed as long as there is no secret

            mask_logs()
        self._asked.add(reference)
        return value

    def learn(self, references: Iterable[str]) -> None:
        """Let the values of these secrets be masked in this process, which may never ask for them itself.

        What cannot be resolved is left out: whoever needs it says so.
        """
        for reference in references:
            if reference not in self._asked:
                self._asked.add(reference)
                with contextlib.suppress(Exception):  # a plugin's code
                    self.get(reference)

    def _answer(self, reference: str) -> str:
        if reference.startswith(_EMBEDDED):
            return cast(SecretStore, self._opened(self._embedded_secrets())).get(reference)
        store = self.one(SecretStore)  # type: ignore[type-abstract]  # as in `orchestrator`
        try:
            return store.get(reference)
        except SecretNotFound as error:
            raise SecretNotFound(
                f"no secret {reference!r} in the {store.kind} of stack {self.spec.name!r}",
                hint=error.hint or "references are env/NAME, file/PATH, or a name that the stack's secret store knows",
                reference=reference,
            ) from error

    def _embedded_secrets(self) -> ComponentSpec:
        """Return the stack's own local secret store, with its configuration, else one that is local whatever it has."""
        for spec in self.spec.of("secret_store"):
            if spec.flavor == "local" and spec.distribution in ("", "zen-hub"):
                return spec
        # The name is no slug, so no component of the stack has it.
        return ComponentSpec(kind="secret_store", flavor="local", name="env/ and file/")

    def reveal(self, secret: Secret | str) -> str:
        """Return the text of a secret with its references resolved."""
        return secret.resolve(self.get) if isinstance(secret, Secret) else secret

    def run(self, run_id: str) -> RunRecord:
        """Return a run by its full id."""
        return self.database.run(run_id)

    def step_runs(self, run_id: str) -> list[StepRunRecord]:
        """Return the step runs of a run, every attempt, oldest first."""
        return self.database.step_runs(run_id)

    def artifact(self, artifact_id: str) -> ArtifactRecord:
        """Return an artifact by its full id."""
        return self.database.artifact(artifact_id)

    def load(self, artifact_id: str) -> Any:
        """Return the value of an artifact."""
        return load(self.artifact(artifact_id), self)

    def files(self, artifact_id: str) -> Iterable[tuple[str, Path]]:
        """Yield the name and a local, verified copy of each file of an artifact."""
        for entry in self.artifact(artifact_id).manifest.files:
            yield entry.name, self.objects.path(entry)

    # Components

    def one(self, interface: type[C]) -> C:
        """Return the stack's component of a kind that a stack has once."""
        [spec] = self.spec.of(interface.kind)
        return cast(C, self._opened(spec))

    def many(self, interface: type[C]) -> list[tuple[ComponentSpec, C]]:
        """Return the stack's components of a kind, with their names, in the order of the stack file."""
        return [(spec, cast(C, self._opened(spec))) for spec in self.spec.of(interface.kind)]

    def component(self, spec: ComponentSpec) -> Component:
        """Return one component, opened."""
        return self._opened(spec)

    @property
    def orchestrator(self) -> Orchestrator:
        """The stack's orchestrator."""
        return self.one(Orchestrator)  # type: ignore[type-abstract]  # mypy wants a concrete class

    @property
    def database(self) -> Database:
        """The metadata, its schema up to date."""
        with self._lock:
            if self._database is None:
                database = Database(self.one(MetadataStore))  # type: ignore[type-abstract]  # as above
                database.prepare()
                self._database = database
            return self._database

    @property
    def objects(self) -> Objects:
        """The content-addressed bytes."""
        with self._lock:
            if self._objects is None:
                self._objects = Objects(
                    self.database, self.artifact_store, cache=self.state / "cache", durable=self.durable
                )
            return self._objects

    @property
    def artifact_store(self) -> ArtifactStore:
        """The raw store behind `objects`."""
        return self.one(ArtifactStore)  # type: ignore[type-abstract]  # as above

    @property
    def durable(self) -> bool:
        """Whether commits are synced to disk."""
        return bool(self.spec.settings.get("durability", "full") == "full")

    def close(self) -> None:
        """Close every component that was opened, the last one first; a failing one does not keep the others open."""
        with self._lock:
            components, self._components = list(self._components.values()), {}
            self._database = self._objects = None
        for component in reversed(components):
            try:
                component.close()
            except Exception as error:  # noqa: BLE001  # a plugin's code: closing goes on with the next one
                self.log.warning("closing the %s failed: %s", component.kind, error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _opened(self, spec: ComponentSpec) -> Component:
        key = (spec.kind, spec.name or spec.flavor)
        with self._lock:
            if key not in self._components:
                component = self._built(spec)
                self._components[key] = component
            return self._components[key]

    def unopened(self, interface: type[C]) -> C:
        """Return the stack's component of a kind that a stack has once, as it is before it is opened."""
        [spec] = self.spec.of(interface.kind)
        return cast(C, self._built(spec, opened=False))

    def _built(self, spec: ComponentSpec, *, opened: bool = True) -> Component:
        flavor = f"{spec.flavor}@{spec.distribution}" if spec.distribution else spec.flavor
        loaded = self.registry.flavor(spec.kind, flavor)
        config_class = self.registry.config_class(loaded)
        config = build(config_class, spec.config, f"{spec.kind} {spec.name!r}") if config_class else None
        try:
            component = self.registry.component_class(loaded)(config)
            if opened:
                component.open(self)
        except ZenError:
            raise
        except (Exception, SystemExit) as error:  # a plugin's code
            from zen.errors import ComponentError

            raise ComponentError(
                f"the {spec.kind} {spec.name!r} ({spec.flavor} of {loaded.distribution}) could not be opened: {error}",
                hint=(
                    f"make space on the disk of {self.project.state}, or set ZEN_HOME to a folder on another one"
                    if isinstance(error, OSError) and error.errno == errno.ENOSPC
                    else "`zen stack check` tries every component of the stack"
                ),
            ) from error
        return component
