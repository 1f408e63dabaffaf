"""What `zen doctor` finds about the stores of a stack; it changes nothing in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zen.cli.findings import Finding, of_error
from zen.cli.output import size

if TYPE_CHECKING:
    from zen.interfaces import MetadataStore
    from zen.stacks.opening import OpenStack
    from zen.storage.condition import Condition

_LITTLE_SPACE = 1 << 30
_RECOVER = "`zen doctor --recover FILE` saves what can be read into a new file"


def stores(opened: OpenStack) -> Iterator[Finding]:
    """Yield what is found about the metadata, the runs, the space and what was left over."""
    from zen.interfaces import MetadataStore

    store = opened.one(MetadataStore)  # type: ignore[type-abstract]  # mypy wants a concrete class
    yield from _guarded("metadata", lambda: _metadata(store))
    yield from _guarded("space", lambda: _space(opened, store))
    yield from _guarded("staging", lambda: _staging(opened))


def _guarded(name: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what the doctor tells; and it may be a plugin's
        yield of_error(name, error)


def _metadata(store: MetadataStore) -> Iterator[Finding]:
    from zen.storage.condition import condition

    if store.dialect != "sqlite":
        return
    found = condition(store)
    if found.faults:
        yield Finding(name="metadata", state="broken", detail="\n".join(found.faults), hint=_RECOVER)
        return
    yield Finding(name="metadata", detail=f"intact, {_schema(found)}, in {_place(store) or 'a database'}")
    yield _library(found)
    yield _runs(found.runs)


def _schema(found: Condition) -> str:
    behind = found.schema < found.newest
    return f"schema {found.schema}" + (f" (the next command brings it to {found.newest})" if behind else "")


def _library(found: Condition) -> Finding:
    detail = f"SQLite {found.library}, journal mode {found.journal}"
    if found.automatic:
        return Finding(
            name="sqlite",
            state="broken",
            detail=f"{detail}, automatic checkpoints are on",
            hint="end what changes the settings of zen's connection: a checkpoint beside a commit can damage the file",
        )
    if found.library_resets:
        detail += "; it can damage a file when a checkpoint overlaps a commit, which zen's lock prevents"
    return Finding(name="sqlite", detail=detail)


def _runs(runs: dict[str, int]) -> Finding:
    lost = runs.get("lost", 0)
    states = ", ".join(f"{runs.get(state, 0)} {state}" for state in ("running", "lost"))
    return Finding(
        name="runs",
        detail=f"{sum(runs.values())} recorded, {states}",
        hint="zen runs --state lost shows runs whose process died" if lost else "",
    )


def _space(opened: OpenStack, store: MetadataStore) -> Iterator[Finding]:
    places = {"metadata": _place(store), "artifacts": _place(opened.artifact_store)}
    for name, place in places.items():
        if place is None:
            continue
        usage = shutil.disk_usage(place.parent)
        little = usage.free < _LITTLE_SPACE
        yield Finding(
            name=f"space for {name}",
            state="warning" if little else "ok",
            detail=f"{size(usage.free)} of {size(usage.total)} free at {place}",
            hint="make space on that disk: a run that finds none fails" if little else "",
        )


def _place(store: Any) -> Path | None:
    """Return the file or folder of a store of this machine."""
    place = getattr(store, "path", None) or getattr(store, "folder", None)
    return place if isinstance(place, Path) else None


def _staging(opened: OpenStack) -> Iterator[Finding]:
    """Find what processes that died were about to store."""
    from zen.storage import FileLock

    folder = _place(opened.artifact_store)
    if folder is None or not (folder / "staging").is_dir():
        return
    left = []
    for lock in [FileLock(file) for file in (folder / "staging").glob("*.lock")]:
        if lock.try_acquire():
            left.append(lock.path.name.removesuffix(".lock"))
            lock.release()
    files = [file for owner in left for file in (folder / "staging" / owner).rglob("*") if file.is_file()]
    taken = sum(file.stat().st_size for file in files)
    detail = (
        f"{len(files)} files of {len(left)} dead processes, {size(taken)}: removed when a day old" if files else "clean"
    )
    yield Finding(name="staging", detail=detail)
