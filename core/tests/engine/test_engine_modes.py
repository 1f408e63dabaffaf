"""The three execution modes: what a failure means for the other steps."""

from __future__ import annotations

import pytest

FLOW = """
@step
def bad() -> int:
    raise ValueError("mine")

@step
def good(n: int = 1) -> int:
    return n

@pipeline(raise_on_failure=False, execution_mode={mode!r})
def numbers():
    first = good()
    failing = bad(after=first)
    good(failing, id="dependent")
    good(2, id="independent", after=first)
    good(3, id="last", after="independent")
"""


def states(run) -> dict[str, str]:
    return {name: step.state for name, step in run.steps.items()}


@pytest.mark.parametrize("mode", [None, "continue-on-failure"])
def test_continue_runs_all_that_does_not_depend_on_the_failure(define, mode) -> None:
    run = define(FLOW.format(mode=mode)).numbers()
    assert run.state == "failed"
    assert states(run) == {
        "good": "completed",
        "bad": "failed",
        "dependent": "skipped",
        "independent": "completed",
        "last": "completed",
    }


@pytest.mark.parametrize("mode", ["stop-on-failure", "fail-fast"])
def test_stop_starts_nothing_more(define, home, mode) -> None:
    (home / "zen.yaml").write_text(
        "stacks: {one: {orchestrator: {flavor: local, max_parallel: 1}}}\ndefault_stack: one"
    )
    run = define(FLOW.format(mode=mode)).numbers()
    assert run.state == "failed"
    assert states(run) == {
        "good": "completed",
        "bad": "failed",
        "dependent": "skipped",
        "independent": "skipped",
        "last": "skipped",
    }
    assert run.steps["independent"].reason == f"'bad' failed, and the run is {mode}"
    assert run.error.message == "step 'bad': mine"


BESIDE = """
@step(isolate=True)
def slow(seconds: float) -> int:
    Path("started").touch()
    time.sleep(seconds)
    Path("ended").touch()
    return 1

@step
def bad() -> int:
    while not Path("started").exists():
        time.sleep(0.01)
    raise ValueError("mine")

@pipeline(raise_on_failure=False, execution_mode={mode!r})
def numbers():
    bad()
    slow({seconds})
    slow(0.0, id="never", after="bad")

if __name__ == "__main__":
    run = numbers()
    print({{name: step.state for name, step in run.steps.items()}})
    print(run.state, Path("ended").exists())
"""
STACK = "stacks: {two: {orchestrator: {flavor: local, max_parallel: 2}}}\ndefault_stack: two"


@pytest.mark.parametrize(
    ("mode", "seconds", "state", "ended"),
    [("fail-fast", 600, "cancelled", False), ("stop-on-failure", 0.3, "completed", True)],
)
def test_a_failure_ends_or_spares_a_step_in_a_worker(script, home, mode, seconds, state, ended) -> None:
    (home / "zen.yaml").write_text(STACK)
    done = script(BESIDE.format(mode=mode, seconds=seconds))
    assert done.stdout.splitlines() == [
        f"{{'bad': 'failed', 'slow': '{state}', 'never': 'skipped'}}",
        f"failed {ended}",
    ], done.stderr


def test_a_failure_in_a_worker_ends_its_neighbour_under_fail_fast(script, home) -> None:
    (home / "zen.yaml").write_text(STACK)
    done = script("""
        @step(isolate=True, retries=3)
        def slow() -> int:
            Path("started").touch()
            time.sleep(30)

        @step(isolate=True)
        def bad() -> int:
            while not Path("started").exists():
                time.sleep(0.01)
            raise ValueError("mine")

        @pipeline(raise_on_failure=False, execution_mode="fail-fast")
        def numbers():
            slow(), bad()

        if __name__ == "__main__":
            run = numbers()
            print(run.state, [(step.name, step.state) for step in run.attempts])
    """)
    assert done.stdout.strip() in (
        "failed [('bad', 'failed'), ('slow', 'cancelled')]",
        "failed [('slow', 'cancelled'), ('bad', 'failed')]",
    ), done.stderr
