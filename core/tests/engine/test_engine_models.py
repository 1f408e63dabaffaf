"""Models: a completed run adds a version, and aliases go to those that earn them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from zen import Client, Model
from zen.errors import ArtifactNotFound, ComponentError, UsageError

FLOW = """
class Constant:
    def __init__(self, value): self.value = value
    def predict(self, rows): return [self.value for _ in rows]

@step
def train(value: float) -> Constant:
    return Constant(value)

@step
def judge(model: Constant, accuracy: float, fail: bool) -> float:
    log_metrics({"accuracy": accuracy})
    promote("champion", better_on="accuracy")
    if fail:
        raise ValueError("mine")
    return accuracy

@pipeline(model=Model("churn", description="who leaves", tags={"team": "risk"}), raise_on_failure=False)
def training(value: float = 1.0, accuracy: float = 0.5, fail: bool = False):
    judge(train(value), accuracy, fail)

@step
def score(model: Constant) -> list:
    return model.predict([1, 2])

@pipeline
def scoring(version: Any = "champion"):
    return score(Model("churn", version=version))
"""


@pytest.fixture
def flow(define):
    return define(FLOW)


def test_a_completed_run_adds_a_version_with_what_it_was_made_of(flow, home) -> None:
    run = flow.training(value=3.0, accuracy=0.75)
    version = Client(root=home).model("churn")
    assert (version.version, version.run.id, version.metrics) == (1, run.id, {"accuracy": 0.75})
    assert (version.description, version.tags, version.aliases) == ("who leaves", {"team": "risk"}, ("champion",))
    assert version.artifact.id == run.steps["train"].output.id
    assert version.load().predict([0]) == [3.0]


def test_a_failed_run_adds_none(flow, home) -> None:
    assert flow.training(fail=True).state == "failed"
    assert Client(root=home).models() == []
    with pytest.raises(ArtifactNotFound, match="no model 'churn'"):
        Client(root=home).model("churn")


def test_the_champion_is_the_best_so_far_and_the_history_says_why(flow, home) -> None:
    for accuracy in (0.5, 0.4, 0.9, 0.9):
        flow.training(accuracy=accuracy)
    client = Client(root=home)
    assert [each.version for each in client.model_versions("churn")] == [4, 3, 2, 1]
    assert client.model("churn@champion").version == 3
    assert [(event.before, event.version, event.reason) for event in client.model_history("churn")] == [
        (None, 1, "accuracy 0.5, and nobody held the alias"),
        (1, 3, "accuracy 0.9 > 0.5 of version 1"),
    ]


def test_a_cached_run_adds_a_version_with_the_metrics_of_its_sources(flow, home) -> None:
    first, second = flow.training(accuracy=0.6), flow.training(accuracy=0.6)
    assert second.steps["judge"].state == "cached"
    versions = Client(root=home).model_versions("churn")
    assert [(each.run.id, each.metrics) for each in versions] == [
        (second.id, {"accuracy": 0.6}),
        (first.id, {"accuracy": 0.6}),
    ]


def test_a_step_takes_a_version_by_its_alias_and_the_use_is_recorded(flow, home) -> None:
    run = flow.training(value=2.5)
    flow.training(value=7.0, accuracy=0.1)
    scored = flow.scoring()
    assert scored.outputs[0].load() == [2.5, 2.5]
    assert [each.id for each in scored.steps["score"].inputs["model"]] == [run.steps["train"].output.id]
    assert flow.scoring(version=2).outputs[0].load() == [7.0, 7.0]


def test_an_unknown_version_is_refused_before_anything_runs(flow, home) -> None:
    flow.training()
    with pytest.raises(ArtifactNotFound, match="no version 'campion'.*champion"):
        flow.scoring(version="campion")
    assert [run.pipeline for run in Client(root=home).runs()] == ["training"]


def test_the_model_may_be_named_and_a_choice_is_told(define, home) -> None:
    flow = define(
        FLOW
        + """
@step
def second() -> Annotated[Constant, "second"]:
    return Constant(9.0)

@pipeline
def both():
    train(1.0), second()
"""
    )
    run = flow.both.with_options(model=Model("pair"))()
    assert 'say which with Model("pair", artifact="step.output")' in run.warnings[0]
    assert Client(root=home).model("pair").artifact.step == "second"
    flow.both.with_options(model=Model("pair", artifact="train.output"))()
    assert Client(root=home).model("pair").artifact.step == "train"
    run = flow.both.with_options(model=Model("pair", artifact="nothing"))()
    assert "no output is called 'nothing'; there are: " in run.warnings[0]
    assert len(Client(root=home).model_versions("pair")) == 2


def test_people_promote_by_alias_and_by_stage(flow, home) -> None:
    for _ in range(2):
        flow.training()
    client = Client(root=home)
    client.promote("churn@1", stage="production", reason="first")
    client.promote("churn@2", stage="production", reason="better")
    assert [(each.version, each.stage, each.aliases) for each in client.model_versions("churn")] == [
        (2, "production", ("production",)),
        (1, "archived", ("champion",)),
    ]
    client.remove_alias("churn", "production")
    assert client.model("churn@2").aliases == ()
    with pytest.raises(UsageError, match="no stage 'prod'"):
        client.promote("churn@1", stage="prod")
    for alias in ("latest", "3", "Bad Name"):
        with pytest.raises(UsageError, match="cannot be an alias"):
            client.promote("churn@1", alias=alias)


def test_a_version_in_use_is_not_deleted(flow, home) -> None:
    for _ in range(2):
        flow.training()
    client = Client(root=home)
    with pytest.raises(ComponentError, match="champion names it|'champion' names it"):
        client.delete_model_version("churn@1")
    client.delete_model_version("churn@2")
    assert [each.version for each in client.model_versions("churn")] == [1]


def test_promoting_wants_a_model(define, home) -> None:
    flow = define(FLOW + "\n@pipeline(raise_on_failure=False)\ndef bare():\n    judge(train(1.0), 0.5, False)\n")
    run = flow.bare()
    assert (run.state, run.error.type) == ("failed", "zen.errors.UsageError")
    assert "makes no model" in run.error.message


def test_a_model_has_a_slug_as_its_name() -> None:
    with pytest.raises(UsageError, match="a model cannot have the name 'My Model'"):
        Model("My Model")


def test_of_runs_that_end_at_once_the_best_is_champion(flow, home) -> None:
    from zen.engine.models import promote_if
    from zen.records import ModelVersion
    from zen.storage import Models

    stack = Client(root=home).open_stack
    versions = [
        Models(stack.database).register(
            ModelVersion(model="churn", version=0, metadata={"metrics": {"accuracy": n / 10}}), f"{n:016x}"
        )
        for n in range(8)
    ]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda version: promote_if(stack, version, "champion", {"better_on": "accuracy"}), versions))
    assert Models(stack.database).get("churn", "champion").version == 8
