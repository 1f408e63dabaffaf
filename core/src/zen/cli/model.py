"""`zen model`: versions of models, what they are called, and serving them."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import click

from zen.cli.group import Group, json_option
from zen.cli.output import ago, emit_json, fields, moment, record_json, say, table, write
from zen.cli.session import open_client, stack_option

if TYPE_CHECKING:
    from zen.client import ModelVersionView

group = Group(
    name="model",
    help="List, compare, promote and serve versions of models.",
    example=["zen model list", "zen model show churn@champion", "zen model deploy churn@champion"],
)


@group.command("list", example=["zen model list", "zen model list churn --json"])
@click.argument("model", required=False)
@stack_option
@json_option
def list_models(model: str | None, stack: str | None, as_json: bool) -> None:
    """List the versions of a model, or the newest of every model."""
    with open_client(stack) as client:
        names = [model] if model else client.models()
        found = [version for name in names for version in client.model_versions(name)[: None if model else 1]]
    if as_json:
        emit_json([record_json(version.record) for version in found])
        return
    now = dt.datetime.now(dt.UTC)
    table(("model", "version", "aliases", "stage", "metrics", "made", "run"), [_row(each, now) for each in found])
    if not found:
        say('no models yet: @pipeline(model=Model("churn")) makes a version with each run')


def _row(version: ModelVersionView, now: dt.datetime) -> tuple[Any, ...]:
    return (
        version.model,
        version.version,
        ", ".join(version.aliases),
        version.stage,
        _numbers(version.metrics),
        ago(version.created_at, now),
        version.record.run_id,
    )


def _numbers(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.6g}" for name, value in list(metrics.items())[:4])


@group.command("show", example=["zen model show churn", "zen model show churn@champion --json"])
@click.argument("ref", metavar="MODEL[@VERSION]")
@stack_option
@json_option
def show(ref: str, stack: str | None, as_json: bool) -> None:
    """Show one version: what it was made from, how good it is, what it is called, what serves it.

    VERSION is a number, an alias, or `latest`, which is meant when there is none.
    """
    with open_client(stack) as client:
        version = client.model(ref)
        if as_json:
            emit_json({**record_json(version.record), "servings": [record_json(each) for each in version.servings]})
        else:
            _show(version)


def _show(version: ModelVersionView) -> None:
    servings = [f"{each.name}, since {moment(each.started_at)}" for each in version.servings if each.ended_at is None]
    fields(
        [
            ("model", f"{version.model} version {version.version}"),
            ("description", version.description),
            ("aliases", ", ".join(version.aliases)),
            ("stage", version.stage),
            ("made", moment(version.created_at)),
            ("run", version.record.run_id),
            ("artifact", version.record.artifact),
            ("type", version.artifact.type if version.record.artifact else ""),
            ("metrics", "\n".join(f"{name} = {value:.6g}" for name, value in version.metrics.items())),
            ("tags", "\n".join(f"{name} = {value}" for name, value in version.tags.items() if name != "stage")),
            ("metadata", "\n".join(f"{name} = {_short(value)}" for name, value in version.metadata.items())),
            ("serves as", "\n".join(servings)),
        ]
    )


def _short(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 200 else text[:199] + "…"


@group.command(
    "promote",
    example=["zen model promote churn 3 --alias champion", "zen model promote churn@challenger --stage production"],
)
@click.argument("ref", metavar="MODEL[@VERSION]")
@click.argument("version", required=False)
@click.option("--alias", metavar="NAME", help="The alias that names this version from now on.")
@click.option("--stage", type=click.Choice(["staging", "production"]), help="The stage that it moves to.")
@click.option("--reason", default="", help="Why, for the history.")
@stack_option
@json_option
def promote(
    ref: str, version: str | None, alias: str | None, stage: str | None, reason: str, stack: str | None, as_json: bool
) -> None:
    """Give a version an alias or a stage; it is taken from the version that had it."""
    with open_client(stack) as client:
        found = client.promote(f"{ref}@{version}" if version else ref, alias=alias, stage=stage, reason=reason)
    if as_json:
        emit_json(record_json(found.record))
    else:
        say(f"{found} is {alias or stage} now")


@group.command("unalias", example="zen model unalias churn challenger")
@click.argument("model")
@click.argument("alias")
@click.option("--reason", default="", help="Why, for the history.")
@stack_option
def unalias(model: str, alias: str, reason: str, stack: str | None) -> None:
    """Take an alias away from the version that has it."""
    with open_client(stack) as client:
        client.remove_alias(model, alias, reason=reason)
    say(f"no version of {model} is {alias} now")


@group.command("history", example="zen model history churn")
@click.argument("model")
@stack_option
@json_option
def history(model: str, stack: str | None, as_json: bool) -> None:
    """Show which version was what, and when, and why."""
    with open_client(stack) as client:
        client.model(model)
        events = client.model_history(model)
    if as_json:
        emit_json([record_json(event) for event in events])
        return
    rows = [
        (moment(each.at), each.alias, each.before or "-", each.version or "-", each.run_id or "by hand", each.reason)
        for each in events
    ]
    table(("at", "alias", "from", "to", "by run", "why"), rows)


@group.command("delete", example="zen model delete churn@2")
@click.argument("ref", metavar="MODEL@VERSION")
@stack_option
def delete(ref: str, stack: str | None) -> None:
    """Remove a version that no alias names and nothing serves. Its run and its artifact stay."""
    with open_client(stack) as client:
        client.delete_model_version(ref)
    say(f"{ref} is deleted")


@group.command(
    "deploy",
    example=["zen model deploy churn@champion", "zen model deploy churn@3 --name churn-canary --set port=9000"],
)
@click.argument("ref", metavar="MODEL[@VERSION]")
@click.option("--name", default="", help="The name of the endpoint; default the model's.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting for the deployer.")
@stack_option
@json_option
def deploy(ref: str, name: str, settings: tuple[str, ...], stack: str | None, as_json: bool) -> None:
    """Serve a version on the stack's model deployer. An endpoint that serves already gets the new version."""
    from zen.cli.deployment import ended, setting

    with open_client(stack) as client:
        version = client.model(ref)
        say(f"deploying {version} …")
        made = client.deploy(ref, name, dict(map(setting, settings)))
    if as_json:
        emit_json(record_json(made.record))
    elif made.state == "ready":
        fields([("deployment", made.name), ("serves", str(version)), ("state", made.state)])
        write(made.url)
    ended(made)
