"""What is timed: groups of cases, and the order in which one working folder goes through them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Case:
    """Something that is timed with every tool that can do it.

    Attributes:
        name: What results call it.
        group: What `--only` calls it and its like.
        summary: What tables call it.
    """

    name: str
    group: str
    summary: str


CASES = (
    Case(name="help", group="start-up", summary="`--help`"),
    Case(name="list-stacks", group="start-up", summary="list stacks or pipelines"),
    Case(name="list-runs", group="start-up", summary="list runs"),
    Case(name="import", group="start-up", summary="import the pipeline API"),
    Case(name="three-steps", group="three-steps", summary="3 steps, first run"),
    Case(name="chain-3", group="chain", summary="chain of 3"),
    Case(name="cached-3", group="chain", summary="… again, all cached"),
    Case(name="chain-100", group="chain", summary="chain of 100"),
    Case(name="cached-100", group="chain", summary="… again, all cached"),
)
GROUPS = tuple(dict.fromkeys(case.group for case in CASES))

# Each line begins with the store as it was prepared, and goes on with what its own commands left there.
SEQUENCES = (
    ("help",),
    ("list-stacks",),
    ("list-runs",),
    ("import",),
    ("three-steps",),
    ("chain-3", "cached-3"),
    ("chain-100", "cached-100"),
)


def sequences(groups: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the sequences of those groups."""
    chosen = set(groups)
    names = {case.name for case in CASES if case.group in chosen}
    return [sequence for sequence in SEQUENCES if names.issuperset(sequence)]
