"""Runs that belong together: those that bear the tag of a group."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from zen.records import RunRecord
from zen.storage import rows
from zen.storage.database import Database

GROUP_TAG = "group:"
"""What the tag of a group begins with; its name follows."""
REPRODUCES = "reproduces:"
"""What the tag of a run begins with that repeats another one; the id of that one follows."""
_LARGEST = 2**62


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """A group of runs in few words.

    Attributes:
        name: What it is called.
        pipelines: The pipelines of its runs.
        states: How many runs are in which state.
        started_at: When its first run started.
        finished_at: When the last of its runs that are over ended.
    """

    name: str
    pipelines: tuple[str, ...] = ()
    states: dict[str, int] = field(default_factory=dict)
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None

    @property
    def runs(self) -> int:
        """How many runs it has."""
        return sum(self.states.values())


def groups(database: Database) -> list[Group]:
    """Return all groups, the one that began last first."""
    found = database.read(
        "SELECT t.tag, r.pipeline, r.state, COUNT(*), MIN(r.started_at), MAX(r.finished_at) FROM run_tag t"
        " JOIN run r ON r.id = t.run WHERE SUBSTR(t.tag, 1, ?) = ?"
        " GROUP BY t.tag, r.pipeline, r.state ORDER BY t.tag, r.pipeline, r.state",
        (len(GROUP_TAG), GROUP_TAG),
    )
    by_tag: dict[str, list[tuple[str, str, int, int | None, int | None]]] = {}
    for tag, *rest in found:
        by_tag.setdefault(tag, []).append((rest[0], rest[1], rest[2], rest[3], rest[4]))
    made = [_group(tag.removeprefix(GROUP_TAG), parts) for tag, parts in by_tag.items()]
    return sorted(made, key=lambda group: (group.started_at is not None, group.started_at, group.name), reverse=True)


def runs_of(database: Database, name: str) -> list[RunRecord]:
    """Return the runs of a group in the order in which they were made."""
    return database.runs(limit=_LARGEST, tag=f"{GROUP_TAG}{name}")[::-1]


def _group(name: str, parts: list[tuple[str, str, int, int | None, int | None]]) -> Group:
    states: dict[str, int] = {}
    for _, state, count, _, _ in parts:
        states[state] = states.get(state, 0) + count
    return Group(
        name=name,
        pipelines=tuple(dict.fromkeys(pipeline for pipeline, *_ in parts)),
        states=states,
        started_at=rows.time(min((part[3] for part in parts if part[3] is not None), default=None)),
        finished_at=rows.time(max((part[4] for part in parts if part[4] is not None), default=None)),
    )
