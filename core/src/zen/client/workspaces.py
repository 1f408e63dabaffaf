"""Open stacks of this process: each is opened once, used by every run and every client, and closed at the end."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading

from zen.forks import freed_by_fork
from zen.identity import dumps
from zen.records import StackSpec, to_json
from zen.stacks import Project, active_stack, resolve
from zen.stacks.opening import OpenStack, registry_of

_open: dict[tuple[int, str, str, str], OpenStack] = {}
_lock = freed_by_fork(threading.Lock())


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


def _close_at_exit() -> None:
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C once more: the process ends anyway, without a traceback
        close_all()


atexit.register(_close_at_exit)
