"""The table of commands: what `zen --help` shows, without importing any of them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COMMANDS", "Row"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One command of `zen`: its name, the section of the help it stands in, where its code is, and one line on it."""

    name: str
    section: str
    target: str
    summary: str


COMMANDS: dict[str, Row] = {
    row.name: row
    for row in (
        Row(
            name="init",
            section="Start",
            target="zen.cli.init:command",
            summary="Write a commented zen.yaml and a first pipeline.",
        ),
        Row(name="demo", section="Start", target="zen.cli.demo:command", summary="Run a small pipeline on real data."),
        Row(name="run", section="Runs", target="zen.cli.run:command", summary="Run a pipeline of a file or module."),
        Row(
            name="resume",
            section="Runs",
            target="zen.cli.resume:command",
            summary="Go on with a run that failed, was cancelled or was lost.",
        ),
        Row(
            name="reproduce",
            section="Runs",
            target="zen.cli.reproduce:command",
            summary="Repeat a run from its snapshot, and compare.",
        ),
        Row(
            name="sweep",
            section="Runs",
            target="zen.cli.sweep:group",
            summary="Run a pipeline with many parameters; list and show such sweeps.",
        ),
        Row(name="runs", section="Runs", target="zen.cli.runs:runs", summary="List runs, newest first."),
        Row(
            name="show",
            section="Runs",
            target="zen.cli.runs:show",
            summary="Show one run: its steps, outputs and metrics.",
        ),
        Row(
            name="compare",
            section="Runs",
            target="zen.cli.compare:command",
            summary="Show what is the same and what differs between runs.",
        ),
        Row(
            name="why",
            section="Runs",
            target="zen.cli.why:command",
            summary="Say why steps ran, or came from the cache.",
        ),
        Row(name="logs", section="Runs", target="zen.cli.logs:logs", summary="Print what the steps of a run printed."),
        Row(
            name="artifact",
            section="Runs",
            target="zen.cli.artifact:group",
            summary="List, show, export and import what runs have stored.",
        ),
        Row(
            name="model",
            section="Models",
            target="zen.cli.model:group",
            summary="List, compare, promote and serve versions of models.",
        ),
        Row(
            name="deployment",
            section="Models",
            target="zen.cli.deployment:group",
            summary="List, show, ask and stop what serves models.",
        ),
        Row(
            name="lineage",
            section="Models",
            target="zen.cli.lineage:command",
            summary="Show what something was made from, or what was made from it.",
        ),
        Row(
            name="stack",
            section="Stacks and plugins",
            target="zen.cli.stack:group",
            summary="List, show, choose and check the stacks of zen.yaml.",
        ),
        Row(
            name="plugin",
            section="Stacks and plugins",
            target="zen.cli.plugin:group",
            summary="List, try, write and check plugins.",
        ),
        Row(
            name="flavor",
            section="Stacks and plugins",
            target="zen.cli.flavor:group",
            summary="List and describe what a stack can be made of.",
        ),
        Row(
            name="store",
            section="Upkeep",
            target="zen.cli.store:group",
            summary="Show what the stores hold, verify it, and collect garbage.",
        ),
        Row(
            name="delete",
            section="Upkeep",
            target="zen.cli.delete:command",
            summary="Delete runs that nothing else came from.",
        ),
        Row(
            name="doctor",
            section="Upkeep",
            target="zen.cli.doctor:command",
            summary="Check the installation, the project and its stores.",
        ),
        Row(
            name="completion",
            section="Upkeep",
            target="zen.cli.completion:command",
            summary="Print the script that completes zen commands in a shell.",
        ),
    )
}
