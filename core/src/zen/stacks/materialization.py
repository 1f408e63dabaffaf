"""Values as artifacts of a stack, and back: which materializer, which fallback, what may be loaded."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from zen.errors import MaterializerError, PluginLoadError
from zen.interfaces import Materializer
from zen.records import ArtifactRecord, StackSpec
from zen.registry import Registry
from zen.storage import Objects, Saved, reader, save

Importer = Callable[[str], ModuleType]
_told: set[str] = set()


class Stack(Protocol):
    """The part of an open stack that values go through."""

    log: logging.Logger
    registry: Registry
    spec: StackSpec

    @property
    def objects(self) -> Objects: ...

    @property
    def state(self) -> Path: ...


def reference(materializer: Materializer) -> str:
    """Return `module:Class` of a materializer."""
    cls = type(materializer)
    return f"{cls.__module__}:{cls.__qualname__}"


def save_value(
    value: Any, stack: Stack, *, chosen: Materializer | None = None, rename: Callable[[str], str] = str
) -> tuple[Saved, Materializer]:
    """Save a value with the materializer of its type.

    Args:
        value: The value.
        stack: Where to.
        chosen: A materializer to use instead of the one of the type.
        rename: The project's name for a module; only `__main__` has another.

    Raises:
        MaterializerError: When nothing can save it, or only pickle could and the stack forbids that.
    """
    cls = type(value)
    name = f"{rename(cls.__module__)}.{cls.__qualname__}"
    materializer = chosen or stack.registry.materializer(cls)
    refusal: MaterializerError | None = None
    if materializer is not None and not materializer.unsafe:
        try:
            return save(value, materializer, name, stack.objects), materializer
        except MaterializerError as error:
            # Plain containers may hold anything; other types have a materializer that knows them best.
            if chosen is not None or not isinstance(value, list | tuple | dict | set | frozenset):
                raise
            refusal = error
    fallback = chosen or stack.registry.materializer(object)
    if fallback is None:
        raise refusal or MaterializerError(f"no materializer saves a {name}", hint="install a plugin that does")
    if fallback.unsafe and chosen is None:
        _refuse_pickle(name, stack, refusal)
    saved = save(value, fallback, name, stack.objects)
    if fallback.unsafe and chosen is None and name not in _told:
        _told.add(name)
        stack.log.warning("%s is saved as a pickle, which only a like environment reads; %s", name, _advice(cls))
    return saved, fallback


def load(artifact: ArtifactRecord, stack: Stack, importer: Importer | None = None) -> Any:
    """Return the value of an artifact.

    Raises:
        MaterializerError: When its type, its materializer or its format is not to be had here.
        ArtifactDamaged: When the stored bytes are not the recorded ones.
    """
    if artifact.manifest.unsafe:
        _may_unpickle(artifact, stack)
    importer = importer or importlib.import_module
    materializer = _materializer(artifact, stack, importer)
    files = reader(
        artifact.manifest, stack.objects, state=stack.state, resolve=lambda name: resolve_type(name, importer)
    )
    return materializer.load(files)


def resolve_type(name: str, importer: Importer) -> type:
    """Return the class of a recorded type name, `module.qualname`.

    Raises:
        MaterializerError: When it cannot be imported.
    """
    parts = name.split(".")
    problem: Exception | None = None
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importer(".".join(parts[:cut]))
            for part in parts[cut:]:
                found = getattr(found, part)
        except (ImportError, AttributeError) as error:
            problem = problem or error
            continue
        if isinstance(found, type):
            return found
    raise MaterializerError(
        f"the type {name} of the artifact cannot be imported here",
        hint="run from the project that made it, or install the package that defines the type",
        type=name,
    ) from problem


def _materializer(artifact: ArtifactRecord, stack: Stack, importer: Importer) -> Materializer:
    try:
        found = stack.registry.materializer_by_reference(artifact.materializer)
    except PluginLoadError:
        module, _, qualname = artifact.materializer.partition(":")
        if not artifact.run_id or module.startswith("zen_plugin_"):
            raise
        cls = resolve_type(f"{module}.{qualname}", importer)
        if not issubclass(cls, Materializer):
            raise
        found = cls()
    if found.format != artifact.manifest.format:
        raise MaterializerError(
            f"{artifact.materializer} reads the format {found.format!r}; the artifact has {artifact.manifest.format!r}",
            hint="install the version of the plugin that wrote it",
        )
    return found


def _may_unpickle(artifact: ArtifactRecord, stack: Stack) -> None:
    if stack.spec.settings.get("pickle") == "forbid":
        raise MaterializerError(
            f"artifact {artifact.name!r} is a pickle, and stack {stack.spec.name!r} says `pickle: forbid`",
            hint="make it again with a type that a materializer saves safely",
        )
    if not artifact.run_id:
        raise MaterializerError(
            f"artifact {artifact.name!r} is a pickle that no run of this store made; loading it could run any code",
            hint="import the data in a safe format",
        )


def _refuse_pickle(name: str, stack: Stack, refusal: MaterializerError | None) -> None:
    if stack.spec.settings.get("pickle") == "forbid":
        raise MaterializerError(
            f"only pickle could save a {name}, and stack {stack.spec.name!r} says `pickle: forbid`",
            hint="return plain data, or a type that an installed plugin saves",
        ) from refusal


def _advice(cls: type) -> str:
    from zen.registry.known import pip_install, plugin_for_type

    plugin = plugin_for_type(cls)
    return f"{pip_install([plugin])} saves it safely" if plugin else "a plugin can save it safely (see PLUGINS.md)"
