"""`zen resume`: going on with a run."""

from __future__ import annotations

import click

from zen.cli.group import Command, json_option
from zen.cli.output import emit_json
from zen.cli.session import open_client, stack_option


@click.command(
    "resume", cls=Command, example=["zen resume last", "zen resume training-2026-03-01-10-00-00 --from-snapshot"]
)
@click.argument("run", default="last")
@click.option("--from-snapshot", is_flag=True, help="Run the code as it was when the run began.")
@stack_option
@json_option
def command(run: str, from_snapshot: bool, stack: str | None, as_json: bool) -> int:
    """Go on with a run that failed, was cancelled or was lost.

    It is the same run. What succeeded is kept; the other steps are tried again, with the arguments, the stack and the
    code that the run has. Where the code of such a step has changed, it is refused, unless --from-snapshot takes the
    code from the run. RUN is an id, the start of an id, a name, `last` or `last~1`.
    """
    from zen.cli.progress import Progress
    from zen.cli.run import EXIT_CODES, conclude
    from zen.cli.runs import run_details
    from zen.engine import use_progress

    with open_client(stack) as client:
        progress = Progress()
        with use_progress(progress), progress.beside_output():
            done = client.resume(run, from_snapshot=from_snapshot)
        if as_json:
            emit_json(run_details(done))
        conclude(done)
    return EXIT_CODES.get(done.state, 1)
