"""Comparing runs: what they were given, what came out, and what they ran on. A run is compared as far as it goes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zen.client import metrics, sources
from zen.client.artifact_changes import artifact_rows
from zen.client.comparison import MISSING, Compared, ComparedRun, Curve, MetricRow, Row, StepRow, row
from zen.client.page import excerpt, page
from zen.client.recorded import Recorded, plain, read
from zen.errors import UsageError
from zen.identity import from_plain
from zen.records import RunRecord, StackSpec, StepRunRecord
from zen.stacks.opening import OpenStack
from zen.storage.selection import CurvePoint

_DEEP = 4
_OURS = "zen-hub"


class Comparison(Compared):
    """A comparison that shows itself, in a notebook as well."""

    __slots__ = ()

    def to_html(self) -> str:
        """Return a page that needs nothing else, no network and no script, to send to somebody."""
        return page(self)

    def __repr__(self) -> str:
        names = ", ".join(run.name for run in self.runs)
        return f"<comparison of {names}: {len(self.metrics)} metrics, {len(self.steps)} steps>"

    def _repr_html_(self) -> str:
        return excerpt(self)


def compare(
    stack: OpenStack, records: Sequence[RunRecord], *, higher_is_better: Mapping[str, bool], curves: bool = True
) -> Comparison:
    """Return what is the same and what differs between runs; the first is what the others are compared with.

    Args:
        stack: The open stack that has them.
        records: At least two.
        higher_is_better: For metrics by name or key, whether more is better, where the guess is wrong.
        curves: Whether the series of metrics are wanted.
    """
    if len(records) < 2:
        raise UsageError(f"{len(records)} runs cannot be compared", hint="give at least two: compare('last', 'last~1')")
    runs = read(stack.database, records, curves=curves)
    parameters = _rows(_flat(_decoded(run.record.parameters)) for run in runs)
    return Comparison(
        runs=tuple(map(_run, runs)),
        parameters=parameters,
        step_parameters=_step_parameters(runs, parameters),
        metrics=_metrics(runs, higher_is_better),
        steps=_steps(runs),
        artifacts=artifact_rows(runs),
        sources=tuple(
            sources.diff(stack, records[0], record, position) for position, record in enumerate(records) if position
        ),
        environment=_rows(_environment(run.record) for run in runs),
        distributions=_rows(map(_distributions, runs)),
        stack=_rows(_stack(run.plan.stack) if run.plan else {} for run in runs),
    )


def _run(run: Recorded) -> ComparedRun:
    record = run.record
    ended = record.finished_at
    return ComparedRun(
        id=record.id,
        name=record.name,
        pipeline=record.pipeline,
        state=record.state,
        stack=record.stack,
        started_at=record.started_at,
        duration=(ended - record.started_at).total_seconds() if ended and record.started_at else None,
        tags=record.tags,
        error=_error(run),
        warnings=record.warnings,
    )


def _error(run: Recorded) -> dict[str, str] | None:
    failed = next((step for step in run.steps.values() if step.error and step.state in ("failed", "lost")), None)
    error = failed.error if failed else run.record.error
    if error is None:
        return None
    place = failed.name if failed else ""
    return {"step": place, "type": error.type, "message": error.message, "traceback": error.traceback}


# Parameters


def _step_parameters(runs: Sequence[Recorded], of_pipeline: Sequence[Row]) -> tuple[Row, ...]:
    """Return what steps were given and logged, without what only repeats a parameter of the pipeline."""
    known = {(each.name, repr(each.values), each.missing) for each in of_pipeline}
    return tuple(
        each
        for each in _rows(map(_of_steps, runs))
        if (each.name.partition(".")[2], repr(each.values), each.missing) not in known
    )


def _of_steps(run: Recorded) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, spec in run.specs.items():
        for argument, given in spec.inputs.items():
            try:
                found |= _flat({f"{name}.{argument}": plain(given)})
            except ValueError:  # it is no plain value, or one that a newer zen wrote
                continue
    for name, logged in run.params.items():
        found |= _flat({f"{name}.{key}": value for key, value in _decoded(logged).items()})
    return found


def _decoded(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in values.items():
        try:
            found[name] = from_plain(value)
        except ValueError:  # a newer zen wrote it: its form can be compared, too
            found[name] = value
    return found


def _flat(values: Mapping[str, Any], deep: int = _DEEP) -> dict[str, Any]:
    """Return values with what lies in dictionaries as `outer.inner`."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value and deep and all(isinstance(key, str) for key in value):
            found |= {f"{name}.{key}": item for key, item in _flat(value, deep - 1).items()}
        else:
            found[name] = value
    return found


def _rows(values: Iterable[Mapping[str, Any]]) -> tuple[Row, ...]:
    given = list(values)
    return tuple(row(name, [each.get(name, MISSING) for each in given]) for name in _names(given))


def _names(given: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(name for each in given for name in each))


# Metrics


def _metrics(runs: Sequence[Recorded], given: Mapping[str, bool]) -> tuple[MetricRow, ...]:
    apart = _logged_apart(runs)
    values = [metrics.named(run.logged, apart=apart) for run in runs]
    curves = [_curves(run, apart) for run in runs]
    better = metrics.directions(_names(values), given)
    return tuple(
        _metric(
            row(name, [each.get(name, MISSING) for each in values]), better[name], [each.get(name) for each in curves]
        )
        for name in better
    )


def _logged_apart(runs: Sequence[Recorded]) -> set[str]:
    """Return the keys that several steps logged in some run: with these, the step is part of the name in all."""
    steps: dict[tuple[int, str], set[str]] = {}
    for position, run in enumerate(runs):
        for logged in run.logged:
            steps.setdefault((position, logged.key), set()).add(logged.step)
    return {key for (_, key), names in steps.items() if len(names) > 1}


def _metric(values: Row, higher: bool | None, curves: Sequence[Curve | None]) -> MetricRow:
    first = values.values[0]
    numbers = {at: value for at, value in enumerate(values.values) if value is not None and not math.isnan(value)}
    best = (max if higher else min)(numbers.values()) if numbers and higher is not None else None
    winners = tuple(at for at, value in numbers.items() if value == best)
    return MetricRow(
        name=values.name,
        values=values.values,
        missing=values.missing,
        differs=values.differs,
        deltas=tuple(_delta(value, first) for value in values.values),
        higher_is_better=higher,
        best=winners if len(winners) < len(values.values) and len(numbers) > 1 else (),
        curves=tuple(curves),
    )


def _delta(value: float | None, first: float | None) -> float | None:
    if value is None or first is None:
        return None
    delta = value - first
    return delta if math.isfinite(delta) else None


def _curves(run: Recorded, apart: set[str]) -> dict[str, Curve]:
    found: dict[str, list[CurvePoint]] = {}
    for step, points in run.curves.items():
        for point in points:
            name = f"{step}.{point.key}" if point.key in apart else point.key
            found.setdefault(name, []).append(point)
    return {name: _curve(points) for name, points in found.items() if len(points) > 1}


def _curve(points: Sequence[CurvePoint]) -> Curve:
    start = points[0].at
    return Curve(
        points=tuple(
            (point.number if point.step is None else point.step, (point.at - start) / 1e6, point.value)
            for point in points
        )
    )


# Steps and their code


def _steps(runs: Sequence[Recorded]) -> tuple[StepRow, ...]:
    return tuple(_step(name, runs) for name in _names([*run.specs, *run.steps] for run in runs))


def _step(name: str, runs: Sequence[Recorded]) -> StepRow:
    records = [run.steps.get(name) for run in runs]
    specs = [run.specs.get(name) for run in runs]
    states = row(name, [step.state if step else MISSING for step in records])
    code = _code([spec.code.fingerprint for spec in specs if spec], runs)
    return StepRow(
        name=name,
        values=states.values,
        missing=states.missing,
        differs=states.differs or bool(code),
        durations=tuple(_took(step) for step in records),
        reasons=tuple(_why(step) for step in records),
        code=code,
        functions=tuple(str(spec.code) if spec else None for spec in specs),
    )


def _code(fingerprints: Sequence[str], runs: Sequence[Recorded]) -> bool | None:
    """Say whether the code of a step differs among the runs that have it.

    Without a fingerprint only the same source of the project says that it does not.
    """
    if all(fingerprints):
        return len(set(fingerprints)) > 1
    snapshots = {run.record.snapshot for run in runs}
    return False if len(snapshots) == 1 and "" not in snapshots else None


def _took(step: StepRunRecord | None) -> float | None:
    if step is None or step.state in ("cached", "skipped") or not (step.started_at and step.finished_at):
        return None
    return max((step.finished_at - step.started_at).total_seconds(), 0.0)


def _why(step: StepRunRecord | None) -> str:
    if step is None:
        return ""
    if step.error is not None:
        return f"{step.error.type.rpartition('.')[2]}: {step.error.message}"
    return step.reason or (step.cache.reason if step.cache and step.state == "cached" else "")


# What they ran on


def _environment(record: RunRecord) -> dict[str, Any]:
    return _flat({name: value for name, value in record.environment.items() if name != "distributions"})


def _distributions(run: Recorded) -> dict[str, str]:
    """Return the versions of what was installed, as far as the run recorded it, and of what its steps reach."""
    listed = run.record.environment.get("distributions")
    found = {str(name): str(version) for name, version in listed.items()} if isinstance(listed, Mapping) else {}
    for spec in run.specs.values():
        found |= spec.code.distributions
    return dict(sorted(found.items()))


def _stack(spec: StackSpec) -> dict[str, Any]:
    found: dict[str, Any] = {"name": spec.name}
    for component in spec.components:
        alone = len(spec.of(component.kind)) == 1
        place = component.kind if alone else f"{component.kind} {component.name or component.flavor}"
        found[place] = component.flavor
        if component.distribution not in ("", _OURS):
            found[f"{place} package"] = f"{component.distribution} {component.version}".strip()
        found |= _flat({f"{place}.{key}": value for key, value in component.config.items()})
    return found | _flat({f"settings.{key}": value for key, value in spec.settings.items()})
