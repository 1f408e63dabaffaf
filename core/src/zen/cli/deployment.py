"""`zen deployment`: what serves models, and what it says."""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from zen.cli.group import Group, json_option
from zen.cli.output import ago, emit_json, fields, moment, printable, record_json, say, table, write
from zen.cli.session import open_client, stack_option

if TYPE_CHECKING:
    from zen.client import DeploymentView

group = Group(
    name="deployment",
    help="List, show, ask and stop what serves models.",
    example=["zen deployment list", "zen deployment predict churn --data '[{\"age\": 31}]'"],
)


@group.command("list", example=["zen deployment list", "zen deployment list --at 2026-03-01"])
@click.option("--at", metavar="TIME", help="What served then, as an ISO date or time; default what is there now.")
@stack_option
@json_option
def list_deployments(at: str | None, stack: str | None, as_json: bool) -> None:
    """List the deployments of the stack, or what served at a time."""
    with open_client(stack) as client:
        if at is not None:
            _list_served(client.served(at=_time(at)), as_json)
            return
        found = client.deployments()
    if as_json:
        emit_json([record_json(each.record) for each in found])
        return
    now = dt.datetime.now(dt.UTC)
    rows = [
        (
            each.name,
            each.state,
            f"{each.record.model}@{each.record.version}",
            each.url,
            ago(each.record.created_at, now),
        )
        for each in found
    ]
    table(("deployment", "state", "model", "url", "since"), rows)
    if not found:
        say("no deployments yet: `zen model deploy MODEL` makes one")


def _list_served(found: list[Any], as_json: bool) -> None:
    if as_json:
        emit_json([record_json(each) for each in found])
        return
    rows = [
        (each.name, f"{each.model}@{each.version}", moment(each.started_at), moment(each.ended_at) or "now")
        for each in found
    ]
    table(("deployment", "model", "from", "to"), rows)


@group.command("show", example="zen deployment show churn")
@click.argument("name")
@stack_option
@json_option
def show(name: str, stack: str | None, as_json: bool) -> None:
    """Show one deployment, and all that it served."""
    with open_client(stack) as client:
        found = client.deployment(name)
        servings = found.servings
    if as_json:
        emit_json({**record_json(found.record), "servings": [record_json(each) for each in servings]})
        return
    fields(
        [
            ("deployment", found.name),
            ("state", found.state),
            ("reason", found.reason),
            ("model", f"{found.record.model}@{found.record.version}"),
            ("url", found.url),
            ("made", moment(found.record.created_at)),
        ]
    )
    if servings:
        write("")
        rows = [
            (f"{each.model}@{each.version}", moment(each.started_at), moment(each.ended_at) or "now", each.reason)
            for each in servings
        ]
        table(("served", "from", "to", "ended by"), rows)


@group.command("logs", example="zen deployment logs churn")
@click.argument("name")
@stack_option
def logs(name: str, stack: str | None) -> None:
    """Print what a deployment has printed lately."""
    with open_client(stack) as client:
        write(printable(client.deployment(name).logs().rstrip("\n")))


@group.command(
    "predict",
    example=["zen deployment predict churn --data '[{\"age\": 31}]'", "zen deployment predict churn < rows.json"],
)
@click.argument("name")
@click.option("--data", metavar="JSON", help="The rows; default what is read from stdin.")
@stack_option
def predict(name: str, data: str | None, stack: str | None) -> None:
    """Send rows to a deployment and print its answer as JSON."""
    from zen.errors import UsageError

    text = data if data is not None else sys.stdin.read()
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise UsageError(f"the data is no JSON: {error}", hint="give rows, such as '[{\"age\": 31}]'") from error
    with open_client(stack) as client:
        emit_json(client.deployment(name).predict(rows))


@group.command("stop", example="zen deployment stop churn")
@click.argument("name")
@stack_option
def stop(name: str, stack: str | None) -> None:
    """Stop serving; `zen model deploy` starts it again."""
    with open_client(stack) as client:
        client.deployment(name).stop()
    say(f"{name} is stopped")


@group.command("delete", example="zen deployment delete churn")
@click.argument("name")
@stack_option
def delete(name: str, stack: str | None) -> None:
    """Stop serving and forget the deployment; what it served when stays known."""
    with open_client(stack) as client:
        client.deployment(name).delete()
    say(f"{name} is deleted")


def setting(text: str) -> tuple[str, Any]:
    """Return the name and the value of a setting that was written as `key=value`."""
    from zen.errors import UsageError

    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"{text!r} is no setting", hint="write --set KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def ended(made: DeploymentView) -> None:
    """Say why a deployment failed, and end with an exit code that tells so."""
    if made.state == "ready":
        return
    say(printable(f"deployment {made.name!r} is {made.state}: {made.reason}"))
    raise click.exceptions.Exit(5)


def _time(text: str) -> dt.datetime:
    from zen.errors import UsageError

    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time: {error}", hint="write 2026-03-01 or 2026-03-01T14:30") from error
    return found if found.tzinfo else found.astimezone()
