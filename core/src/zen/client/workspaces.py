"""Open stacks of this process: each is opened once, used by every run and every client, and closed at the end."""

from __future__ import annotations

import atexit
import os
import sys
import threading

from zen.identity import dumps
from zen.records import StackSpec, to_json
from zen.registry import Registry
from zen.stacks import Project, active_stack, load_stack_file, resolve
from zen.stacks.opening import OpenStack

_open: dict[tuple[int, str, str, str], OpenStack] = {}
_registries: dict[tuple[object, ...], Registry] = {}
_lock = threading.Lock()


def registry_of(project: Project) -> Registry:
    """Return the registry of installed plugins, with what the project's file disables."""
    file = load_stack_file(project)
    key = (file.disabled, file.allowed, tuple(sys.path), os.environ.get("ZEN_DISABLE_PLUGINS", ""))
    if key not in _registries:
        _registries[key] = Registry(disabled=file.disabled, allowed=file.allowed)
    return _registries[key]


def open_workspace(project: Project, chosen: str | None) -> OpenStack:
    """Return the open stack of that name, or the active one.

    A stack that resolves as it did the last time is the same open stack; one whose configuration changed is another.
    """
    registry = registry_of(project)
    spec = resolve(project, registry, active_stack(project, chosen))
    key = (os.getpid(), str(project.root), str(project.state), _identity(spec))
    with _lock:
        if key not in _open or not project.state.is_dir():
            _open[key] = OpenStack(spec, project, registry)
        return _open[key]


def close_all() -> None:
    """Close every stack that this process opened."""
    with _lock:
        mine = [key for key in _open if key[0] == os.getpid()]
        stacks = [_open.pop(key) for key in mine]
    for stack in stacks:
        stack.close()


def _identity(spec: StackSpec) -> str:
    return dumps(to_json(spec))


atexit.register(close_all)
