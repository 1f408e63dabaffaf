"""Deleting the records of runs, unless something is left that came from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zen.errors import RunError, UsageError, WriteConflict, listing
from zen.interfaces import Change
from zen.records.codec import record
from zen.storage.database import Database
from zen.storage.holding import marks

MOST = 400
"""How many runs are deleted at once."""
_OPEN = "('pending', 'running')"
_TRIES = 10

# Each lists what still counts on some of the runs; `{runs}` stands for them.
_REASONS = {
    "step {1!r} of run {0!r} uses its artifact {2!r}": (
        "SELECT a.run, r.name, s.name, a.name FROM edge e JOIN step_run s ON s.id = e.step_run"
        " JOIN artifact a ON a.id = e.artifact JOIN run r ON r.id = s.run"
        " WHERE a.run IN ({runs}) AND s.run NOT IN ({runs}) ORDER BY s.started_at LIMIT 20"
    ),
    "model {0} version {1} comes from it": (
        "SELECT CASE WHEN m.run IN ({runs}) THEN m.run ELSE (SELECT run FROM artifact WHERE id = m.artifact) END,"
        " m.model, m.version FROM model_version m WHERE m.deleted_at IS NULL AND (m.run IN ({runs})"
        " OR m.artifact IN (SELECT id FROM artifact WHERE run IN ({runs}))) ORDER BY m.model, m.version LIMIT 20"
    ),
    # Those with outputs are found above.
    "step {1!r} of run {0!r} takes its result": (
        "SELECT t.run, r.name, s.name FROM step_run s"
        " JOIN step_run t ON s.detail LIKE '%\"source\":\"' || t.id || '\"%'"
        " JOIN run r ON r.id = s.run WHERE s.state = 'cached' AND t.run IN ({runs}) AND s.run NOT IN ({runs})"
        " AND NOT EXISTS (SELECT 1 FROM edge e WHERE e.step_run = s.id AND e.direction = 'out')"
        " ORDER BY s.started_at LIMIT 20"
    ),
    "the plan of run {0!r} names its artifact {1!r}": (
        "SELECT a.run, r.name, a.name FROM artifact a JOIN plan p ON p.body LIKE '%\"' || a.id || '\"%'"
        " JOIN run r ON r.plan = p.digest WHERE a.run IN ({runs}) AND r.id NOT IN ({runs}) LIMIT 20"
    ),
}

# What is deleted of each run, in an order that keeps what still refers to a row until then.
_STEPS = "(SELECT id FROM step_run WHERE run IN ({runs}))"
_ARTIFACTS = "(SELECT id FROM artifact WHERE run IN ({runs}))"
_DELETED = (
    f"DELETE FROM cache_entry WHERE step_run IN {_STEPS}",
    f"DELETE FROM param WHERE step_run IN {_STEPS}",
    f"DELETE FROM metric WHERE step_run IN {_STEPS}",
    f"DELETE FROM log WHERE step_run IN {_STEPS}",
    f"DELETE FROM fact WHERE owner IN ({{runs}}) OR owner IN {_STEPS} OR owner IN {_ARTIFACTS}",
    f"DELETE FROM edge WHERE step_run IN {_STEPS}",
    "DELETE FROM artifact WHERE run IN ({runs})",
    "DELETE FROM step_run WHERE run IN ({runs})",
    "DELETE FROM run_tag WHERE run IN ({runs})",
    "DELETE FROM hold WHERE run IN ({runs})",
)


@record()
class Reason:
    """Why a run cannot be deleted."""

    run: str
    text: str


@record()
class _Counts:
    """What could have changed between looking and deleting, when no run is open."""

    runs: int
    steps: int
    artifacts: int
    versions: int


def reasons(database: Database, runs: Sequence[str]) -> list[Reason]:
    """Return why some of these runs cannot be deleted together."""
    found = []
    for text, sql in _REASONS.items():
        for row in database.read(*_filled(sql, runs)):
            found.append(Reason(run=str(row[0]), text=text.format(*row[1:])))  # noqa: PERF401  # the query is the loop
    return found


def delete(database: Database, runs: Sequence[str]) -> None:
    """Delete the records of runs, in one transaction; their bytes go with the next garbage collection.

    Raises:
        UsageError: For too many runs at once.
        RunError: When something counts on one of them, or while any run is open: it may be about to take a result.
    """
    if len(runs) > MOST:
        raise UsageError(f"{len(runs)} runs are too many to delete at once", hint=f"delete at most {MOST} at a time")
    for _ in range(_TRIES):
        counts = _counts(database)
        _refuse(database, runs)
        try:
            database.write([*_guards(counts), *_deletions(runs)])
        except WriteConflict:  # something was recorded meanwhile
            continue
        return
    raise RunError("runs begin and end too fast to delete any", hint="try again when fewer do")


def _refuse(database: Database, runs: Sequence[str]) -> None:
    # First: what an open run takes may be recorded after it was looked for, and before the run ends.
    others = [run.name for run, _ in database.open_runs()]
    if others:
        raise RunError(
            f"nothing can be deleted while runs are open, which may be about to take a result: {listing(others)}",
            hint="wait for their end; `zen runs --state running` shows them",
        )
    found = reasons(database, runs)
    if found:
        raise RunError(
            f"run {found[0].run} cannot be deleted: {listing({each.text for each in found})}",
            hint="delete what comes from it first, or together with it",
            reasons=tuple(found),
        )


def _counts(database: Database) -> _Counts:
    [row] = database.read(f"SELECT {_COUNTS}")
    return _Counts(runs=int(row[0]), steps=int(row[1]), artifacts=int(row[2]), versions=int(row[3]))


_COUNTS = (
    "(SELECT COUNT(*) FROM run), (SELECT COUNT(*) FROM step_run), (SELECT COUNT(*) FROM artifact),"
    " (SELECT COUNT(*) FROM model_version WHERE deleted_at IS NULL)"
)


def _guards(counts: _Counts) -> Iterator[Change]:
    yield Change(sql="INSERT INTO counter (name, value) VALUES ('deletions', 0) ON CONFLICT (name) DO NOTHING")
    yield Change(
        sql=(
            f"UPDATE counter SET value = value + 1 WHERE name = 'deletions' AND ({_COUNTS}) = (?, ?, ?, ?)"
            f" AND NOT EXISTS (SELECT 1 FROM run WHERE state IN {_OPEN})"
        ),
        parameters=(counts.runs, counts.steps, counts.artifacts, counts.versions),
        expect=1,
    )


def _deletions(runs: Sequence[str]) -> Iterator[Change]:
    for sql in _DELETED:
        yield _change(sql, runs)
    yield _change("DELETE FROM run WHERE id IN ({runs})", runs, expect=len(runs))
    yield Change(sql="DELETE FROM plan WHERE digest NOT IN (SELECT plan FROM run)")


def _change(sql: str, runs: Sequence[str], expect: int | None = None) -> Change:
    text, parameters = _filled(sql, runs)
    return Change(sql=text, parameters=parameters, expect=expect)


def _filled(sql: str, runs: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    count = sql.count("{runs}")
    return sql.replace("{runs}", marks(runs)), tuple(runs) * count
