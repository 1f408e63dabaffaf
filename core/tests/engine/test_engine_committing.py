"""A commit that is refused: because somebody took the step over, or because something else was there already."""

from __future__ import annotations

import datetime as dt

import pytest

from zen import Client
from zen.engine import new_id
from zen.errors import RunError, RunFailed
from zen.storage import changes

CLASH = """
from zen.client import Client as Reader

@step{options}
def clashes() -> int:
    log_metrics({"loss": 1.0})
    step_run = get_step_context().step_run.id
    row = Reader().database.store
    from zen.interfaces import Change
    sql = "INSERT INTO metric (step_run, seq, key, value, at) VALUES (?, ?, 'loss', '1.0', 0)"
    row.write([Change(sql=sql, parameters=(step_run, number)) for number in range(3)])
    return 1

@step
def after(n: int) -> int:
    return n

@pipeline(enable_cache=False)
def flow():
    return after(clashes())
"""


@pytest.mark.parametrize("options", ["", "(isolate=True)"])
def test_a_commit_that_clashes_fails_its_step_and_says_with_what(define, home, options) -> None:
    flow = define(CLASH.replace("{options}", options))
    with pytest.raises(RunFailed, match=r"adds what is there already .*metric"):
        flow.flow()
    run = Client(root=home).run()
    assert {step.name: step.state for step in run.steps.values()} == {"clashes": "failed", "after": "skipped"}
    assert run.steps["clashes"].outputs == {}
    assert run.steps["clashes"].error.type == "zen.errors.WriteConflict"


def test_a_run_that_was_taken_over_ends_with_a_clear_error(define, home) -> None:
    flow = define(
        """
        @step
        def first() -> int:
            lose()
            return 1

        @step
        def second(n: int) -> int:
            return n

        @pipeline
        def flow():
            return second(first())
        """
    )

    def lose() -> None:
        database = Client(root=home).database
        [(run, _)] = database.open_runs()
        database.write(changes.lose_run(run.id, at=dt.datetime.now(dt.UTC), token=new_id()))

    flow.lose = lose
    with pytest.raises(RunError, match="is not this process's any more: it is lost"):
        flow.flow()
    run = Client(root=home).run()
    assert (run.state, [(each.name, each.state) for each in run.attempts]) == ("lost", [("first", "lost")])
