"""`zen delete`: removing runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from zen.cli.group import Command, json_option
from zen.cli.output import ago, emit_json, printable, say, table
from zen.cli.session import open_client, stack_option

if TYPE_CHECKING:
    from zen.client import RunView


@click.command(
    "delete", cls=Command, example=["zen delete last", "zen delete last~1 7f3a --dry-run", "zen delete 7f3a --yes"]
)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, or why it would not.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@stack_option
@json_option
def command(runs: tuple[str, ...], dry_run: bool, yes: bool, stack: str | None, as_json: bool) -> int:
    """Delete runs that nothing else came from.

    All that are named go, or none. A run is kept when steps of another run use its artifacts, when a version of a model
    comes from it, and while any run is open. The bytes of its artifacts go with the next `zen store gc`. RUN is an id,
    the start of an id, a name, `last` or `last~1`.
    """
    from zen.storage.deleting import reasons

    with open_client(stack) as client:
        found = client.named_runs(runs)
        if dry_run:
            kept = [each.text for each in reasons(client.database, [run.id for run in found])]
            kept += [f"run {run.name!r} is open" for run, _ in client.database.open_runs()]
            _show(found, kept, as_json=as_json)
            return 1 if kept else 0
        if not yes:
            _ask(found)
        client.delete_runs(*found)
    if as_json:
        emit_json({"deleted": [run.id for run in found], "dry_run": False})
    else:
        say(f"{_count(found)} deleted; `zen store gc --delete` removes what only {_them(found)} named")
    return 0


def _ask(found: list[RunView]) -> None:
    from zen.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(f"nobody can be asked whether to delete {_count(found)}", hint="say it with --yes")
    for run in found:
        say(printable(f"  {run.name} ({run.id[:8]}), {run.pipeline}, {run.state}"))
    click.confirm(f"Delete {_count(found)}?", abort=True, err=True)


def _show(found: list[RunView], kept: list[str], *, as_json: bool) -> None:
    import datetime as dt

    if as_json:
        told: dict[str, Any] = {"would_delete": [run.id for run in found] if not kept else [], "reasons": kept}
        emit_json({**told, "dry_run": True})
        return
    now = dt.datetime.now(dt.UTC)
    rows = [(run.name, run.pipeline, run.state, ago(run.started_at, now), run.id) for run in found]
    table(("run", "pipeline", "state", "started", "id"), rows)
    for text in kept:
        say(printable(f"kept: {text}"))
    say(f"{_count(found)} would {'be kept' if kept else 'be deleted'}")


def _count(found: list[RunView]) -> str:
    return "1 run" if len(found) == 1 else f"{len(found)} runs"


def _them(found: list[RunView]) -> str:
    return "it" if len(found) == 1 else "they"
