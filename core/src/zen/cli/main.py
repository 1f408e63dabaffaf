"""The entry point of `zen`: starts commands and turns errors into messages and exit codes.

Exit codes: 0 done, 1 failed (a run, a check), 2 usage, 3 configuration, 4 plugin, 5 component, 6 storage, 130 Ctrl-C,
141 stdout was closed. `zen.errors` gives each error its code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from zen.cli.group import RootGroup
from zen.cli.output import printable, say

if TYPE_CHECKING:
    from zen.errors import ZenError

__all__ = ["cli", "main"]

INTERRUPTED = 130
PIPE_CLOSED = 141
PROGRAM = "zen"


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from zen.cli.session import zen_version

        click.echo(f"zen {zen_version()}")
        ctx.exit()


cli = RootGroup(
    name=PROGRAM,
    help="Pipelines of plain Python functions, on stacks made of plugins.",
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Show the version and exit.",
        )
    ],
    example=["zen init", "zen run training.py --lr 0.2", "zen show last"],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Args:
        argv: Arguments without the program's name; default those of this process.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _soften_streams()
    if _completing():
        return 0
    try:
        with cli.make_context(PROGRAM, list(arguments)) as root:  # click empties the list
            code = cli.invoke(root)
        sys.stdout.flush()
    except BrokenPipeError:
        _close_stdout()
        return PIPE_CLOSED
    except (KeyboardInterrupt, click.Abort):
        say("\ninterrupted")
        return INTERRUPTED
    except click.exceptions.Exit as end:
        return _flushed(end.exit_code)
    except Exception as error:  # noqa: BLE001  # the last stop of every error: nothing but a message may reach the user
        return _report(error, debug=_debug(arguments))
    return code if isinstance(code, int) else 0


def _debug(arguments: Sequence[str]) -> bool:
    """Whether tracebacks are wanted; asked of the arguments, because an error while parsing leaves no context."""
    return "--debug" in arguments or os.environ.get("ZEN_DEBUG", "") not in ("", "0")


def _report(error: Exception, *, debug: bool) -> int:
    from zen.errors import ZenError

    if debug:
        import traceback

        say("".join(traceback.format_exception(error)).rstrip("\n"))
    if isinstance(error, ZenError):
        return _report_ours(error)
    if isinstance(error, click.ClickException):
        return _report_usage(error)
    _print_error(
        f"zen stopped at an unexpected {type(error).__name__}: {error}",
        "" if debug else "run it again with --debug for the traceback, and please report it",
    )
    return 1


def _report_ours(error: ZenError) -> int:
    trace = error.facts.get("traceback", "")
    if isinstance(trace, str) and trace:
        say(printable(trace.rstrip("\n")))
    _print_error(error.message, error.hint)
    return error.exit_code


def _report_usage(error: click.ClickException) -> int:
    from zen.errors import nearest

    if isinstance(error, click.exceptions.NoArgsIsHelpError if hasattr(click.exceptions, "NoArgsIsHelpError") else ()):
        say(error.format_message())
        return error.exit_code
    ctx = getattr(error, "ctx", None)
    message, hint = error.format_message(), ""
    if isinstance(error, click.NoSuchOption):
        known = _options(ctx)
        message = f"no option {error.option_name}" + (f" for '{ctx.command_path}'" if ctx else "")
        hint = nearest(error.option_name, known)
    if not hint and ctx is not None:
        hint = f"see '{ctx.command_path}{_target(ctx)} --help'"
    _print_error(message[:1].lower() + message[1:].rstrip("."), hint)
    return error.exit_code


def _options(ctx: click.Context | None) -> list[str]:
    if ctx is None:
        return []
    options = [parameter for parameter in ctx.command.get_params(ctx) if isinstance(parameter, click.Option)]
    return [name for option in options if not option.hidden for name in (*option.opts, *option.secondary_opts)]


def _target(ctx: click.Context) -> str:
    """Return the argument after which the options in question are shown."""
    target = ctx.meta.get("zen.target")
    return f" {target}" if target else ""


def _print_error(message: str, hint: str) -> None:
    from zen.secrets.redaction import redactor

    message, hint = redactor.text(message), redactor.text(hint)
    color = None if "NO_COLOR" not in os.environ else False
    click.secho("error: ", fg="red", bold=True, nl=False, err=True, color=color)
    click.echo(printable(message), err=True)
    for line in printable(hint).splitlines():
        click.secho("  hint: ", fg="cyan", nl=False, err=True, color=color)
        click.echo(line, err=True)


def _completing() -> bool:
    """Answer a shell that asks for completions, and say whether one did."""
    instruction = os.environ.get("_ZEN_COMPLETE")
    if not instruction:
        return False
    from click.shell_completion import shell_complete

    shell_complete(cli, {}, PROGRAM, "_ZEN_COMPLETE", instruction)
    return True


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _close_stdout()
        return PIPE_CLOSED
    return code


def _soften_streams() -> None:
    r"""Let an ASCII terminal show `\xe9` for a letter that it does not have, where Python would stop with an error."""
    for stream in (sys.stdout, sys.stderr):
        encoding = (getattr(stream, "encoding", None) or "").lower()
        if encoding not in ("utf-8", "utf8") and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _close_stdout() -> None:
    """Point stdout at nothing, so that the interpreter does not complain when it flushes it at exit."""
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # stays open until the process ends


if __name__ == "__main__":
    sys.exit(main())
