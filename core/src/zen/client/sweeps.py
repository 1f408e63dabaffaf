"""Groups of runs: what was varied, what came of it, and which run is the best."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

from zen.client.models import Opened
from zen.client.notebook import cell, grid, state_text
from zen.client.views import RunView
from zen.errors import RunNotFound, UsageError, listing, nearest
from zen.identity import canonical
from zen.storage.groups import GROUP_TAG, Group, groups, runs_of

if TYPE_CHECKING:
    from zen.client.comparing import Comparison

_OWN = ("run", "id", "state", "duration", "error")
_COMPARED = 20


class Comparer(Opened, Protocol):
    """What a sweep reads from: a client."""

    def compare(self, *runs: str | RunView, higher_is_better: Mapping[str, bool] | None = None) -> Comparison:
        """Return what is the same and what differs between runs."""


@dataclass(frozen=True, slots=True)
class NotStarted:
    """A run of a sweep that could not start: nothing is recorded of it.

    Attributes:
        parameters: What it would have been given.
        error: Why it could not.
    """

    parameters: Mapping[str, Any]
    error: Exception


class Sweep:
    """A group of runs of one pipeline with different parameters.

    Attributes:
        name: The name of the group.
        runs: The runs, in the order in which they were started.
        not_started: The runs that could not start, if the sweep was made in this process.
        stopped: Why some runs were not made; empty when all were.
    """

    def __init__(
        self,
        name: str,
        runs: Sequence[RunView],
        client: Comparer,
        *,
        not_started: Sequence[NotStarted] = (),
        stopped: str = "",
    ) -> None:
        self.name = name
        self.runs = list(runs)
        self.not_started = list(not_started)
        self.stopped = stopped
        self._client = client

    @property
    def states(self) -> dict[str, int]:
        """How many runs are in which state."""
        counts: dict[str, int] = {}
        for run in self.runs:
            counts[run.state] = counts.get(run.state, 0) + 1
        return counts

    @property
    def varied(self) -> list[str]:
        """The names of the parameters that are not the same in all runs."""
        return varied([*(run.parameters for run in self.runs), *(each.parameters for each in self.not_started)])

    @property
    def metrics(self) -> list[str]:
        """The names of the metrics that any run has."""
        return list(dict.fromkeys(name for values in self._metrics() for name in values))

    def best(self, metric: str, higher_is_better: bool | None = None) -> RunView:
        """Return the completed run that is best by a metric; of equal ones, the first.

        Args:
            metric: As `run.metrics` names it.
            higher_is_better: Whether more of it is better; by default as its name says: less of `loss`, `rmse`,
                `latency` and the like, else more.

        Raises:
            UsageError: When no completed run has a value of that metric.
        """
        values = [
            (run, logged[metric])
            for run, logged in zip(self.runs, self._metrics(), strict=True)
            if run.state == "completed" and metric in logged and not math.isnan(logged[metric])
        ]
        if not values:
            known = self.metrics
            raise UsageError(
                f"no completed run of sweep {self.name!r} has the metric {metric!r}; there are: {listing(known)}",
                hint=nearest(metric, known),
            )
        sign = 1 if _more_is_better(metric, higher_is_better) else -1
        return max(values, key=lambda pair: sign * pair[1])[0]

    def table(self) -> list[dict[str, Any]]:
        """Return one mapping for each run: `run`, `id`, `state`, `duration`, its parameters and its metrics by name.

        A parameter called as one of ours is `params.NAME`, a metric called as something before it `metrics.NAME`; what
        failed has an `error` as well.
        """
        rows = [
            _row(
                run.name,
                run.id,
                run.state,
                run.duration,
                run.parameters,
                metrics,
                run.error.message if run.error else None,
            )
            for run, metrics in zip(self.runs, self._metrics(), strict=True)
        ]
        return rows + [
            _row("", "", "not started", None, each.parameters, {}, f"{type(each.error).__name__}: {each.error}")
            for each in self.not_started
        ]

    def frame(self) -> Any:
        """Return the table as a DataFrame of pandas.

        Raises:
            UsageError: When pandas is not installed.
        """
        try:
            import pandas  # noqa: ICN001  # only where it is asked for
        except ImportError as error:
            raise UsageError(
                "frame() makes a DataFrame, and pandas is not installed",
                hint="pip install pandas, or use table(), which is a list of dicts",
            ) from error
        return pandas.DataFrame(self.table())

    def compare(self, *, most: int = _COMPARED) -> Comparison:
        """Compare the runs as `Client.compare` does: parameters, metrics, artifacts, code, environment.

        Args:
            most: How many runs at most; of more, the first.

        Raises:
            UsageError: When there are fewer than two.
        """
        return self._client.compare(*self.runs[:most])

    def _metrics(self) -> list[dict[str, float]]:
        """Return the metrics of each run, with one query for all."""
        from zen.client.metrics import named  # here, since most runs are in no sweep
        from zen.storage.selection import RunSelection

        found = RunSelection(self._client.database).last_metrics([run.id for run in self.runs])
        return [named(found[run.id]) for run in self.runs]

    def __iter__(self) -> Iterator[RunView]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    def __repr__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in self.states.items())
        return f"<sweep {self.name!r}: {states or 'no runs'}>"

    def _repr_html_(self) -> str:
        return _page(self)


class GroupAccess:
    """What a client does about groups of runs."""

    def groups(self: Comparer) -> list[Group]:
        """Return the groups of runs, the one that began last first."""
        return groups(self.database)

    def group(self: Comparer, name: str) -> Sweep:
        """Return a group of runs.

        Raises:
            RunNotFound: With the nearest name, when no run belongs to it.
        """
        records = runs_of(self.database, name)
        if not records:
            known = [group.name for group in groups(self.database)]
            raise RunNotFound(f"no group {name!r}; there are: {listing(known)}", hint=nearest(name, known))
        return Sweep(name, [RunView(record, self) for record in records], self)


def varied(parameters: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names whose values are not the same everywhere; 1 is not the same as 1.0 or as true."""
    seen: dict[str, set[Any]] = {}
    for given in parameters:
        for name in given:
            seen.setdefault(name, set())
    for given in parameters:
        for name, values in seen.items():
            values.add(_known(given[name]) if name in given else None)
    return [name for name, values in seen.items() if len(values) > 1]


def group_tag(name: str) -> str:
    """Return the tag that the runs of a group bear."""
    return f"{GROUP_TAG}{name}"


def _known(value: Any) -> Any:
    try:
        return canonical(value)
    except (TypeError, ValueError):  # no plain data: an object is only the same as itself
        return id(value)


def _more_is_better(metric: str, given: bool | None) -> bool:
    from zen.client.metrics import guess

    return given if given is not None else guess(metric) is not False


def _row(
    run: str,
    id_: str,
    state: str,
    duration: float | None,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    error: str | None,
) -> dict[str, Any]:
    row: dict[str, Any] = {"run": run, "id": id_, "state": state, "duration": duration}
    row |= {f"params.{name}" if name in _OWN else name: value for name, value in parameters.items()}
    row |= {f"metrics.{name}" if name in row or name in _OWN else name: value for name, value in metrics.items()}
    return {**row, "error": error} if error else row


def _page(sweep: Sweep) -> str:
    """Return a sweep as a table of what was varied and what came of it, the best of each metric in bold."""
    names, metrics = sweep.varied, sweep.metrics
    logged = [*sweep._metrics(), *({} for _ in sweep.not_started)]
    good = [values for run, values in zip(sweep.runs, logged, strict=False) if run.state == "completed"]
    best = {name: _best_value(name, [values[name] for values in good if name in values]) for name in metrics}
    given = [*(run.parameters for run in sweep.runs), *(each.parameters for each in sweep.not_started)]
    heads = [*((run.name, run.state) for run in sweep.runs), *(("", "not started") for _ in sweep.not_started)]
    rows = [
        [
            cell(name),
            state_text(state),
            *(cell(parameters.get(key, "")) for key in names),
            *(_number(values.get(key), best[key]) for key in metrics),
        ]
        for (name, state), parameters, values in zip(heads, given, logged, strict=True)
    ]
    states = ", ".join(f"{count} {state}" for state, count in sweep.states.items())
    return grid(f"sweep {sweep.name}", states, ["run", "state", *names, *metrics], rows)


def _best_value(metric: str, values: Sequence[float]) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    if len(set(known)) < 2:
        return None
    return max(known) if _more_is_better(metric, None) else min(known)


def _number(value: float | None, best: float | None) -> str:
    text = "" if value is None else escape(f"{value:.6g}")
    return f"<b>{text}</b>" if value is not None and value == best else text
