"""`zen logs`: what the steps of a run printed, and what they print while one looks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from zen.cli.group import Command, json_option
from zen.cli.output import emit_json, moment, on_terminal, printable, record_json, say, write
from zen.cli.session import open_client, stack_option

if TYPE_CHECKING:
    import datetime as dt

    from zen.client import Client, RunView
    from zen.client.following import Told


@click.command(
    cls=Command,
    name="logs",
    example=[
        "zen logs last",
        "zen logs last train --tail 20",
        "zen logs last --follow",
        "zen logs last -f --since '10 min' --json",
    ],
)
@click.argument("run", metavar="RUN")
@click.argument("step", metavar="[STEP]", required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, of every attempt, until the run is over.")
@click.option("--tail", "-n", type=click.IntRange(min=0), metavar="N", help="Only the last N lines that are there.")
@click.option("--since", metavar="TIME", help="Only what was printed since: '10 min', 14:30, yesterday.")
@click.option("--times", "-t", is_flag=True, help="Show when each line was printed, and on which stream.")
@stack_option
@json_option
def logs(
    run: str,
    step: str | None,
    follow: bool,
    tail: int | None,
    since: str | None,
    times: bool,
    stack: str | None,
    as_json: bool,
) -> None:
    """Print what the steps of a run printed.

    With STEP, only what that step printed. What it wrote to stderr comes on stdout too: here it is the data. While
    following, the lines of all steps come as they are printed, each with its step in front; with --json, one JSON
    object on each line.
    """
    from zen.client.following import moment_of

    after = moment_of(since) if since else None
    with open_client(stack) as client:
        view = client.run(run)
        if follow:
            _follow(client, view, step, after, tail, times=times, as_json=as_json)
            return
        found = [told for told in _recorded(view, step) if after is None or (told.line.at and told.line.at >= after)]
    found = found if tail is None else found[len(found) - min(tail, len(found)) :]
    if as_json:
        emit_json([_json(told) for told in found])
        return
    _write(found, named=False, times=times)
    if not found:
        say("nothing was printed")


def _recorded(run: RunView, step: str | None) -> list[Told]:
    """Return the lines of the newest attempt of a step, or of all steps one after the other."""
    from zen.cli.runs import step_of
    from zen.client.following import Told

    chosen = [step_of(run, step)] if step else list(run.steps.values())
    return [Told(step=each.name, attempt=each.attempt, line=line) for each in chosen for line in each.logs()]


def _follow(
    client: Client,
    run: RunView,
    step: str | None,
    since: dt.datetime | None,
    tail: int | None,
    *,
    times: bool,
    as_json: bool,
) -> None:
    from zen.client.following import follow

    if step:
        run.plan.step(step)  # it may not have started yet
    for lines in follow(client.open_stack, run.id, step=step, since=since, tail=tail):
        if as_json:
            for told in lines:
                write(json.dumps(_json(told), ensure_ascii=False))
        else:
            _write(lines, named=step is None, times=times)
        sys.stdout.flush()
    say(f"run {printable(run.name)} is {client.run(run.id).state}")


def _json(told: Told) -> dict[str, Any]:
    return {"step": told.step, "attempt": told.attempt, **record_json(told.line)}


def _write(lines: Iterable[Told], *, named: bool, times: bool) -> None:
    color = on_terminal()
    for told in lines:
        name = told.step if told.attempt == 1 else f"{told.step}#{told.attempt}"
        head = f"{moment(told.line.at)} {told.line.stream:6} " if times else ""
        write(f"{head}{f'{name} | ' if named else ''}{printable(told.line.text, keep_color=color)}")
