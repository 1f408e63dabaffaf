"""`zen reproduce`: repeating a run from its snapshot, and a verdict for each step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zen.cli.group import Command, json_option
from zen.cli.output import emit_json, printable, say, table
from zen.cli.session import open_client, stack_option

if TYPE_CHECKING:
    from zen.client.reproduction import Reproduction


@click.command(
    "reproduce",
    cls=Command,
    example=[
        "zen reproduce last",
        "zen reproduce training-2026-03-01-10-00-00 --folder /tmp/again --fresh-environment",
    ],
)
@click.argument("run", default="last")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="An empty or new folder for the source; by default one in .zen.",
)
@click.option("--fresh-environment", is_flag=True, help="Run in a new environment, made from what was installed then.")
@stack_option
@json_option
def command(run: str, folder: Path | None, fresh_environment: bool, stack: str | None, as_json: bool) -> int:
    """Repeat a run from its snapshot, and compare.

    RUN is an id, the start of an id, a name, `last` or `last~1`. Its source, as it was, is put into a folder of its
    own; there its plan runs once more, with the cache off and in a process of its own, as a new run on the same stores.
    No tracker and no alerter hears of it, and `last` stays the run that was repeated. The exit code is 0 only if every
    step gives the same bytes or equal values.
    """
    from zen.cli.progress import Progress
    from zen.engine import use_progress

    with open_client(stack) as client:
        progress = Progress()
        with use_progress(progress), progress.beside_output():
            found = client.reproduce(run, folder, fresh_environment=fresh_environment)
    if as_json:
        emit_json(found.to_json())
    else:
        _show(found)
    for note in found.notes:
        say(f"note: {printable(note)}")
    say(f"its source is in {found.folder}; look at the run: zen show {found.run[:8]}")
    return 0 if found.reproduced else 1


def _show(found: Reproduction) -> None:
    table(("step", "verdict", "why"), [(step.name, step.verdict, printable(step.reason)) for step in found.steps])
