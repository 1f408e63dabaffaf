"""`zen doctor --recover FILE`: save what can be read of damaged metadata, and say what to do with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zen.cli.output import emit_json, record_json, say, table
from zen.cli.session import open_project, open_registry

if TYPE_CHECKING:
    from zen.interfaces import Recovery


def recover(target: Path, *, as_json: bool) -> int:
    """Recover the metadata of the active stack into a new file, and return the exit code.

    Raises:
        UsageError: When the file is there already.
        StorageError: When the stack's metadata store offers no recovery.
    """
    from zen.interfaces import MetadataStore
    from zen.stacks import active_stack, resolve
    from zen.stacks.opening import OpenStack
    from zen.storage.recovery import recover as save

    project = open_project()
    registry = open_registry(project)
    target = target.expanduser().absolute()
    with OpenStack(resolve(project, registry, active_stack(project, None)), project, registry) as opened:
        store = opened.unopened(MetadataStore)  # type: ignore[type-abstract]  # mypy wants a concrete class
        recovery = save(store, opened, target)
    damaged = str(getattr(store, "path", "the metadata store"))
    if as_json:
        emit_json(_json(recovery, damaged, target))
    else:
        _show(recovery, damaged, target)
    return 0


def _json(recovery: Recovery, damaged: str, target: Path) -> dict[str, Any]:
    tables = [record_json(each) for each in recovery.tables]
    whole = all(each.lost == 0 and each.orphans == 0 for each in recovery.tables)
    return {**record_json(recovery), "tables": tables, "damaged": damaged, "file": str(target), "whole": whole}


def _show(recovery: Recovery, damaged: str, target: Path) -> None:
    table(
        ("table", "saved", "lost", "dropped"),
        [(each.name, each.saved, "?" if each.lost is None else each.lost, each.orphans) for each in recovery.tables],
    )
    for note in recovery.notes:
        say(f"found: {note}")
    if any(each.lost is None for each in recovery.tables):
        say("lost is ? where nobody can tell how many rows there were")
    if any(each.orphans for each in recovery.tables):
        say("dropped are rows that could be read, but refer to rows that are lost")
    say(f"\n{damaged} was only read; what could be saved is in {target}. To go on with it:")
    say("  1. end every process of zen that works in this project")
    say(f"  2. move {damaged}, and the files beside it that end in -wal and -shm, to another folder, and keep them")
    say(f"  3. move {target} to {damaged}")
    say("  4. run `zen doctor`")
