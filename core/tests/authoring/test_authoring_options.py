"""`with_options` of pipelines: what a run is called, tagged, and whether it takes earlier results."""

from __future__ import annotations

import datetime as dt

import pytest

from zen import RunFailed
from zen.errors import ConfigError, UsageError

FLOW = """
calls = []

@step
def train(lr: float) -> float:
    return lr

@pipeline(tags=["nightly"])
def training(lr: float = 0.5, name: str = "x"):
    return train(lr)
"""


@pytest.fixture
def flow(define):
    return define(FLOW)


def test_pipeline_runs_on_its_parameters(flow) -> None:
    run = flow.training(0.25, name="y")
    assert (run.state, run.pipeline, run.stack) == ("completed", "training", "local")
    assert run.parameters == {"lr": 0.25, "name": "y"}
    assert run.steps["train"].output.load() == 0.25


def test_unknown_options_name_the_nearest(flow) -> None:
    with pytest.raises(
        UsageError, match="pipeline 'training' has no option 'enable_cashe'; it has: cache_policy, config_path"
    ) as caught:
        flow.training.with_options(enable_cashe=False)
    assert caught.value.hint == "did you mean 'enable_cache'?"
    with pytest.raises(UsageError, match="no option 'stacks'"):
        define_pipeline(flow, stacks="x")


def define_pipeline(flow, **options):
    return flow.pipeline(**options)(lambda: None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "a b"}, "cannot have the name"),
        ({"tags": "one"}, "tags"),
        ({"tags": [""]}, "tags"),
        ({"execution_mode": "fail_fast"}, "no execution mode 'fail_fast'; there are: continue-on-failure"),
        ({"on_success": 3}, "hook"),
        ({"on_failure": [3]}, "hook"),
    ],
)
def test_options_that_cannot_be_are_refused(flow, options, message) -> None:
    with pytest.raises(UsageError, match=message):
        flow.training.with_options(**options)


def test_with_options_leaves_the_pipeline_as_it_was(flow) -> None:
    other = flow.training.with_options(name="other", tags=["b"], raise_on_failure=False)
    assert (other.name, flow.training.name) == ("other", "training")
    assert flow.training.options.tags == ["nightly"]
    assert other.with_options(tags=["c"]).options.raise_on_failure is False


def test_run_names_are_filled_in(flow) -> None:
    run = flow.training.with_options(run_name="{pipeline}-{date}-{stack}-{lr}-{name}-{unknown}")(name="y")
    today = dt.date.today().isoformat()
    assert run.name == f"training-{today}-local-0.5-y-{{unknown}}"
    named = flow.training.with_options(run_name="{id}")()
    assert named.name == named.id
    assert flow.training().name.startswith(f"training-{today}-")


def test_tags_and_the_name_of_the_pipeline_are_recorded(flow) -> None:
    run = flow.training.with_options(tags=["a", "b", "a"], name="other")()
    assert (run.tags, run.pipeline) == (("a", "b"), "other")


def test_parameters_as_an_option_are_defaults_of_the_call(flow) -> None:
    changed = flow.training.with_options(parameters={"lr": 0.1, "name": "z"})
    assert changed().parameters == {"lr": 0.1, "name": "z"}
    assert changed(0.2).parameters == {"lr": 0.2, "name": "z"}
    with pytest.raises(UsageError, match="no parameter 'rate'"):
        flow.training.with_options(parameters={"rate": 1})()
    with pytest.raises(UsageError, match="'lr' is declared as float"):
        flow.training.with_options(parameters={"lr": "fast"})()


def test_parameters_that_are_no_plain_data_are_left_out_of_the_record(flow) -> None:
    assert flow.training.with_options()(name="y").parameters["name"] == "y"


def test_enable_cache_of_the_pipeline_turns_it_off_for_all(flow) -> None:
    flow.training()
    run = flow.training.with_options(enable_cache=False)()
    assert (run.steps["train"].state, run.steps["train"].cache.status) == ("completed", "off")
    assert flow.training.with_options(enable_cache=True)().steps["train"].state == "cached"


def test_stack_as_an_option_chooses_the_stack(define, home) -> None:
    (home / "zen.yaml").write_text("stacks:\n  first: {}\n  second: {}\ndefault_stack: first\n")
    flow = define(FLOW)
    assert flow.training().stack == "first"
    assert flow.training.with_options(stack="second")().stack == "second"
    with pytest.raises(ConfigError, match="secnd") as caught:
        flow.training.with_options(stack="secnd")()
    assert "second" in str(caught.value)


def test_raise_on_failure_false_returns_the_failed_run(define) -> None:
    flow = define("""
        @step
        def bad() -> int:
            raise KeyError("mine")

        @pipeline
        def numbers():
            return bad()
    """)
    run = flow.numbers.with_options(raise_on_failure=False)()
    assert (run.state, run.steps["bad"].state, run.outputs) == ("failed", "failed", [])
    with pytest.raises(RunFailed) as caught:
        flow.numbers()
    assert caught.value.run.state == "failed"
    assert isinstance(caught.value.__cause__, KeyError)


def test_options_of_a_step_are_in_its_plan(define) -> None:
    flow = define("""
        @step(retries=Retries(3, delay=0.5, backoff=3.0), timeout=60, isolate=True, tags=["gpu"], cache_version="2")
        def train() -> int:
            return 1

        @pipeline
        def numbers():
            train()
            train.with_options(retries=1, timeout=None, isolate=False, enable_cache=False, name="quick",
                               resources={"gpu": 1}, settings={"local": {"a": 1}}, step_operator="k8s")()
    """)
    long, quick = flow.numbers.plan().steps
    assert (long.retries.count, long.retries.delay, long.retries.backoff) == (3, 0.5, 3.0)
    assert (long.timeout, long.isolate, long.tags, long.cache.version) == (60, True, ("gpu",), "2")
    assert (quick.name, quick.retries.count, quick.timeout, quick.isolate) == ("quick", 1, None, False)
    assert (quick.cache.enabled, quick.resources, quick.settings) == (False, {"gpu": 1}, {"local": {"a": 1}})
    assert (quick.operator, quick.cache.version) == ("k8s", "2")


@pytest.mark.parametrize("thing", [3, len, "name"])
def test_pipeline_refuses_what_is_no_function(flow, thing) -> None:
    with pytest.raises(UsageError, match="cannot decorate"):
        flow.pipeline(thing)


def test_pipeline_refuses_parameters_without_a_name(flow) -> None:
    with pytest.raises(UsageError, match=r"\*\*more, which has no name"):

        @flow.pipeline
        def numbers(**more):
            pass
