"""`zen artifact trust` and `distrust`: whose word lets an artifact from elsewhere be loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from zen.cli.group import Command, json_option
from zen.cli.output import emit_json, moment, say, table, write
from zen.cli.session import open_client, stack_option

if TYPE_CHECKING:
    from zen.storage.pins import Pin


@click.command(
    "trust",
    cls=Command,
    example=[
        "zen artifact trust model --reason 'made by Ada, digest compared by phone'",
        "zen artifact trust --list",
    ],
)
@click.argument("artifact", metavar="[ARTIFACT]", required=False, default="")
@click.option("--reason", metavar="TEXT", default="", help="How you know who made it; is recorded.")
@click.option("--version", type=click.IntRange(min=1), help="Which version of a name; default the newest.")
@click.option("--list", "listing", is_flag=True, help="List for what somebody vouches.")
@stack_option
@json_option
def trust(artifact: str, reason: str, version: int | None, listing: bool, stack: str | None, as_json: bool) -> None:
    """Vouch for an imported artifact: it loads from now on, although that can run any code.

    A digest proves that the bytes are the same, not that they are safe: who made them is for you to know. The decision
    is recorded with your name and the time, and holds for the same bytes wherever they are in this store.

    ARTIFACT is a name, `name@version`, an id, or the start of an id.
    """
    from zen.errors import UsageError

    if bool(artifact) == listing:
        raise UsageError("give an artifact, or --list", hint="zen artifact trust model --reason 'from Ada'")
    with open_client(stack) as client:
        if listing:
            _list(client.pins(), as_json)
            return
        pin = client.artifact(artifact, version).trust(reason)
        forbidden = client.stack.settings.get("pickle") == "forbid"
    if as_json:
        emit_json(pin_json(pin))
    else:
        write(f"{pin.digest} is trusted by {pin.who}: {pin.reason}")
    if forbidden:
        say(f"stack {client.stack.name!r} says `pickle: forbid`, so pickles still do not load on it")


@click.command("distrust", cls=Command, example="zen artifact distrust model")
@click.argument("artifact", metavar="ARTIFACT")
@click.option("--version", type=click.IntRange(min=1), help="Which version of a name; default the newest.")
@stack_option
def distrust(artifact: str, version: int | None, stack: str | None) -> None:
    """Take back that somebody vouches for an artifact.

    ARTIFACT is a name, `name@version`, an id, or the start of an id.
    """
    with open_client(stack) as client:
        found = client.artifact(artifact, version)
        had = found.distrust()
    say(f"{found.name} version {found.version} is not trusted {'any more' if had else ', and was not before'}")


def _list(pins: list[Pin], as_json: bool) -> None:
    if as_json:
        emit_json([pin_json(pin) for pin in pins])
        return
    table(("digest", "who", "when", "reason"), [(pin.digest, pin.who, moment(pin.at), pin.reason) for pin in pins])
    if not pins:
        say("nobody vouches for anything")


def pin_json(pin: Pin) -> dict[str, Any]:
    """Return the JSON form of a pin."""
    return {"digest": pin.digest, "who": pin.who, "at": pin.at.isoformat() if pin.at else None, "reason": pin.reason}
