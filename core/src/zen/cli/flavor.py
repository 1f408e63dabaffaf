"""`zen flavor`: what a stack can be made of."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

import click

from zen.cli.group import Group, json_option
from zen.cli.output import emit_json, fields, say, table, write

if TYPE_CHECKING:
    from zen.registry import LoadedFlavor

    ParamType = click.ParamType[str]
else:
    ParamType = click.ParamType  # click before 8.5 has no type argument for it

group = Group(
    name="flavor",
    help="List and describe what a stack can be made of.",
    example=["zen flavor list", "zen flavor describe experiment_tracker mlflow"],
)


def _kinds() -> tuple[str, ...]:
    from zen.records import Kind

    return typing.get_args(Kind)


class KindName(ParamType):
    """The name of a kind of component; `-` counts as `_`."""

    name = "kind"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the kind of that name."""
        from zen.errors import UsageError, listing, nearest

        kind = value.replace("-", "_")
        if kind not in _kinds():
            raise UsageError(
                f"no kind of component {value!r}; there are: {listing(_kinds())}", hint=nearest(kind, _kinds())
            )
        return kind

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        """Complete the names of the kinds."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(kind) for kind in _kinds() if kind.startswith(incomplete)]


@group.command("list", example=["zen flavor list", "zen flavor list orchestrator --json"])
@click.argument("kind", type=KindName(), required=False)
@json_option
def list_flavors(kind: str | None, as_json: bool) -> None:
    """List the flavors of the installed plugins, all or those of one KIND of component.

    Imports the light module of each plugin, never a tool. A plugin that cannot be loaded is named on stderr.
    """
    from zen.cli.session import open_registry

    loaded, problems = open_registry().flavors(kind)
    loaded.sort(key=lambda found: (_kinds().index(found.flavor.kind), found.flavor.name, found.distribution))
    if as_json:
        emit_json([flavor_json(found) for found in loaded])
    else:
        rows = [(each.flavor.kind, each.flavor.name, each.flavor.summary, each.distribution) for each in loaded]
        table(("kind", "flavor", "summary", "plugin"), rows)
    for problem in problems:
        say(f"problem: {problem}")


@group.command("describe", example=["zen flavor describe orchestrator local", "zen flavor describe artifact_store s3"])
@click.argument("kind", type=KindName())
@click.argument("name")
@json_option
def describe(kind: str, name: str, as_json: bool) -> None:
    """Describe a flavor: where it comes from and the settings it takes in zen.yaml."""
    from zen.cli.session import open_registry
    from zen.cli.settings import settings_of

    registry = open_registry()
    found = registry.flavor(kind, name)
    settings = settings_of(registry.config_class(found))
    if as_json:
        emit_json({**flavor_json(found), "settings": settings})
        return
    flavor = found.flavor
    fields(
        [
            ("flavor", f"{flavor.name} ({flavor.kind})"),
            ("summary", flavor.summary),
            ("plugin", f"{found.distribution} {found.version}"),
            ("docs", flavor.docs),
        ]
    )
    write("")
    if settings:
        table(("setting", "type", "default", "summary"), [tuple(setting.values()) for setting in settings])
    else:
        write("It takes no settings.")


def flavor_json(found: LoadedFlavor) -> dict[str, Any]:
    """Return the JSON form of a flavor."""
    flavor = found.flavor
    return {
        "kind": flavor.kind,
        "name": flavor.name,
        "summary": flavor.summary,
        "docs": flavor.docs,
        "distribution": found.distribution,
        "version": found.version,
    }
