"""An experiment tracker in memory, or in a folder that several processes share."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

from zen.interfaces import ExperimentTracker, StepTracking
from zen.records import Plan, RunRecord, StepRunRecord


class MemoryStep(StepTracking):
    """What one step run logged, in `log`: params, metrics, metadata, files, figures, tables and models, by name.

    Files are kept as bytes: `log["files"]["report.txt"]`, those of a folder as `data/part.txt`.
    """

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

    def log_figure(self, name: str, path: Path) -> None:
        """Keep an image, under its name with the suffix."""
        self._part("figures")[f"{name}{path.suffix}"] = path.read_bytes()

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Keep a table: its columns and its rows."""
        self._part("tables")[name] = {"columns": list(columns), "rows": [list(row) for row in rows]}

    def log_file(self, name: str, path: Path) -> None:
        """Keep a file, or the files of a folder."""
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file())
            kept = {f"{name}/{file.relative_to(path).as_posix()}": file.read_bytes() for file in inside}
        else:
            kept = {name: path.read_bytes()}
        self._part("files").update(kept)

    def log_model(self, name: str, model: Any, files: Mapping[str, Path]) -> None:
        """Keep the files of a model."""
        self._part("models")[name] = {file: path.read_bytes() for file, path in files.items()}

    def _part(self, name: str) -> dict[str, Any]:
        part: dict[str, Any] = self.log.setdefault(name, {})
        return part

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
        self._write(path, {**_read(path), "state": run.state})

    def read(self, run_id: str) -> dict[str, Any]:
        """Return what is kept of a run: its own facts, and `steps` by step run id."""
        folder = self._folder(run_id)
        steps = {path.stem.removeprefix("step-"): _read(path) for path in folder.glob("step-*.json")}
        return {**_read(folder / "run.json"), "steps": steps}

    def _folder(self, run_id: str) -> Path:
        return Path(self.host.state) / "memory-tracker" / run_id

    def _write(self, path: Path, data: Any) -> None:
        path.write_text(json.dumps(data, default=_as_json))


def _read(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.read_text(), object_hook=_from_json)
    return data


def _as_json(value: Any) -> Any:
    return {"$bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else str(value)


def _from_json(data: dict[str, Any]) -> Any:
    return base64.b64decode(data["$bytes"]) if set(data) == {"$bytes"} else data
