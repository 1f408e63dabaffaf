"""Whose code a module is: Python's, zen's, an installed distribution's, or the project's own."""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Literal, NamedTuple

from zen.source.distributions import Distribution, distribution_of, installed, is_from_folder, site_folder
from zen.source.modules import MAIN

Kind = Literal["python", "zen", "distribution", "project", "namespace", "unknown"]

_ZEN_FOLDER = str(Path(__file__).parents[1]) + os.sep
_LIBRARIES = tuple({os.path.dirname(path) + os.sep for path in (os.__file__, os.path.realpath(os.__file__))})


class Origin(NamedTuple):
    """Whose code it is. `distribution` is a normalised name with a version, for `distribution` and `zen` only.

    `namespace` is a package without files of its own, which several distributions may fill. `unknown` is what has no
    file, or lies in a folder for installed packages without belonging to one.
    """

    kind: Kind
    distribution: Distribution | None = None


_PYTHON = Origin("python")
_PROJECT = Origin("project")
_NAMESPACE = Origin("namespace")
_UNKNOWN = Origin("unknown")

_known: dict[tuple[str, str, str], Origin] = {}


def origin_of(module: str, root: Path) -> Origin:
    """Return whose code the module of that import name is, without importing anything.

    Project code is what lies under `root`, outside of folders for installed packages and of virtual environments, what
    was installed from a folder or as editable, and what is found on `sys.path` without having been installed.
    """
    if module in MAIN:
        return _PROJECT
    file = module_file(module)
    if file is None:
        return _without_file(module, root)
    if not file:
        return _NAMESPACE
    return origin_of_file(file, root, module)


def origin_of_file(file: str, root: Path, module: str = "") -> Origin:
    """Return whose code a source or extension file is."""
    key = (file, module, str(root))
    found = _known.get(key)
    if found is None:
        found = _known[key] = _decide(os.path.abspath(file), root, module)
    return found


def is_project_file(file: str, root: Path) -> bool:
    """Say whether a file is the project's and not installed; quicker than `origin_of_file` for what is neither."""
    if site_folder(file) or file.startswith(_ZEN_FOLDER) or _is_library(file):
        return False
    return origin_of_file(file, root).kind == "project"


def _decide(file: str, root: Path, module: str) -> Origin:
    if file.startswith(_ZEN_FOLDER):
        return Origin("zen", installed("zen-hub") or ("zen-hub", ""))
    if _is_library(file):
        return _PYTHON
    base = os.path.join(os.path.realpath(root), "")
    for path in (file, os.path.realpath(file)):
        if path.startswith(base) and not _is_installed_below(path, base):
            return _PROJECT
    name = module or _dotted(file)
    distribution = distribution_of(file, name)
    if distribution is not None:
        if "+record." in distribution[1] and file.endswith(".py") and is_from_folder(file, name):
            return _PROJECT
        return Origin("distribution", distribution)
    return _UNKNOWN if site_folder(file) else _PROJECT


def _dotted(file: str) -> str:
    """Return the module that a file most likely is, so that its distribution need not be searched for."""
    folder = site_folder(file)
    path = Path(os.path.relpath(file, folder)).with_suffix("") if folder else Path(Path(file).stem)
    return ".".join(path.parts)


def _is_library(file: str) -> bool:
    return any(file.startswith(base) and not site_folder(file[len(base) - 1 :]) for base in _LIBRARIES)


def _is_installed_below(path: str, base: str) -> bool:
    if site_folder(path[len(base) - 1 :]):
        return True
    folder = Path(path).parent
    while len(str(folder)) >= len(base):  # The root itself may be a virtual environment and a project at once.
        if (folder / "pyvenv.cfg").is_file():
            return True
        folder = folder.parent
    return False


def _without_file(module: str, root: Path) -> Origin:
    top, _, rest = module.partition(".")
    if top in sys.builtin_module_names or top in sys.stdlib_module_names:
        return _PYTHON
    # Modules that a package makes while it is imported belong to the package.
    return origin_of(module.rpartition(".")[0], root) if rest else _UNKNOWN


def module_file(module: str) -> str | None:
    """Return the file of a module, imported or not; an empty string for a namespace package, or None."""
    loaded = sys.modules.get(module)
    if loaded is not None:
        return _file_of_loaded(loaded)
    spec = _spec_of(module)
    if spec is None:
        return None
    return spec.origin if spec.has_location and spec.origin else "" if spec.submodule_search_locations else None


def _file_of_loaded(module: ModuleType) -> str | None:
    file = getattr(module, "__file__", None)
    if file:
        return str(file)
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    return "" if type(loader).__name__ in ("NamespaceLoader", "_NamespaceLoader") else None


def _spec_of(module: str) -> ModuleSpec | None:
    """Find a module that is not imported yet, through its packages, without importing those either."""
    if module.partition(".")[0] in sys.stdlib_module_names:
        return None
    path: list[str] | None = None
    spec: ModuleSpec | None = None
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        try:
            spec = PathFinder.find_spec(".".join(parts[:count]), path)
        except (ImportError, KeyError, ValueError):
            return None
        if spec is None:
            return None
        path = list(spec.submodule_search_locations or [])
    return spec
