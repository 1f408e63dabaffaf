"""`config_path`: a file with what one run should be like; every fault of it is named with its place."""

from __future__ import annotations

import json

import pytest

from zen.errors import ConfigError

FLOW = """
@step
def load(rows: int = 3) -> list[int]:
    return list(range(rows))

@step
def train(data: list[int], lr: float, depth: int = 1) -> float:
    return sum(data) * lr * depth

@pipeline
def training(lr: float = 0.5, name: str = "x"):
    train(load(), lr)
    return train(load(), lr)
"""
YAML = """\
run_name: "nightly-{name}"
enable_cache: false
tags: [nightly]
execution_mode: fail-fast
parameters:
  lr: 2.0
steps:
  load:
    retries: 2
    tags: [io]
    parameters: {rows: 4}
  train_2:
    parameters: {depth: 10}
    timeout: 60
"""


@pytest.fixture
def flow(define):
    return define(FLOW)


@pytest.fixture
def configured(flow, home):
    """Return the pipeline with a configuration file of that text."""

    def make(text: str, name: str = "run.yaml", **options):
        (home / name).write_text(text)
        return flow.training.with_options(config_path=home / name, **options)

    return make


@pytest.fixture(params=["yaml", "json"])
def both(request, configured):
    if request.param == "yaml":
        return configured(YAML)
    data = {
        "run_name": "nightly-{name}",
        "enable_cache": False,
        "tags": ["nightly"],
        "execution_mode": "fail-fast",
        "parameters": {"lr": 2.0},
        "steps": {
            "load": {"retries": 2, "tags": ["io"], "parameters": {"rows": 4}},
            "train_2": {"parameters": {"depth": 10}, "timeout": 60},
        },
    }
    return configured(json.dumps(data), "run.json")


def test_everything_in_a_file_counts(both) -> None:
    plan = both.plan(name="y")
    assert (plan.tags, plan.execution_mode, plan.parameters) == (("nightly",), "fail-fast", {"lr": 2.0, "name": "y"})
    steps = {step.name: step for step in plan.steps}
    assert not any(step.cache.enabled for step in steps.values())
    for name in ("load", "load_2"):
        assert (steps[name].retries.count, steps[name].tags, steps[name].inputs["rows"].value) == (2, ("io",), 4)
    assert [steps[name].inputs["depth"].value for name in ("train", "train_2")] == [1, 10]
    assert [steps[name].timeout for name in ("train", "train_2")] == [None, 60]


def test_a_run_with_a_file_takes_its_name_and_values(configured) -> None:
    run = configured(YAML.replace("    timeout: 60\n", ""))(name="y")
    assert (run.name, run.outputs[0].load()) == ("nightly-y", 6 * 2.0 * 10)


def test_the_code_wins_over_the_file_and_tags_add_up(configured) -> None:
    plan = configured(YAML, tags=["more"], execution_mode="stop-on-failure", enable_cache=True).plan(lr=3.0)
    assert (plan.tags, plan.execution_mode, plan.parameters["lr"]) == (("more", "nightly"), "stop-on-failure", 3.0)
    assert plan.step("load").cache.enabled


def test_the_call_wins_over_parameters_as_an_option_and_those_over_the_file(configured) -> None:
    with_file = configured("parameters: {lr: 1.0, name: file}", parameters={"name": "option"})
    assert with_file.plan().parameters == {"lr": 1.0, "name": "option"}
    assert with_file.plan(name="call").parameters["name"] == "call"


def test_an_empty_file_says_nothing(configured) -> None:
    assert configured("").plan().parameters == {"lr": 0.5, "name": "x"}
    assert configured("steps:\n  load:\n").plan().step("load").inputs["rows"].value == 3


def test_a_file_that_is_not_there_is_named(flow) -> None:
    with pytest.raises(ConfigError, match="no run configuration 'nowhere.yaml'"):
        flow.training.with_options(config_path="nowhere.yaml")()


FAULTS = {
    "steps:\n  trian: {retries: 1}": ("2:3", "no step 'trian' in this pipeline; it has: load", "did you mean 'train'?"),
    "parameters:\n  lrr: 1": ("2:3", "the pipeline has no parameter 'lrr'; it has: lr, name", "did you mean 'lr'?"),
    "steps:\n  load:\n    parameters:\n      row: 1": (
        "4:7",
        "step 'load' has no parameter 'row'; it has: rows",
        "did you mean 'rows'?",
    ),
    "steps:\n  train:\n    parameters:\n      lr: 9.0": (
        "4:11",
        "parameter 'lr' of step 'train' is 0.5 in the pipeline function, and something else here",
        "leave it out in one of the two places",
    ),
    "steps:\n  train:\n    parameters: {data: [1]}": (
        "3:24",
        "parameter 'data' of step 'train' is an output of another step in the pipeline function",
        "leave it out",
    ),
    "enable_cashe: true": ("1:1", "enable_cashe", "did you mean 'enable_cache'?"),
    "steps:\n  load: {retry: 1}": ("2:10", "retry", "did you mean 'retries'?"),
    "execution_mode: fail_fast": ("1:17", "no execution mode 'fail_fast'", "did you mean 'fail-fast'?"),
    "enable_cache: 1": ("1:15", "true or false", ""),
    "steps:\n  load: {retries: true}": ("2:19", "a whole number", ""),
    "tags: nightly": ("1:7", "a list", ""),
    "parameters: [1]": ("1:13", "a mapping", ""),
    "steps: [load]": ("1:8", "a mapping", ""),
    "[1, 2]": ("1:1", "a mapping", ""),
    "a: 1\na: 2": ("2:1", "", ""),
    "a: [": ("", "", ""),
}


@pytest.mark.parametrize("text", FAULTS)
def test_faults_are_named_with_file_and_line(configured, text) -> None:
    place, message, hint = FAULTS[text]
    with pytest.raises(ConfigError) as caught:
        configured(text).plan()
    assert f"run.yaml:{place}" in str(caught.value)
    assert message in str(caught.value)
    assert hint in str(caught.value)


def test_values_in_a_file_are_checked_as_arguments_are(configured) -> None:
    with pytest.raises(ValueError, match="step 'load': 'rows' is declared as int"):
        configured("steps: {load: {parameters: {rows: many}}}").plan()
    with pytest.raises(ValueError, match="the retries of step 'load'"):
        configured("steps: {load: {retries: -1}}").plan()
    with pytest.raises(ValueError, match="the timeout of step 'load'"):
        configured("steps: {load: {timeout: 0}}").plan()


def test_all_faults_of_a_file_are_told_at_once(configured) -> None:
    with pytest.raises(ConfigError) as caught:
        configured("tags: x\nenable_cache: 3\nsteps:\n  load: {timeout: long}\n").plan()
    assert [fault.line for fault in caught.value.faults] == [1, 2, 4]


def test_the_value_that_the_pipeline_function_gives_may_be_repeated(configured) -> None:
    assert configured("steps: {train: {parameters: {lr: 0.5}}}").plan()


def test_steps_of_nested_pipelines_are_configured_by_their_full_name(define, home) -> None:
    (home / "run.yaml").write_text("steps: {inner.load: {parameters: {rows: 9}}}")
    flow = define(FLOW + "\n@pipeline\ndef inner():\n    load()\n\n@pipeline\ndef outer():\n    inner()\n    load()\n")
    plan = flow.outer.with_options(config_path="run.yaml").plan()
    assert [step.inputs["rows"].value for step in plan.steps] == [9, 3]
