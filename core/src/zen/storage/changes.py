"""Every write, as changes: pure functions from records to statements.

A transition of a state is a compare-and-set: it expects exactly one row, in the state and under the fencing token that
the writer knows. Whoever lost gets `WriteConflict`, and nothing of the batch is kept.

What people, plugins and code say passes the last gate here, where secrets in it are masked. Plans, bytes and ids are no
such text.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zen.identity import dumps
from zen.interfaces import Change
from zen.records import ArtifactRecord, LogLine, MetricPoint, Plan, RunRecord, StepRunRecord, to_json
from zen.secrets.recorded import masked
from zen.secrets.redaction import redactor
from zen.storage.rows import artifact_detail, micros, run_detail, step_detail

_OPEN = "('pending', 'running')"


def insert_run(run: RunRecord, plan: Plan, body: str, *, token: str) -> list[Change]:
    """Record a new run with its plan (`body` is the plan as JSON text, `run.plan` its digest)."""
    run = masked(run)
    return [
        Change(
            sql="INSERT INTO plan (digest, body) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
            parameters=(run.plan, body),
        ),
        Change(
            sql=(
                "INSERT INTO run (id, name, pipeline, state, stack, plan, snapshot, created_at, started_at,"
                " finished_at, token, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            ),
            parameters=(
                run.id,
                run.name,
                run.pipeline,
                run.state,
                run.stack,
                run.plan,
                run.snapshot,
                micros(run.created_at),
                micros(run.started_at),
                micros(run.finished_at),
                token,
                run_detail(run),
            ),
            expect=1,
        ),
        *(
            Change(sql="INSERT INTO run_tag (run, tag) VALUES (?, ?)", parameters=(run.id, tag))
            for tag in dict.fromkeys(run.tags)
        ),
    ]


def unless_collected(collections: int) -> Change:
    """Go on only if no objects were removed since the counter `collections` stood there."""
    return Change(
        sql="UPDATE counter SET value = value WHERE name = 'collections' AND value = ?",
        parameters=(collections,),
        expect=1,
    )


def while_recorded(run_id: str) -> Change:
    """Go on only if a run is still recorded, and with it all that it names."""
    return Change(sql="UPDATE run SET stop = stop WHERE id = ?", parameters=(run_id,), expect=1)


def update_run(run: RunRecord, *, token: str) -> Change:
    """Record a run's state, times and detail, if it is still open and the token is still ours."""
    return Change(
        sql=(
            "UPDATE run SET state = ?, started_at = ?, finished_at = ?, detail = ?"
            f" WHERE id = ? AND token = ? AND state IN {_OPEN}"
        ),
        parameters=(run.state, micros(run.started_at), micros(run.finished_at), run_detail(run), run.id, token),
        expect=1,
    )


def amend_run(run: RunRecord, *, token: str) -> Change:
    """Record more detail of a run that is over, such as a warning of what watched its end; its state stays."""
    return Change(
        sql="UPDATE run SET detail = ? WHERE id = ? AND token = ?",
        parameters=(run_detail(run), run.id, token),
        expect=1,
    )


def reopen_run(run: RunRecord, *, token: str) -> Change:
    """Let a run that did not complete go on, under a new token; of two who try, one does."""
    return Change(
        sql=(
            "UPDATE run SET state = ?, token = ?, finished_at = NULL, stop = '', detail = ?"
            " WHERE id = ? AND state IN ('failed', 'cancelled', 'lost')"
        ),
        parameters=(run.state, token, run_detail(run), run.id),
        expect=1,
    )


def renew_lease(run_id: str, *, until: dt.datetime, token: str) -> Change:
    """Say until when other machines may take a run for alive, if it is still open and the token is still ours."""
    return Change(
        sql=f"UPDATE run SET lease = ? WHERE id = ? AND token = ? AND state IN {_OPEN}",
        parameters=(micros(until), run_id, token),
        expect=1,
    )


def lose_run(run_id: str, *, at: dt.datetime, token: str, lease: dt.datetime | None = None) -> list[Change]:
    """Record that a run's process is gone: it and its open step runs become `lost`; `token` shuts out the old owner.

    With the `lease` that was found to be over, it is refused if the run has given a sign of life since.
    """
    seen = "AND lease = ?" if lease is not None else ""
    return [
        Change(
            sql=f"UPDATE run SET state = 'lost', finished_at = ?, token = ? WHERE id = ? AND state IN {_OPEN} {seen}",
            parameters=(micros(at), token, run_id, *((micros(lease),) if lease is not None else ())),
            expect=1,
        ),
        Change(
            sql=f"UPDATE step_run SET state = 'lost', finished_at = ? WHERE run = ? AND state IN {_OPEN}",
            parameters=(micros(at), run_id),
        ),
    ]


def ask_to_stop(run_id: str, reason: str, *, run_token: str) -> Change:
    """Ask every process of a run to start nothing more and to end what runs, if the run is still ours."""
    sql = "UPDATE run SET stop = ? WHERE id = ? AND token = ? AND stop = ''"
    return Change(sql=sql, parameters=(redactor.text(reason), run_id, run_token))


def claim_step(step: StepRunRecord, *, token: str, run_token: str, stale: str = "") -> Change:
    """Start an attempt, unless somebody else has, or the run is no longer ours.

    Nor is it started while another one with its cache key runs, or once that has a result: `stale` is the step run
    whose result was found wanting.
    """
    key = step.cache.key if step.cache is not None else ""
    return Change(
        sql=(
            "INSERT INTO step_run (id, run, name, attempt, state, started_at, finished_at, token, detail, cache_key)"
            " SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
            " WHERE EXISTS (SELECT 1 FROM run WHERE id = ? AND token = ? AND state = 'running')"
            " AND NOT EXISTS (SELECT 1 FROM cache_entry c JOIN step_run s ON s.id = c.step_run"
            " WHERE c.key = ? AND c.step_run <> ? AND s.state = 'completed')"
            " ON CONFLICT DO NOTHING"
        ),
        parameters=(*_step_values(step, token), key, step.run_id, run_token, key, stale),
        expect=1,
    )


def insert_final_step(step: StepRunRecord, *, run_token: str) -> list[Change]:
    """Record a step that never ran (`cached`, `skipped`, `cancelled`), if the run is still ours.

    Somebody's earlier record of the step stays.
    """
    return [
        Change(
            sql=(
                "INSERT INTO step_run (id, run, name, attempt, state, started_at, finished_at, token, detail)"
                " SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?"
                f" WHERE EXISTS (SELECT 1 FROM run WHERE id = ? AND token = ? AND state IN {_OPEN})"
                " ON CONFLICT (run, name, attempt) DO NOTHING"
            ),
            parameters=(*_step_values(step, ""), step.run_id, run_token),
            expect=1,
        ),
        *edges(step),
    ]


def finish_step(step: StepRunRecord, *, token: str, run_token: str) -> Change:
    """Record the final state of a running attempt, if the attempt and the run are still ours."""
    return Change(
        sql=(
            "UPDATE step_run SET state = ?, finished_at = ?, detail = ?"
            " WHERE id = ? AND token = ? AND state = 'running'"
            " AND EXISTS (SELECT 1 FROM run WHERE id = ? AND token = ?)"
        ),
        parameters=(
            step.state,
            micros(step.finished_at),
            step_detail(step),
            step.id,
            token,
            step.run_id,
            run_token,
        ),
        expect=1,
    )


def ours(run_id: str, *, token: str) -> Change:
    """Let a batch be refused unless the run is still open and ours."""
    return Change(
        sql=f"UPDATE run SET token = token WHERE id = ? AND token = ? AND state IN {_OPEN}",
        parameters=(run_id, token),
        expect=1,
    )


def lose_open_steps(run_id: str, *, at: dt.datetime, run_token: str) -> Change:
    """Record that nobody runs the steps of a run any more that are still open; written with the end of the run."""
    return Change(
        sql=(
            f"UPDATE step_run SET state = 'lost', finished_at = ?, token = '' WHERE run = ? AND state IN {_OPEN}"
            " AND EXISTS (SELECT 1 FROM run WHERE id = ? AND token = ?)"
        ),
        parameters=(micros(at), run_id, run_id, run_token),
    )


def bury_step(step: StepRunRecord, *, run_token: str) -> Change:
    """Record how an attempt stands whose process is gone (`lost` or `failed`), if it is open and the run still ours."""
    return Change(
        sql=(
            "UPDATE step_run SET state = ?, finished_at = ?, detail = ?, token = '' WHERE id = ? AND state = 'running'"
            " AND EXISTS (SELECT 1 FROM run WHERE id = ? AND token = ?)"
        ),
        parameters=(step.state, micros(step.finished_at), step_detail(step), step.id, step.run_id, run_token),
        expect=1,
    )


def still_ours(step: StepRunRecord, *, token: str, run_token: str) -> Change:
    """Change nothing, and refuse the batch unless the attempt is running and it and the run are still ours."""
    return Change(
        sql=(
            "UPDATE step_run SET token = token WHERE id = ? AND token = ? AND state = 'running'"
            " AND EXISTS (SELECT 1 FROM run WHERE id = ? AND token = ?)"
        ),
        parameters=(step.id, token, step.run_id, run_token),
        expect=1,
    )


def edges(step: StepRunRecord) -> list[Change]:
    """Record which artifacts a step run took and gave."""
    rows = [
        ("in", slot, position, artifact_id)
        for slot, artifact_ids in step.inputs.items()
        for position, artifact_id in enumerate(artifact_ids)
    ]
    rows += [("out", slot, 0, artifact_id) for slot, artifact_id in step.outputs.items()]
    sql = "INSERT INTO edge (step_run, direction, slot, position, artifact) VALUES (?, ?, ?, ?, ?)"
    return [Change(sql=sql, parameters=(step.id, *row)) for row in rows]


def insert_artifact(artifact: ArtifactRecord) -> Change:
    """Record an artifact under the next version of its name."""
    return Change(
        sql=(
            "INSERT INTO artifact (id, name, version, digest, type, manifest, materializer, run, step_run, output,"
            " created_at, detail)"
            " SELECT ?, ?, COALESCE((SELECT MAX(version) FROM artifact WHERE name = ?), 0) + 1,"
            " ?, ?, ?, ?, ?, ?, ?, ?, ?"
        ),
        parameters=(
            artifact.id,
            artifact.name,
            artifact.name,
            artifact.digest,
            artifact.manifest.type,
            dumps(to_json(artifact.manifest)),
            artifact.materializer,
            artifact.run_id,
            artifact.step_run,
            artifact.output,
            micros(artifact.created_at),
            artifact_detail(artifact),
        ),
        expect=1,
    )


def insert_object(digest: str, data: bytes) -> Change:
    """Keep a small object in the database; damaged bytes under the same digest are replaced."""
    return Change(
        sql=(
            "INSERT INTO object (digest, size, data) VALUES (?, ?, ?)"
            " ON CONFLICT (digest) DO UPDATE SET size = excluded.size, data = excluded.data"
            " WHERE object.data <> excluded.data OR object.size <> excluded.size"
        ),
        parameters=(digest, len(data), data),
    )


def remember(key: str, step_run_id: str, at: dt.datetime) -> Change:
    """Let later runs find this step run under its cache key."""
    return Change(
        sql=(
            "INSERT INTO cache_entry (key, step_run, created_at) VALUES (?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET step_run = excluded.step_run, created_at = excluded.created_at"
        ),
        parameters=(key, step_run_id, micros(at)),
    )


def forget(key: str, step_run_id: str) -> Change:
    """Let no later run find this step run under its cache key, because what it gave is damaged.

    What somebody else has made and remembered meanwhile stays.
    """
    return Change(sql="DELETE FROM cache_entry WHERE key = ? AND step_run = ?", parameters=(key, step_run_id))


def params(step_run_id: str, values: Mapping[str, Any]) -> list[Change]:
    """Record parameters of a step run; values are JSON."""
    sql = (
        "INSERT INTO param (step_run, key, value) VALUES (?, ?, ?)"
        " ON CONFLICT (step_run, key) DO UPDATE SET value = excluded.value"
    )
    told = redactor.data(dict(values))
    return [Change(sql=sql, parameters=(step_run_id, key, dumps(value))) for key, value in told.items()]


def metrics(points: Iterable[tuple[int, MetricPoint]]) -> list[Change]:
    """Record metric values with their sequence numbers. Values are written as text: NaN has no other place in SQL."""
    sql = "INSERT INTO metric (step_run, seq, key, value, step, at) VALUES (?, ?, ?, ?, ?, ?)"
    return [
        Change(
            sql=sql, parameters=(point.step_run, seq, point.key, repr(float(point.value)), point.step, micros(point.at))
        )
        for seq, point in ((seq, masked(point)) for seq, point in points)
    ]


def facts(owner: str, values: Mapping[str, Any]) -> list[Change]:
    """Record metadata of a run, a step run or an artifact; values are JSON."""
    sql = (
        "INSERT INTO fact (owner, key, value) VALUES (?, ?, ?)"
        " ON CONFLICT (owner, key) DO UPDATE SET value = excluded.value"
    )
    told = redactor.data(dict(values))
    return [Change(sql=sql, parameters=(owner, key, dumps(value))) for key, value in told.items()]


def add_lines(step_run_id: str, seq: int, lines: Sequence[LogLine]) -> Change:
    """Record a block of captured lines, unless it is there, or the attempt has been given up as lost."""
    return Change(
        sql=(
            "INSERT INTO log (step_run, seq, lines) SELECT ?, ?, ?"
            " WHERE EXISTS (SELECT 1 FROM step_run WHERE id = ? AND state <> 'lost') ON CONFLICT DO NOTHING"
        ),
        parameters=(step_run_id, seq, _lines(lines), step_run_id),
    )


def late_lines(step_run_id: str, seq: int, lines: Sequence[LogLine]) -> Change:
    """Record what an attempt wrote before it was gone, unless its block of that number, or a later one, is there."""
    return Change(
        sql=(
            "INSERT INTO log (step_run, seq, lines) SELECT ?, ?, ?"
            " WHERE EXISTS (SELECT 1 FROM step_run WHERE id = ?)"
            " AND NOT EXISTS (SELECT 1 FROM log WHERE step_run = ? AND seq >= ?) ON CONFLICT DO NOTHING"
        ),
        parameters=(step_run_id, seq, _lines(lines), step_run_id, step_run_id, seq),
    )


def put_lines(step_run_id: str, seq: int, lines: Sequence[LogLine]) -> Change:
    """Record a block of captured lines, in place of the one of that number."""
    sql = (
        "INSERT INTO log (step_run, seq, lines) VALUES (?, ?, ?)"
        " ON CONFLICT (step_run, seq) DO UPDATE SET lines = excluded.lines"
    )
    return Change(sql=sql, parameters=(step_run_id, seq, _lines(lines)))


def drop_lines(step_run_id: str, first: int, last: int) -> Change:
    """Remove blocks of captured lines: a log of many lines keeps its beginning and its end."""
    sql = "DELETE FROM log WHERE step_run = ? AND seq BETWEEN ? AND ?"
    return Change(sql=sql, parameters=(step_run_id, first, last))


def _lines(lines: Sequence[LogLine]) -> str:
    return dumps([[line.stream, micros(line.at), line.text] for line in masked(lines)])


def _step_values(step: StepRunRecord, token: str) -> tuple[Any, ...]:
    times = (micros(step.started_at), micros(step.finished_at))
    return (step.id, step.run_id, step.name, step.attempt, step.state, *times, token, step_detail(step))
