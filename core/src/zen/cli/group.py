"""The root command, which loads its commands by name, and the classes that all our commands share."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from zen.cli.output import reserve_stdout
from zen.cli.table import COMMANDS, Row

__all__ = ["Command", "Group", "RootGroup", "json_option"]

F = TypeVar("F", bound=Callable[..., Any])


def examples(lines: Sequence[str]) -> str:
    """Return the end of a help page that shows these command lines as they are."""
    if not lines:
        return ""
    title = "Example:" if len(lines) == 1 else "Examples:"
    return "\n".join(["\b", title, *(f"  {line}" for line in lines)])


def _debug_option(*, hidden: bool) -> click.Option:
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        hidden=hidden,
        help="Show tracebacks of zen itself.",
    )


class Command(click.Command):
    """A command with examples on its help page, which takes `--debug` like the root does.

    Args:
        example: Command lines to show at the end of the help.
    """

    def __init__(self, *args: Any, example: str | Sequence[str] = (), **kwargs: Any) -> None:
        lines = [example] if isinstance(example, str) else list(example)
        kwargs["epilog"] = examples(lines)
        super().__init__(*args, **kwargs)
        self.params.append(_debug_option(hidden=True))


class Group(click.Group):
    """A group of commands that shows its help when it is called alone.

    Args:
        example: Command lines to show at the end of the help.
    """

    command_class = Command

    def __init__(self, *args: Any, example: str | Sequence[str] = (), **kwargs: Any) -> None:
        lines = [example] if isinstance(example, str) else list(example)
        kwargs |= {"epilog": examples(lines), "invoke_without_command": True}
        super().__init__(*args, **{"callback": help_when_alone, **kwargs})

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names, or say which ones exist."""
        name = args[0]
        found = self.get_command(ctx, name)
        if found is None and not ctx.resilient_parsing:
            raise unknown_command(ctx, name, self.list_commands(ctx))
        return (name if found else None), found, args[1:]


class RootGroup(Group):
    """`zen` itself: names and help come from the table, code is imported when a command is called."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.params.append(_debug_option(hidden=False))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return our commands in the order of the table, then the plugins'."""
        return [*COMMANDS, *(name for name in plugin_commands() if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import and return one command; a plugin cannot replace one of ours."""
        if name in COMMANDS:
            return load(COMMANDS[name])
        if name in plugin_commands():
            return load_plugin_command(name)
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section. Nothing is imported for it."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for row in COMMANDS.values():
            sections.setdefault(row.section, []).append((row.name, row.summary))
        for name, entry in plugin_commands().items():
            if name not in COMMANDS:
                sections.setdefault("From plugins", []).append((name, f"from {entry.distribution} {entry.version}"))
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Complete command names from the table, and options."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        rows = {name: COMMANDS[name].summary if name in COMMANDS else "" for name in self.list_commands(ctx)}
        return [CompletionItem(name, help=help_) for name, help_ in rows.items() if name.startswith(incomplete)]


def load(row: Row) -> click.Command:
    """Import the command of a row of the table."""
    module, _, attribute = row.target.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert isinstance(command, click.Command)  # our own table, covered by a test
    return command


def plugin_commands() -> dict[str, Any]:
    """Return the plugins' commands by name, from entry points alone."""
    from zen.registry import Registry

    return Registry().commands()


def load_plugin_command(name: str) -> click.Command:
    """Import the command of a plugin.

    Raises:
        PluginLoadError: When it cannot be imported or is no click command.
    """
    from zen.cli.session import open_registry
    from zen.errors import PluginLoadError

    registry = open_registry()
    entry = registry.commands().get(name)
    if entry is None:
        raise PluginLoadError(
            f"the command {name!r} comes from a plugin that zen.yaml disables", hint="see plugins.disable in zen.yaml"
        )
    command = registry.load_command(entry)
    if not isinstance(command, click.Command):
        raise PluginLoadError(
            f"{entry.value} of {entry.distribution} is a {type(command).__name__}, not a click command",
            hint=f"tell the authors of {entry.distribution}",
        )
    return command


def unknown_command(ctx: click.Context, name: str, known: Sequence[str]) -> Exception:
    """Return the error for a command that does not exist."""
    from zen.errors import UsageError, listing, nearest

    return UsageError(
        f"{ctx.command_path} has no command {name!r}; it has: {listing(known, most=30)}",
        hint=nearest(name, known) or f"{ctx.command_path} --help shows what each does",
    )


@click.pass_context
def help_when_alone(ctx: click.Context, /, **_: Any) -> None:
    """Show the help of a group that was called without a command."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _keep_stdout_for_data(ctx: click.Context, _parameter: click.Parameter, value: bool) -> bool:
    if value and not ctx.resilient_parsing:
        ctx.with_resource(reserve_stdout())
    return value


def json_option(function: F) -> F:
    """Give a command `--json` (argument `as_json`); whatever else prints then lands on stderr."""
    option = click.option(
        "--json", "as_json", is_flag=True, callback=_keep_stdout_for_data, help="Print JSON, for programs."
    )
    return option(function)
