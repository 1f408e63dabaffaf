"""`zen completion`: the script that completes zen commands in a shell."""

from __future__ import annotations

import click

from zen.cli.group import Command
from zen.cli.output import write

_INSTALL = {
    "bash": 'eval "$(zen completion bash)"          # in ~/.bashrc',
    "zsh": 'eval "$(zen completion zsh)"           # in ~/.zshrc',
    "fish": "zen completion fish | source           # in ~/.config/fish/config.fish",
}


@click.command(cls=Command, name="completion", example=list(_INSTALL.values()))
@click.argument("shell", type=click.Choice(sorted(_INSTALL)))
def command(shell: str) -> None:
    """Print the script that completes zen commands in a shell."""
    from click.shell_completion import get_completion_class

    from zen.cli.main import PROGRAM, cli

    found = get_completion_class(shell)
    if found is not None:
        completion = found(cli, {}, PROGRAM, "_ZEN_COMPLETE")
        # Not `source()`: for bash that starts a bash to ask for its version.
        write((completion.source_template % completion.source_vars()).strip())
