"""`zen why`: why the steps of a run ran, or came from the cache."""

from __future__ import annotations

import click

from zen.cli.group import Command, json_option
from zen.cli.output import emit_json, on_terminal, printable, write
from zen.cli.session import open_client, stack_option
from zen.client.explanation import Change, Explanation

_COLORS = {"+": "green", "-": "red", "@": "cyan"}


@click.command("why", cls=Command, example=["zen why last", "zen why last train", "zen why last train --json"])
@click.argument("run", default="last")
@click.argument("step", required=False)
@stack_option
@json_option
def command(run: str, step: str | None, stack: str | None, as_json: bool) -> None:
    """Say why steps ran, or came from the cache.

    For a step that ran, what has changed since the nearest earlier run is shown: old → new, and for code the lines that
    changed. RUN is an id, the start of one, a name, last, or last~1.
    """
    with open_client(stack) as client:
        found = client.why(run, step)
    if as_json:
        emit_json([each.to_json() for each in found])
        return
    for each in found:
        _show(each)


def _show(explanation: Explanation) -> None:
    source = f" (run {explanation.source[:8]})" if explanation.source else ""
    status = explanation.status or explanation.state
    write(printable(f"{explanation.step}: {status}: {explanation.reason}{source}"))
    for change in explanation.changes:
        write(printable(f"  {change.aspect} {change.name}: {_told(change)}"))
        for line in change.diff.splitlines():
            _show_line(line)


def _told(change: Change) -> str:
    if not change.old:
        return f"new, {change.new}"
    return f"{change.old} → {change.new}" if change.new else f"{change.old}, gone"


def _show_line(line: str) -> None:
    text = f"    {printable(line)}"
    write(click.style(text, fg=_COLORS.get(line[:1])) if on_terminal() else text)
