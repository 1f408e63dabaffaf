"""Finding runs and artifacts: by id, prefix, name, or how long ago; and what exists when there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zen import Client
from zen.errors import ArtifactNotFound, RunNotFound, StackNotFound
from zen.identity import dumps
from zen.interfaces import Change
from zen.storage import changes

FLOW = """
@step(enable_cache=False)
def load(n: int) -> Annotated[list[int], "numbers"]:
    return list(range(n))

@pipeline
def first(n: int = 1):
    return load(n)

@pipeline(tags=["nightly"], raise_on_failure=False)
def second(n: int = 2):
    return load(n)

@step
def bad() -> None:
    raise ValueError

@pipeline(raise_on_failure=False)
def third():
    bad()
"""


@pytest.fixture
def flow(define):
    return define(FLOW)


@pytest.fixture
def client(flow, home):
    return Client(root=home)


def test_runs_are_found_by_last_and_how_many_before(flow, client) -> None:
    runs = [flow.first(), flow.second(), flow.third()]
    assert [client.run(ref).id for ref in ("last", "last~0", "last~1", "last~2")] == [
        runs[2].id,
        runs[2].id,
        runs[1].id,
        runs[0].id,
    ]
    assert client.run().id == runs[2].id
    with pytest.raises(RunNotFound, match="no run 'last~3': stack 'local' has 3 runs"):
        client.run("last~3")


def test_there_is_no_last_run_before_the_first(client) -> None:
    with pytest.raises(RunNotFound, match="has 0 runs") as caught:
        client.run("last")
    assert caught.value.hint == "run a pipeline first"
    assert (client.runs(), client.count_runs(), client.artifacts()) == ([], 0, [])


def test_runs_are_found_by_id_prefix_and_name(flow, client) -> None:
    run = flow.first.with_options(run_name="mine")()
    flow.first()
    for ref in (run.id, run.id[:8], run.id[:4], "mine"):
        assert client.run(ref).id == run.id
    newer = flow.first.with_options(run_name="mine")()
    assert client.run("mine").id == newer.id, "the newest of that name"


def test_an_ambiguous_prefix_lists_what_it_begins(flow, client) -> None:
    run = flow.first()
    twin = replace(run.record, id=run.id[:4] + ("1" if run.id[4] == "0" else "0") * 12, name="twin")
    body = dumps(run.plan.to_json())
    client.database.write(changes.insert_run(twin, run.plan, body, token="t"), durable=False)
    with pytest.raises(RunNotFound, match=f"'{run.id[:4]}' begins the id of 2 runs: .*(twin)") as caught:
        client.run(run.id[:4])
    assert caught.value.hint == "give more of the id"
    assert client.run(run.id[:5]).id == run.id


def test_an_unknown_run_names_the_nearest(flow, client) -> None:
    flow.first.with_options(run_name="nightly-7")()
    with pytest.raises(RunNotFound, match="no run 'nightly-8' on stack 'local'") as caught:
        client.run("nightly-8")
    assert caught.value.hint == "did you mean 'nightly-7'?"
    with pytest.raises(RunNotFound) as caught:
        client.run("zzz")
    assert "zen runs" in caught.value.hint


def test_runs_are_listed_newest_first_a_page_at_a_time(flow, client) -> None:
    ids = [flow.first(n).id for n in range(5)]
    assert [run.id for run in client.runs()] == ids[::-1]
    assert [run.id for run in client.runs(limit=2, offset=1)] == ids[::-1][1:3]


def test_runs_are_filtered(flow, client) -> None:
    flow.first(), flow.second.with_options(run_name="mine")(), flow.third()
    found = {
        "pipeline": client.runs(pipeline="second"),
        "state": client.runs(state="failed"),
        "tag": client.runs(tag="nightly"),
        "name": client.runs(name="mine"),
        "both": client.runs(tag="nightly", state="failed"),
    }
    assert {name: [run.pipeline for run in runs] for name, runs in found.items()} == {
        "pipeline": ["second"],
        "state": ["third"],
        "tag": ["second"],
        "name": ["second"],
        "both": [],
    }
    assert (client.count_runs(), client.count_runs(pipeline="first"), client.count_runs(tag="nightly")) == (3, 1, 1)


def test_artifacts_are_found_by_name_version_and_id(flow, client) -> None:
    flow.first(), flow.first(2)
    newest = client.artifact("numbers")
    assert (newest.version, newest.load(), newest.run.parameters) == (2, [0, 1], {"n": 2})
    older = client.artifact("numbers", version=1)
    assert older.load() == [0]
    for ref in ("numbers@1", older.id, older.id[:6]):
        assert client.artifact(ref).id == older.id
    assert [each.version for each in client.artifacts(name="numbers")] == [2, 1]
    assert [each.version for each in client.artifacts(limit=1, offset=1)] == [1]


def test_an_unknown_artifact_names_what_exists(flow, client) -> None:
    flow.first()
    with pytest.raises(ArtifactNotFound, match="no artifact 'nubmers'; there are: numbers") as caught:
        client.artifact("nubmers")
    assert caught.value.hint == "did you mean 'numbers'?"
    for ref, version in (("numbers", 7), ("numbers@7", None)):
        with pytest.raises(ArtifactNotFound, match="no version 7; its newest is 1"):
            client.artifact(ref, version)
    with pytest.raises(ArtifactNotFound):
        client.artifact("abcdef")


def test_an_artifact_prefix_that_several_have_is_refused(flow, client) -> None:
    database = client.database
    flow.first(), flow.first()
    ids = [each.id for each in client.artifacts()]
    shared = ids[0][:4]
    if not ids[1].startswith(shared):
        database.store.write([_renamed(ids[1], shared + ids[1][4:])], durable=False)
    with pytest.raises(ArtifactNotFound, match=f"'{shared}' begins the id of 2 artifacts"):
        client.artifact(shared)


def _renamed(old: str, new: str):
    return Change(
        sql="INSERT INTO artifact SELECT ?, name, version + 100, digest, type, manifest, materializer, run, step_run,"
        " output, created_at, detail FROM artifact WHERE id = ?",
        parameters=(new, old),
    )


def test_a_client_of_another_folder_sees_its_own_runs(flow, client, home) -> None:
    flow.first()
    other = home / "other"
    other.mkdir()
    (other / "zen.yaml").write_text("stacks: {local: {}}\n")
    assert Client(root=other).count_runs() == 0
    (home / "deeper").mkdir()
    assert Client(root=home / "deeper").count_runs() == 1
    assert Client(root=home / "flow.py").count_runs() == 1


def test_an_unknown_stack_is_refused(home) -> None:
    with pytest.raises(StackNotFound, match="nowhere"):
        Client("nowhere", root=home)


def test_reading_makes_a_client_a_context_manager(flow, home) -> None:
    flow.first()
    with Client(root=home) as client:
        assert client.stack.name == "local"
        assert client.project.root == home
    assert client.count_runs() == 1


def test_steps_that_took_one_result_have_its_metrics_each(define, home) -> None:
    flow = define(
        """
        @step
        def same(n: int) -> int:
            log_metrics({"loss": 0.5})
            return n

        @pipeline
        def flow():
            same(1), same(1, after=["same"])
        """
    )
    flow.flow()
    run = flow.flow()
    assert {name: (step.state, step.metrics) for name, step in run.steps.items()} == {
        "same": ("cached", {"loss": 0.5}),
        "same_2": ("cached", {"loss": 0.5}),
    }
