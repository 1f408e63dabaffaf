"""Rows as records: the one place that knows the order of columns."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from zen.identity import dumps
from zen.interfaces import Row
from zen.records import FINAL, ArtifactRecord, RunRecord, StepRunRecord, from_json, to_json
from zen.secrets.recorded import masked

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)

RUN_COLUMNS = "id, name, pipeline, state, stack, plan, snapshot, created_at, started_at, finished_at, detail"
STEP_COLUMNS = "id, run, name, attempt, state, started_at, finished_at, detail"
ARTIFACT_COLUMNS = "id, name, version, digest, type, manifest, materializer, run, step_run, output, created_at, detail"
_RUN_DETAIL = ("parameters", "tags", "trackers", "warnings", "error", "environment", "owner", "durability", "resumes")
_STEP_DETAIL = ("cache", "error", "reason", "worker", "warnings", "counted")
_ARTIFACT_DETAIL = ("metadata", "tags")


def micros(time: dt.datetime | None) -> int | None:
    """Return whole microseconds since 1970 UTC."""
    return None if time is None else (time - _EPOCH) // _MICROSECOND


def time(value: int | None) -> dt.datetime | None:
    """Return the UTC time of a column."""
    return None if value is None else _EPOCH + value * _MICROSECOND


def detail(record: Any, names: tuple[str, ...]) -> str:
    """Return the fields that have no column of their own, defaults left out, as JSON; secrets in them are masked."""
    return dumps(to_json(masked(record), names))


def run_detail(run: RunRecord) -> str:
    """Return the JSON column of a run."""
    return detail(run, _RUN_DETAIL)


def step_detail(step: StepRunRecord) -> str:
    """Return the JSON column of a step run."""
    return detail(step, _STEP_DETAIL)


def artifact_detail(artifact: ArtifactRecord) -> str:
    """Return the JSON column of an artifact."""
    return detail(artifact, _ARTIFACT_DETAIL)


def run(row: Row) -> RunRecord:
    """Return the run of a row of `RUN_COLUMNS`."""
    return from_json(
        RunRecord,
        {
            "id": row[0],
            "name": row[1],
            "pipeline": row[2],
            "state": row[3],
            "stack": row[4],
            "plan": row[5],
            "snapshot": row[6],
            **_times(created_at=row[7], started_at=row[8], finished_at=row[9]),
            **json.loads(row[10]),
        },
    )


def step_run(row: Row, edges: list[Row]) -> StepRunRecord:
    """Return the step run of a row of `STEP_COLUMNS` and its edges (direction, slot, position, artifact) in order.

    Edges are committed with the end of a step run. Where it is open by its row, they were read after a commit that the
    row was read before, and are left out.
    """
    inputs: dict[str, tuple[str, ...]] = {}
    outputs: dict[str, str] = {}
    for direction, slot, _, artifact_id in edges if row[4] in FINAL else ():
        if direction == "out":
            outputs[slot] = artifact_id
        else:
            inputs[slot] = (*inputs.get(slot, ()), artifact_id)
    return from_json(
        StepRunRecord,
        {
            "id": row[0],
            "run_id": row[1],
            "name": row[2],
            "attempt": row[3],
            "state": row[4],
            **_times(started_at=row[5], finished_at=row[6]),
            "inputs": inputs,
            "outputs": outputs,
            **json.loads(row[7]),
        },
    )


def artifact(row: Row) -> ArtifactRecord:
    """Return the artifact of a row of `ARTIFACT_COLUMNS`."""
    return from_json(
        ArtifactRecord,
        {
            "id": row[0],
            "name": row[1],
            "version": row[2],
            "digest": row[3],
            "manifest": json.loads(row[5]),
            "materializer": row[6],
            "run_id": row[7],
            "step_run": row[8],
            "output": row[9],
            **_times(created_at=row[10]),
            **json.loads(row[11]),
        },
    )


def _times(**columns: int | None) -> dict[str, str]:
    return {name: (_EPOCH + value * _MICROSECOND).isoformat() for name, value in columns.items() if value is not None}
