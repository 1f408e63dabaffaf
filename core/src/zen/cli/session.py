"""What commands work with: the project around the current folder, its registry, its stack, a client."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from zen.client import Client
    from zen.registry import Registry
    from zen.stacks import Project

__all__ = ["open_client", "open_project", "open_registry", "stack_option", "zen_version"]

F = TypeVar("F", bound=Callable[..., Any])


def zen_version() -> str:
    """Return the version of the installed zen-hub."""
    from zen.registry import BUILTIN, scan

    return next((entry.version for entry in scan().entries if entry.distribution == BUILTIN), "0+unknown")


def open_project() -> Project:
    """Return the project that the current folder belongs to."""
    from zen.stacks import find_project

    return find_project()


def open_registry(project: Project | None = None) -> Registry:
    """Return the installed plugins, without those that the project's zen.yaml disables."""
    from zen.registry import Registry
    from zen.stacks import load_stack_file

    file = load_stack_file(project or open_project())
    return Registry(disabled=file.disabled, allowed=file.allowed)


def open_client(stack: str | None) -> Client:
    """Return a client on a stack, by default the active one. The caller closes it."""
    from zen.client import Client

    return Client(stack=stack)


def complete_stack(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a stack; a file with faults completes nothing."""
    from zen.errors import ZenError
    from zen.stacks import stack_names

    try:
        return [name for name in stack_names(open_project()) if name.startswith(incomplete)]
    except ZenError:
        return []


def stack_option(function: F) -> F:
    """Give a command `--stack`."""
    option = click.option(
        "--stack", metavar="NAME", shell_complete=complete_stack, help="The stack to use instead of the active one."
    )
    return option(function)
