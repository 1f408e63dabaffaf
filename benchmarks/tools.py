"""What a tool that is timed is; zen itself, and the floor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

IMPORT = (
    "{{python}} -c 'import sys; before = len(sys.modules); {}; print(\"figure modules\", len(sys.modules) - before)'"
)


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool, or one way to use it.

    In commands `{bin}` is the environment's folder of programs, `{python}` its Python and `{place}` the working folder;
    assignments before the program are environment variables.

    Attributes:
        name: What its column is called.
        environment: The name of the virtual environment.
        workloads: The folder, beside this file, that is copied to the working folder.
        requires: What is installed into the environment; nothing for zen, which comes from this repository.
        variables: Environment variables of all its commands.
        prepare: The commands that make the store, once, untimed.
        commands: The command of each case; a case without one is not timed.
        without: Files of the workloads that are left out.
    """

    name: str
    environment: str
    workloads: str
    requires: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[str, ...] = ()
    commands: Mapping[str, str]
    without: tuple[str, ...] = ()


def chains(command: str, again: str | None = "") -> dict[str, str]:
    """Return the commands of both chains and of their second runs: the same command unless `again` is another one.

    Their number of steps stands for COUNT in them.

    None says that there is no second run: the tool caches nothing.
    """
    commands = {}
    for length in ("3", "100"):
        commands[f"chain-{length}"] = command.replace("COUNT", length)
        if again is not None:
            commands[f"cached-{length}"] = (again or command).replace("COUNT", length)
    return commands


def floor(synced: str, *, cached: bool) -> Tool:
    names = {"both": "floor synced", "last": "floor half synced", "none": "floor unsynced"}
    program = f"{{python}} floor.py 100 {synced}"
    commands = {"chain-100": program, **({"cached-100": program} if cached else {})}
    if synced == "none":
        commands["import"] = IMPORT.format("pass")
    return Tool(name=names[synced], environment="zen", workloads="own", commands=commands)


OWN = (
    Tool(
        name="zen",
        environment="zen",
        workloads="own",
        without=("zen.yaml",),
        prepare=("{python} one_step.py",),
        commands={
            "help": "{bin}/zen --help",
            "list-stacks": "{bin}/zen stack list",
            "list-runs": "{bin}/zen runs",
            "import": IMPORT.format("from zen import pipeline, step"),
            "three-steps": "{python} three_steps.py",
            **chains("{python} chain.py COUNT"),
        },
    ),
    Tool(
        name="zen relaxed",
        environment="zen",
        workloads="own",
        prepare=("{python} one_step.py",),
        commands={"three-steps": "{python} three_steps.py", **chains("{python} chain.py COUNT")},
    ),
    floor("both", cached=False),
    floor("last", cached=False),
    floor("none", cached=True),
)
