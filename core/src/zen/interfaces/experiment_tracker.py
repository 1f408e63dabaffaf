"""Experiment trackers: tools that are told, beside zen's own records, what runs and what came of it."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

from zen.interfaces.component import Component
from zen.records import Plan, RunRecord, StepRunRecord


class StepTracking(ABC):
    """One step run inside the tool, open for as long as the step runs."""

    @abstractmethod
    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters; values are plain data."""

    @abstractmethod
    def log_metrics(self, metrics: Mapping[str, float], *, step: int | None, at: dt.datetime) -> None:
        """Record one value of each metric; `step` is the author's own index."""

    def log_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Record anything else that is plain data. By default nothing: not every tool has a place for it."""

    def log_figure(self, name: str, path: Path) -> None:
        """Show an image (PNG or SVG, by the suffix of `path`). By default it is logged as a file."""
        self.log_file(name, path)

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Show a table; its cells are None, booleans, numbers and texts. By default nothing."""

    def log_file(self, name: str, path: Path) -> None:
        """Keep a copy of a file or folder; `path` is read-only, and gone when the step ends. By default nothing."""

    def log_model(self, name: str, model: Any, files: Mapping[str, Path]) -> None:
        """Keep a model: the live object, and the files that zen saved it as. By default its files are logged."""
        for file, path in files.items():
            self.log_file(f"{name}/{file}", path)

    @property
    def native(self) -> Any:
        """The tool's own handle, for `get_step_context().tracker(…)`; None where there is none."""
        return None


class ExperimentTracker(Component):
    """Forwards runs to a tracking tool.

    `start_run` and `finish_run` are called by the process that launched the run, `step` by the process that executes
    the step: what they share is the JSON reference that `start_run` returned and zen stored.
    """

    kind: ClassVar[str] = "experiment_tracker"

    @abstractmethod
    def start_run(self, run: RunRecord, plan: Plan) -> dict[str, Any]:
        """Start a run in the tool, or pick up the one in `run.trackers` when a run is resumed.

        Returns:
            A JSON reference: whatever `step` and `finish_run` need, and `url` where people can look at it.
        """

    @abstractmethod
    def step(
        self, reference: Mapping[str, Any], run: RunRecord, step_run: StepRunRecord
    ) -> AbstractContextManager[StepTracking]:
        """Return a context in which the tool's own run for the step is active.

        The user's calls to the tool inside the step land in that run. An exception that passes through marks it failed;
        the context never swallows it.
        """

    @abstractmethod
    def finish_run(self, reference: Mapping[str, Any], run: RunRecord) -> None:
        """End the run in the tool; `run.state` is final."""
