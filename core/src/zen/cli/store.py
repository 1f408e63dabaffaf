"""`zen store`: what the stores hold, whether it is sound, and what is not needed any more."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from zen.cli.counting import Counting
from zen.cli.group import Group, json_option
from zen.cli.output import emit_json, fields, say, size, table, write
from zen.cli.session import open_client, stack_option

if TYPE_CHECKING:
    from zen.engine.collecting import Amount, Collection
    from zen.engine.verifying import Fault, Verification

_UNITS = {"": "days", "s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _span(_ctx: click.Context, _parameter: click.Parameter, value: str) -> dt.timedelta:
    """Read a span of time, such as `14d`, `12h` or `0`; a number alone is days."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?) ?(s|min|h|d|w|)", value)
    if not found:
        raise click.BadParameter(f"{value!r} is no span of time; give one such as 14d, 12h, 30min or 0")
    return dt.timedelta(**{_UNITS[found[2]]: float(found[1])})


def _share(_ctx: click.Context, _parameter: click.Parameter, value: str) -> float:
    """Read a share, such as `10%` or `0.1`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+) ?(%?)", value)
    share = float(found[1]) / (100 if found[2] else 1) if found else 0.0
    if not 0 < share <= 1:
        raise click.BadParameter(f"{value!r} is no share; give one such as 10%")
    return share


@click.group(
    cls=Group,
    name="store",
    example=["zen store", "zen store verify --sample 10%", "zen store gc", "zen store gc --delete"],
)
@stack_option
@json_option
@click.pass_context
def group(ctx: click.Context, /, stack: str | None, as_json: bool) -> None:
    """Show what the stores hold, verify it, and collect garbage."""
    if ctx.invoked_subcommand is not None:
        return
    with open_client(stack) as client:
        found = client.store.info()
    if as_json:
        emit_json(asdict(found))
        return
    fields(
        [
            ("metadata", found.metadata),
            ("artifacts", found.artifacts),
            ("state", found.state),
            ("runs", found.runs),
            ("versions", found.versions),
            ("small objects", _amount(found.small, found.small_bytes)),
            ("large objects", _amount(found.large, found.large_bytes)),
            ("quarantine", _amount(found.quarantined, found.quarantined_bytes) if found.quarantined else ""),
        ]
    )


@group.command(
    "verify", example=["zen store verify", "zen store verify --sample 10% --json", "zen store verify --quarantine"]
)
@click.option("--sample", callback=_share, default="100%", metavar="SHARE", help="Read only so many, chosen at random.")
@click.option("--quarantine", is_flag=True, help="Move damaged objects aside, so that saving the value heals it.")
@stack_option
@json_option
def verify(sample: float, quarantine: bool, stack: str | None, as_json: bool) -> int:
    """Read the stored objects, compare them with their digests, and see that none is missing.

    Exits with 1 when something is wrong. What was found until Ctrl-C is shown.
    """
    from zen.engine.verifying import Verification

    found, complete = Verification(), False
    with open_client(stack) as client:
        try:
            with Counting() as counting:

                def tell(done: int, total: int, read: int) -> None:
                    counting.tell(f"{done} of {total} objects, {size(read)} read, {len(found.faults)} faults")

                client.store.verify(found, sample=sample, quarantine=quarantine, tell=tell)
            complete = True
        finally:
            _show_verification(found, complete=complete, as_json=as_json)
    return 1 if found.faults else 0


def _show_verification(found: Verification, *, complete: bool, as_json: bool) -> None:
    if as_json:
        emit_json({"ok": not found.faults, "complete": complete, **asdict(found)})
        return
    if found.faults:
        table(("object", "problem", "artifacts", "runs", "moved to"), [_fault_row(fault) for fault in found.faults])
    count = len(found.faults)
    said = "all right" if not count else f"{count} of them {'is' if count == 1 else 'are'} missing or damaged"
    say(f"{found.read} of {found.objects} objects read, {size(found.bytes)}: {said}")
    if not complete:
        say("that is not all: the verification did not come to its end")
    if count:
        say("run the steps that made them again with the cache off; saving the same value heals an object")


def _fault_row(fault: Fault) -> tuple[str, ...]:
    runs = [run[:8] for run in fault.runs if run]
    return (fault.digest[:19], fault.problem, _some(fault.artifacts), _some(runs), fault.quarantined)


def _some(names: Any, most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@group.command(
    "gc",
    example=["zen store gc", "zen store gc --delete", "zen store gc --delete --grace 0", "zen store gc --quarantine"],
)
@click.option("--delete", is_flag=True, help="Do it: delete what would go.")
@click.option("--quarantine", is_flag=True, help="Do it, but move large objects aside instead of deleting them.")
@click.option(
    "--grace",
    callback=_span,
    default="14d",
    show_default=True,
    metavar="TIME",
    help="Spare large objects younger than it.",
)
@stack_option
@json_option
def collect(delete: bool, quarantine: bool, grace: dt.timedelta, stack: str | None, as_json: bool) -> None:
    """Find what nothing names any more: the bytes of deleted runs, of failed and of killed ones.

    Says what would go, and with --delete it goes. What a run is about to name is never garbage, so this may run beside
    runs. `--grace 0` also takes objects of which the store does not tell how old they are.
    """
    from zen.errors import UsageError

    if delete and quarantine:
        raise UsageError("--delete and --quarantine exclude each other", hint="give one of them")
    with open_client(stack) as client, Counting() as counting:
        found = client.store.collect(
            grace=grace,
            delete=delete,
            quarantine=quarantine,
            tell=lambda what, count: counting.tell(f"{count} objects {what}"),
        )
    if as_json:
        emit_json(asdict(found))
    else:
        _show_collection(found)


def _show_collection(found: Collection) -> None:
    gone = "moved aside" if found.quarantine else "deleted" if found.removed else "would go"
    rows: list[tuple[str, Amount, str]] = [
        ("named", found.named, "kept"),
        ("held by a run that is about to name them", found.held, "kept"),
        ("not named, younger than the grace period", found.young, "kept"),
        ("not named, of unknown age", found.ageless, "kept"),
        ("not named", found.garbage, gone),
        ("in quarantine since the last grace period", found.emptied, "deleted" if found.removed else "would go"),
    ]
    shown = [(what, amount.count, size(amount.bytes), fate) for what, amount, fate in rows if amount.count]
    table(("objects", "count", "size", ""), shown)
    if found.leftovers:
        write("")
        fate = "deleted" if found.removed else "would go"
        table(("file", "is", "size", ""), [(each.path, each.what, size(each.bytes), fate) for each in found.leftovers])
    for digest in found.lost:
        say(f"warning: the snapshot {digest} of a run is not in the store; what only it listed is not named")
    if found.unfinished:
        say("so much was recorded meanwhile that some was left; start it again")
    if not found.removed and (found.garbage.count or found.emptied.count or found.leftovers):
        say("nothing was deleted; --delete does it")


def _amount(count: int, total: int) -> str:
    return f"{count} ({size(total)})"
