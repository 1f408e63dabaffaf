"""Retries: how often, how long in between, and what is recorded of each attempt."""

from __future__ import annotations

from itertools import pairwise

import pytest

from zen import Retries

FLOW = """
times = []

def attempt_of():
    return get_step_context().step_run.attempt

@step
def work(good: int) -> int:
    times.append(time.monotonic())
    print("attempt", attempt_of())
    if attempt_of() < good:
        raise ValueError(f"attempt {attempt_of()}")
    return attempt_of()

def run(good, retries):
    @pipeline(raise_on_failure=False)
    def numbers():
        return work.with_options(retries=retries)(good)

    return numbers()
"""


@pytest.fixture
def run(define):
    flow = define(FLOW)

    def call(retries, good: int):
        flow.times.clear()
        return flow.run(good, retries), list(flow.times)

    return call


def test_a_step_is_tried_again_as_often_as_it_says_and_no_more(run) -> None:
    failed, times = run(2, good=9)
    assert (failed.state, len(times)) == ("failed", 3)
    assert [(each.attempt, each.state, each.error.message) for each in failed.attempts] == [
        (number, "failed", f"attempt {number}") for number in (1, 2, 3)
    ]
    assert failed.steps["work"].attempt == 3


def test_no_retries_is_one_attempt(run) -> None:
    failed, times = run(0, good=2)
    assert (len(times), len(failed.attempts)) == (1, 1)


def test_a_retry_that_succeeds_completes_the_run(run) -> None:
    completed, times = run(5, good=3)
    assert (completed.state, completed.error, len(times)) == ("completed", None, 3)
    assert [each.state for each in completed.attempts] == ["failed", "failed", "completed"]
    assert completed.outputs[0].load() == 3
    assert [line.text for line in completed.logs()] == ["attempt 3"]


def test_the_delay_grows_by_the_back_off(run) -> None:
    _, times = run(Retries(count=3, delay=0.05, backoff=2.0), good=9)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert [gap >= wanted for gap, wanted in zip(gaps, (0.05, 0.1, 0.2), strict=True)] == [True] * 3


def test_failure_hooks_wait_for_the_last_attempt(define) -> None:
    flow = define("""
        seen = []

        def told(error):
            seen.append(str(error))

        @step(retries=2, on_failure=told)
        def work() -> None:
            raise ValueError(get_step_context().step_run.attempt)

        @pipeline(raise_on_failure=False)
        def numbers():
            work()
    """)
    flow.numbers()
    assert flow.seen == ["3"]


def test_each_retry_in_a_worker_is_counted(script, home) -> None:
    done = script("""
        @step(retries=2, isolate=True)
        def work() -> int:
            attempt = get_step_context().step_run.attempt
            if attempt < 3:
                os._exit(attempt)
            return attempt

        @pipeline
        def numbers():
            return work()

        if __name__ == "__main__":
            run = numbers()
            print([(each.attempt, each.state) for each in run.attempts], run.outputs[0].load())
            print(run.attempts[1].error.message)
    """)
    assert done.stdout.splitlines() == [
        "[(1, 'failed'), (2, 'failed'), (3, 'completed')] 3",
        "the process of step 'work' vanished with exit code 2",
    ], done.stderr
