"""`zen plugin`: what is installed, whether it works, and what authors need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zen.cli.group import Group, json_option
from zen.cli.output import emit_json, say, table, write

group = Group(
    name="plugin",
    help="List, try, write and check plugins.",
    example=["zen plugin list", "zen plugin new acme --kind alerter"],
)


@group.command("list", example=["zen plugin list", "zen plugin list --json"])
@json_option
def list_plugins(as_json: bool) -> None:
    """List the installed plugins and what is wrong with any. None of them is imported."""
    from zen.cli.session import open_registry

    reports = open_registry().reports()
    if as_json:
        emit_json([report_json(report) for report in reports])
        return
    columns = ("plugin", "version", "flavors", "types", "commands", "")
    table(columns, [_row(report) for report in reports])
    for report in reports:
        for problem in report.problems:
            say(f"{report.distribution}: {problem}")


def report_json(report: Any) -> dict[str, Any]:
    """Return the JSON form of a plugin's report."""
    return {
        "distribution": report.distribution,
        "version": report.version,
        "flavors": list(report.flavors),
        "types": list(report.types),
        "commands": list(report.commands),
        "disabled": report.disabled,
        "problems": [str(problem) for problem in report.problems],
    }


def _row(report: Any) -> tuple[str, ...]:
    state = "disabled" if report.disabled else "problem" if report.problems else ""
    return (
        report.distribution,
        report.version,
        ", ".join(report.flavors),
        str(len(report.types) or ""),
        ", ".join(report.commands),
        state,
    )


@group.command(
    "describe",
    example=[
        "zen plugin describe mlflow",
        "zen plugin describe zen-plugin-mlflow --json",
        "zen plugin describe --interface alerter",
    ],
)
@click.argument("name", required=False)
@click.option("--interface", "kind", metavar="KIND", help="Describe what the author of a plugin of this kind writes.")
@json_option
def describe(name: str | None, kind: str | None, as_json: bool) -> None:
    """Describe all that a plugin offers: flavors with capabilities and settings, types, commands, hooks.

    NAME is the plugin, or one of its flavors or commands. Its tools are imported for that. With --interface, no plugin
    is described but a kind of component, or materializer: the methods to write, the capabilities, the records that go
    over the boundary, and the rules for settings.
    """
    from zen.errors import UsageError

    if (name is None) == (kind is None):
        raise UsageError("name a plugin, or a kind with --interface", hint="zen plugin list; zen plugin new --help")
    if kind is not None:
        _describe_interface(kind, as_json=as_json)
    elif name is not None:
        _describe_plugin(name, as_json=as_json)


def _describe_plugin(name: str, *, as_json: bool) -> None:
    from zen.cli.authors import description
    from zen.cli.authors.installed import distribution_of
    from zen.cli.session import open_registry

    registry = open_registry()
    found = description.describe(registry, distribution_of(registry.usable(), name))
    if as_json:
        emit_json(found)
    else:
        description.show(found)


def _describe_interface(kind: str, *, as_json: bool) -> None:
    from zen.cli.authors.contract import contract, show
    from zen.cli.authors.writing import known_kinds

    [chosen] = known_kinds([kind])
    found = contract(chosen)
    if as_json:
        emit_json(found)
    else:
        show(found)


@group.command("doctor", example=["zen plugin doctor", "zen plugin doctor mlflow --json"])
@click.argument("names", metavar="[NAME]…", nargs=-1)
@click.option("--timeout", metavar="SECONDS", default=10.0, show_default=True, help="How long one entry may take.")
@json_option
def doctor(names: tuple[str, ...], timeout: float, as_json: bool) -> int:
    """Load what plugins register, each entry in a process of its own, and show what is wrong.

    NAME is a distribution or an entry; by default all are tried. Exits with 1 when one cannot be loaded.
    """
    from zen.cli.authors.installed import chosen
    from zen.cli.authors.trial import show_trials, try_entries
    from zen.cli.session import open_registry

    registry = open_registry()
    trials = try_entries(chosen(registry.usable(), names), seconds=timeout)
    if not as_json:
        for report in registry.reports():
            for problem in report.problems:
                say(f"warning: {report.distribution}: {problem}")
    return show_trials(trials, as_json=as_json)


@group.command("disable", example="zen plugin disable mlflow")
@click.argument("name")
def disable(name: str) -> None:
    """Keep a plugin from being loaded in this project, by a line in its zen.yaml.

    NAME is the plugin, or one of its flavors or commands. The variable ZEN_DISABLE_PLUGINS does the same for a session.
    """
    from zen.cli.authors import switching
    from zen.cli.session import open_project

    say(switching.disable(open_project(), name))


@group.command("enable", example="zen plugin enable mlflow")
@click.argument("name")
def enable(name: str) -> None:
    """Let a plugin be loaded again that zen.yaml disables."""
    from zen.cli.authors import switching
    from zen.cli.session import open_project

    for line in switching.enable(open_project(), name):
        say(line)


@group.command(
    "new",
    example=[
        "zen plugin new acme --kind alerter",
        "zen plugin new acme --kind experiment_tracker --kind model_registry --folder plugins/acme",
    ],
)
@click.argument("name")
@click.option("--kind", "kinds", metavar="KIND", multiple=True, required=True, help="What it is; may be given again.")
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), help="Where to write it.  [default: zen-plugin-NAME]"
)
def new(name: str, kinds: tuple[str, ...], folder: Path | None) -> None:
    """Write the project of a new plugin, complete but for what its methods do.

    NAME is what stack files will call it. The project's own tests, zen's conformance kit, then fail with what is still
    to do. KIND is orchestrator, artifact_store, metadata_store, secret_store, experiment_tracker, data_validator,
    model_registry, model_deployer, step_operator, alerter or feature_store, or materializer for values.
    """
    from zen.cli.authors.writing import write_project

    names, where, written = write_project(name, kinds, folder)
    for path in written:
        write(f"wrote {path}")
    if names.is_known:
        say(f"\nnote: zen's messages recommend a {names.distribution} already; another name keeps them apart")
    say(f"\nnext: cd {where}")
    say("then: pip install -e . && pip install pytest, and pytest shows what is to do; or uv sync && uv run pytest")


@group.command("check", example=["zen plugin check", "zen plugin check plugins/acme --json"])
@click.argument("name", metavar="[NAME|FOLDER]", required=False)
@click.option("--timeout", metavar="SECONDS", default=10.0, show_default=True, help="How long one entry may take.")
@json_option
def check(name: str | None, timeout: float, as_json: bool) -> int:
    """Check a plugin as its author should before a release.

    Entry points against pyproject.toml, light import, help texts of settings, bounds, stack.example.yaml, how the
    conformance kit ended, and what is left to do. By default the project around this folder; where it is no plugin's,
    all installed plugins are tried as by `zen plugin doctor`. Exits with 1 when something is broken; warnings are
    listed.
    """
    from zen.cli.authors.checking import check_plugin, project_around
    from zen.cli.findings import report

    subject = name if name is not None else project_around(Path())
    if subject is None:
        return int(click.get_current_context().invoke(doctor, names=(), timeout=timeout, as_json=as_json))
    return report(check_plugin(str(subject), seconds=timeout), as_json=as_json)
