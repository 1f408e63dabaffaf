"""What was written comes back as it was, and is found by what it is asked for."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from zen.errors import StorageError
from zen.interfaces import Change
from zen.records import ArtifactRecord, CacheDecision, ErrorRecord, FileEntry, LogLine, Manifest, MetricPoint
from zen.storage import changes


def finished(step, now, state="completed", **facts):
    return replace(step, state=state, finished_at=now, **facts)


def test_a_run_comes_back_as_it_was(vault):
    run = vault.run(
        "0f",
        parameters={"lr": 0.1, "x": {"$tuple": [1]}},
        tags=("a", "ü"),
        trackers={"mlflow": {"url": "http://x"}},
        warnings=("careful",),
        error=ErrorRecord(type="builtins.ValueError", message="no\udc80\0", traceback="…"),
        environment={"python": "3.11"},
        owner={"host": "h", "pid": 1},
        durability="relaxed",
        finished_at=vault.now,
        snapshot="sha256:1",
        stack="prod",
    )
    assert vault.database.run("0f") == run
    changed = replace(run, state="failed", parameters={}, error=None)
    vault.write(changes.update_run(changed, token="mine"))
    assert vault.database.run("0f") == changed


def test_a_step_comes_back_with_its_inputs_in_order(vault):
    vault.run()
    ids = [f"a{number}" for number in (3, 1, 2, 0, 11, 10)]
    vault.write(changes.insert_artifact(vault.artifact(artifact_id)) for artifact_id in ids)
    step = vault.step(
        state="cached",
        finished_at=vault.now,
        cache=CacheDecision(status="hit", reason="r", key="k", source="s"),
        reason="because",
        inputs={"b": tuple(ids), "a": ("a0", "a0")},
        outputs={"y": "a1", "x": "a2"},
        worker={"pid": 3},
        warnings=("w",),
    )
    vault.write(changes.insert_final_step(step, run_token="mine"))
    for found in (
        vault.database.step_run(step.id),
        vault.database.last_attempt("0a", "train"),
        *vault.database.step_runs("0a"),
    ):
        assert found == step


def test_an_artifact_comes_back_as_it_was(vault):
    vault.run()
    step = vault.claimed()
    artifact = ArtifactRecord(
        id="a",
        name="model",
        version=1,
        digest="sha256:2",
        manifest=Manifest(
            format="f", version=3, type="m.T", files=(FileEntry(name="ü/x", digest="sha256:3", size=5),), unsafe=True
        ),
        materializer="m:C",
        run_id="0a",
        step_run=step.id,
        output="o",
        created_at=vault.now,
        metadata={"rows": 3, "mean": {"$float": "nan"}},
        tags=("t",),
    )
    vault.write(changes.insert_artifact(artifact))
    assert vault.database.artifact("a") == artifact


def test_what_a_newer_zen_added_to_a_record_is_ignored(vault):
    vault.run()
    vault.claimed()
    insert = changes.insert_artifact(vault.artifact("a", metadata={"rows": 1}))
    given = [
        '{"format":"json","later":1}' if str(value).startswith('{"format"') else value for value in insert.parameters
    ]
    vault.write(replace(insert, parameters=tuple(given)))
    for table, column in (("run", "detail"), ("step_run", "detail"), ("artifact", "detail")):
        [(text,)] = vault.metadata.read(f"SELECT {column} FROM {table}")
        later = json.dumps({**json.loads(text), "later": 1})
        vault.write(Change(sql=f"UPDATE {table} SET {column} = ?", parameters=(later,), expect=1))
    assert vault.database.run("0a").name == "run-0a"
    assert vault.database.step_runs("0a")[0].name == "train"
    assert vault.database.artifact("a").metadata == {"rows": 1}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 0.1, 1e308, 5e-324, 3])
def test_a_metric_comes_back_bit_for_bit(vault, value):
    vault.run()
    step = vault.claimed()
    vault.write(changes.metrics([(1, MetricPoint(key="m", value=value, step=None, at=vault.now, step_run=step.id))]))
    [point] = vault.database.metrics("0a")
    assert repr(point.value) == repr(float(value))
    assert point.at == vault.now


class Float64(float):
    """Repeats as numpy's does."""

    def __repr__(self):
        return f"np.float64({float(self)})"


def test_a_metric_of_a_subclass_of_float_comes_back(vault):
    vault.run()
    step = vault.claimed()
    vault.write(changes.metrics([(1, MetricPoint(key="m", value=Float64(1.5), at=vault.now, step_run=step.id))]))
    assert vault.database.metrics("0a")[0].value == 1.5


def test_metrics_keep_the_order_in_which_they_were_logged(vault):
    vault.run()
    step = vault.claimed()
    given = [("loss", 3.0, 0), ("acc", 1.0, 0), ("loss", 2.0, 2), ("loss", 1.0, 1)]
    points = [MetricPoint(key=key, value=value, step=at, at=vault.now, step_run=step.id) for key, value, at in given]
    vault.write(changes.metrics(enumerate(points[:2], start=1)))
    vault.write(changes.metrics(enumerate(points[2:], start=3)))
    assert vault.database.metrics("0a") == points
    assert [point.value for point in vault.database.metrics("0a", key="loss")] == [3.0, 2.0, 1.0]
    assert vault.database.metrics("0a", key="' OR 1=1 --") == []


def test_log_blocks_are_read_as_one(vault):
    vault.run()
    step = vault.claimed()
    lines = [
        LogLine(stream="stdout", text="plain", at=vault.now),
        LogLine(stream="stderr", text="\x1b[31m\0\udcff ü \u2028", at=vault.now),
        LogLine(stream="log", text="", at=None),
    ]
    vault.write(changes.add_lines(step.id, 2, lines[2:]))
    vault.write(changes.add_lines(step.id, 1, lines[:2]))
    assert vault.database.logs(step.id) == lines
    vault.write(changes.add_lines(step.id, 1, lines))
    vault.write(changes.late_lines(step.id, 1, lines))
    assert vault.database.logs(step.id) == lines, "what is there stays"
    assert vault.database.log_blocks(step.id, after=1) == [(2, lines[2:])]
    vault.write(changes.put_lines(step.id, 1, lines[:1]))
    vault.write(changes.drop_lines(step.id, 2, 3))
    assert vault.database.logs(step.id) == lines[:1]
    assert vault.database.last_block(step.id) == 1


def test_a_lost_attempt_adds_no_lines_itself(vault):
    vault.run()
    step = vault.claimed()
    line = LogLine(stream="stdout", text="x", at=vault.now)
    vault.write(*changes.lose_run(step.run_id, at=vault.now, token="other"))
    vault.write(changes.add_lines(step.id, 1, [line]))
    assert vault.database.logs(step.id) == []
    vault.write(changes.late_lines(step.id, 1, [line]))
    assert vault.database.logs(step.id) == [line]


def test_params_and_facts_keep_their_last_value(vault):
    vault.run()
    step = vault.claimed()
    vault.write(changes.params(step.id, {"b": 1, "a": [None, {"x": 0.1}]}), changes.params(step.id, {"b": 2}))
    vault.write(changes.facts("anything", {"k": "v"}), changes.facts("anything", {"k": {"$float": "nan"}}))
    assert vault.database.params(step.id) == {"a": [None, {"x": 0.1}], "b": 2}
    assert vault.database.facts("anything") == {"k": {"$float": "nan"}}


# Cache entries


@pytest.mark.parametrize("state", ["failed", "cancelled", "lost", "running"])
def test_only_a_completed_step_is_found_under_a_cache_key(vault, state):
    vault.run()
    step = vault.claimed()
    if state == "lost":
        vault.write(changes.bury_step(finished(step, vault.now, state), run_token="mine"))
    elif state != "running":
        vault.write(changes.finish_step(finished(step, vault.now, state), token="attempt", run_token="mine"))
    assert vault.database.step_run(step.id).state == state
    with pytest.raises(StorageError, match="the cache holds completed step runs"):
        vault.write(changes.remember("key", step.id, vault.now))
    assert vault.database.cached("key") is None


def test_the_newest_producer_is_found_until_it_is_forgotten(vault):
    vault.run()
    for name in ("one", "two"):
        step = vault.claimed(name=name)
        vault.write(changes.finish_step(finished(step, vault.now), token="attempt", run_token="mine"))
        vault.write(changes.remember("key", step.id, vault.now))
    found, remembered = vault.database.cached("key")
    assert found == vault.database.step_run(step.id)
    assert remembered == 1714979289123456
    assert vault.database.cached("other") is None
    vault.write(changes.forget("key", "another"))  # that of somebody whose result was replaced meanwhile
    assert vault.database.cached("key") is not None
    vault.write(changes.forget("key", step.id))
    assert vault.database.cached("key") is None
