"""`zen sweep`: running a pipeline with many parameters, and looking at what came of it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from zen.cli.group import Group, json_option
from zen.cli.output import ago, duration, emit_json, say, table
from zen.cli.run import EXIT_CODES, RunCommand, explained, require_all
from zen.cli.session import open_client, stack_option

if TYPE_CHECKING:
    from zen.authoring import Pipeline
    from zen.client import Sweep

group = Group(
    name="sweep",
    help="Run a pipeline with many parameters; list and show such sweeps.",
    example=[
        "zen sweep run training.py --lr 0.1,0.01 --depth 2,4",
        "zen sweep list",
        "zen sweep show rates --sort -accuracy",
    ],
)


class SweepCommand(RunCommand):
    """A command whose options, after TARGET, take several values for each parameter of the pipeline."""

    def parameter_options(self, pipeline: Pipeline, taken: list[str]) -> list[click.Option]:
        """Return an option for each parameter of the pipeline, that takes what to try."""
        from zen.cli.values import swept

        return [swept(option) for option in super().parameter_options(pipeline, taken)]


@group.command(
    "run",
    cls=SweepCommand,
    example=[
        "zen sweep run training.py --lr 0.1,0.01 --depth 2,4 --name rates",
        "zen sweep run training.py --lr 0.001..0.1:log --depth 2,4,8 --random 20 --seed 1",
        "zen sweep run training.py --depth 1..8 --parallel 2 --sort -accuracy",
    ],
)
@click.argument("target", metavar="TARGET")
@click.option("--name", metavar="NAME", help="What the group of runs is called.")
@click.option("--random", "count", metavar="N", type=click.IntRange(min=1), help="Make N random combinations.")
@click.option("--seed", metavar="N", type=int, help="What random combinations are computed from.  [default: 0]")
@click.option(
    "--parallel", metavar="N", type=click.IntRange(min=1), default=1, show_default=True, help="How many runs at once."
)
@click.option(
    "--stop-after-failures", metavar="N", type=click.IntRange(min=1), help="Start no more after N runs that failed."
)
@click.option("--sort", metavar="COLUMN", help="Sort the table by this; -COLUMN puts the largest first.")
@click.option("--no-cache", is_flag=True, help="Take no results from earlier runs.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A label of the runs; give it once for each.")
@stack_option
@json_option
@click.pass_context
def run(ctx: click.Context, /, sort: str | None, as_json: bool, **settings: Any) -> int:
    """Run a pipeline with each combination of some parameters.

    TARGET is file.py, file.py:pipeline or package.module:pipeline. Parameters of the pipeline are options after TARGET,
    with the values to try: 0.1,0.01 (these), 1..8 (whole numbers), 0.001..0.1 or 0.001..0.1:log (random numbers, with
    --random), or a JSON list. The others keep their defaults.
    """
    from zen.cli.parameters import given

    space = given(ctx)
    pipeline: Pipeline = ctx.meta["zen.pipeline"]
    pipeline = pipeline.with_options(**_options(pipeline, settings))
    require_all(pipeline, space, ctx)
    with explained(pipeline):
        sweep = pipeline.sweep(
            space,
            name=settings["name"] or "",
            runs=settings["count"],
            seed=settings["seed"],
            parallel=settings["parallel"],
            stop_after_failures=settings["stop_after_failures"],
        )
    _show(sweep, sort, as_json=as_json)
    say(f"look at it: zen sweep show {sweep.name}")
    good = not sweep.not_started and not sweep.stopped and set(sweep.states) <= {"completed"}
    return EXIT_CODES["completed"] if good else 1


def _options(pipeline: Pipeline, settings: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"tags": [*pipeline.options.tags, *settings["tags"]]}
    if settings["stack"]:
        found["stack"] = settings["stack"]
    if settings["no_cache"]:
        found["enable_cache"] = False
    return found


@group.command("list", example=["zen sweep list", "zen sweep list --json"])
@stack_option
@json_option
def list_sweeps(stack: str | None, as_json: bool) -> None:
    """List the groups of runs, the one that began last first."""
    import dataclasses

    with open_client(stack) as client:
        found = client.groups()
    if as_json:
        emit_json([{**dataclasses.asdict(each), "runs": each.runs} for each in found])
        return
    now = dt.datetime.now(dt.UTC)
    rows = [
        (each.name, ", ".join(each.pipelines), each.runs, _states(each.states), ago(each.started_at, now))
        for each in found
    ]
    table(("sweep", "pipeline", "runs", "states", "started"), rows)
    if not found:
        say("no sweeps yet; start one with: zen sweep run FILE --PARAMETER VALUE,VALUE")


@group.command("show", example=["zen sweep show rates", "zen sweep show rates --sort -accuracy --json"])
@click.argument("name", metavar="NAME")
@click.option("--sort", metavar="COLUMN", help="Sort by this column; -COLUMN puts the largest first.")
@stack_option
@json_option
def show(name: str, sort: str | None, stack: str | None, as_json: bool) -> None:
    """Show the runs of a sweep: what was varied, and what came of it."""
    with open_client(stack) as client:
        _show(client.group(name), sort, as_json=as_json)


def _show(sweep: Sweep, sort: str | None, *, as_json: bool) -> None:
    rows = _sorted(sweep.table(), sort)
    if as_json:
        emit_json({"name": sweep.name, "states": sweep.states, "varied": sweep.varied, "runs": rows})
        return
    names = [f"params.{name}" if rows and f"params.{name}" in rows[0] else name for name in sweep.varied]
    fixed = [f"params.{name}" for run in sweep.runs for name in run.parameters]
    fixed += [name for run in sweep.runs for name in run.parameters]
    others = {"run", "id", "state", "duration", "error", *names, *fixed}
    metrics = list(dict.fromkeys(key for row in rows for key in row if key not in others))
    columns = ("run", "state", *names, *metrics, "took", "id")
    shown = [
        (
            row["run"],
            row["state"],
            *(_text(row.get(key)) for key in (*names, *metrics)),
            duration(row["duration"]),
            row["id"],
        )
        for row in rows
    ]
    table(columns, shown)


def _sorted(rows: list[dict[str, Any]], sort: str | None) -> list[dict[str, Any]]:
    """Sort by a column; what has nothing there, or no number where others have one, comes last."""
    from zen.errors import UsageError, listing, nearest

    if not sort:
        return rows
    key = sort.removeprefix("-")
    known = list(dict.fromkeys(name for row in rows for name in row))
    if key not in known:
        key = f"metrics.{key}" if f"metrics.{key}" in known else key.removeprefix("metrics.").removeprefix("params.")
    if key not in known:
        raise UsageError(f"the sweep has no column {key!r}; it has: {listing(known)}", hint=nearest(key, known))
    there = [row for row in rows if row.get(key) is not None and row[key] == row[key]]
    numbers = [row for row in there if isinstance(row[key], int | float)]
    texts = [row for row in there if not isinstance(row[key], int | float)]
    back = sort.startswith("-")
    placed = sorted(numbers, key=lambda row: float(row[key]), reverse=back)
    placed += sorted(texts, key=lambda row: str(row[key]), reverse=back)
    return placed + [row for row in rows if not any(row is each for each in there)]


def _states(states: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in states.items())


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
