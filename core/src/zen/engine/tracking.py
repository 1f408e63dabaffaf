"""What is logged, forwarded to every tracker of the stack.

A tracker that fails is reported once, and goes no further, unless the stack says `on_error: fail`. Secrets in texts are
masked first; files and models go as they are.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from zen.engine.failures import shown
from zen.errors import ComponentError
from zen.interfaces import ExperimentTracker, StepTracking
from zen.records import ComponentSpec, Plan, RunRecord, StepRunRecord
from zen.secrets.recorded import masked
from zen.secrets.redaction import redactor
from zen.stacks.opening import OpenStack

_log = logging.getLogger("zen")


class RunTrackers:
    """The trackers of a stack, for the process that launches a run."""

    def __init__(self, stack: OpenStack) -> None:
        self._stack = stack
        self.warnings: list[str] = []

    def start(self, run: RunRecord, plan: Plan) -> dict[str, Any]:
        """Start the run in every tracker; return what each answered, by name. One that fails is left out."""
        references: dict[str, Any] = {}
        for spec in self._stack.spec.of(ExperimentTracker.kind):
            try:
                tracker = self._stack.component(spec)
                references[spec.name] = tracker.start_run(masked(run), plan)  # type: ignore[attr-defined]  # its kind is known
            except Exception as error:  # a plugin's code
                if spec.on_error == "fail":
                    self.finish(replace(run, state="failed", trackers=references))
                    raise _refused(spec.name, "could not start the run", error) from error
                self._warn(spec.name, "could not start the run", error)
        return references

    def finish(self, run: RunRecord) -> None:
        """End the run in every tracker that started it."""
        for spec in self._stack.spec.of(ExperimentTracker.kind):
            if spec.name not in run.trackers:
                continue
            try:
                tracker = self._stack.component(spec)
                tracker.finish_run(run.trackers[spec.name], masked(run))  # type: ignore[attr-defined]  # its kind is known
            except Exception as error:  # noqa: BLE001  # a plugin's code
                self._warn(spec.name, "could not end the run", error)

    def _warn(self, name: str, what: str, error: BaseException) -> None:
        text = f"experiment tracker {name!r} {what}: {_first_line(error)}"
        self.warnings.append(text)
        _log.warning("%s; the run goes on without it", text)


class StepTrackers:
    """The trackers of a stack, for the process that executes a step."""

    def __init__(self, stack: OpenStack, run: RunRecord, step_run: StepRunRecord) -> None:
        self._specs = {spec.name: spec for spec in stack.spec.of(ExperimentTracker.kind)}
        self._open: dict[str, StepTracking] = {}
        self._contexts: dict[str, AbstractContextManager[StepTracking]] = {}
        self.warnings: dict[str, str] = {}
        try:
            for spec in self._specs.values():
                if spec.name in run.trackers:
                    self._enter(stack, spec, run, step_run)
        except ComponentError as refused:
            self.close(refused)
            raise

    def native(self, name: str) -> Any:
        """Return the tool's own handle, or None when the tracker does not work in this run."""
        return self._open[name].native if name in self._open else None

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Forward parameters."""
        told = redactor.data(dict(params))
        self._each("log_params", lambda tracking: tracking.log_params(told))

    def log_metrics(self, metrics: Mapping[str, float], *, step: int | None, at: dt.datetime) -> None:
        """Forward metric values."""
        told = redactor.data(dict(metrics))
        self._each("log_metrics", lambda tracking: tracking.log_metrics(told, step=step, at=at))

    def log_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Forward metadata."""
        told = redactor.data(dict(metadata))
        self._each("log_metadata", lambda tracking: tracking.log_metadata(told))

    def log_figure(self, name: str, path: Path) -> None:
        """Forward an image."""
        self._each("log_figure", lambda tracking: tracking.log_figure(name, path))

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Forward the first rows of a table."""
        told = redactor.data(list(columns)), redactor.data([list(row) for row in rows])
        self._each("log_table", lambda tracking: tracking.log_table(name, *told))

    def log_file(self, name: str, path: Path) -> None:
        """Forward a file or folder."""
        self._each("log_file", lambda tracking: tracking.log_file(name, path))

    def log_model(self, name: str, model: Any, files: Mapping[str, Path]) -> None:
        """Forward a model with its files."""
        self._each("log_model", lambda tracking: tracking.log_model(name, model, files))

    def close(self, error: BaseException | None) -> None:
        """Leave every tracker's context, telling it how the step ended."""
        error = shown(error) if error else None
        facts: tuple[type[BaseException] | None, BaseException | None, TracebackType | None]
        facts = (type(error), error, error.__traceback__) if error else (None, None, None)
        refused: list[ComponentError] = []
        while self._contexts:
            name, context = self._contexts.popitem()
            try:
                context.__exit__(*facts)
            except BaseException as problem:  # noqa: BLE001  # a plugin's code
                if problem is error:
                    continue
                try:
                    self._warn(name, "could not end the step", problem)
                except ComponentError as strict:  # the others are to be left first
                    refused.append(strict)
        if refused and error is None:
            raise refused[0]

    def _enter(self, stack: OpenStack, spec: ComponentSpec, run: RunRecord, step_run: StepRunRecord) -> None:
        try:
            context = stack.component(spec).step(run.trackers[spec.name], masked(run), masked(step_run))  # type: ignore[attr-defined]  # its kind is known
            self._open[spec.name] = context.__enter__()
            self._contexts[spec.name] = context
        except Exception as error:  # noqa: BLE001  # a plugin's code
            self._warn(spec.name, "could not start the step", error)

    def _each(self, what: str, call: Callable[[StepTracking], None]) -> None:
        for name, tracking in self._open.items():
            try:
                call(tracking)
            except Exception as error:  # noqa: BLE001  # a plugin's code
                self._warn(name, f"refused {what}", error)

    def _warn(self, name: str, what: str, error: BaseException) -> None:
        if self._specs[name].on_error == "fail":
            raise _refused(name, what, error) from error
        if name not in self.warnings:
            self.warnings[name] = f"experiment tracker {name!r} {what}: {_first_line(error)}"
            _log.warning("%s; the step goes on without it", self.warnings[name])


def _refused(name: str, what: str, error: BaseException) -> ComponentError:
    return ComponentError(
        f"experiment tracker {name!r} {what}: {_first_line(error)}",
        hint="with `on_error: warn` in its entry of zen.yaml runs go on without it",
    )


def _first_line(error: BaseException) -> str:
    text = redactor.text(str(error).strip())
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
