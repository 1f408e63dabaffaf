"""Runs, steps and artifacts as objects."""

from __future__ import annotations

import datetime as dt

import pytest

from zen import Client
from zen.errors import ArtifactDamaged, ArtifactNotFound, UnknownStep

FLOW = """
from dataclasses import dataclass

@dataclass
class Model:
    weights: list[float]

@step
def load(n: int) -> tuple[Annotated[list[int], "z_train"], Annotated[list[int], "a_test"]]:
    print("loading")
    return list(range(n)), [n]

@step
def train(data: list[int], extra: list[int], lr: float) -> Annotated[Model, ArtifactConfig(name="model", tags=["prod"])]:
    for epoch in range(3):
        log_metrics({"loss": 1 / (epoch + 1)}, step=epoch)
    log_metadata({"rows": len(data)})
    log_metadata({"quality": "good"}, artifact="model")
    print("training")
    return Model([lr])

@step
def bad(model: Any) -> int:
    raise ValueError("<b>mine</b>")

@step
def after(n: int) -> int:
    return n

@pipeline(raise_on_failure=False, tags=["a"])
def training(n: int = 3, lr: float = 0.5, note: tuple = (1, 2)):
    train_set, test_set = load(n)
    model = train(data=train_set, extra=test_set, lr=lr)
    return model, after(bad(model)), train_set
"""


@pytest.fixture
def run(define, home):
    define(FLOW).training()
    return Client(root=home).run()


def test_a_run_tells_what_it_was(run) -> None:
    assert (run.pipeline, run.state, run.stack, run.tags) == ("training", "failed", "local", ("a",))
    assert run.parameters == {"n": 3, "lr": 0.5, "note": (1, 2)}
    assert run.error.message == "step 'bad': <b>mine</b>"
    assert run.started_at.tzinfo is not None
    assert run.started_at <= run.finished_at <= dt.datetime.now(dt.UTC)
    assert run.duration == (run.finished_at - run.started_at).total_seconds()
    assert (run.warnings, run.trackers, run.metadata) == ((), {}, {})
    assert run.record.owner["pid"]


def test_steps_stand_in_the_order_of_the_plan(run) -> None:
    assert list(run.steps) == ["load", "train", "bad", "after"] == [step.name for step in run.plan.steps]
    assert [step.state for step in run.steps.values()] == ["completed", "completed", "failed", "skipped"]
    assert "load" in run.steps
    assert "laod" not in run.steps
    assert len(run.steps) == 4


def test_unknown_names_are_answered_with_the_nearest(run) -> None:
    with pytest.raises(UnknownStep, match="no step 'trian'; there are: after, bad, load, train") as caught:
        run.steps["trian"]
    assert caught.value.hint == "did you mean 'train'?"
    with pytest.raises(ArtifactNotFound, match="no output 'modle'; there are: model"):
        run.steps["train"].outputs["modle"]
    with pytest.raises(ArtifactNotFound, match="no input 'dat'; there are: data, extra"):
        run.steps["train"].inputs["dat"]


def test_get_answers_none_for_unknown_names(run) -> None:
    assert run.steps.get("trian") is None
    assert run.steps.get("trian", 3) == 3
    assert run.steps.get("train").name == "train"
    assert run.steps["train"].outputs.get("x") is None


def test_inputs_and_outputs_stand_in_the_order_of_the_declaration(run) -> None:
    assert list(run.steps["load"].outputs) == ["z_train", "a_test"]
    assert list(run.steps["train"].inputs) == ["data", "extra"]
    assert run.steps["train"].inputs["data"][0].id == run.steps["load"].outputs["z_train"].id


def test_the_only_output_is_the_output(run) -> None:
    assert run.steps["train"].output.load().weights == [0.5]
    with pytest.raises(ArtifactNotFound, match="has 2 outputs: a_test, z_train"):
        _ = run.steps["load"].output
    with pytest.raises(ArtifactNotFound, match="has 0 outputs: none"):
        _ = run.steps["bad"].output


def test_outputs_of_the_run_are_what_was_made_of_what_it_returns(run) -> None:
    assert [each.name for each in run.outputs] == ["model", "z_train"]


def test_a_step_tells_how_it_went(run) -> None:
    step = run.steps["train"]
    assert (step.attempt, step.error, step.reason, step.run.id) == (1, None, "", run.id)
    assert (step.metrics, step.metadata) == ({"loss": 1 / 3}, {"rows": 3})
    assert [point.step for point in step.history("loss")] == [0, 1, 2]
    assert step.duration >= 0
    assert step.started_at <= step.finished_at
    assert run.steps["bad"].error.type == "ValueError"
    assert run.steps["after"].reason == "'bad' failed"


def test_logs_are_read_by_step_or_for_the_run(run) -> None:
    assert [line.text for line in run.logs()] == ["loading", "training"]
    assert [line.text for line in run.logs("train")] == ["training"]
    assert [line.text for line in run.steps["train"].logs()] == ["training"]
    with pytest.raises(UnknownStep):
        run.logs("trian")


def test_an_artifact_tells_where_it_comes_from(run) -> None:
    artifact = run.steps["train"].output
    assert (artifact.name, artifact.version, artifact.step, artifact.output) == ("model", 1, "train", "model")
    assert (artifact.run.id, artifact.run_id, artifact.tags) == (run.id, run.id, ("prod",))
    assert (artifact.type, artifact.unsafe) == ("flow.Model", False)
    assert artifact.digest.startswith("sha256:")
    assert artifact.size == sum(entry.size for entry in artifact.files) > 0
    assert artifact.metadata["quality"] == "good"
    assert artifact.created_at.tzinfo is not None
    assert ":" in artifact.materializer


def test_equal_values_have_equal_digests(define, home) -> None:
    flow = define(FLOW)
    runs = [flow.training.with_options(enable_cache=False)() for _ in range(2)]
    first, second = (run.steps["train"].output for run in runs)
    assert (first.digest, first.version, second.version) == (second.digest, 1, 2)


def test_a_damaged_artifact_is_refused(define, home) -> None:
    run = define("""
        @step
        def load() -> Annotated[bytes, "blob"]:
            return bytes(300_000)

        @pipeline
        def numbers():
            return load()
    """).numbers()
    [stored] = [
        path for path in (home / ".zen" / "artifacts").rglob("*") if path.is_file() and path.stat().st_size == 300_000
    ]
    stored.chmod(0o600)
    stored.write_bytes(b"\x01" + bytes(299_999))
    with pytest.raises(ArtifactDamaged):
        run.outputs[0].load()


def test_a_file_of_an_artifact_can_be_opened(run) -> None:
    artifact = run.steps["load"].outputs["a_test"]
    path = artifact.path()
    assert path.stat().st_size == artifact.size
    with pytest.raises(ArtifactNotFound, match="has the files"):
        artifact.path("nowhere.txt")


def test_views_show_themselves_in_a_line(run) -> None:
    assert repr(run) == f"<run {run.name!r} {run.id[:8]}: failed>"
    assert repr(run.steps["bad"]) == f"<step 'bad' of run {run.id[:8]}: failed>"
    assert repr(run.steps["train"].output).startswith("<artifact 'model' version 1: flow.Model, ")
    assert repr(run.steps).startswith("{'load': <step 'load'")


def test_types_of_the_project_are_loaded_from_another_folder(run, home, tmp_path_factory, monkeypatch) -> None:
    import sys

    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(home)])
    del sys.modules["flow"]  # not by monkeypatch, which would put it back when the project is gone
    model = Client(root=home).artifact("model").load()
    assert (type(model).__module__, model.weights) == ("flow", [0.5])
