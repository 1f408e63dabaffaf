"""What a comparison of runs says, as plain values."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from zen.identity import dumps, to_plain


class _Missing:
    """Stands for a value that a run does not have."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedRun:
    """A run in a comparison.

    Attributes:
        duration: Seconds; None while it runs.
        error: Why it failed: `step`, `type`, `message`, `traceback`.
    """

    id: str
    name: str
    pipeline: str
    state: str
    stack: str
    started_at: dt.datetime | None = None
    duration: float | None = None
    tags: tuple[str, ...] = ()
    error: dict[str, str] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One fact about all runs.

    Attributes:
        values: One for each run, in the order of the runs; None also where a run has none.
        missing: The positions of the runs that have none.
        differs: Whether the runs do not all say the same. `1`, `1.0` and `True` differ.
    """

    name: str
    values: tuple[Any, ...]
    missing: tuple[int, ...] = ()
    differs: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """The series of a metric in one run.

    Attributes:
        points: The author's index, or else the number of the value; seconds since the first value; the value. Of long
            series some, both ends among them.
    """

    points: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricRow(Row):
    """The last values of a metric.

    Attributes:
        deltas: The differences to the first run.
        higher_is_better: None where nobody knows; no run is best then.
        best: The positions of the best runs; empty when they are all equal.
        curves: The series of the runs that logged more than one value.
    """

    deltas: tuple[float | None, ...] = ()
    higher_is_better: bool | None = None
    best: tuple[int, ...] = ()
    curves: tuple[Curve | None, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StepRow(Row):
    """The states of a step, which are the values.

    Attributes:
        durations: In seconds; None for what did not run.
        reasons: Why it was skipped, cached or cancelled, or failed.
        differs: Whether the states or the code do.
        code: Whether the code differs; None where a run has no fingerprint of it.
        functions: `module:qualname`.
    """

    durations: tuple[float | None, ...] = ()
    reasons: tuple[str, ...] = ()
    code: bool | None = False
    functions: tuple[str | None, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactRow(Row):
    """An artifact, as `step.output`, or `step.input` for one that a run took from elsewhere; the values are digests.

    Attributes:
        artifacts: What is known of each: `id`, `name`, `version`, `type`, `format`, `size`.
        facts: What differs in what is known of the values, such as `rows`.
        columns: For tables what differs in each column, by its name.
    """

    role: Literal["output", "input"] = "output"
    artifacts: tuple[dict[str, Any] | None, ...] = ()
    facts: tuple[Row, ...] = ()
    columns: dict[str, tuple[Row, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileDiff:
    """A source file that differs.

    Attributes:
        diff: Unified diff from the first run; empty where `note` says why.
    """

    name: str
    change: Literal["added", "removed", "changed"]
    added: int = 0
    removed: int = 0
    diff: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceDiff:
    """The project's source in a run against that in the first run.

    Attributes:
        run: The position of the run.
        note: Why nothing can be said, or what was left out.
    """

    run: int
    files: tuple[FileDiff, ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """What is the same and what differs between runs; the first is what the others are compared with.

    Attributes:
        parameters: Of the pipeline; what lies inside a dictionary is named `outer.inner`.
        step_parameters: As `step.parameter`: plain values that steps were given, and parameters that they logged.
        sources: For each run but the first.
        environment: Python, platform, commit and so on.
        distributions: Versions of installed packages, as far as they were recorded.
        stack: The components, and their configuration.
    """

    runs: tuple[ComparedRun, ...]
    parameters: tuple[Row, ...] = ()
    step_parameters: tuple[Row, ...] = ()
    metrics: tuple[MetricRow, ...] = ()
    steps: tuple[StepRow, ...] = ()
    artifacts: tuple[ArtifactRow, ...] = ()
    sources: tuple[SourceDiff, ...] = ()
    environment: tuple[Row, ...] = ()
    distributions: tuple[Row, ...] = ()
    stack: tuple[Row, ...] = ()

    def metric(self, name: str) -> MetricRow:
        """Return the row of a metric; `KeyError` when no run has it."""
        return next((row for row in self.metrics if row.name == name), None) or _no(name)

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON data."""
        found: dict[str, Any] = _json(self)
        return found


def _no(name: str) -> Any:
    raise KeyError(name)


def row(name: str, values: Sequence[Any]) -> Row:
    """Return the row of some values; `MISSING` for a run that has none."""
    return Row(
        name=name,
        values=tuple(None if value is MISSING else value for value in values),
        missing=tuple(index for index, value in enumerate(values) if value is MISSING),
        differs=differ(values),
    )


def differ(values: Sequence[Any]) -> bool:
    """Say whether values are not all the same, types included; nothing is only the same as nothing."""
    return len({None if value is MISSING else _text(value) for value in values}) > 1


def _text(value: Any) -> str:
    try:
        return dumps(to_plain(value))
    except TypeError:
        return repr(value)


def _json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _json(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_json(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, dt.datetime):
        return value.isoformat()
    try:
        return to_plain(value)
    except TypeError:
        return str(value)
