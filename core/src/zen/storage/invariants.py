"""What the database itself refuses, whoever writes to it: finished records and lineage do not change.

One table of rules, in the words of each dialect. A rule looks only at the row and at rows that are there before it, so
the order of a batch matters: runs before their steps, steps before their artifacts, artifacts before their edges.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

_OPEN = "('pending', 'running')"
_PRODUCER = "(SELECT step_run FROM artifact WHERE id = NEW.artifact)"


class Invariant(NamedTuple):
    """A rule: `event` on `table` is refused with `message` when `refused` holds of OLD and NEW."""

    name: str
    table: str
    event: str
    refused: str
    message: str


INVARIANTS = (
    Invariant(
        "run_goes_on",
        "run",
        "UPDATE OF state",
        f"OLD.state NOT IN {_OPEN} AND NEW.state <> OLD.state AND (OLD.state = 'completed' OR NEW.state <> 'running')",
        "a run that is over only goes on, and a completed one does not",
    ),
    Invariant(
        "run_is_kept",
        "run",
        "UPDATE OF id, name, pipeline, stack, plan, snapshot, created_at",
        "1 = 1",
        "what a run was started as does not change",
    ),
    Invariant(
        "step_run_is_kept",
        "step_run",
        "UPDATE",
        f"OLD.state NOT IN {_OPEN}",
        "a finished step run does not change",
    ),
    Invariant(
        "artifact_is_kept",
        "artifact",
        "UPDATE OF id, name, version, digest, type, manifest, run, step_run, output, created_at",
        "1 = 1",
        "an artifact does not change",
    ),
    Invariant(
        "artifact_has_origin",
        "artifact",
        "INSERT",
        "(NEW.run <> '' AND NOT EXISTS (SELECT 1 FROM run WHERE id = NEW.run))"
        " OR (NEW.step_run <> '' AND NOT EXISTS"
        " (SELECT 1 FROM step_run WHERE id = NEW.step_run AND run = NEW.run))",
        "an artifact names the run and the step run that made it",
    ),
    Invariant("edge_is_kept", "edge", "UPDATE", "1 = 1", "lineage does not change"),
    Invariant(
        "edge_takes_earlier",
        "edge",
        "INSERT",
        f"NEW.direction = 'in' AND {_PRODUCER} = NEW.step_run",
        "a step run does not take what it made itself",
    ),
    Invariant(
        "edge_gives_own",
        "edge",
        "INSERT",
        f"NEW.direction = 'out' AND {_PRODUCER} <> NEW.step_run"
        " AND NOT EXISTS (SELECT 1 FROM step_run WHERE id = NEW.step_run AND state = 'cached')",
        "a step run gives what it made itself, unless it was cached",
    ),
    Invariant(
        "cache_entry_is_completed",
        "cache_entry",
        "INSERT",
        "NOT EXISTS (SELECT 1 FROM step_run WHERE id = NEW.step_run AND state = 'completed')",
        "the cache holds completed step runs",
    ),
)


def statements(dialect: Literal["sqlite", "postgresql"]) -> tuple[str, ...]:
    """Return the statements that make the database keep the rules."""
    make = _sqlite if dialect == "sqlite" else _postgresql
    return tuple(statement for rule in INVARIANTS for statement in make(rule))


def _sqlite(rule: Invariant) -> tuple[str, ...]:
    return (
        f"CREATE TRIGGER {rule.name} BEFORE {rule.event} ON {rule.table} WHEN {rule.refused}"
        f" BEGIN SELECT RAISE(ABORT, '{rule.message}'); END",
    )


def _postgresql(rule: Invariant) -> tuple[str, ...]:
    return (
        f"CREATE FUNCTION {rule.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {rule.refused}"
        f" THEN RAISE EXCEPTION '{rule.message}' USING ERRCODE = '23000'; END IF; RETURN NEW; END $$",
        f"CREATE TRIGGER {rule.name} BEFORE {rule.event} ON {rule.table} FOR EACH ROW EXECUTE FUNCTION {rule.name}()",
    )
