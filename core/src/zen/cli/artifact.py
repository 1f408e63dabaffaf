"""`zen artifact`: what runs have stored."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from zen.cli.group import Group, json_option
from zen.cli.output import ago, emit_json, fields, moment, record_json, say, size, table, write
from zen.cli.session import open_client, stack_option

if TYPE_CHECKING:
    from zen.client import ArtifactView

group = Group(
    name="artifact",
    help="List and show what runs have stored.",
    example=["zen artifact list", "zen artifact show model"],
)


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
    made = ago(artifact.created_at, now)
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
            emit_json(artifact_json(found))
        else:
            _show(found)


def _show(artifact: ArtifactView) -> None:
    facts = artifact.metadata
    statistics = facts.pop("statistics", None) or {}
    if statistics:
        facts.pop("columns", None)  # said again, with more, below
    fields(
        [
            ("artifact", f"{artifact.name} version {artifact.version}"),
            ("id", artifact.id),
            ("type", artifact.type),
            ("format", artifact.format + (" (loading runs code)" if artifact.unsafe else "")),
            ("size", size(artifact.size)),
            ("digest", artifact.digest),
            ("materializer", artifact.materializer),
            ("made", moment(artifact.created_at)),
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
