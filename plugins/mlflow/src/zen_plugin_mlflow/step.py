"""One step run inside MLflow: where what the step logs goes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zen.errors import ComponentError, ZenError
from zen.interfaces import StepTracking
from zen_plugin_mlflow import flavors
from zen_plugin_mlflow.logged import log_model
from zen_plugin_mlflow.run_files import RunFiles
from zen_plugin_mlflow.run_log import RunLog
from zen_plugin_mlflow.signatures import Table, expected

if TYPE_CHECKING:
    from mlflow import ActiveRun


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How what a step logs is named.

    Attributes:
        metrics: Before names of parameters, metrics and metadata: `train.`.
        files: The folder of files: `train`.
        models: Before names of models: `train-`.
    """

    metrics: str = ""
    files: str = ""
    models: str = ""

    @classmethod
    def prefixed(cls, step: str, attempt: int) -> Layout:
        """Return the names of one attempt in a run that is shared by all steps; a second attempt has names of its own.

        MLflow forgets no value, and a metric is one series: the values of two attempts would stand in each other's way.
        """
        name = step if attempt <= 1 else f"{step}.attempt_{attempt}"
        return cls(metrics=f"{name}.", files=name, models=f"{name}-")


class MLflowStep(StepTracking):
    """One step run in MLflow."""

    def __init__(
        self,
        log: RunLog,
        files: RunFiles,
        active_run: ActiveRun,
        *,
        layout: Layout,
        tables: Callable[[], Iterator[Table]],
    ) -> None:
        self._log = log
        self._files = files
        self._active_run = active_run
        self._layout = layout
        self._tables = tables

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log parameters; those that stand there with another value are reported, the rest is kept."""
        self._log.params(params)

    def log_metrics(self, metrics: Mapping[str, float], *, step: int | None, at: dt.datetime) -> None:
        """Log metrics; they may travel up to a second later, or with the end of the step."""
        self._log.metrics(metrics, step=step, at=at)

    def log_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Set a tag `metadata.<name>` for each; what is no text becomes JSON."""
        self._log.tags({f"metadata.{self._layout.metrics}{key}": value for key, value in metadata.items()})

    def log_figure(self, name: str, path: Path) -> None:
        """Log an image as an artifact `<name>.<suffix>`, which MLflow's pages show."""
        self._files.figure(name, path)

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Log a table as `<name>.json`, which MLflow's pages show and `mlflow.load_table` reads."""
        self._files.table(name, columns, rows)

    def log_file(self, name: str, path: Path) -> None:
        """Log a file or a folder as artifacts."""
        self._files.file(name, path)

    def log_model(self, name: str, model: Any, files: Mapping[str, Path]) -> None:
        """Log a model with MLflow's flavor for it, else the files that zen saved it as, as artifacts below `<name>`.

        What the model expects is told where it says so itself; the types of its columns are those of the step's input
        that has all of them.
        """
        try:
            self._log_flavor(name, model)
        except _NoFlavor:
            super().log_model(name, model, files)
        except ComponentError as err:
            super().log_model(name, model, files)
            raise ComponentError(
                f"{err.message}; the files of the model {name!r} are logged instead", hint=err.hint
            ) from err

    def _log_flavor(self, name: str, model: Any) -> None:
        try:
            inside = flavors.unwrapped(model)
        except ZenError as err:
            raise _NoFlavor from err
        flavor = flavors.flavor_of(inside)
        if flavor is None:
            raise _NoFlavor
        form = flavors.form_of(model, expected(inside, self._tables()))
        info = self._active_run.info
        log_model(
            self._log.connection,
            lambda folder, about: flavors.save(inside, folder, flavor=flavor, form=form, about=about),
            experiment_id=info.experiment_id,
            name=f"{self._layout.models}{name}",
            run_id=info.run_id,
        )

    @property
    def native(self) -> ActiveRun:
        """The `mlflow.ActiveRun` that `mlflow.active_run()` returns in this step; `native.info.run_id` is its id."""
        return self._active_run


class _NoFlavor(Exception):
    """MLflow has no flavor for this model."""
