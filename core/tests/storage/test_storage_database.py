"""Queries: what they find, in which order, and how many statements they take."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace
from itertools import chain

import pytest

from zen.errors import ArtifactNotFound, RunNotFound, UsageError
from zen.identity import dumps
from zen.storage import Database, changes

NASTY = ["' OR '1'='1", "%", "_", "a%b", '"; DROP TABLE run; --', "\\", "ü", "a b", "*", "\0x", ""]


class Counting:
    """A store that keeps the statements that were read."""

    def __init__(self, store):
        self.store = store
        self.read_statements = []

    def read(self, sql, parameters=()):
        self.read_statements.append((sql, parameters))
        return self.store.read(sql, parameters)


@pytest.fixture
def counting(vault):
    return Counting(vault.metadata)


def ids(records):
    return [record.id for record in records]


@pytest.fixture
def runs(vault):
    """Three runs a second apart, and two at one time."""
    for number, (pipeline, state, tags) in enumerate(
        [
            ("p", "completed", ("a",)),
            ("q", "failed", ("a", "b")),
            ("p", "failed", ()),
            ("p", "running", ("b",)),
            ("q", "completed", ("%",)),
        ]
    ):
        at = vault.now + dt.timedelta(seconds=min(number, 3))
        vault.run(f"0{number}", pipeline=pipeline, state=state, tags=tags, created_at=at, name=f"n{number % 2}")
    return vault.database


# Runs


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["04", "03", "02", "01", "00"]),
        ({"pipeline": "p"}, ["03", "02", "00"]),
        ({"state": "failed"}, ["02", "01"]),
        ({"name": "n1"}, ["03", "01"]),
        ({"tag": "a"}, ["01", "00"]),
        ({"tag": "%"}, ["04"]),
        ({"tag": "_"}, []),
        ({"pipeline": "p", "state": "failed"}, ["02"]),
        ({"pipeline": "q", "tag": "a", "name": "n1", "state": "failed"}, ["01"]),
        ({"pipeline": "p", "tag": "%"}, []),
        ({"pipeline": ""}, []),
    ],
    ids=str,
)
def test_runs_are_filtered_and_newest_first(runs, filters, found):
    assert ids(runs.runs(**filters)) == found
    assert runs.count_runs(**filters) == len(found)


def test_pages_neither_overlap_nor_leave_out(vault):
    """Also where many runs have one time."""
    for number in random.Random(1).sample(range(23), 23):
        vault.run(f"{number:02x}", created_at=vault.now + dt.timedelta(seconds=number // 10))
    pages = [ids(vault.database.runs(limit=5, offset=offset)) for offset in range(0, 30, 5)]
    assert [len(page) for page in pages] == [5, 5, 5, 5, 3, 0]
    assert list(chain.from_iterable(pages)) == [f"{number:02x}" for number in reversed(range(23))]


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_texts_mean_nothing_to_sql(vault, text):
    vault.run("0a", name=text, pipeline=text, tags=(text,))
    vault.run("0b", name="other", pipeline="other", tags=("other",))
    for filters in ({"name": text}, {"pipeline": text}, {"tag": text}):
        assert ids(vault.database.runs(**filters)) == ["0a"]
    vault.write(changes.insert_artifact(vault.artifact("1", text)))
    assert vault.database.artifact_version(text).name == text
    assert ids(vault.database.artifacts(name=text)) == ["1"]
    assert vault.database.artifact_names() == [text]
    for find in (vault.database.runs_with_prefix, vault.database.artifacts_with_prefix):
        assert ids(find(text)) == ([] if text else ids(find("")))
    for run_id in (text, text + "x"):
        with pytest.raises(RunNotFound):
            vault.database.run(run_id)


def test_what_is_no_text_is_found_nowhere_and_never_written(vault):
    text = "caf\udce9"  # what a file name in Latin-1 looks like
    database = vault.database
    assert database.runs(name=text) == database.runs_with_prefix(text) == database.artifacts(name=text) == []
    assert database.count_runs(tag=text) == 0
    assert database.artifact_version(text) is None
    assert database.artifact_version("model", 10**30) is None
    with pytest.raises(RunNotFound):
        database.run(text)
    for batch in ({"name": text}, {"tags": (text,)}):
        with pytest.raises(UsageError, match="not valid text"):
            vault.run(**batch)
    assert database.runs() == []


def test_a_prefix_finds_the_ids_that_begin_with_it(vault):
    for run_id in ("ab12", "ab13", "ac00", "f0", "ff"):
        vault.run(run_id)
        vault.write(changes.insert_artifact(vault.artifact(run_id)))
    for find in (vault.database.runs_with_prefix, vault.database.artifacts_with_prefix):
        assert sorted(ids(find("ab"))) == ["ab12", "ab13"]
        assert ids(find("ab13")) == ["ab13"]
        assert sorted(ids(find("f"))) == ["f0", "ff"]
        assert ids(find("ff")) == ["ff"]
        assert ids(find("ab130")) == ids(find("b")) == ids(find("zz")) == []
        assert len(find("")) == 5


def test_what_is_not_there_is_an_error_that_names_it(vault):
    database = vault.database
    for find in (database.run, database.run_token, database.plan, database.step_run):
        with pytest.raises(RunNotFound, match="nobody"):
            find("nobody")
    with pytest.raises(ArtifactNotFound, match="nobody"):
        database.artifact("nobody")
    assert database.last_attempt("nobody", "x") is None
    assert database.artifact_version("nobody") is None
    assert database.step_runs("nobody") == database.logs("nobody") == database.metrics("nobody") == []
    assert database.object("nobody") is None
    assert database.object_size("nobody") is None


def test_open_runs_are_those_that_are_not_over(runs, vault):
    vault.run("0f", state="pending")
    assert sorted(run.id for run, _ in runs.open_runs()) == ["03", "0f"]


def test_the_plan_of_a_run_comes_back(vault):
    run = vault.run()
    assert vault.database.plan(run.plan).pipeline == "p"


# Steps


def test_steps_come_in_the_order_in_which_they_started(vault):
    vault.run()
    for name, second, attempt in [("c", 1, 1), ("a", 2, 1), ("c", 3, 2), ("b", 2, 1)]:
        vault.claimed(name=name, attempt=attempt, started_at=vault.now + dt.timedelta(seconds=second))
    assert [(step.name, step.attempt) for step in vault.database.step_runs("0a")] == [
        ("c", 1),
        ("a", 1),
        ("b", 1),
        ("c", 2),
    ]
    assert vault.database.last_attempt("0a", "c").attempt == 2
    assert vault.database.last_attempt("0a", "d") is None


def test_a_step_failed_if_its_newest_attempt_did(vault):
    vault.run()
    for name, states in {
        "fixed": ("failed", "completed"),
        "broken": ("failed", "failed"),
        "worse": ("completed", "lost"),
        "fine": ("completed",),
        "busy": ("failed", "running"),
        "stopped": ("cancelled",),
    }.items():
        for attempt, state in enumerate(states, start=1):
            step = vault.claimed(name=name, attempt=attempt)
            if state != "running":
                done = replace(step, state=state, finished_at=vault.now)
                vault.write(changes.finish_step(done, token="attempt", run_token="mine"))
    assert sorted(vault.database.failed_steps("0a")) == ["broken", "stopped", "worse"]


# Artifacts


def test_artifacts_by_name_version_and_run(vault):
    vault.run("r1")
    vault.run("r2")
    for artifact_id, name, run_id in [("a", "m", "r1"), ("b", "m", "r2"), ("c", "d", "r1")]:
        vault.write(changes.insert_artifact(vault.artifact(artifact_id, name, run_id=run_id)))
    database = vault.database
    assert database.artifact_version("m").id == "b"
    assert database.artifact_version("m", 1).id == "a"
    assert database.artifact_version("m", 3) is None
    assert database.artifact_version("m", 0) is None
    assert ids(database.artifacts(name="m")) == ["b", "a"]
    assert sorted(ids(database.artifacts(run_id="r1"))) == ["a", "c"]
    assert ids(database.artifacts(name="m", run_id="r1")) == ["a"]
    assert database.artifact_names() == ["d", "m"]


def test_pages_of_artifacts_neither_overlap_nor_leave_out(vault):
    vault.write(changes.insert_artifact(vault.artifact(f"{number:02x}", f"n{number % 3}")) for number in range(17))
    pages = [ids(vault.database.artifacts(limit=4, offset=offset)) for offset in range(0, 20, 4)]
    assert len(set(chain.from_iterable(pages))) == 17


# How many statements


def test_ten_thousand_runs_take_one_statement_a_page(vault, counting):
    """Counted, not timed: one statement whatever the number of runs, and one that uses an index."""
    body = dumps(vault.database.plan(vault.run("start").plan).to_json())
    template = vault.database.run("start")
    plan = vault.database.plan(template.plan)
    batch = []
    for number in range(10_000):
        at = vault.now + dt.timedelta(seconds=number)
        run = replace(template, id=f"{number:04x}", created_at=at, tags=("even",) if number % 2 == 0 else ())
        batch += changes.insert_run(run, plan, body, token="t")
    vault.write(batch)
    database = Database(counting)
    assert ids(database.runs(limit=2)) == ["270f", "270e"]
    assert ids(database.runs(limit=2, tag="even")) == ["270e", "270c"]
    assert ids(database.runs(limit=2, pipeline="p")) == ["270f", "270e"]
    assert len(database.runs(limit=1000, offset=9000)) == 1000
    assert database.count_runs() == 10_001
    assert len(database.runs_with_prefix("270")) == 16
    assert len(counting.read_statements) == 6
    for sql, parameters in counting.read_statements:
        steps = [row[3] for row in vault.metadata.read(f"EXPLAIN QUERY PLAN {sql}", parameters)]
        assert "SCAN run" not in steps
        # The runs of a tag are sorted, but no others.
        assert ("USE TEMP B-TREE FOR ORDER BY" in steps) == ("run_tag" in sql or "id >=" in sql), (sql, steps)


def test_steps_artifacts_and_metrics_of_a_run_take_the_same_statements_however_many_there_are(vault, counting):
    vault.run()
    given = {f"a{number}": vault.artifact(f"a{number}") for number in range(1200)}
    vault.write(changes.insert_artifact(artifact) for artifact in given.values())
    for number in range(300):
        step = vault.step(name=f"s{number}", state="cached", outputs={"o": f"a{number}"})
        vault.write(changes.insert_final_step(step, run_token="mine"))
    database = Database(counting)
    assert len(database.step_runs("0a")) == 300
    assert len(counting.read_statements) == 2
    assert database.artifacts_by_id([*given, "unknown", "a1"]).keys() == given.keys()
    assert len(counting.read_statements) <= 5
    assert database.artifacts_by_id([]) == {}
