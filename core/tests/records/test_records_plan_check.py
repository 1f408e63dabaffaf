"""A plan that cannot run is refused before anything runs."""

from __future__ import annotations

import pytest

from zen.errors import CyclicPlan, DuplicateStepName, UnknownStep
from zen.records import CodeRef, Plan, StackSpec, StepSpec

CODE = CodeRef(module="flow", qualname="train")


def plan(**after: tuple[str, ...]) -> Plan:
    steps = tuple(StepSpec(name=name, code=CODE, after=names) for name, names in after.items())
    return Plan(pipeline="flow", code=CODE, stack=StackSpec(name="local"), steps=steps)


def test_a_plan_in_order_passes():
    plan(load=(), train=("load",), evaluate=("load", "train")).check()


def test_a_cycle_is_shown():
    with pytest.raises(CyclicPlan) as caught:
        plan(load=("train",), train=("load",)).check()
    assert "'load' waits for 'train' waits for 'load'" in str(caught.value) or "'train' waits for 'load'" in str(
        caught.value
    )


def test_a_wrong_order_is_refused():
    with pytest.raises(CyclicPlan, match="'train' stands before"):
        plan(train=("load",), load=()).check()


def test_an_unknown_upstream_names_the_nearest():
    with pytest.raises(UnknownStep, match="did you mean 'load'"):
        plan(load=(), train=("laod",)).check()


def test_two_steps_of_one_name_are_refused():
    step = StepSpec(name="load", code=CODE)
    with pytest.raises(DuplicateStepName, match="two steps named 'load'"):
        Plan(pipeline="flow", code=CODE, stack=StackSpec(name="local"), steps=(step, step)).check()
