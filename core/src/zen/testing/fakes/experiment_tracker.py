"""An experiment tracker in memory, or in a folder that several processes share."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

from zen.interfaces import ExperimentTracker, StepTracking
from zen.records import Plan, RunRecord, StepRunRecord


class MemoryStep(StepTracking):
    """What one step run logged, in `log`."""

    def __init__(self, log: dict[str, Any]) -> None:
        self.log = log

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Keep parameters."""
        self.log["params"].update(params)

    def log_metrics(self, metrics: Mapping[str, float], *, step: int | None, at: dt.datetime) -> None:
        """Keep metric values, with their index and time."""
        for name, value in metrics.items():
            self.log["metrics"].append([name, value, step, at.isoformat()])

    def log_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Keep metadata."""
        self.log["metadata"].update(metadata)

    @property
    def native(self) -> dict[str, Any]:
        """What was logged."""
        return self.log


class MemoryTracker(ExperimentTracker):
    """Keeps runs as JSON files in the state folder, so that every process of a run sees them."""

    step_class: ClassVar[type[MemoryStep]] = MemoryStep

    def start_run(self, run: RunRecord, plan: Plan) -> dict[str, Any]:
        """Make a folder for the run, or take the one that it has."""
        folder = self._folder(run.id)
        folder.mkdir(parents=True, exist_ok=True)
        self._write(folder / "run.json", {"name": run.name, "parameters": run.parameters, "state": "running"})
        return {"run_id": run.id}

    def step(
        self, reference: Mapping[str, Any], run: RunRecord, step_run: StepRunRecord
    ) -> AbstractContextManager[StepTracking]:
        """Return the context of a step."""
        return self._step(reference, step_run)

    @contextlib.contextmanager
    def _step(self, reference: Mapping[str, Any], step_run: StepRunRecord) -> Iterator[StepTracking]:
        log: dict[str, Any] = {"name": step_run.name, "params": {}, "metrics": [], "metadata": {}, "state": "completed"}
        try:
            yield self.step_class(log)
        except BaseException:
            log["state"] = "failed"
            raise
        finally:
            self._write(self._folder(reference["run_id"]) / f"step-{step_run.id}.json", log)

    def finish_run(self, reference: Mapping[str, Any], run: RunRecord) -> None:
        """Keep the state of the run."""
        path = self._folder(reference["run_id"]) / "run.json"
        self._write(path, {**json.loads(path.read_text()), "state": run.state})

    def read(self, run_id: str) -> dict[str, Any]:
        """Return what is kept of a run: its own facts, and `steps` by step run id."""
        folder = self._folder(run_id)
        steps = {path.stem.removeprefix("step-"): json.loads(path.read_text()) for path in folder.glob("step-*.json")}
        return {**json.loads((folder / "run.json").read_text()), "steps": steps}

    def _folder(self, run_id: str) -> Path:
        return Path(self.host.state) / "memory-tracker" / run_id

    def _write(self, path: Path, data: Any) -> None:
        path.write_text(json.dumps(data, default=str))
