"""A comparison in a terminal: a table for each matter, of what differs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zen.cli.output import ago, duration, on_terminal, printable, size, table, write
from zen.client.comparison import ArtifactRow, Compared, MetricRow, Row, SourceDiff, StepRow
from zen.client.shown import cell, letter, number, plural, signed

if TYPE_CHECKING:
    from zen.client.comparing import Comparison

__all__ = ["show_comparison", "show_diff"]

R = TypeVar("R", bound=Row)
_WIDE = 48
_COLUMNS = 5  # of an artifact, unless everything is shown


def show_comparison(comparison: Comparison, *, everything: bool) -> None:
    """Write a comparison; what is the same only with `everything`."""
    now = dt.datetime.now(dt.UTC)
    heads = [letter(at) for at in range(len(comparison.runs))]
    rows = [
        (
            letter(at),
            run.name,
            run.pipeline,
            run.state,
            run.stack,
            ago(run.started_at, now),
            duration(run.duration),
            run.id,
        )
        for at, run in enumerate(comparison.runs)
    ]
    table(("", "run", "pipeline", "state", "stack", "started", "took", "id"), rows)
    _errors(comparison)
    shown = _Shown(heads, everything)
    shown.section("metrics", comparison.metrics, _metric, _way)
    shown.section("parameters", comparison.parameters, _value)
    shown.section("step parameters", comparison.step_parameters, _value)
    shown.section("steps", comparison.steps, _step, _code)
    shown.section("artifacts", comparison.artifacts, _artifact, _role)
    _changed_values(comparison, shown)
    _sources(comparison.sources)
    shown.section("environment", (*comparison.environment, *comparison.distributions), _value)
    shown.section("stack", comparison.stack, _value)
    shown.end()


def show_diff(comparison: Comparison) -> None:
    """Write how the source of each run differs from that of the first, as unified diffs."""
    color = on_terminal()
    for diff in comparison.sources:
        if len(comparison.sources) > 1:
            write(f"A → {letter(diff.run)}  {printable(comparison.runs[diff.run].name)}")
        for file in diff.files:
            for line in file.diff.split("\n") if file.diff else []:
                write(_colored(printable(line)) if color else printable(line))
            if file.note:
                write(printable(f"{file.name}: {file.change}, {file.note}"))
        if diff.note:
            write(printable(diff.note))
        elif not diff.files:
            write("the source is the same")


def _colored(line: str) -> str:
    color = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
    return click.style(line, fg=color, bold=line.startswith(("+++", "---"))) if color else line


class _Shown:
    """Writes sections, and remembers those in which nothing differs."""

    def __init__(self, heads: Sequence[str], everything: bool) -> None:
        self.heads = heads
        self.everything = everything
        self.same: list[str] = []

    def section(
        self, title: str, rows: Sequence[R], value: Callable[[R, int], str], note: Callable[[R], str] | None = None
    ) -> None:
        """Write a table of the rows that differ, one column for each run."""
        chosen = [row for row in rows if row.differs or self.everything]
        if not chosen:
            self.same += [title] if rows else []
            return
        lines = [
            (row.name, *(value(row, at) for at in range(len(self.heads))), *([note(row)] if note else []))
            for row in chosen
        ]
        has_notes = note is not None and any(line[-1] for line in lines)
        if note and not has_notes:
            lines = [line[:-1] for line in lines]
        write("")
        table((title, *self.heads, *([""] if has_notes else [])), lines)

    def end(self) -> None:
        """Say what was left out because it is the same."""
        if self.same:
            write("")
            write(f"the same: {', '.join(self.same)}")


def _errors(comparison: Compared) -> None:
    for at, run in enumerate(comparison.runs):
        if run.error is not None:
            where = f" in step {run.error['step']}" if run.error["step"] else ""
            kind = run.error["type"].rpartition(".")[2]
            write("")
            write(printable(f"{letter(at)} failed{where}: {kind}: {run.error['message']}"))


def _value(row: Row, at: int) -> str:
    return cell(row, at, _WIDE)


def _metric(row: MetricRow, at: int) -> str:
    if at in row.missing:
        return "–"
    delta = row.deltas[at]
    changed = f" ({signed(delta)})" if at and delta else ""
    return f"{number(row.values[at])}{changed}{' *' if at in row.best else ''}"


def _way(row: MetricRow) -> str:
    return f"* best, {'higher' if row.higher_is_better else 'lower'} is better" if row.best else ""


def _step(row: StepRow, at: int) -> str:
    if at in row.missing:
        return "–"
    return f"{row.values[at]} {duration(row.durations[at])}".rstrip()


def _code(row: StepRow) -> str:
    return {True: "code changed", False: "", None: "code not known"}[row.code]


def _artifact(row: ArtifactRow, at: int) -> str:
    known = row.artifacts[at]
    if known is None:
        return "–"
    return f"{row.values[at].rpartition(':')[2][:10]} v{known['version']} {size(known['size'])}"


def _role(row: ArtifactRow) -> str:
    return "taken from elsewhere" if row.role == "input" else ""


def _changed_values(comparison: Compared, shown: _Shown) -> None:
    """Write what is known of how the values of artifacts differ."""
    for row in comparison.artifacts:
        lines = [_fact(row, "", fact, shown) for fact in row.facts]
        columns = list(row.columns.items())
        chosen = columns if shown.everything else columns[:_COLUMNS]
        lines += [_fact(row, column, fact, shown) for column, facts in chosen for fact in facts]
        if lines:
            write("")
            write(printable(f"{row.name}, in which the values differ"))
            table(("", *shown.heads), lines)
        if len(columns) > len(chosen):
            write(f"and {plural(len(columns) - len(chosen), 'more column')}; --all shows them")


def _fact(row: ArtifactRow, column: str, fact: Row, shown: _Shown) -> tuple[str, ...]:
    return (f"{column} {fact.name}".strip(), *(cell(fact, at, _WIDE) for at in range(len(shown.heads))))


def _sources(diffs: Iterable[SourceDiff]) -> None:
    lines: list[tuple[Any, ...]] = []
    for diff in diffs:
        lines += [
            (file.name, letter(diff.run), file.change, f"+{file.added} -{file.removed}", file.note)
            for file in diff.files
        ]
        if diff.note:
            lines.append(("", letter(diff.run), diff.note, "", ""))
    if lines:
        write("")
        table(("source", "in", "change", "lines", ""), lines)
        write("--diff shows the lines")
