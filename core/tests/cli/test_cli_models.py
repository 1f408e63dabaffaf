"""`zen model` and `zen deployment`: from a run to an endpoint, and back to what it is."""

from __future__ import annotations

import json

import pytest

FLOW = """
from typing import Annotated
from zen import Model, log_metrics, pipeline, promote, step

@step
def train(factor: float) -> Annotated[float, "model"]:
    log_metrics({"accuracy": factor / 10})
    promote("champion", better_on="accuracy")
    return factor

@pipeline(model=Model("factor", description="multiplies"))
def training(factor: float = 2.0):
    train(factor)
"""
LIGHT = """
from zen.plugins import Flavor, hookimpl

@hookimpl
def zen_flavors():
    return [Flavor(kind="model_deployer", name="shelf", summary="Serves", implementation="zen.testing:MemoryModelDeployer")]
"""


@pytest.fixture
def models(zen, project, install_plugin):
    """A project with two versions of a model, the first of them the champion, and a stack that serves."""
    install_plugin("shelf", light=LIGHT)
    stacks = {"serving": {"model_deployer": "shelf"}, "bare": {}}
    (project / "zen.yaml").write_text(json.dumps({"default_stack": "serving", "stacks": stacks}))
    (project / "training.py").write_text(FLOW)
    for factor in ("3.0", "2.0"):
        assert zen("run", "training.py", "--factor", factor).code == 0
    return zen


def test_models_and_versions_are_listed(models) -> None:
    assert [(each["model"], each["version"]) for each in models("model", "list", "--json").json] == [("factor", 2)]
    lines = models("model", "list", "factor").out.splitlines()
    assert lines[0].split() == ["MODEL", "VERSION", "ALIASES", "STAGE", "METRICS", "MADE", "RUN"]
    assert [line.split()[:4] for line in lines[1:]] == [
        ["factor", "2", "accuracy", "0.2"],
        ["factor", "1", "champion", "accuracy"],
    ]


def test_a_version_shows_what_it_is(models) -> None:
    shown = models("model", "show", "factor@champion")
    for text in ("factor version 1", "multiplies", "champion", "accuracy = 0.3", "builtins.float"):
        assert text in shown.out
    wrong = models("model", "show", "factor@campion")
    assert (wrong.code, "did you mean 'champion'" in wrong.err) == (6, True)


def test_promoting_moves_an_alias_and_the_history_tells_it(models) -> None:
    assert (
        "factor@2 is champion now"
        in models("model", "promote", "factor", "2", "--alias", "champion", "--reason", "mine").err
    )
    assert models("model", "promote", "factor@1", "--stage", "production").code == 0
    events = models("model", "history", "factor", "--json").json
    assert [(each["alias"], each["before"], each["version"], each["reason"]) for each in events] == [
        ("champion", None, 1, "accuracy 0.3, and nobody held the alias"),
        ("champion", 1, 2, "mine"),
        ("production", None, 1, ""),
    ]
    assert models("model", "unalias", "factor", "production").code == 0
    assert models("model", "delete", "factor@1").code == 0
    assert models("model", "delete", "factor@2").code == 5
    assert models("model", "promote", "factor@2").code == 2


def test_a_deployment_serves_swaps_and_stops(models) -> None:
    made = models("model", "deploy", "factor@champion")
    assert (made.code, made.out.splitlines()[-1]) == (0, "memory://factor")
    assert models("deployment", "predict", "factor", "--data", "[1, 2]").json == [3.0, 6.0]
    assert models("model", "deploy", "factor@2", "--set", "replicas=2").code == 0
    assert models("deployment", "predict", "factor", "--data", "[1, 2]").json == [2.0, 4.0]
    [listed] = models("deployment", "list", "--json").json
    assert (listed["name"], listed["version"], listed["state"], listed["metadata"]) == (
        "factor",
        2,
        "ready",
        {"replicas": 2},
    )
    shown = models("deployment", "show", "factor", "--json").json
    assert [(each["version"], each["reason"]) for each in shown["servings"]] == [
        (1, "another version was deployed"),
        (2, ""),
    ]
    assert "predict" in models("deployment", "logs", "factor").out
    assert models("model", "delete", "factor@2").code == 5  # it serves
    assert models("deployment", "stop", "factor").code == 0
    assert models("deployment", "predict", "factor", "--data", "[1]").code == 5
    assert models("deployment", "delete", "factor").code == 0
    assert models("deployment", "list", "--json").json == []


def test_what_served_when_is_known_after_it_is_gone(models) -> None:
    assert models("model", "deploy", "factor").code == 0
    began = models("deployment", "show", "factor", "--json").json["servings"][0]["started_at"]
    models("deployment", "delete", "factor")
    [then] = models("deployment", "list", "--at", began, "--json").json
    assert (then["name"], then["model"], then["version"], then["reason"]) == ("factor", "factor", 2, "deleted")
    assert models("deployment", "list", "--at", "2020-01-01", "--json").json == []
    assert models("deployment", "list", "--at", "yesterday").code == 2


def test_a_deployment_that_fails_says_why(models, project) -> None:
    (project / "other.py").write_text(
        FLOW.replace('float, "model"', 'str, "model"').replace("return factor", "return 'x'")
    )
    assert models("run", "other.py").code == 0
    failed = models("model", "deploy", "factor@3", "--name", "bad")
    assert (failed.code, "no number" in failed.err) == (5, True)
    assert models("deployment", "show", "bad", "--json").json["servings"] == []


def test_mistakes_are_told_with_what_to_do(models) -> None:
    assert "pip install zen-plugin-serve" in models("model", "deploy", "factor", "--stack", "bare").err
    assert "no deployment 'fator'" in models("deployment", "show", "fator").err
    assert "no JSON" in models("deployment", "predict", "factor", "--data", "[1").err
    assert "cannot have the name 'A B'" in models("model", "deploy", "factor", "--name", "A B").err
