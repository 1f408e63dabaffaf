"""What MLflow keeps for a process and for a thread, taken over while a step runs and given back afterwards.

MLflow has one tracking URI and one active experiment for the whole process (as globals and as environment variables,
for child processes) and, for each thread, a stack of active runs. `mlflow.log_metric` and autologging look there. There
is no public way to set and restore all of it, so this file, and no other, touches MLflow's own variables.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging

    from mlflow.entities import Run

_VARIABLES = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_RUN_ID",
    "MLFLOW_ACTIVE_MODEL_ID",
    "_MLFLOW_ACTIVE_MODEL_ID",
)
_OF_THE_THREAD = ("_active_run_stack", "_last_active_run_id", "_last_logged_model_id", "_ACTIVE_MODEL_CONTEXT")


@dataclass(frozen=True, slots=True)
class Target:
    """Where the process's calls to MLflow go."""

    uri: str = field(repr=False)
    experiment_id: str


@contextlib.contextmanager
def active(run: Run, target: Target, log: logging.Logger) -> Iterator[tuple[Any, list[str]]]:
    """Make a run the active one of this thread.

    Yields:
        MLflow's `ActiveRun`, and a list: after the block it holds the ids of the runs that the user's code left open.
    """
    layer = _take(target)
    if layer is None:
        log.warning(
            "another thread of this process has MLflow open on another store, and MLflow knows one per process: "
            "its own functions will fail in this step; give the step isolate=True"
        )
    left_open: list[str] = []
    try:
        with _thread_state(run, left_open, log) as active_run:
            yield active_run, left_open
    finally:
        if layer is not None:
            _give_back(layer)


def _fluent() -> Any:
    """Return the module with MLflow's own variables; untyped, as none of them is public."""
    from mlflow.tracking import fluent

    return fluent


@contextlib.contextmanager
def _thread_state(run: Run, left_open: list[str], log: logging.Logger) -> Iterator[Any]:
    import mlflow

    fluent = _fluent()
    variables = [getattr(fluent, name) for name in _OF_THE_THREAD]
    saved = [variable.get() for variable in variables]
    fluent._active_run_stack.set([])
    try:
        active_run = mlflow.ActiveRun(run)  # type: ignore[no-untyped-call,unused-ignore]  # MLflow's gap
        fluent._active_run_stack.get().append(active_run)
        _watch_system(run.info.run_id, log)
        yield active_run
    finally:
        still = [item.info.run_id for item in fluent._active_run_stack.get()]
        left_open.extend(run_id for run_id in still if run_id != run.info.run_id)
        for variable, value in zip(variables, saved, strict=True):
            variable.set(value)
        for run_id in {run.info.run_id, *still}:
            _unwatch_system(run_id, log)


def _watch_system(run_id: str, log: logging.Logger) -> None:
    """Start MLflow's own record of CPU, memory and GPU, if the user has switched it on, as `mlflow.start_run` does."""
    fluent = _fluent()
    monitors = fluent.run_id_to_system_metrics_monitor
    if not fluent.MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING.get() or run_id in monitors:
        return
    try:
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        monitor: Any = SystemMetricsMonitor(run_id)  # type: ignore[no-untyped-call,unused-ignore]  # MLflow's gap
        monitor.start()
    except Exception as err:  # noqa: BLE001  # MLflow's monitors, and psutil, which may be missing
        log.warning("MLflow cannot record system metrics: %s", err)
    else:
        monitors[run_id] = monitor


def _unwatch_system(run_id: str, log: logging.Logger) -> None:
    monitor = _fluent().run_id_to_system_metrics_monitor.pop(run_id, None)
    if monitor is None:
        return
    try:
        monitor.finish()
    except Exception as err:  # noqa: BLE001  # it sends what is left, to a store that may be away
        log.warning("MLflow could not end the record of system metrics: %s", err)


@dataclass(slots=True)
class _Layer:
    """One take-over of the process: what was there before, and the threads that use it (one entry for each use)."""

    target: Target
    uri: str | None
    experiment_id: str | None
    environment: dict[str, str]
    threads: list[int]


_layers: list[_Layer] = []
_lock = threading.Lock()


def _take(target: Target) -> _Layer | None:
    """Point the process at a target. None when other threads use another store, which must not be taken from them.

    Threads with the same store share it, whatever their experiment: an active run knows its own.
    """
    me = threading.get_ident()
    with _lock:
        others = any(thread != me for layer in _layers for thread in layer.threads)
        if _layers and (_layers[-1].target == target or (others and _layers[-1].target.uri == target.uri)):
            _layers[-1].threads.append(me)
            return _layers[-1]
        if others:
            return None
        layer = _point_at(target)
        layer.threads.append(me)
        _layers.append(layer)
        return layer


def _point_at(target: Target) -> _Layer:
    import mlflow
    from mlflow.tracking._tracking_service import utils as service

    fluent = _fluent()
    environment = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    layer = _Layer(target, service._tracking_uri, fluent._active_experiment_id, environment, [])
    mlflow.set_tracking_uri(target.uri)
    fluent._active_experiment_id = target.experiment_id
    _set_environment({"MLFLOW_TRACKING_URI": target.uri, "MLFLOW_EXPERIMENT_ID": target.experiment_id})
    return layer


def _give_back(layer: _Layer) -> None:
    with _lock:
        layer.threads.remove(threading.get_ident())
        while _layers and not _layers[-1].threads:
            _restore(_layers.pop())


def _restore(layer: _Layer) -> None:
    import mlflow

    mlflow.set_tracking_uri(layer.uri)  # type: ignore[arg-type,unused-ignore]  # None is how MLflow itself undoes it
    _fluent()._active_experiment_id = layer.experiment_id
    _set_environment(layer.environment)


def _set_environment(values: dict[str, str]) -> None:
    for name in _VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(values)
