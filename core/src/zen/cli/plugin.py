"""`zen plugin`: what is installed, from entry points alone."""

from __future__ import annotations

from typing import Any

from zen.cli.group import Group, json_option
from zen.cli.output import emit_json, say, table

group = Group(name="plugin", help="List the installed plugins.", example="zen plugin list")


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
