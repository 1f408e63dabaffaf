"""Writes: a transition happens once, only by who owns the run and the attempt, and whole batches or nothing."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from zen.errors import StorageError, WriteConflict
from zen.records import LogLine, MetricPoint
from zen.storage import changes

# Claims and fencing


def test_a_step_is_claimed_by_one_of_two(vault, open_vault):
    vault.run()
    vault.claimed(id="first")
    with pytest.raises(WriteConflict):
        open_vault().claimed(id="second")
    assert vault.database.last_attempt("0a", "train").id == "first"


def test_of_many_claimers_at_once_one_wins(vault, open_vault):
    vault.run()
    others = [open_vault() for _ in range(4)]
    start, won = threading.Barrier(4), []

    def claim(number):
        start.wait()
        try:
            others[number].claimed(id=f"s{number}")
            won.append(f"s{number}")
        except WriteConflict:
            pass

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [step.id for step in vault.database.step_runs("0a")] == won
    assert len(won) == 1


def test_the_next_attempt_can_be_claimed(vault):
    vault.run()
    vault.claimed()
    vault.claimed(attempt=2)
    assert vault.database.last_attempt("0a", "train").attempt == 2


@pytest.mark.parametrize("state", ["pending", "completed", "failed", "cancelled", "lost"])
def test_no_step_starts_in_a_run_that_is_not_running(vault, state):
    vault.run(state=state)
    with pytest.raises(WriteConflict):
        vault.claimed()
    assert vault.database.step_runs("0a") == []


def test_who_lost_the_run_can_claim_nothing(vault):
    vault.run(token="another")
    with pytest.raises(WriteConflict):
        vault.claimed()


def test_who_lost_the_run_can_record_no_skipped_step(vault):
    vault.run(token="another")
    with pytest.raises(WriteConflict):
        vault.write(changes.insert_final_step(vault.step(state="skipped"), run_token="mine"))
    assert vault.database.step_runs("0a") == []


def finished(step, now, state="completed", **facts):
    return replace(step, state=state, finished_at=now, **facts)


def test_a_step_is_finished_once(vault):
    vault.run()
    step = vault.claimed()
    done = changes.finish_step(finished(step, vault.now), token="attempt", run_token="mine")
    vault.write(done)
    with pytest.raises(WriteConflict):
        vault.write(done)
    late = finished(step, vault.now, "failed")
    with pytest.raises(WriteConflict):
        vault.write(changes.finish_step(late, token="attempt", run_token="mine"))
    assert vault.database.step_run(step.id).state == "completed"


@pytest.mark.parametrize(("token", "run_token"), [("other", "mine"), ("attempt", "other"), ("", "")])
def test_a_step_is_finished_under_both_tokens_only(vault, token, run_token):
    vault.run()
    step = vault.claimed()
    with pytest.raises(WriteConflict):
        vault.write(changes.finish_step(finished(step, vault.now), token=token, run_token=run_token))
    assert vault.database.step_run(step.id).state == "running"


def test_lose_run_shuts_out_the_old_owner(vault):
    run = vault.run()
    step = vault.claimed()
    vault.claimed(name="other")
    vault.write(changes.lose_run(run.id, at=vault.now, token="reaper"))
    for batch in (
        [changes.finish_step(finished(step, vault.now), token="attempt", run_token="mine")],
        [changes.update_run(replace(run, state="completed"), token="mine")],
        [changes.claim_step(vault.step(attempt=2), token="attempt", run_token="mine")],
        changes.insert_final_step(vault.step(name="next", state="skipped"), run_token="mine"),
    ):
        with pytest.raises(WriteConflict):
            vault.write(batch)
    assert vault.database.run(run.id).state == "lost"
    assert vault.database.run(run.id).finished_at == vault.now
    assert [step.state for step in vault.database.step_runs(run.id)] == ["lost", "lost"]


def test_who_lost_the_run_leaves_the_new_owner_alone(vault):
    run = vault.run()
    vault.claimed()
    vault.write(changes.lose_run(run.id, at=vault.now, token="reaper"))
    vault.write(changes.reopen_run(replace(run, state="running"), token="new"))
    step = vault.step(attempt=2)
    vault.write(changes.claim_step(step, token="attempt", run_token="new"))
    vault.write(changes.ask_to_stop(run.id, "the old owner failed", run_token="mine"))
    vault.write(changes.lose_open_steps(run.id, at=vault.now, run_token="mine"))
    for refused in (
        changes.bury_step(finished(step, vault.now, "lost"), run_token="mine"),
        changes.still_ours(step, token="attempt", run_token="mine"),
    ):
        with pytest.raises(WriteConflict):
            vault.write(refused)
    assert vault.database.stop_reason(run.id) == ""
    assert vault.database.step_run(step.id).state == "running"
    vault.write(changes.still_ours(step, token="attempt", run_token="new"))


def test_lose_run_leaves_finished_steps_and_other_runs_alone(vault):
    run = vault.run()
    vault.run("0b")
    done = vault.claimed()
    vault.write(changes.finish_step(finished(done, vault.now), token="attempt", run_token="mine"))
    vault.claimed("0b")
    vault.write(changes.lose_run(run.id, at=vault.now, token="reaper"))
    assert vault.database.step_run(done.id).state == "completed"
    assert vault.database.run("0b").state == "running"
    assert vault.database.step_runs("0b")[0].state == "running"


def test_a_run_is_lost_once(vault):
    vault.run()
    vault.write(changes.lose_run("0a", at=vault.now, token="reaper"))
    with pytest.raises(WriteConflict):
        vault.write(changes.lose_run("0a", at=vault.now, token="another"))
    assert vault.database.run_token("0a") == "reaper"


def test_who_lost_the_run_cannot_change_it(vault):
    run = vault.run(token="another")
    with pytest.raises(WriteConflict):
        vault.write(changes.update_run(replace(run, state="failed"), token="mine"))
    assert vault.database.run(run.id).state == "running"


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled", "lost"])
def test_a_run_that_is_over_never_changes(vault, state):
    run = vault.run()
    vault.write(changes.update_run(replace(run, state=state, finished_at=vault.now), token="mine"))
    for batch in (
        [changes.update_run(replace(run, state="running"), token="mine")],
        changes.lose_run(run.id, at=vault.now, token="reaper"),
    ):
        with pytest.raises(WriteConflict):
            vault.write(batch)
    assert vault.database.run(run.id).state == state


def test_amending_a_run_adds_detail_and_leaves_its_state(vault):
    run = replace(vault.run(), state="completed", finished_at=vault.now)
    vault.write(changes.update_run(run, token="mine"))
    amended = replace(run, state="running", warnings=("late",))
    with pytest.raises(WriteConflict):
        vault.write(changes.amend_run(amended, token="another"))
    vault.write(changes.amend_run(amended, token="mine"))
    assert vault.database.run(run.id) == replace(run, warnings=("late",))


@pytest.mark.parametrize("state", ["lost", "failed"])
def test_bury_step_shuts_out_the_old_process_and_spares_a_finished_step(vault, state):
    vault.run()
    step, other = vault.claimed(), vault.claimed(name="other")
    vault.write(changes.finish_step(finished(other, vault.now), token="attempt", run_token="mine"))
    vault.write(changes.bury_step(finished(step, vault.now, state), run_token="mine"))
    with pytest.raises(WriteConflict):
        vault.write(changes.bury_step(finished(other, vault.now, state), run_token="mine"))
    assert vault.database.step_run(step.id).state == state
    assert vault.database.step_run(other.id).state == "completed"
    with pytest.raises(WriteConflict):
        vault.write(changes.finish_step(finished(step, vault.now), token="attempt", run_token="mine"))


def test_the_first_record_of_a_step_that_did_not_run_stays(vault):
    vault.run()
    vault.write(changes.insert_final_step(vault.step(id="a", state="skipped", reason="first"), run_token="mine"))
    with pytest.raises(WriteConflict):
        vault.write(changes.insert_final_step(vault.step(id="b", state="cached"), run_token="mine"))
    assert [step.reason for step in vault.database.step_runs("0a")] == ["first"]


def test_the_first_reason_to_stop_stays(vault):
    vault.run()
    assert vault.database.stop_reason("0a") == ""
    vault.write(changes.ask_to_stop("0a", "first", run_token="mine"))
    vault.write(changes.ask_to_stop("0a", "second", run_token="mine"))
    assert vault.database.stop_reason("0a") == "first"
    assert vault.database.stop_reason("unknown") == ""


# Batches


def commit_of(vault, step, *, token="attempt"):
    """Return everything that one step commits."""
    small = vault.objects.put_bytes(b"small")[1]
    done = finished(step, vault.now, outputs={"model": "a1"}, inputs={"x": ("a0",)})
    return [
        *small,
        changes.finish_step(done, token=token, run_token="mine"),
        changes.insert_artifact(vault.artifact("a0", "data")),
        changes.insert_artifact(vault.artifact("a1", run_id=step.run_id, step_run=step.id)),
        *changes.edges(done),
        changes.remember("key", step.id, vault.now),
        *changes.params(step.id, {"lr": 0.1}),
        *changes.metrics([(1, MetricPoint(key="loss", value=1.0, at=vault.now, step_run=step.id))]),
        *changes.facts(step.id, {"note": "x"}),
        changes.add_lines(step.id, 1, [LogLine(stream="stdout", text="hello")]),
    ]


def everything(vault, step):
    database = vault.database
    return [
        len(database.artifacts()),
        len(vault.metadata.read("SELECT * FROM edge")),
        len(vault.metadata.read("SELECT * FROM object")),
        database.cached("key") is not None,
        len(database.params(step.id)),
        len(database.metrics("0a")),
        len(database.facts(step.id)),
        len(database.logs(step.id)),
        database.step_run(step.id).state,
    ]


def test_a_commit_appears_as_a_whole(vault):
    vault.run()
    step = vault.claimed()
    vault.write(commit_of(vault, step))
    assert everything(vault, step) == [2, 2, 1, True, 1, 1, 1, 1, "completed"]


@pytest.mark.parametrize("at", range(11))
def test_a_commit_that_is_refused_leaves_nothing(vault, at):
    """Wherever in the batch the change stands that loses."""
    vault.run()
    step = vault.claimed()
    batch = commit_of(vault, step)
    lost = changes.finish_step(finished(step, vault.now), token="other", run_token="mine")
    with pytest.raises(WriteConflict) as caught:
        vault.write([*batch[:at], lost, *batch[at:]])
    assert caught.value.index == at
    assert everything(vault, step) == [0, 0, 0, False, 0, 0, 0, 0, "running"]


def test_a_batch_that_breaks_the_schema_leaves_nothing(vault):
    vault.run()
    step = vault.claimed()
    batch = commit_of(vault, step)
    dangling = replace(step, outputs={"other": "no such artifact"})
    with pytest.raises(StorageError):
        vault.write([*batch, *changes.edges(dangling)])
    with pytest.raises(StorageError):
        vault.write([*batch, changes.claim_step(vault.step("no such run"), token="t", run_token="mine")])
    assert everything(vault, step) == [0, 0, 0, False, 0, 0, 0, 0, "running"]


def test_an_empty_batch_is_no_write(vault):
    vault.metadata.close()
    vault.write()


@pytest.mark.parametrize("state", ["succeeded", "", "RUNNING"])
def test_the_schema_knows_the_states(vault, state):
    with pytest.raises(StorageError):
        vault.run(state=state)


def test_a_run_may_name_a_tag_twice(vault):
    vault.run(tags=("a", "b", "a"))
    assert [run.tags for run in vault.database.runs(tag="a")] == [("a", "b", "a")]


def test_runs_share_a_plan(vault):
    vault.run("0a")
    vault.run("0b")
    assert vault.metadata.read("SELECT COUNT(*) FROM plan") == [(1,)]


# Artifacts


def test_versions_count_for_each_name(vault):
    vault.write(changes.insert_artifact(vault.artifact(f"m{number}")) for number in range(3))
    vault.write(changes.insert_artifact(vault.artifact("d0", "data")))
    vault.write(changes.insert_artifact(vault.artifact("m3")))
    versions = {artifact.id: artifact.version for artifact in vault.database.artifacts()}
    assert versions == {"m0": 1, "m1": 2, "m2": 3, "m3": 4, "d0": 1}


def test_a_refused_batch_takes_no_version(vault):
    vault.run()
    with pytest.raises(WriteConflict):
        vault.write(changes.insert_artifact(vault.artifact("a")), changes.lose_run("unknown", at=vault.now, token="t"))
    vault.write(changes.insert_artifact(vault.artifact("b")))
    assert vault.database.artifact("b").version == 1


def test_concurrent_users_get_different_versions(vault, open_vault):
    def insert(number, one):
        for count in range(10):
            one.write(changes.insert_artifact(one.artifact(f"{number}-{count}")))

    threads = [threading.Thread(target=insert, args=(number, open_vault())) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(artifact.version for artifact in vault.database.artifacts(limit=100)) == list(range(1, 31))


def test_an_artifact_is_recorded_once(vault):
    vault.write(changes.insert_artifact(vault.artifact("a")))
    with pytest.raises(WriteConflict):
        vault.write(changes.insert_artifact(vault.artifact("a", "other")))
