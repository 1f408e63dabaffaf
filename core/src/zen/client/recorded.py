"""Everything that is recorded of a few runs, read with a few queries however many steps they have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from zen.errors import RunNotFound, UsageError
from zen.records import ArtifactRecord, Input, Plan, RunRecord, StepRunRecord, StepSpec
from zen.storage import Database
from zen.storage.selection import CurvePoint, Logged, RunSelection

_MOST_POINTS = 400  # of one series
_FEWEST_POINTS = 60
_ALL_POINTS = 24_000  # of all series together, as far as they have more than the fewest


@dataclass(slots=True)
class Recorded:
    """What is recorded of one run.

    Attributes:
        specs: The steps of the plan by name; empty where this zen cannot read the plan.
        steps: The newest attempt of each step that started.
        params: What each step logged.
        curves: The series of each step.
    """

    record: RunRecord
    plan: Plan | None
    specs: dict[str, StepSpec]
    steps: dict[str, StepRunRecord]
    logged: list[Logged] = field(default_factory=list)
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    curves: dict[str, list[CurvePoint]] = field(default_factory=dict)
    artifacts: dict[str, ArtifactRecord] = field(default_factory=dict)

    def inputs(self) -> Iterator[tuple[str, str]]:
        """Yield the stored artifacts that the plan gives to steps, as name and id: `train.data`, `train.data.1`."""
        for name, spec in self.specs.items():
            for argument, given in spec.inputs.items():
                leaves = list(given.leaves())
                for number, leaf in enumerate(leaves):
                    if leaf.kind == "artifact":
                        yield f"{name}.{argument}" + (f".{number}" if given is not leaf else ""), leaf.artifact

    def outputs(self) -> Iterator[tuple[str, str]]:
        """Yield what steps made, as `step.output` and id."""
        for name, step in self.steps.items():
            yield from ((f"{name}.{output}", artifact) for output, artifact in step.outputs.items())


def read(database: Database, records: Sequence[RunRecord], *, curves: bool) -> list[Recorded]:
    """Return what is recorded of runs; the series of metrics only if they are wanted."""
    plans: dict[str, Plan | None] = {}
    for record in records:
        if record.plan not in plans:
            plans[record.plan] = _plan(database, record.plan)
    runs = [_run(database, record, plans[record.plan]) for record in records]
    selection = RunSelection(database)
    logged = selection.last_metrics([record.id for record in records])
    sources = {source(step): None for run in runs for step in run.steps.values()}
    params = selection.params(list(sources))
    most = _ALL_POINTS // (sum(map(len, logged.values())) or 1)
    points = max(_FEWEST_POINTS, min(most, _MOST_POINTS))
    series = selection.curves(list(sources), most=points) if curves else {}
    artifacts = database.artifacts_by_id(
        list({artifact: None for run in runs for _, artifact in (*run.inputs(), *run.outputs())})
    )
    for run in runs:
        run.logged = logged[run.record.id]
        run.params = {name: params[source(step)] for name, step in run.steps.items() if source(step) in params}
        run.curves = {name: series[source(step)] for name, step in run.steps.items() if source(step) in series}
        run.artifacts = artifacts
    return runs


def source(step: StepRunRecord) -> str:
    """Return the id of the step run that logged what a step shows: its own, or where its result was taken from."""
    return step.cache.source if step.cache and step.cache.source else step.id


def _plan(database: Database, digest: str) -> Plan | None:
    try:
        return database.plan(digest)
    except (RunNotFound, UsageError):  # gone, or written by a newer zen: the rest can be compared
        return None


def _run(database: Database, record: RunRecord, plan: Plan | None) -> Recorded:
    newest: dict[str, StepRunRecord] = {}
    for attempt in database.step_runs(record.id):
        if attempt.name not in newest or attempt.attempt >= newest[attempt.name].attempt:
            newest[attempt.name] = attempt
    specs = {step.name: step for step in plan.steps} if plan else {}
    names = dict.fromkeys([*(name for name in specs if name in newest), *newest])
    return Recorded(record=record, plan=plan, specs=specs, steps={name: newest[name] for name in names})


def plain(given: Input) -> Any:
    """Return the value of an input that is plain data all the way down; raise `ValueError` for any other."""
    from zen.identity import from_plain

    if given.kind == "value":
        return from_plain(given.value)
    items = [plain(item) for item in given.items]
    if given.kind == "list":
        return items
    if given.kind == "tuple":
        return tuple(items)
    if given.kind == "dict":
        return dict(zip(given.keys, items, strict=True))
    raise ValueError(given.kind)
