"""The process as wandb sees it, taken over while a run starts or a step runs, and given back afterwards.

wandb has one current run for the process: `wandb.run`, and functions beside it such as `wandb.log`, which are replaced
whenever a run starts.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from zen_plugin_wandb.state import SERVICE, State, Wanted, apply, library, settings_of_process

_FINISHING = ("finish", "_finish")
_lock = threading.RLock()
_layers: list[Wanted] = []
_before: State | None = None
_service = ""


def service() -> str:
    """Return the token of the service process that this process uses; empty before the first run."""
    return _service


@contextlib.contextmanager
def starting(wanted: Wanted) -> Iterator[None]:
    """Let wandb start or join a run: quietly, with its files where they belong, leaving the process as it was.

    One at a time: what it needs belongs to the process.
    """
    global _service
    with _lock:
        before = State.now()
        hooks = sys.exit, sys.excepthook
        try:
            _apply(wanted)
            with _quiet():
                yield
            _service = os.environ.get(SERVICE, _service)
        finally:
            # wandb replaces both, to learn of exit codes, and prints tracebacks that are ours to print.
            sys.exit, sys.excepthook = hooks
            before.restore()


@contextlib.contextmanager
def active(wanted: Wanted) -> Iterator[None]:
    """Make a run the current one: `wandb.log` and all that stands beside it reach it, and `wandb.init` returns it.

    Steps may nest. Of steps that run at once in threads of one process, the one that started last has the current run.
    """
    global _before
    with _lock:
        if not _layers:
            _before = State.now()
        _layers.append(wanted)
        _hold(wanted.run)
        _apply(wanted)
    try:
        yield
    finally:
        with _lock:
            _layers.remove(wanted)
            if not any(layer.run is wanted.run for layer in _layers):
                _release(wanted.run)
            if _before is not None:
                _before.restore()
            if _layers:
                _apply(_layers[-1])
            else:
                _before = None


def abandon() -> None:
    """Forget a service process that died, so that the next run gets a new one."""
    global _service
    import wandb

    with _lock:
        _service = ""
        with contextlib.suppress(Exception):  # it says that nobody is there
            wandb.teardown()


def forget(run: Any) -> None:
    """Take a run out of those that `wandb.init` finds, or ends in a notebook, when the user calls it."""
    library().remove_active_run(run)


def _apply(wanted: Wanted) -> None:
    import wandb

    apply(wanted, _service, _before.environment if _before is not None else dict(os.environ))
    if wanted.run is not None:
        vars(wandb)["init"] = _init_of(wanted.run, wandb.init)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    import wandb

    wandb.termsetup(wandb.Settings(silent=True), None)
    try:
        yield
    finally:
        wandb.termsetup(settings_of_process(), None)


def _init_of(run: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    """Return the `wandb.init` of a step: the step's run, which takes what the caller says of a run."""
    signature = inspect.signature(original)

    def init(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        if given.get("reinit") in ("create_new", "finish_previous", True):
            return original(*args, **kwargs)
        if given.get("config") is not None:
            run.config.update(given["config"], allow_val_change=True)
        if given.get("tags"):
            run.tags = (*(run.tags or ()), *given["tags"])
        if given.get("notes"):
            run.notes = given["notes"]
        return run

    init.__doc__ = original.__doc__
    return init


def _hold(run: Any) -> None:
    """Make a run what `wandb.init` finds, and keep the user's code from ending it.

    `with wandb.init():` and `wandb.finish()` do no harm then: the run ends with the step.
    """
    library().add_active_run(run)
    for name in _FINISHING:
        setattr(run, name, _nothing)


def _release(run: Any) -> None:
    library().remove_active_run(run)
    for name in _FINISHING:
        vars(run).pop(name, None)


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Leave the run open: it ends with the step."""
