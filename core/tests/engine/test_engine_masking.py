"""Secrets in what a step writes, and in the plan that it would run from."""

from __future__ import annotations

import io
import threading

import pytest

from zen.engine.capture import Captured, captured_output
from zen.engine.secrecy import check_secrecy
from zen.errors import UsageError
from zen.records import CodeRef, ComponentSpec, Input, ModelSpec, Plan, StackSpec, StepSpec
from zen.secrets.redaction import redactor

VALUE = "correct-horse-battery"
MASK = "***env/PW***"
CODE = CodeRef(module="m", qualname="f")


@pytest.fixture(autouse=True)
def _one_is_known():
    redactor.forget()
    redactor.register("env/PW", VALUE)
    yield
    redactor.forget()


@pytest.mark.parametrize("before", range(64 * 1024 - len(VALUE), 64 * 1024 + 1, 5))
def test_a_line_that_is_too_long_is_not_cut_inside_a_secret(before):
    captured = Captured()
    for piece in ("-" * before, VALUE[:9], VALUE[9:], "-" * 64 * 1024):
        captured.add("stdout", piece)
    assert "".join(line.text for line in captured.take(end=True)).strip("-") == MASK


def test_what_threads_write_at_once_is_joined_for_each(monkeypatch):
    shown, captured = io.StringIO(), Captured()
    monkeypatch.setattr("sys.stdout", shown)
    turn = threading.Barrier(2)

    def write(stream):
        stream.write(f"{VALUE[:5]}")
        turn.wait(10)
        stream.write(f"{VALUE[5:]}\n")

    with captured_output(captured):
        import sys

        threads = [threading.Thread(target=write, args=(sys.stdout,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sys.stdout.write(VALUE[:3])
    assert [line.text for line in captured.take(end=True)] == [MASK, MASK, VALUE[:3]]
    assert shown.getvalue() == f"{MASK}\n{MASK}\n{VALUE[:3]}"


def plan(*, config=None, **facts) -> Plan:
    component = ComponentSpec(kind="alerter", flavor="a", name="a", config=config or {})
    step = StepSpec(name="s", code=CODE, **facts.pop("step", {}))
    return Plan(pipeline="p", code=CODE, steps=(step,), stack=StackSpec(name="x", components=(component,)), **facts)


@pytest.mark.parametrize(
    ("facts", "place"),
    [
        ({"parameters": {"a": {"b": [f"<{VALUE}>"]}}}, "parameter 'a' of pipeline 'p'"),
        ({"tags": (VALUE,)}, "a tag of pipeline 'p'"),
        ({"settings": {"a": VALUE}}, "the settings of pipeline 'p'"),
        ({"model": ModelSpec(name="m", description=VALUE)}, "the model of pipeline 'p'"),
        ({"step": {"inputs": {"a": Input(value=VALUE.encode().hex())}}}, "argument 'a' of step 's'"),
        ({"step": {"inputs": {"a": Input(kind="dict", keys=(VALUE,), items=(Input(),))}}}, "argument 'a' of step 's'"),
        ({"step": {"settings": {"a": VALUE}}}, "the settings of step 's'"),
        ({"step": {"expectations": {"o": {"rules": [VALUE]}}}}, "an expectation of step 's'"),
        ({"config": {"a": [{"b": f"x {VALUE}"}]}}, "the alerter 'a' of stack 'x'"),
    ],
)
def test_a_plan_that_holds_a_secret_is_refused_and_does_not_show_it(facts, place):
    with pytest.raises(UsageError) as raised:
        check_secrecy(plan(**facts))
    text = f"{raised.value.message} {raised.value.hint}"
    assert place in text
    assert "env/PW" in text
    assert VALUE not in text


def test_references_and_weak_words_in_a_configuration_are_no_secrets():
    redactor.register("env/WEAK", "postgres")
    check_secrecy(plan(config={"token": {"$secret": f"env/{VALUE}"}, "host": "postgres"}, secrets=(f"env/{VALUE}",)))
