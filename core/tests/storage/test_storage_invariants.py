"""What the database refuses, whoever writes to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zen.errors import StorageError
from zen.interfaces import Change
from zen.storage import changes
from zen.storage.invariants import INVARIANTS, statements


@pytest.fixture
def recorded(vault):
    """A run with two completed steps, `train` made `a1` of `a0`, and a cached one that gives `a1` again."""
    vault.run()
    step = vault.claimed()
    done = replace(step, state="completed", finished_at=vault.now, outputs={"model": "a1"}, inputs={"x": ("a0",)})
    again = vault.step(name="again", state="cached", finished_at=vault.now, outputs={"model": "a1"})
    vault.write(
        changes.insert_artifact(vault.artifact("a0", "data")),
        changes.finish_step(done, token="attempt", run_token="mine"),
        changes.insert_artifact(vault.artifact("a1", run_id="0a", step_run=step.id)),
        changes.edges(done),
        changes.remember("key", step.id, vault.now),
        changes.insert_final_step(again, run_token="mine"),
    )
    vault.claimed(name="open")
    return vault


def edge(step, direction, artifact):
    sql = "INSERT INTO edge (step_run, direction, slot, position, artifact) VALUES (?, ?, 's', 0, ?)"
    return Change(sql=sql, parameters=(step, direction, artifact))


def change(sql, *parameters):
    return Change(sql=sql, parameters=parameters)


REFUSED = {
    "run_goes_on": change("UPDATE run SET state = 'failed' WHERE id = '0a'"),
    "run_is_kept": change("UPDATE run SET plan = plan, snapshot = 'other' WHERE id = '0a'"),
    "step_run_is_kept": change("UPDATE step_run SET state = 'failed' WHERE name = 'train'"),
    "artifact_is_kept": change("UPDATE artifact SET digest = 'other' WHERE id = 'a1'"),
    "edge_is_kept": change("UPDATE edge SET artifact = 'a0'"),
    "edge_takes_earlier": edge("0a-train-1", "in", "a1"),
    "edge_gives_own": edge("0a-open-1", "out", "a1"),
}


def refused(vault, rule):
    made = {
        "artifact_has_origin": changes.insert_artifact(vault.artifact("a2", run_id="0a", step_run="of another run")),
        "cache_entry_is_completed": changes.remember("other", "0a-open-1", vault.now),
    }
    return made.get(rule.name) or REFUSED[rule.name]


@pytest.mark.parametrize("rule", INVARIANTS, ids=lambda rule: rule.name)
def test_the_database_refuses(recorded, rule):
    if rule.name == "run_goes_on":
        recorded.write(changes.update_run(replace(recorded.database.run("0a"), state="completed"), token="mine"))
    with pytest.raises(StorageError, match=rule.message):
        recorded.write(refused(recorded, rule))
    recorded.write(change(f"DROP TRIGGER {rule.name}"))
    recorded.write(refused(recorded, rule))  # nothing else had refused it


@pytest.mark.parametrize("state", ["failed", "cancelled", "lost"])
def test_a_run_that_did_not_complete_only_goes_on(recorded, state):
    run = recorded.database.run("0a")
    recorded.write(changes.update_run(replace(run, state=state), token="mine"))
    with pytest.raises(StorageError, match="only goes on"):
        recorded.write(change("UPDATE run SET state = 'completed' WHERE id = '0a'"))
    recorded.write(changes.reopen_run(replace(run, state="running"), token="other"))


def test_every_rule_is_there_in_every_dialect():
    for dialect in ("sqlite", "postgresql"):
        text = "\n".join(statements(dialect))
        assert all(f"CREATE TRIGGER {rule.name} BEFORE {rule.event} ON {rule.table}" in text for rule in INVARIANTS)
