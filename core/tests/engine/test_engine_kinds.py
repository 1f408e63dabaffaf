"""Kinds of components that a step asks for: a step operator that runs it, a feature store that it reads."""

from __future__ import annotations

import json

import pytest

from zen.errors import UsageError

LIGHT = """
from zen.plugins import Flavor, hookimpl

@hookimpl
def zen_flavors():
    return [
        Flavor(kind="step_operator", name="beside", summary="Runs beside", implementation="zen.testing:SubprocessStepOperator"),
        Flavor(kind="feature_store", name="memory", summary="Keeps features", implementation="zen.testing:MemoryFeatureStore"),
    ]
"""
FLOW = """
import datetime as dt
NOW = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)

@step
def here() -> int:
    return os.getpid()

@step(step_operator="beside")
def there(pid: int) -> bool:
    print("printed there")
    return os.getpid() != pid

@pipeline(enable_cache=False)
def operated():
    return there(here())

@step
def reads() -> list:
    store = get_step_context().feature_store
    store.put("age", {"user": 1}, NOW, 31)
    return store.historical(["age"], [{"user": 1}, {"user": 2}], [NOW, NOW])

@pipeline(enable_cache=False)
def featured():
    return reads()
"""


@pytest.fixture
def kinds(home, install_plugin, define):
    """Install both, and return the flow on a stack that has what is asked for."""
    install_plugin("kinds", "beside", "memory", light=LIGHT)

    def choose(**kinds: str):
        (home / "zen.yaml").write_text(json.dumps({"default_stack": "one", "stacks": {"one": kinds}}))
        return define(FLOW)

    return choose


def test_a_step_runs_where_its_operator_takes_it(kinds) -> None:
    run = kinds(step_operator="beside").operated()
    assert run.outputs[0].load() is True
    assert [line.text for line in run.logs("there")] == ["printed there"]


def test_a_step_operator_that_the_stack_does_not_have_is_known_before_anything_runs(kinds) -> None:
    with pytest.raises(UsageError, match="asks for the step operator 'beside', and stack 'one' has: none"):
        kinds().operated()


def test_a_step_reads_the_feature_store_of_the_stack(kinds) -> None:
    run = kinds(feature_store="memory").featured()
    assert run.outputs[0].load() == [{"user": 1, "age": 31}, {"user": 2, "age": None}]


def test_a_stack_without_feature_store_says_so(kinds) -> None:
    run = kinds().featured.with_options(raise_on_failure=False)()
    assert "has no feature store" in run.error.message
