"""`zen runs`, `zen show`, `zen logs`: looking at runs."""

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
    on_terminal,
    printable,
    record_json,
    say,
    size,
    table,
    write,
)
from zen.cli.session import open_client, stack_option

if TYPE_CHECKING:
    from zen.client import RunView, StepView

STATES = ("pending", "running", "completed", "failed", "cancelled", "lost")


@click.command(
    cls=Command,
    name="runs",
    example=["zen runs", "zen runs --pipeline training --state failed", "zen runs --limit 100 --json"],
)
@click.option("--limit", "-n", type=click.IntRange(min=1), default=20, show_default=True, help="How many to list.")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="How many to leave out first.")
@click.option("--pipeline", metavar="NAME", help="Only runs of this pipeline.")
@click.option("--state", type=click.Choice(STATES), help="Only runs in this state.")
@click.option("--name", metavar="NAME", help="Only runs of this name.")
@click.option("--tag", metavar="TAG", help="Only runs with this tag.")
@stack_option
@json_option
def runs(limit: int, offset: int, stack: str | None, as_json: bool, **filters: str | None) -> None:
    """List runs, newest first."""
    with open_client(stack) as client:
        found = client.runs(limit=limit, offset=offset, **filters)
        total = client.count_runs(**filters)
        if as_json:
            emit_json([run_json(run) for run in found])
            return
        now = dt.datetime.now(dt.UTC)
        table(("run", "pipeline", "state", "stack", "started", "took", "id"), [_run_row(run, now) for run in found])
    if not found:
        say("no runs yet; start one with: zen run FILE" if not any(filters.values()) else "no run is like that")
    elif total > offset + len(found):
        say(f"{len(found)} of {total}; --limit or --offset shows more")


def _run_row(run: RunView, now: dt.datetime) -> tuple[str, ...]:
    return (run.name, run.pipeline, run.state, run.stack, ago(run.started_at, now), duration(run.duration), run.id)


@click.command(cls=Command, name="show", example=["zen show last", "zen show last~1 --json"])
@click.argument("run", metavar="RUN")
@stack_option
@json_option
def show(run: str, stack: str | None, as_json: bool) -> None:
    """Show one run: its steps, outputs and metrics.

    RUN is an id, the start of one, a name, last, or last~1 for the one before.
    """
    with open_client(stack) as client:
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


@click.command(cls=Command, name="logs", example=["zen logs last", "zen logs last train", "zen logs last --json"])
@click.argument("run", metavar="RUN")
@click.argument("step", metavar="[STEP]", required=False)
@stack_option
@json_option
def logs(run: str, step: str | None, stack: str | None, as_json: bool) -> None:
    """Print what the steps of a run printed.

    With STEP, only what that step printed. What it wrote to stderr comes on stdout too: here it is the data.
    """
    with open_client(stack) as client:
        lines = _step(client.run(run), step).logs() if step else client.run(run).logs()
    if as_json:
        emit_json([record_json(line) for line in lines])
        return
    color = on_terminal()
    for line in lines:
        write(printable(line.text, keep_color=color))
    if not lines:
        say("nothing was printed")


def _step(run: RunView, name: str) -> StepView:
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
