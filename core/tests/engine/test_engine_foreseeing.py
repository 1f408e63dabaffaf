"""A dry run says what would come from the cache and what would run, and why; it records nothing."""

from __future__ import annotations

import pytest

from zen import Client

FLOW = """
@step
def load(n: int) -> list:
    return list(range(n))

@step
def use(data: list, lr: float) -> float:
    return len(data) * lr

@step
def odd(box: Any) -> int:
    return 1

@pipeline
def flow(n: int = 3, lr: float = 0.5):
    use(load(n), lr)

@pipeline
def literal():
    odd(range(3))
"""


@pytest.fixture
def flow(define):
    return define(FLOW)


def told(pipeline, **arguments) -> dict:
    return {name: (each.status, each.reason) for name, each in pipeline.forecast(**arguments).items()}


def test_what_would_run_and_what_would_not_is_known(flow, home) -> None:
    new = ("miss", "no earlier run of this code with these inputs")
    assert told(flow.flow) == {"load": new, "use": ("miss", "needs 'load', which runs")}
    run = flow.flow()
    same = ("hit", f"same code and inputs as in run {run.id}")
    assert told(flow.flow) == {"load": same, "use": same}
    assert told(flow.flow, lr=0.1) == {"load": same, "use": new}
    assert told(flow.flow, n=4) == {"load": new, "use": ("miss", "needs 'load', which runs")}
    assert told(flow.flow.with_options(enable_cache=False))["load"][0] == "off"
    assert len(Client(root=home).runs()) == 1


def test_a_forecast_comes_true(flow) -> None:
    for arguments in ({}, {}, {"lr": 0.2}, {"n": 5}):
        foreseen = {name: status for name, (status, _) in told(flow.flow, **arguments).items()}
        run = flow.flow(**arguments)
        assert {name: step.cache.status for name, step in run.steps.items()} == foreseen


def test_a_value_that_is_not_stored_yet_is_said(flow) -> None:
    assert told(flow.literal)["odd"] == ("miss", "takes a value that is only stored when the run begins")
