"""Reading what is recorded: every query, as records."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from zen.errors import ArtifactNotFound, RunNotFound, UsageError
from zen.interfaces import Change, MetadataStore, Row
from zen.records import ArtifactRecord, LogLine, MetricPoint, Plan, RunRecord, StepRunRecord
from zen.storage import rows, schema

_STEP = f"SELECT {rows.STEP_COLUMNS} FROM step_run"
_RUN = f"SELECT {rows.RUN_COLUMNS} FROM run"
_ARTIFACT = f"SELECT {rows.ARTIFACT_COLUMNS} FROM artifact"
_MANY = 500


class Database:
    """The metadata of one store. Safe for use from several threads, as its store is."""

    def __init__(self, store: MetadataStore) -> None:
        self.store = store

    def prepare(self) -> None:
        """Bring the schema up to date; called once after the store was opened."""
        self.store.migrate(schema.migrations(self.store.dialect))

    def write(self, batch: Sequence[Change], *, durable: bool = True) -> None:
        """Apply all changes or none; see `MetadataStore.write`.

        Raises:
            UsageError: For a text with lone surrogates, such as a file name that is no UTF-8: no database takes it.
        """
        if not batch:
            return
        try:
            self.store.write(batch, durable=durable)
        except UnicodeEncodeError as error:
            raise UsageError(
                f"{error.object!r} cannot be recorded: it is not valid text", hint="use another name"
            ) from error

    def now(self) -> dt.datetime:
        """Return the store's time."""
        return self.store.now()

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return the rows of a query of this layer; none for parameters that no database can hold."""
        try:
            return self.store.read(sql, parameters)
        except (UnicodeEncodeError, OverflowError):  # it never got into the database, so nothing answers to it
            return []

    # Runs

    def run(self, run_id: str) -> RunRecord:
        """Return a run by its id, or raise `RunNotFound`."""
        found = self.read(f"{_RUN} WHERE id = ?", (run_id,))
        if not found:
            raise _no_run(run_id)
        return rows.run(found[0])

    def runs(
        self,
        *,
        limit: int = 20,
        offset: int = 0,
        pipeline: str | None = None,
        state: str | None = None,
        name: str | None = None,
        tag: str | None = None,
    ) -> list[RunRecord]:
        """Return runs, newest first."""
        where, parameters = _run_filter(pipeline=pipeline, state=state, name=name, tag=tag)
        sql = f"{_RUN}{where} ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?"
        return [rows.run(row) for row in self.read(sql, (*parameters, limit, offset))]

    def last_run(self, before: int = 0, *, unlike: str = "") -> RunRecord | None:
        """Return the newest run, or one before it; those with a tag that begins with `unlike` are passed over."""
        tagged = f"SELECT 1 FROM run_tag t WHERE t.run = run.id AND SUBSTR(t.tag, 1, {len(unlike)}) = ?"
        where, parameters = (f" WHERE NOT EXISTS ({tagged})", (unlike,)) if unlike else ("", ())
        found = self.read(f"{_RUN}{where} ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET ?", (*parameters, before))
        return rows.run(found[0]) if found else None

    def count_runs(
        self,
        *,
        pipeline: str | None = None,
        state: str | None = None,
        name: str | None = None,
        tag: str | None = None,
    ) -> int:
        """Return how many runs there are."""
        where, parameters = _run_filter(pipeline=pipeline, state=state, name=name, tag=tag)
        found = self.read(f"SELECT COUNT(*) FROM run{where}", parameters)
        return int(found[0][0]) if found else 0

    def runs_with_prefix(self, prefix: str) -> list[RunRecord]:
        """Return the runs whose id starts with `prefix`, newest first."""
        sql = f"{_RUN} WHERE id >= ? AND id < ? ORDER BY created_at DESC LIMIT 20"
        return [rows.run(row) for row in self.read(sql, (prefix, prefix + "g"))]

    def open_runs(self) -> list[tuple[RunRecord, dt.datetime | None]]:
        """Return the runs that are not over, as far as is recorded, each with the end of its lease, if it has one."""
        found = self.read(f"SELECT {rows.RUN_COLUMNS}, lease FROM run WHERE state IN ('pending', 'running')")
        return [(rows.run(row[:-1]), rows.time(row[-1])) for row in found]

    def runs_at_commit(self, commit: str) -> list[RunRecord]:
        """Return the runs of a commit, or of all that begin so, newest first."""
        sql = f"{_RUN} WHERE detail LIKE ? ORDER BY created_at DESC"
        found = [rows.run(row) for row in self.read(sql, (f'%"commit":"{commit}%',))]
        return [run for run in found if str(run.environment.get("commit", "")).startswith(commit)]

    def has_run(self, run_id: str) -> bool:
        """Say whether a run is recorded."""
        return bool(self.read("SELECT 1 FROM run WHERE id = ?", (run_id,)))

    def run_token(self, run_id: str) -> str:
        """Return the fencing token of a run, or raise `RunNotFound`."""
        found = self.read("SELECT token FROM run WHERE id = ?", (run_id,))
        if not found:
            raise _no_run(run_id)
        return str(found[0][0])

    def stop_reason(self, run_id: str) -> str:
        """Return why the run was asked to stop, or an empty string."""
        found = self.read("SELECT stop FROM run WHERE id = ?", (run_id,))
        return str(found[0][0]) if found else ""

    def plan(self, digest: str) -> Plan:
        """Return a recorded plan by the digest in its run, or raise `RunNotFound`."""
        found = self.read("SELECT body FROM plan WHERE digest = ?", (digest,))
        if not found:
            raise RunNotFound(f"no run has the plan {digest!r}")
        return Plan.from_json(json.loads(found[0][0]))

    # Step runs

    def step_runs(self, run_id: str) -> list[StepRunRecord]:
        """Return every attempt of every step of a run, in the order in which they started."""
        found = self.read(f"{_STEP} WHERE run = ? ORDER BY started_at, name, attempt", (run_id,))
        sql = (
            "SELECT e.step_run, e.direction, e.slot, e.position, e.artifact FROM edge e"
            " JOIN step_run s ON s.id = e.step_run WHERE s.run = ?"
            " ORDER BY e.step_run, e.direction, e.slot, e.position"
        )
        edges: dict[str, list[Row]] = {}
        for row in self.read(sql, (run_id,)):
            edges.setdefault(row[0], []).append(row[1:])
        return [rows.step_run(row, edges.get(row[0], [])) for row in found]

    def attempts_of(self, run_id: str) -> list[StepRunRecord]:
        """Return the attempts of a run in the order in which they started, each with its name, number and state."""
        sql = "SELECT id, run, name, attempt, state FROM step_run WHERE run = ? ORDER BY started_at, name, attempt"
        return [
            StepRunRecord(id=row[0], run_id=row[1], name=row[2], attempt=row[3], state=row[4])
            for row in self.read(sql, (run_id,))
        ]

    def step_run(self, step_run_id: str) -> StepRunRecord:
        """Return a step run by its id, or raise `RunNotFound`."""
        found = self.read(f"{_STEP} WHERE id = ?", (step_run_id,))
        if not found:
            raise RunNotFound(f"no run has the step run {step_run_id!r}")
        return rows.step_run(found[0], self._edges(step_run_id))

    def last_attempt(self, run_id: str, name: str) -> StepRunRecord | None:
        """Return the newest attempt of a step, or None if it has none."""
        found = self.read(f"{_STEP} WHERE run = ? AND name = ? ORDER BY attempt DESC LIMIT 1", (run_id, name))
        return rows.step_run(found[0], self._edges(found[0][0])) if found else None

    def attempts(self, run_id: str, name: str) -> list[StepRunRecord]:
        """Return every attempt of a step, the first one first."""
        found = self.read(f"{_STEP} WHERE run = ? AND name = ? ORDER BY attempt", (run_id, name))
        return [rows.step_run(row, self._edges(row[0])) for row in found]

    def failed_steps(self, run_id: str) -> list[str]:
        """Return the names of the steps whose newest attempt ended badly."""
        sql = (
            "SELECT name FROM step_run s WHERE run = ? AND state IN ('failed', 'cancelled', 'lost')"
            " AND attempt = (SELECT MAX(attempt) FROM step_run t WHERE t.run = s.run AND t.name = s.name)"
        )
        return [str(row[0]) for row in self.read(sql, (run_id,))]

    def cached(self, key: str) -> tuple[StepRunRecord, int] | None:
        """Return the completed step run under a cache key, and when it was remembered (microseconds)."""
        sql = (
            f"SELECT {', '.join('s.' + column for column in rows.STEP_COLUMNS.split(', '))}, c.created_at"
            " FROM cache_entry c JOIN step_run s ON s.id = c.step_run WHERE c.key = ? AND s.state = 'completed'"
        )
        found = self.read(sql, (key,))
        return (rows.step_run(found[0][:-1], self._edges(found[0][0])), found[0][-1]) if found else None

    def running_with_key(self, key: str) -> StepRunRecord | None:
        """Return the attempt that is running under a cache key, or None."""
        found = self.read(f"{_STEP} WHERE cache_key = ? AND state = 'running' AND cache_key <> ''", (key,))
        return rows.step_run(found[0], []) if found else None

    def _edges(self, step_run_id: str) -> list[Row]:
        sql = (
            "SELECT direction, slot, position, artifact FROM edge WHERE step_run = ? ORDER BY direction, slot, position"
        )
        return self.read(sql, (step_run_id,))

    # Artifacts

    def artifact(self, artifact_id: str) -> ArtifactRecord:
        """Return an artifact by its id, or raise `ArtifactNotFound`."""
        found = self.artifacts_by_id([artifact_id])
        if artifact_id not in found:
            raise ArtifactNotFound(f"no artifact {artifact_id!r}", hint="`zen artifact list` shows them")
        return found[artifact_id]

    def artifacts_by_id(self, ids: Sequence[str]) -> dict[str, ArtifactRecord]:
        """Return the artifacts that exist among `ids`."""
        found: dict[str, ArtifactRecord] = {}
        for start in range(0, len(ids), _MANY):
            some = ids[start : start + _MANY]
            sql = f"{_ARTIFACT} WHERE id IN ({', '.join('?' * len(some))})"
            found.update((row[0], rows.artifact(row)) for row in self.read(sql, some))
        return found

    def artifacts(
        self, *, name: str | None = None, run_id: str | None = None, limit: int = 20, offset: int = 0
    ) -> list[ArtifactRecord]:
        """Return artifacts, newest first."""
        conditions, parameters = _conditions({"name = ?": name, "run = ?": run_id})
        sql = f"{_ARTIFACT}{conditions} ORDER BY created_at DESC, version DESC, id LIMIT ? OFFSET ?"
        return [rows.artifact(row) for row in self.read(sql, (*parameters, limit, offset))]

    def artifact_version(self, name: str, version: int | None = None) -> ArtifactRecord | None:
        """Return a version of a named artifact (the newest by default), or None."""
        conditions, parameters = _conditions({"name = ?": name, "version = ?": version})
        found = self.read(f"{_ARTIFACT}{conditions} ORDER BY version DESC LIMIT 1", parameters)
        return rows.artifact(found[0]) if found else None

    def artifacts_with_prefix(self, prefix: str) -> list[ArtifactRecord]:
        """Return the artifacts whose id starts with `prefix`."""
        sql = f"{_ARTIFACT} WHERE id >= ? AND id < ? LIMIT 20"
        return [rows.artifact(row) for row in self.read(sql, (prefix, prefix + "g"))]

    def artifact_names(self) -> list[str]:
        """Return the names that artifacts are stored under."""
        return [str(row[0]) for row in self.read("SELECT DISTINCT name FROM artifact ORDER BY name")]

    def consumers(self, artifacts: Sequence[str]) -> list[tuple[str, str, str]]:
        """Return which step runs took artifacts, as (artifact, step run, argument); those from the cache took none."""
        found: list[tuple[str, str, str]] = []
        for start in range(0, len(artifacts), _MANY):
            some = artifacts[start : start + _MANY]
            sql = (
                "SELECT e.artifact, e.step_run, e.slot FROM edge e JOIN step_run s ON s.id = e.step_run"
                f" WHERE e.direction = 'in' AND s.state <> 'cached' AND e.artifact IN ({', '.join('?' * len(some))})"
                " ORDER BY s.started_at, e.step_run, e.slot, e.position"
            )
            found += [(row[0], row[1], row[2]) for row in self.read(sql, some)]
        return found

    # What was logged

    def params(self, step_run_id: str) -> dict[str, Any]:
        """Return the parameters that a step run logged."""
        sql = "SELECT key, value FROM param WHERE step_run = ? ORDER BY key"
        return {key: json.loads(value) for key, value in self.read(sql, (step_run_id,))}

    def facts(self, owner: str) -> dict[str, Any]:
        """Return the metadata of a run, a step run or an artifact."""
        sql = "SELECT key, value FROM fact WHERE owner = ? ORDER BY key"
        return {key: json.loads(value) for key, value in self.read(sql, (owner,))}

    def metrics(self, run_id: str, *, key: str | None = None) -> list[MetricPoint]:
        """Return every recorded value of a run's metrics, in the order in which each step run logged them."""
        sql = (
            "SELECT m.key, m.value, m.step, m.at, m.step_run FROM metric m JOIN step_run s ON s.id = m.step_run"
            f" WHERE s.run = ?{' AND m.key = ?' if key is not None else ''} ORDER BY s.started_at, m.step_run, m.seq"
        )
        found = self.read(sql, (run_id,) if key is None else (run_id, key))
        return [
            MetricPoint(key=row[0], value=float(row[1]), step=row[2], at=rows.time(row[3]), step_run=row[4])
            for row in found
        ]

    def step_metrics(self, step_run_id: str) -> list[MetricPoint]:
        """Return every recorded value of a step run's metrics, in the order in which it logged them."""
        sql = "SELECT key, value, step, at FROM metric WHERE step_run = ? ORDER BY seq"
        return [
            MetricPoint(key=row[0], value=float(row[1]), step=row[2], at=rows.time(row[3]), step_run=step_run_id)
            for row in self.read(sql, (step_run_id,))
        ]

    def logs(self, step_run_id: str) -> list[LogLine]:
        """Return the captured lines of a step run, oldest first."""
        return [line for _, lines in self.log_blocks(step_run_id) for line in lines]

    def last_block(self, step_run_id: str) -> int:
        """Return the number of the last block of captured lines of a step run; 0 where there is none."""
        return int(self.read("SELECT COALESCE(MAX(seq), 0) FROM log WHERE step_run = ?", (step_run_id,))[0][0])

    def log_blocks(self, step_run_id: str, *, after: int = 0) -> list[tuple[int, list[LogLine]]]:
        """Return the blocks of captured lines of a step run whose number is larger, with that, oldest first."""
        sql = "SELECT seq, lines FROM log WHERE step_run = ? AND seq > ? ORDER BY seq"
        return [(int(seq), _log_lines(text)) for seq, text in self.read(sql, (step_run_id, after))]

    def counter(self, name: str) -> int:
        """Return how often something happened; `collections` is how often objects were removed."""
        found = self.read("SELECT value FROM counter WHERE name = ?", (name,))
        return int(found[0][0]) if found else 0

    # Objects

    def object(self, digest: str) -> bytes | None:
        """Return the bytes of a small object, unverified, or None."""
        found = self.read("SELECT data FROM object WHERE digest = ?", (digest,))
        return bytes(found[0][0]) if found else None

    def object_size(self, digest: str) -> int | None:
        """Return how many bytes there are of a small object, or None."""
        found = self.read("SELECT LENGTH(data) FROM object WHERE digest = ?", (digest,))
        return int(found[0][0]) if found else None


def _log_lines(text: str) -> list[LogLine]:
    return [LogLine(stream=stream, at=rows.time(at), text=line) for stream, at, line in json.loads(text)]


def _no_run(run_id: str) -> RunNotFound:
    return RunNotFound(f"no run {run_id!r}", hint="`zen runs` lists them")


def _conditions(columns: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    given = {condition: value for condition, value in columns.items() if value is not None}
    return (" WHERE " + " AND ".join(given) if given else ""), tuple(given.values())


def _run_filter(**columns: str | None) -> tuple[str, tuple[Any, ...]]:
    tag = columns.pop("tag")
    given: dict[str, Any] = {f"{name} = ?": value for name, value in columns.items()}
    given["id IN (SELECT run FROM run_tag WHERE tag = ?)"] = tag
    return _conditions(given)
