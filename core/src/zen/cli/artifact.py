"""`zen artifact`: what runs have stored, and what was imported. Listing and showing read records, and load nothing."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from zen.cli.exchange import export, import_
from zen.cli.group import Group, json_option
from zen.cli.output import ago, emit_json, fields, moment, record_json, say, size, table, write
from zen.cli.session import open_client, stack_option
from zen.cli.trust import distrust, pin_json, trust

if TYPE_CHECKING:
    from zen.client import ArtifactView

IMPORTED = "imported"
_LONGEST = 300

group = Group(
    name="artifact",
    help="List, show, export and import what runs have stored.",
    example=["zen artifact list", "zen artifact show model", "zen artifact export model model.zip"],
)
for command in (export, import_, trust, distrust):
    group.add_command(command)


@group.command("list", example=["zen artifact list", "zen artifact list --name model --json"])
@click.option("--name", metavar="NAME", help="Only versions of this artifact.")
@click.option("--limit", "-n", type=click.IntRange(min=1), default=20, show_default=True, help="How many to list.")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="How many to leave out first.")
@stack_option
@json_option
def list_artifacts(name: str | None, limit: int, offset: int, stack: str | None, as_json: bool) -> None:
    """List artifacts, newest first."""
    with open_client(stack) as client:
        found = client.artifacts(name=name, limit=limit, offset=offset)
    if as_json:
        emit_json([artifact_json(artifact) for artifact in found])
        return
    now = dt.datetime.now(dt.UTC)
    table(("artifact", "version", "type", "format", "size", "made", "id"), [_row(artifact, now) for artifact in found])
    if not found:
        say("no artifacts yet" if name is None else f"no artifact is called {name!r}")


def _row(artifact: ArtifactView, now: dt.datetime) -> tuple[str, ...]:
    made = f"{'imported ' if artifact.imported else ''}{ago(artifact.created_at, now)}"
    return (
        artifact.name,
        f"{artifact.version}",
        artifact.type,
        artifact.format,
        size(artifact.size),
        made,
        artifact.id,
    )


@group.command("show", example=["zen artifact show model", "zen artifact show model --version 2 --json"])
@click.argument("artifact", metavar="ARTIFACT")
@click.option("--version", type=click.IntRange(min=1), help="Which version of a name; default the newest.")
@stack_option
@json_option
def show(artifact: str, version: int | None, stack: str | None, as_json: bool) -> None:
    """Show one artifact: what it is, where its bytes are from, its files.

    ARTIFACT is a name, an id, or the start of an id.
    """
    with open_client(stack) as client:
        found = client.artifact(artifact, version)
        if as_json:
            pin = found.pin
            emit_json({**artifact_json(found), "trust": pin_json(pin) if pin else None})
        else:
            _show(found)


def _show(artifact: ArtifactView) -> None:
    facts = artifact.metadata
    statistics = facts.pop("statistics", None) or {}
    if statistics:
        facts.pop("columns", None)  # said again, with more, below
    imported = facts.pop(IMPORTED, None) if artifact.imported else None
    pin = artifact.pin
    fields(
        [
            ("artifact", f"{artifact.name} version {artifact.version}"),
            ("id", artifact.id),
            ("type", artifact.type),
            ("format", artifact.format + (" (loading runs code)" if artifact.unsafe else "")),
            ("size", size(artifact.size)),
            ("digest", artifact.digest),
            ("materializer", artifact.materializer),
            ("imported" if artifact.imported else "made", moment(artifact.created_at)),
            ("from", _origin(imported)),
            ("trusted", f"by {pin.who} at {moment(pin.at)}: {pin.reason}" if pin else ""),
            ("run", artifact.run_id),
            ("step", artifact.step),
            ("output", artifact.output),
            ("tags", ", ".join(artifact.tags)),
            ("metadata", "\n".join(f"{name} = {value}" for name, value in facts.items())),
        ]
    )
    _show_statistics(statistics)
    if artifact.files:
        write("")
        table(("file", "size", "digest"), [(file.name, size(file.size), file.digest) for file in artifact.files])


def _origin(imported: Any) -> str:
    """Return what is known about an import, and what the archive told of itself, as JSON on one line each."""
    import json

    if not isinstance(imported, dict):
        return ""
    told = imported.get("origin") or {}
    lines = [f"{imported.get('file')}, by {imported.get('by')}"]
    if isinstance(told, dict):
        lines += [f"{name} = {json.dumps(value, default=str)[:_LONGEST]}" for name, value in told.items()]
    return "\n".join(lines)


def _show_statistics(statistics: dict[str, Any]) -> None:
    """Show what is known of the columns of a table."""
    columns = statistics.get("columns") or {}
    if not columns:
        return
    write("")
    rows = [
        (
            name,
            facts.get("type", ""),
            facts.get("nulls", ""),
            *(_number(facts.get(key)) for key in ("min", "mean", "max")),
            ", ".join(f"{text} {share:.0%}" for text, share in (facts.get("top") or [])[:3]),
        )
        for name, facts in columns.items()
    ]
    table(("column", "type", "missing", "min", "mean", "max", "most frequent"), rows)


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def artifact_json(artifact: ArtifactView) -> dict[str, Any]:
    """Return the JSON form of an artifact's record."""
    return record_json(artifact.record)
