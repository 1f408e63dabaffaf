"""`zen compare`: what is the same and what differs between runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zen.cli.group import Command, json_option
from zen.cli.output import emit_json, say
from zen.cli.session import open_client, stack_option

if TYPE_CHECKING:
    from zen.client.comparing import Comparison


@click.command(
    "compare",
    cls=Command,
    example=[
        "zen compare last~1 last",
        "zen compare baseline candidate --diff",
        "zen compare baseline candidate other --html comparison.html",
    ],
)
@click.argument("runs", metavar="RUN RUN…", nargs=-1, required=True)
@click.option("--all", "everything", is_flag=True, help="Show what is the same as well.")
@click.option("--diff", is_flag=True, help="Print how the project's source differs.")
@click.option(
    "--html",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page to this file, with curves, to look at or to send.",
)
@click.option(
    "--higher", multiple=True, metavar="METRIC", help="More of this metric is better, whatever its name says."
)
@click.option("--lower", multiple=True, metavar="METRIC", help="Less of this metric is better.")
@stack_option
@json_option
def command(
    runs: tuple[str, ...],
    everything: bool,
    diff: bool,
    file: Path | None,
    higher: tuple[str, ...],
    lower: tuple[str, ...],
    stack: str | None,
    as_json: bool,
) -> None:
    """Show what is the same and what differs between runs.

    RUN is an id, the start of one, a name, last, or last~1 for the one before. The first is what the others are
    compared with.
    """
    from zen.cli.compared import show_comparison, show_diff

    better = dict.fromkeys(higher, True) | dict.fromkeys(lower, False)
    with open_client(stack) as client:
        comparison = client.compare(*runs, higher_is_better=better, curves=as_json or file is not None)
    if file is not None:
        _write_page(comparison, file)
    if as_json:
        emit_json(comparison.to_json())
    elif diff:
        show_diff(comparison)
    elif file is None:
        show_comparison(comparison, everything=everything)


def _write_page(comparison: Comparison, file: Path) -> None:
    from zen.errors import UsageError

    try:
        file.write_text(comparison.to_html(), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}", hint="give another file") from error
    say(f"the comparison is in {file}")
