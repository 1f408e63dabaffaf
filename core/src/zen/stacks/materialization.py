"""Values as artifacts of a stack, and back: which materializer, which fallback, what may be loaded."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from zen.errors import MaterializerError, PluginLoadError
from zen.interfaces import Materializer
from zen.records import ArtifactRecord, Manifest, StackSpec
from zen.registry import Registry
from zen.stacks.trust import check_loadable, imported_type, is_pinned
from zen.storage import Database, Objects, Saved, Uploads, reader, save

Importer = Callable[[str], ModuleType]
_told: set[str] = set()


class Stack(Protocol):
    """The part of an open stack that values go through."""

    log: logging.Logger
    registry: Registry
    spec: StackSpec

    @property
    def database(self) -> Database: ...

    @property
    def objects(self) -> Objects: ...

    @property
    def state(self) -> Path: ...


def reference(materializer: Materializer) -> str:
    """Return `module:Class` of a materializer."""
    cls = type(materializer)
    return f"{cls.__module__}:{cls.__qualname__}"


def save_value(
    value: Any,
    stack: Stack,
    *,
    chosen: Materializer | None = None,
    rename: Callable[[str], str] = str,
    uploads: Uploads | None = None,
) -> tuple[Saved, Materializer]:
    """Save a value with the materializer of its type.

    Args:
        value: The value.
        stack: Where to.
        chosen: A materializer to use instead of the one of the type.
        rename: The project's name for a module; only `__main__` has another.
        uploads: Takes the large files, for the caller to put.

    Raises:
        MaterializerError: When nothing can save it, or only something unsafe could and the stack forbids that.
    """
    cls = type(value)
    name = f"{rename(cls.__module__)}.{cls.__qualname__}"
    refusal: MaterializerError | None = None
    for materializer in [chosen] if chosen is not None else candidates(cls, stack.registry):
        if materializer.unsafe:
            _refuse_unsafe(name, materializer, stack, refusal)
        try:
            saved = save(value, _renaming(materializer, rename), name, stack.objects, uploads)
        except MaterializerError as error:
            if chosen is not None or not materializer.exact:
                raise
            refusal = refusal or error
            continue
        if materializer.unsafe and chosen is None and name not in _told:
            _told.add(name)
            stack.log.warning(
                "%s is saved as a %s, which only a like environment reads; %s", name, materializer.format, _advice(cls)
            )
        return saved, materializer
    raise refusal or MaterializerError(f"no materializer saves a {name}", hint="install a plugin that does")


def candidates(cls: type, registry: Registry) -> Iterator[Materializer]:
    """Yield who may save a value of a type, the closest base first, each once."""
    seen: list[Materializer] = []
    for base in cls.__mro__:
        found = registry.materializer(base)
        if found is not None and found not in seen:
            seen.append(found)
            yield found


def _renaming(materializer: Materializer, rename: Callable[[str], str]) -> Materializer:
    """Let a materializer that writes down names of classes write the project's name of the script that was started."""
    main = rename("__main__")
    if main == "__main__" or not hasattr(materializer, "rename"):
        return materializer
    return type(materializer)(rename={"__main__": main})  # type: ignore[call-arg]  # who has the attribute takes it


def load(artifact: ArtifactRecord, stack: Stack, importer: Importer | None = None) -> Any:
    """Return the value of an artifact.

    Raises:
        MaterializerError: When its type, its materializer or its format is not to be had here, or it may not be loaded.
        ArtifactDamaged: When the stored bytes are not the recorded ones.
    """
    importer = importer or importlib.import_module
    if artifact.manifest.unsafe:
        check_loadable(artifact, stack)
    materializer = materializer_of(
        artifact.materializer, artifact.manifest, stack.registry, importer, trusted=bool(artifact.run_id)
    )
    if materializer.unsafe:  # whatever the manifest says: this is what would load it
        check_loadable(artifact, stack)
    resolve = _resolver(artifact, stack, importer)
    return materializer.load(reader(artifact.manifest, stack.objects, state=stack.state, resolve=resolve))


def _resolver(artifact: ArtifactRecord, stack: Stack, importer: Importer) -> Callable[[str], type]:
    if artifact.imported and not is_pinned(artifact, stack):
        return lambda name: imported_type(name, artifact)
    return lambda name: resolve_type(name, importer)


def resolve_type(name: str, importer: Importer) -> type:
    """Return the class of a recorded type name, `module.qualname`.

    Raises:
        MaterializerError: When it cannot be imported.
    """
    parts = name.split(".")
    problem: Exception | None = None
    for cut in range(1, len(parts)):  # the outermost module first: the next one can only be in it
        try:
            found: Any = importer(".".join(parts[:cut]))
            for part in parts[cut:]:
                found = getattr(found, part)
        except (ImportError, AttributeError, ValueError) as error:  # ValueError: no name of a module, or of the project
            problem = error if problem is None or isinstance(error, AttributeError) else problem
            continue
        if isinstance(found, type):
            return found
    raise MaterializerError(
        f"the type {name} of the artifact cannot be imported here",
        hint="run from the project that made it, or install the package that defines the type",
        type=name,
    ) from problem


def materializer_of(
    recorded: str, manifest: Manifest, registry: Registry, importer: Importer, *, trusted: bool
) -> Materializer:
    """Return the materializer that wrote an artifact.

    Args:
        recorded: `module:Class`.
        manifest: What it wrote.
        registry: The installed ones.
        importer: Imports the project's modules.
        trusted: Whether a class of the project may be it, which only what the project itself made may say.

    Raises:
        PluginLoadError: When no installed plugin offers it.
        MaterializerError: When it reads other formats than the recorded one.
    """
    try:
        found = registry.materializer_by_reference(recorded)
    except PluginLoadError as error:
        module, _, qualname = recorded.partition(":")
        if not trusted:
            raise _not_registered(error) from error
        if module.startswith("zen_plugin_"):
            raise
        cls = resolve_type(f"{module}.{qualname}", importer)
        if not issubclass(cls, Materializer):
            raise
        found = cls()
    if found.format != manifest.format or found.version < manifest.version:
        raise MaterializerError(
            f"{recorded} reads the format {found.format!r} up to version {found.version}; the artifact has"
            f" {manifest.format!r} version {manifest.version}",
            hint="install the version of the plugin that wrote it",
        )
    return found


def _not_registered(error: PluginLoadError) -> PluginLoadError:
    """Leave out advice to install what an artifact from elsewhere names, unless it is a plugin that is known."""
    from zen.registry.known import known_distributions

    if error.facts.get("install") in (None, *known_distributions()):
        return error
    return PluginLoadError(error.message, hint="`zen plugin list` shows what is installed", **error.facts)


def _refuse_unsafe(name: str, materializer: Materializer, stack: Stack, refusal: MaterializerError | None) -> None:
    if stack.spec.settings.get("pickle") == "forbid":
        reason = f" ({refusal.message})" if refusal else ""
        raise MaterializerError(
            f"only {materializer.format} could save a {name}{reason}, and stack {stack.spec.name!r} says"
            " `pickle: forbid`",
            hint="return plain data, or a type that an installed plugin saves",
        ) from refusal


def _advice(cls: type) -> str:
    from zen.registry.known import pip_install, plugin_for_type

    plugin = plugin_for_type(cls)
    return f"{pip_install([plugin])} saves it safely" if plugin else "a plugin can save it safely (see PLUGINS.md)"
