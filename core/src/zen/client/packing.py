"""Values packed into folders, and back: what a model server or another machine takes, without a store."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from zen.errors import MaterializerError, UsageError
from zen.interfaces import Materializer
from zen.registry import Registry
from zen.source import load_module, origin_of, prepare_path, project_name
from zen.stacks import find_project
from zen.stacks.materialization import candidates, materializer_of, resolve_type
from zen.stacks.opening import registry_of
from zen.storage import FolderReader, FolderWriter


def pack(value: Any, folder: Path | str) -> dict[str, Path]:
    """Save a value into a folder with the materializer of its type, so that `unpack` loads it anywhere.

    Args:
        value: Anything that a materializer saves.
        folder: Empty, or made. The files become read-only.

    Returns:
        The paths of all files by name, with `zen-artifact.json`, which says what the others are.

    Raises:
        UsageError: When the folder holds something.
        MaterializerError: When nothing can save the value.
    """
    folder = empty(Path(folder))
    project = find_project(None)
    registry = registry_of(project)
    name = f"{project_name(type(value).__module__, project.root)}.{type(value).__qualname__}"
    refusal: MaterializerError | None = None
    for materializer in candidates(type(value), registry):
        writer = FolderWriter(folder)
        try:
            materializer.save(value, writer)
        except MaterializerError as error:
            if not materializer.exact:
                raise
            refusal = refusal or error
            _clear(folder)
            continue
        writer.close(materializer, name)
        return listed(folder)
    raise refusal or MaterializerError(f"no materializer saves a {name}", hint="install a plugin that does")


def unpack(folder: Path | str, *, root: Path | str | None = None, allow_pickle: bool = False) -> Any:
    """Return the value that was packed into a folder; each file's digest is verified first.

    Args:
        folder: Where `pack`, or an artifact's `pack`, put it.
        root: The root of the project whose types and materializers the value uses; by default that of the current
            folder.
        allow_pickle: Whether a pickle may be loaded, which can run any code, and whether any installed module may be
            imported for a type: only for a folder that nobody else could write to. Else types are looked for in what
            is imported already, and in the project's own modules.

    Raises:
        ArtifactNotFound: When nothing is packed there.
        ArtifactDamaged: When a file is not the one that was packed.
        MaterializerError: For a pickle that is not allowed, a type or a format that is not to be had here.
    """
    project = find_project(Path(root) if root is not None else None)
    prepare_path(project.root, None)
    return _loaded(Path(folder), registry_of(project), project.root, allow_pickle)


def empty(folder: Path) -> Path:
    """Make a folder, and see that it is empty."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", hint="give a new folder")
    return folder


def listed(folder: Path) -> dict[str, Path]:
    """Return the files of a packed artifact by name, its label among them."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in files}


def _loaded(folder: Path, registry: Registry, root: Path, allow_pickle: bool) -> Any:
    importer = partial(load_module if allow_pickle else _own_module, root=root)
    files = FolderReader(folder, lambda name: resolve_type(name, importer))
    label = files.label
    materializer: Materializer = materializer_of(
        label.materializer, label.manifest, registry, importer, trusted=allow_pickle
    )
    if (label.manifest.unsafe or materializer.unsafe) and not allow_pickle:
        raise MaterializerError(
            f"{folder} holds a {label.manifest.format}, and loading it can run any code",
            hint="allow_pickle=True, if nobody else could write to that folder",
        )
    return materializer.load(files)


def _own_module(name: str, root: Path) -> ModuleType:
    """Return a module that is imported already, or is the project's: what else runs is not for a label to say."""
    if name in sys.modules:
        return sys.modules[name]
    if origin_of(name, root).kind not in ("project", "namespace"):
        raise ImportError(f"{name} is not the project's, and not imported", name=name)
    return load_module(name, root)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
