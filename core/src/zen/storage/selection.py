"""Choosing among many runs: conditions on columns as SQL, and what was logged in many runs with one query for all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from zen.interfaces import Row
from zen.records import RunRecord
from zen.storage import rows
from zen.storage.database import Database

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "contains"]

TEXTS = ("name", "pipeline", "state", "stack")
"""Columns that hold one text."""
LABELS = {
    "tag": ("SELECT run FROM run_tag", "tag"),
    "model": ("SELECT run FROM model_version WHERE deleted_at IS NULL", "model"),
}
"""What a run may have several of, in tables of their own."""
AMOUNTS = {"started": "started_at", "duration": "(finished_at - started_at)"}
"""Whole microseconds; nothing while a run has not started, or not ended."""
_MANY = 500
_LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on what stands in the columns of a run.

    Attributes:
        field: One of `TEXTS`, `LABELS` or `AMOUNTS`.
        value: A text; for amounts the microseconds from which and before which something counts as equal, since people
            write a day and mean all of it; None asks whether there is anything.
    """

    field: str
    operator: Operator
    value: str | tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Order:
    """By which column to sort; runs that have nothing there come last."""

    field: str
    descending: bool = False


class Brief(NamedTuple):
    """A run in few words; times in whole microseconds."""

    id: str
    name: str
    pipeline: str
    state: str
    stack: str
    started: int | None
    duration: int | None


class CurvePoint(NamedTuple):
    """A value in the series of a metric; `number` counts them from 1, `at` is in microseconds."""

    key: str
    value: float
    number: int
    step: int | None
    at: int


class Logged(NamedTuple):
    """The last value of a metric that a step logged, itself or in the run that its result was taken from."""

    step: str
    key: str
    value: float


class RunSelection:
    """Reads many runs of a store at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, conditions: Sequence[Condition]) -> int:
        """Return how many runs meet all conditions."""
        where, parameters = _where(conditions)
        found = self._database.read(f"SELECT COUNT(*) FROM run{where}", parameters)
        return int(found[0][0]) if found else 0

    def find(
        self, conditions: Sequence[Condition], order: Sequence[Order] = (), *, limit: int | None = None, offset: int = 0
    ) -> list[RunRecord]:
        """Return the runs that meet all conditions, sorted; the newest first among equals."""
        where, parameters = _where(conditions)
        sql = f"SELECT {rows.RUN_COLUMNS} FROM run{where}{_ordered(order)} LIMIT ? OFFSET ?"
        found = self._database.read(sql, (*parameters, _LARGEST if limit is None else limit, offset))
        return [rows.run(row) for row in found]

    def brief(self, conditions: Sequence[Condition]) -> list[Brief]:
        """Return all runs that meet all conditions in few words, newest first."""
        where, parameters = _where(conditions)
        columns = ", ".join((*("id", *TEXTS), *AMOUNTS.values()))
        return [
            Brief(*row) for row in self._database.read(f"SELECT {columns} FROM run{where}{_ordered(())}", parameters)
        ]

    def by_id(self, runs: Sequence[str]) -> dict[str, RunRecord]:
        """Return the runs that exist among these ids."""
        found: dict[str, RunRecord] = {}
        for some in _parts(runs):
            sql = f"SELECT {rows.RUN_COLUMNS} FROM run WHERE id IN ({_marks(some)})"
            found.update((row[0], rows.run(row)) for row in self._database.read(sql, some))
        return found

    def parameters(self, runs: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the parameters of runs in their JSON form."""
        found: dict[str, dict[str, Any]] = {}
        for some in _parts(runs):
            sql = f"SELECT id, detail FROM run WHERE id IN ({_marks(some)})"
            found.update((run, json.loads(text).get("parameters", {})) for run, text in self._database.read(sql, some))
        return found

    def last_metrics(self, runs: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, list[Logged]]:
        """Return the last value of each metric, or of those with these keys, that the steps of runs logged.

        A step counts with its newest attempt; one whose result was taken from another run has the values of that run.
        """
        found: dict[str, list[Logged]] = {run: [] for run in runs}
        taken: list[Row] = []
        for some in _parts(runs):
            for run, step, key, value in self._database.read(*_last_of_runs(some, keys)):
                found[run].append(Logged(step, key, float(value)))
            taken += self._database.read(_TAKEN.format(_marks(some)), some)
        sources = {(run, step): json.loads(detail).get("cache", {}).get("source", "") for run, step, detail in taken}
        values = self._last_of_steps(sorted(set(sources.values()) - {""}), keys)
        for (run, step), source in sources.items():
            found[run] += [Logged(step, key, value) for key, value in values.get(source, ())]
        return found

    def _last_of_steps(
        self, step_runs: Sequence[str], keys: Sequence[str] | None
    ) -> dict[str, list[tuple[str, float]]]:
        found: dict[str, list[tuple[str, float]]] = {}
        for some in _parts(step_runs):
            inner, parameters = _newest(f"n.step_run IN ({_marks(some)})", some, keys)
            for step_run, key, value in self._database.read(
                f"{_VALUES} {inner} ORDER BY m.step_run, m.seq", parameters
            ):
                found.setdefault(step_run, []).append((key, float(value)))
        return found

    def curves(self, step_runs: Sequence[str], *, most: int) -> dict[str, list[CurvePoint]]:
        """Return the series of the metrics of step runs, of long ones about `most` values, with both ends."""
        found: dict[str, list[CurvePoint]] = {}
        for some in _parts(step_runs):
            for step_run, key, value, *rest in self._database.read(_CURVES.format(_marks(some)), (most, *some)):
                found.setdefault(step_run, []).append(CurvePoint(key, float(value), *rest))
        return found

    def params(self, step_runs: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the parameters that step runs logged."""
        found: dict[str, dict[str, Any]] = {}
        for some in _parts(step_runs):
            sql = f"SELECT step_run, key, value FROM param WHERE step_run IN ({_marks(some)}) ORDER BY step_run, key"
            for step_run, key, value in self._database.read(sql, some):
                found.setdefault(step_run, {})[key] = json.loads(value)
        return found

    def metric_keys(self) -> list[str]:
        """Return the keys of all metrics; looks at every value there is."""
        return [str(row[0]) for row in self._database.read("SELECT DISTINCT key FROM metric ORDER BY key")]


_IS_NEWEST = "s.attempt = (SELECT MAX(t.attempt) FROM step_run t WHERE t.run = s.run AND t.name = s.name)"
_TAKEN = f"SELECT s.run, s.name, s.detail FROM step_run s WHERE s.state = 'cached' AND s.run IN ({{}}) AND {_IS_NEWEST}"
_VALUES = "SELECT m.step_run, m.key, m.value FROM metric m"
# Every k-th value, k for each series. Without the operator %, which some database drivers take for a parameter.
_CURVES = (
    "SELECT step_run, key, value, number, step, at FROM ("
    " SELECT q.*, (total - 1) / ? + 1 AS stride FROM ("
    " SELECT m.step_run, m.key, m.value, m.step, m.at, m.seq,"
    " ROW_NUMBER() OVER (PARTITION BY m.step_run, m.key ORDER BY m.seq) AS number,"
    " COUNT(*) OVER (PARTITION BY m.step_run, m.key) AS total"
    " FROM metric m WHERE m.step_run IN ({})) AS q) AS p"
    " WHERE number = 1 OR number = total OR number / stride * stride = number ORDER BY step_run, seq"
)


def _last_of_runs(runs: Sequence[str], keys: Sequence[str] | None) -> tuple[str, tuple[Any, ...]]:
    """Return the query for run, step, key and value of what was logged last."""
    inner, parameters = _newest(
        f"n.step_run IN (SELECT s.id FROM step_run s WHERE s.run IN ({_marks(runs)}) AND {_IS_NEWEST})", runs, keys
    )
    sql = f"SELECT r.run, r.name, m.key, m.value FROM metric m {inner} JOIN step_run r ON r.id = m.step_run"
    return f"{sql} ORDER BY r.started_at, m.step_run, m.seq", parameters


def _newest(condition: str, given: Sequence[str], keys: Sequence[str] | None) -> tuple[str, tuple[Any, ...]]:
    """Return the join that leaves the last value of each key of each step run, and its parameters."""
    wanted = "" if keys is None else f" AND n.key IN ({_marks(keys)})"
    inner = f"SELECT n.step_run, MAX(n.seq) AS seq FROM metric n WHERE {condition}{wanted} GROUP BY n.step_run, n.key"
    return f"JOIN ({inner}) AS l ON l.step_run = m.step_run AND l.seq = m.seq", (*given, *(keys or ()))


def _ordered(order: Sequence[Order]) -> str:
    by = [f"{_column(each.field)} {'DESC' if each.descending else 'ASC'} NULLS LAST" for each in order]
    return f" ORDER BY {', '.join([*by, 'created_at DESC', 'id DESC'])}"


def _where(conditions: Iterable[Condition]) -> tuple[str, tuple[Any, ...]]:
    parts = [_condition(each) for each in conditions]
    text = " AND ".join(f"({sql})" for sql, _ in parts)
    return (f" WHERE {text}" if parts else ""), tuple(value for _, values in parts for value in values)


def _condition(condition: Condition) -> tuple[str, tuple[Any, ...]]:
    field, operator, value = condition.field, condition.operator, condition.value
    if field in LABELS:
        return _label(*LABELS[field], operator, value)
    if isinstance(value, tuple):
        sql, used = _RANGES[operator]
        return sql.format(AMOUNTS[field]), tuple(max(-_LARGEST, min(value[index], _LARGEST)) for index in used)
    if value is None:
        return f"{AMOUNTS[field]} IS {'' if operator == '==' else 'NOT '}NULL", ()
    return _text(_column(field), operator, value)


_RANGES = {
    "==": ("{0} >= ? AND {0} < ?", (0, 1)),
    "!=": ("{0} < ? OR {0} >= ?", (0, 1)),
    "<": ("{0} < ?", (0,)),
    "<=": ("{0} < ?", (1,)),
    ">": ("{0} >= ?", (1,)),
    ">=": ("{0} >= ?", (0,)),
}
"""For each operator the SQL, and which bounds of the range it takes."""


def _label(table: str, column: str, operator: str, value: Any) -> tuple[str, tuple[Any, ...]]:
    if value is None:
        return f"id {'NOT ' if operator == '==' else ''}IN ({table})", ()
    sql, parameters = _text(column, "==" if operator == "!=" else operator, value)
    inner = f"{table} {'AND' if 'WHERE' in table else 'WHERE'} {sql}"
    return f"id {'NOT ' if operator == '!=' else ''}IN ({inner})", parameters


def _text(column: str, operator: str, value: str) -> tuple[str, tuple[Any, ...]]:
    if operator == "contains":
        # Not LIKE, which minds the case in one dialect and not in the other.
        return f"REPLACE({column}, ?, '') <> {column}", (value,)
    return f"{column} {'=' if operator == '==' else '<>'} ?", (value,)


def _column(field: str) -> str:
    return AMOUNTS.get(field, field)


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _MANY):
        yield ids[start : start + _MANY]


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))
