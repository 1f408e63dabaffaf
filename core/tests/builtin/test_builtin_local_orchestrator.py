"""The local orchestrator: this thread first, others beside it for steps that have to wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from zen.builtin import local_orchestrator
from zen.builtin.local_orchestrator import LocalOrchestrator, LocalOrchestratorConfig
from zen.records import CodeRef, Plan, StackSpec, StepSpec


class Recorder:
    """A launcher that sleeps as long as each step says, and keeps who executed it and when."""

    def __init__(self, seconds: dict[str, float], fail: str = "") -> None:
        self.seconds = seconds
        self.fail = fail
        self.calls: dict[str, tuple[float, float, threading.Thread]] = {}

    def execute(self, name: str) -> None:
        started = time.monotonic()
        time.sleep(self.seconds.get(name, 0))
        if name == self.fail:
            raise LookupError(name)
        self.calls[name] = (started, time.monotonic(), threading.current_thread())

    def here(self) -> list[str]:
        return [name for name, call in self.calls.items() if call[2] is threading.current_thread()]

    def overlap(self, *names: str) -> bool:
        return max(self.calls[name][0] for name in names) < min(self.calls[name][1] for name in names)


def plan(**after: str) -> Plan:
    code = CodeRef(module="m", qualname="q")
    steps = tuple(StepSpec(name=name, code=code, after=tuple(up.split())) for name, up in after.items())
    return Plan(pipeline="p", code=code, steps=steps, stack=StackSpec(name="local"))


@pytest.fixture
def run() -> Callable[..., Recorder]:
    def call(work: Plan, parallel: int, fail: str = "", **seconds: float) -> Recorder:
        recorder = Recorder(seconds, fail)
        LocalOrchestrator(LocalOrchestratorConfig(max_parallel=parallel)).run(work, recorder)
        return recorder

    return call


def test_every_step_is_executed_after_what_it_waits_for(run) -> None:
    recorder = run(plan(a="", b="a", c="a", d="b c", e=""), 4, a=0.06, b=0.06, c=0.06)
    assert set(recorder.calls) == set("abcde")
    for name, ups in {"b": "a", "c": "a", "d": "bc"}.items():
        assert all(recorder.calls[up][1] <= recorder.calls[name][0] for up in ups)


@pytest.fixture
def patient(monkeypatch) -> None:
    """Let steps wait long enough for what counts as quick on a busy machine."""
    monkeypatch.setattr(local_orchestrator, "_PATIENCE", 0.4)


def test_a_chain_and_a_fan_out_of_quick_steps_stay_in_this_thread(run, patient) -> None:
    work = plan(a="", b="a", c="b", **{f"f{number}": "c" for number in range(20)})
    assert len(run(work, 4).here()) == 23


def test_a_later_fan_out_of_quick_steps_stays_in_this_thread_too(run, patient) -> None:
    work = plan(a="", b="", c="a b", d="c", e="c", f="c")
    recorder = run(work, 3, a=0.7, b=0.7, c=0.1)
    assert recorder.overlap("a", "b")
    assert {"d", "e", "f"} <= set(recorder.here())


def test_steps_that_wait_are_taken_by_other_threads(run) -> None:
    recorder = run(plan(a="", b="", c=""), 3, a=0.5, b=0.5, c=0.5)
    assert recorder.overlap("a", "b", "c")
    assert len(recorder.here()) == 1


def test_no_more_steps_run_at_once_than_allowed(run) -> None:
    recorder = run(plan(a="", b="", c="", d=""), 2, **dict.fromkeys("abcd", 0.12))
    for moment, _, _ in recorder.calls.values():
        assert sum(start <= moment < end for start, end, _ in recorder.calls.values()) <= 2


def test_one_at_a_time_uses_no_other_thread(run) -> None:
    assert len(run(plan(a="", b="", c=""), 1, a=0.06, b=0.06, c=0.06).here()) == 3


def test_steps_that_get_ready_beside_a_long_one_use_all_threads(run) -> None:
    recorder = run(plan(long="", quick="", x="quick", y="quick"), 3, long=1.0, x=0.3, y=0.3)
    assert recorder.overlap("long", "x", "y")


@pytest.mark.parametrize("fail", ["here", "beside"])
def test_an_error_of_the_launcher_ends_the_run_wherever_it_happens(run, fail) -> None:
    with pytest.raises(LookupError, match=fail):
        run(plan(here="", beside="", never="here beside"), 2, fail=fail, here=0.15, beside=0.15)
