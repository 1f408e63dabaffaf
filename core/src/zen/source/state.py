"""Whether objects that outlive a step are changed by code of the project that may run meanwhile."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path
from typing import Any

from zen.source.changes import Change, FileChanges, changes_of_file
from zen.source.origin import is_project_file
from zen.source.syntax import File, file_named

MISSING = object()
_PLAIN = (bool, int, float, complex, str, bytes, type(None))

_texts: dict[str, tuple[int, bytes]] = {}
_changes: dict[File, FileChanges] = {}
_own: dict[str, dict[str, tuple[Any, str]]] = {}  # By root and name: modules with their files; "" if not the project's.
_listed: dict[str, tuple[tuple[int, int], list[tuple[str, types.ModuleType]]]] = {}


def changer_of(value: Any, name: str, space: dict[str, Any], root: Path) -> str:
    """Return the project function that changes a global name or the object that it is bound to, or an empty string.

    Functions that are only ever called while modules are imported, as those are that register something, do not count.
    """
    for module, changes in _project(root, name):
        names = vars(module)
        for function in changes.functions:
            changed = any(_changes_global(each, function.own, names, value, name, space) for each in function.changes)
            if changed and is_called(function.owner.rpartition(".")[2], root, module.__name__):
                return f"{module.__name__}.{function.owner}"
    return ""


def attribute_changer(cls: type, name: str, root: Path, *, content: bool) -> str:
    """Return the project function that changes the attribute of a class: its content, or the attribute itself."""
    roots = {"cls", cls.__name__, "__class__"} | ({"self"} if content else set())
    for module, changes in _project(root, name):
        for function in changes.functions:
            changed = any(_changes_attribute(each, name, roots, content=content) for each in function.changes)
            if changed and is_called(function.owner.rpartition(".")[2], root, module.__name__):
                return f"{module.__name__}.{function.owner}"
    return ""


def is_called(name: str, root: Path, module: str) -> bool:
    """Say whether a function of a module may be called at run time: whether its name is mentioned in any function.

    Only what lies in the project, or in the package of the module, is asked: another package that is installed as
    editable has names of its own.
    """
    package = module.partition(".")[0]
    return any(
        name in changes.called
        for other, changes in _project(root, name)
        if other.__name__.partition(".")[0] == package or _is_inside(other, root)
    )


def _is_inside(module: types.ModuleType, root: Path) -> bool:
    return Path(str(module.__file__)).resolve().is_relative_to(root.resolve())


def resolve(chain: tuple[str, ...], space: dict[str, Any]) -> Any:
    """Return what a name and attributes lead to, without running any code of theirs, or `MISSING`."""
    value = space.get(chain[0], MISSING)
    for attribute in chain[1:]:
        if value is MISSING:
            break
        if isinstance(value, type):
            value = next((vars(base)[attribute] for base in value.__mro__ if attribute in vars(base)), MISSING)
        else:
            value = getattr(value, "__dict__", {}).get(attribute, MISSING)
    return value


def _changes_global(
    change: Change, own: frozenset[str], names: dict[str, Any], value: Any, name: str, space: dict[str, Any]
) -> bool:
    if change.is_global:
        return names is space and change.chain == (name,)
    if change.chain[0] in own:
        return False
    target = resolve(change.chain, names)
    if isinstance(target, types.ModuleType):
        return vars(target) is space and change.attribute == name
    return target is value and not isinstance(value, _PLAIN)


def _changes_attribute(change: Change, name: str, roots: set[str], *, content: bool) -> bool:
    target = change.chain if content else (*change.chain, change.attribute)
    return content == (not change.attribute) and target[-1] == name and bool(roots & set(target[:-1]))


def _project(root: Path, word: str) -> list[tuple[types.ModuleType, FileChanges]]:
    """Return the loaded modules of the project whose text holds a word, with what their functions change."""
    needle = word.encode()
    found = []
    for path, module in _project_modules(root):
        if needle in _text(path):
            file = file_named(path)
            if file is not None:
                if file not in _changes:
                    _changes[file] = changes_of_file(file.tree)
                found.append((module, _changes[file]))
    return found


def _project_modules(root: Path) -> list[tuple[str, types.ModuleType]]:
    """Return the loaded modules of the project with their files, looked for anew when something was imported."""
    last = next(reversed(sys.modules))
    state = (len(sys.modules), id(sys.modules.get(last)))
    known = _listed.get(str(root))
    if known is None or known[0] != state:
        own = _own.setdefault(str(root), {})
        files: dict[str, types.ModuleType] = {}
        for name, module in list(sys.modules.items()):
            seen = own.get(name)
            if seen is None or seen[0] is not module:
                seen = own[name] = module, _project_file(module, root)
            if seen[1]:
                files.setdefault(seen[1], module)
        known = _listed[str(root)] = state, sorted(files.items(), key=lambda item: item[0])
    return known[1]


def _project_file(module: types.ModuleType, root: Path) -> str:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return ""
    return file if is_project_file(file, root) else ""


def _text(path: str) -> bytes:
    try:
        modified = os.stat(path).st_mtime_ns
        known = _texts.get(path)
        if known is None or known[0] != modified:
            with open(path, "rb") as file:
                known = _texts[path] = modified, file.read()
    except OSError:
        return b""
    return known[1]
