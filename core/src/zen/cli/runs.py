"""`zen runs`, `zen show`: looking at runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from zen.cli.group import Command, json_option
from zen.cli.output import (
    ago,
    duration,
    emit_json,
    fields,
    moment,
    printable,
    record_json,
    say,
    size,
    table,
    write,
)
from zen.cli.session import open_client, stack_option

if TYPE_CHECKING:
    from zen.client import Client, RunView, StepView
    from zen.client.expressions import Name
    from zen.records import RunRecord

STATES = ("pending", "running", "completed", "failed", "cancelled", "lost")


@click.command(
    cls=Command,
    name="runs",
    example=[
        "zen runs",
        "zen runs --pipeline training --state failed",
        "zen runs --where 'metrics.accuracy > 0.9' --where 'params.lr == 0.1' --sort -metrics.accuracy",
        "zen runs --where 'started >= yesterday' --where 'duration > 10 min' --json",
    ],
)
@click.option("--limit", "-n", type=click.IntRange(min=1), default=20, show_default=True, help="How many to list.")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="How many to leave out first.")
@click.option("--pipeline", metavar="NAME", help="Only runs of this pipeline.")
@click.option("--state", type=click.Choice(STATES), help="Only runs in this state.")
@click.option("--name", metavar="NAME", help="Only runs of this name.")
@click.option("--tag", metavar="TAG", help="Only runs with this tag.")
@click.option(
    "--where", multiple=True, metavar="CONDITION", help="Only runs that meet this; may be given several times."
)
@click.option("--sort", multiple=True, metavar="NAME", help="Sort by this; -NAME puts the largest first.")
@click.option("--column", "columns", multiple=True, metavar="NAME", help="Show this metric or parameter as well.")
@stack_option
@json_option
def runs(
    limit: int,
    offset: int,
    where: tuple[str, ...],
    sort: tuple[str, ...],
    columns: tuple[str, ...],
    stack: str | None,
    as_json: bool,
    **filters: str | None,
) -> None:
    """List runs, newest first.

    A CONDITION is a name, an operator (==, !=, <, <=, >, >=, contains) and a value. Names are metrics.NAME,
    params.NAME, name, pipeline, state, stack, tag, model, started and duration. What a run does not have meets nothing
    but `== none`. The metrics and parameters that are asked for are shown.
    """
    from zen.client.selecting import choose, named_columns, query

    wanted = query(where, sort, **filters)
    names = named_columns(wanted, columns)
    with open_client(stack) as client:
        found = choose(client.database, wanted, limit=limit, offset=offset, names=names, total=True)
        if as_json:
            emit_json([_found_json(record, values) for record, values in zip(found.records, found.values, strict=True)])
            return
        now = dt.datetime.now(dt.UTC)
        rows = [
            (*_run_row(client.view(record), now), *(_asked(values.get(name)) for name in names), record.id)
            for record, values in zip(found.records, found.values, strict=True)
        ]
        heads = ("run", "pipeline", "state", "stack", "started", "took", *map(str, names), "id")
        table(heads, rows)
        total = found.total or 0
        if not total:
            say(_nothing(client, names) if where or any(filters.values()) else _NO_RUNS)
    if total > offset + len(rows) or (total and not rows):
        say(f"{len(rows)} of {total}; --limit or --offset shows more")


_NO_RUNS = "no runs yet; start one with: zen run FILE"


def _run_row(run: RunView, now: dt.datetime) -> tuple[str, ...]:
    return (run.name, run.pipeline, run.state, run.stack, ago(run.started_at, now), duration(run.duration))


def _asked(value: Any) -> str:
    from zen.client.shown import short

    return "" if value is None else short(value, 60)


def _found_json(record: RunRecord, values: dict[Name, Any]) -> dict[str, Any]:
    """Return the record of a run, and the metrics that were asked for; parameters stand in the record."""
    from zen.identity import to_plain

    metrics = {name.key: to_plain(value) for name, value in values.items() if name.kind == "metrics"}
    return record_json(record) | ({"metrics": metrics} if metrics else {})


def _nothing(client: Client, names: Sequence[Name]) -> str:
    """Say that no run is like that, and which metric does not exist at all."""
    from zen.client.metrics import keys_of
    from zen.errors import nearest
    from zen.storage.selection import RunSelection

    asked = [name.key for name in names if name.kind == "metrics"]
    known = RunSelection(client.database).metric_keys() if asked else []
    for key in asked:
        if not set(keys_of(key)) & set(known):
            hint = nearest(key, known)
            return f"no run is like that: none has a metric {key!r}" + (f"; {hint}" if hint else "")
    return "no run is like that"


@click.command(
    cls=Command,
    name="show",
    example=["zen show last", "zen show last~1 --json", "zen show last --requirements > requirements.txt"],
)
@click.argument("run", metavar="RUN")
@click.option("--requirements", is_flag=True, help="Print what was installed instead, as a requirements.txt.")
@stack_option
@json_option
def show(run: str, requirements: bool, stack: str | None, as_json: bool) -> None:
    """Show one run: its steps, outputs and metrics.

    RUN is an id, the start of one, a name, last, or last~1 for the one before.
    """
    with open_client(stack) as client:
        if requirements:
            text = client.requirements(run)
            emit_json({"requirements": text}) if as_json else write(text.removesuffix("\n"))
            return
        view = client.run(run)
        if as_json:
            emit_json(run_details(view))
        else:
            show_run(view)


def show_run(run: RunView) -> None:
    """Write a run for people."""
    fields(
        [
            ("run", run.name),
            ("id", run.id),
            ("pipeline", run.pipeline),
            ("state", run.state),
            ("stack", run.stack),
            ("durability", run.durability),
            ("started", moment(run.started_at)),
            ("took", duration(run.duration)),
            ("tags", ", ".join(run.tags)),
            ("parameters", _pairs(run.parameters)),
            ("metrics", _pairs({name: f"{value:.6g}" for name, value in run.metrics.items()})),
            *(
                (f"{name}", reference.get("url"))
                for name, reference in run.trackers.items()
                if isinstance(reference, dict)
            ),
        ]
    )
    write("")
    steps = list(run.steps.values())
    table(("step", "state", "took", "outputs", "why"), [_step_row(step) for step in steps])
    for step in steps:
        if step.error is not None and step.state == "failed":
            write("")
            write(f"{step.name} failed")
            write(error_text(step))
    if run.error is not None and not any(step.state in ("failed", "lost") for step in steps):
        write("")
        write(printable(f"{run.error.type.rpartition('.')[2]}: {run.error.message}\n{run.error.traceback}".rstrip()))
    for warning in run.warnings:
        say(f"warning: {printable(warning)}")


def error_text(step: StepView) -> str:
    """Return the traceback of a failed step, in the user's frames alone, or its message where there is none."""
    error = step.error
    if error is None:
        return step.reason
    text = error.traceback.rstrip("\n") or f"{error.type.rpartition('.')[2]}: {error.message}"
    return printable(text + (f"\n  hint: {error.hint}" if error.hint else ""))


def _pairs(values: dict[str, Any]) -> str:
    return "\n".join(f"{name} = {_short(value)}" for name, value in values.items())


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _step_row(step: StepView) -> tuple[str, ...]:
    outputs = ", ".join(f"{name} ({size(artifact.size)})" for name, artifact in step.outputs.items())
    took = duration(step.duration) if step.state not in ("cached", "skipped") else ""
    return (step.name, step.state, took, outputs, _why(step))


def _why(step: StepView) -> str:
    if step.error is not None:
        return f"{step.error.type.rpartition('.')[2]}: {step.error.message}".splitlines()[0]
    return step.reason or (step.cache.reason if step.cache else "") or ""


def step_of(run: RunView, name: str) -> StepView:
    """Return a step of a run.

    Raises:
        UnknownStep: When it has none of that name.
    """
    from zen.errors import UnknownStep, listing, nearest

    if name not in run.steps:
        raise UnknownStep(
            f"run {run.name!r} has no step {name!r}; it has: {listing(run.steps)}", hint=nearest(name, run.steps)
        )
    return run.steps[name]


def run_json(run: RunView) -> dict[str, Any]:
    """Return the JSON form of a run's record."""
    return record_json(run.record)


def run_details(run: RunView) -> dict[str, Any]:
    """Return the JSON form of a run with its steps, their outputs, and metrics."""
    return {
        **run_json(run),
        "state": run.state,
        "duration": run.duration,
        "metrics": dict(run.metrics),
        "metadata": dict(run.metadata),
        "steps": [_step_json(step) for step in run.steps.values()],
    }


def _step_json(step: StepView) -> dict[str, Any]:
    return {
        **record_json(step.record),
        "name": step.name,
        "state": step.state,
        "duration": step.duration,
        "metrics": dict(step.metrics),
        "metadata": dict(step.metadata),
        "inputs": {name: _references(artifacts) for name, artifacts in step.inputs.items()},
        "outputs": {name: artifact_reference(artifact) for name, artifact in step.outputs.items()},
    }


def _references(artifacts: Sequence[Any]) -> list[dict[str, Any]]:
    return [artifact_reference(artifact) for artifact in artifacts]


def artifact_reference(artifact: Any) -> dict[str, Any]:
    """Return what names an artifact in the JSON form of something else."""
    return {"id": artifact.id, "name": artifact.name, "version": artifact.version, "digest": artifact.digest}
