"""Hooks of steps and pipelines: when they run, what they get, and that they fail nothing."""

from __future__ import annotations

import pytest

from zen import RunFailed

FLOW = """
seen = []

def plain():
    seen.append("plain")

def with_error(error):
    seen.append(f"with_error {type(error).__name__} {error}")

def with_default(error=None):
    seen.append(f"with_default {type(error).__name__}")

def bad_hook():
    raise RuntimeError("hook broke")

def leaving_hook():
    sys.exit(3)

@step
def work(fail: bool) -> int:
    seen.append("work")
    if fail:
        raise ValueError("mine")
    return 1

def run(fail, step, **options):
    @pipeline(raise_on_failure=False, **options)
    def numbers():
        step(fail)

    return numbers()
"""


@pytest.fixture
def run(define):
    flow = define(FLOW)

    def call(fail: bool, *, step=None, **options):
        named = [{key: hooks(flow, names) for key, names in (given or {}).items()} for given in (step, options)]
        return flow.run(fail, flow.work.with_options(**named[0]), **named[1]), flow.seen

    return call


def hooks(flow, names):
    return [getattr(flow, name) for name in names.split()]


ERROR = "with_error ValueError mine"


@pytest.mark.parametrize("place", ["step", "pipeline"])
def test_failure_hooks_run_on_failure_with_the_exception_if_they_take_it(run, place) -> None:
    given = {"on_failure": "plain with_error with_default", "on_success": "plain"}
    result, seen = run(True, step=given) if place == "step" else run(True, **given)
    assert seen == ["work", "plain", ERROR, "with_default ValueError"]
    assert (result.state, result.warnings) == ("failed", ())


@pytest.mark.parametrize("place", ["step", "pipeline"])
def test_success_hooks_run_on_success_without_arguments(run, place) -> None:
    given = {"on_success": "plain with_default", "on_failure": "with_error"}
    result, seen = run(False, step=given) if place == "step" else run(False, **given)
    assert seen == ["work", "plain", "with_default NoneType"]
    assert result.warnings == ()


@pytest.mark.parametrize("place", ["step", "pipeline"])
@pytest.mark.parametrize("fail", [False, True])
def test_a_failing_hook_only_warns(run, place, fail) -> None:
    given = {"on_success": "bad_hook leaving_hook plain", "on_failure": "bad_hook leaving_hook plain"}
    result, seen = run(fail, step=given) if place == "step" else run(fail, **given)
    assert seen == ["work", "plain"]
    assert result.state == ("failed" if fail else "completed")
    assert "the hook flow:bad_hook failed: RuntimeError: hook broke" in result.warnings
    assert any("leaving_hook failed: SystemExit" in warning for warning in result.warnings)


def test_one_hook_needs_no_list(define) -> None:
    flow = define(
        FLOW
        + """
@pipeline(on_success=plain)
def numbers():
    work.with_options(on_success=plain)(False)
"""
    )
    flow.numbers()
    assert flow.seen == ["work", "plain", "plain"]


def test_hooks_of_a_step_run_inside_the_step(define) -> None:
    run = define("""
        def note():
            context = get_step_context()
            log_metadata({"hooked": context.step_name})
            print("from the hook")

        @step(on_success=note)
        def work() -> None:
            pass

        @pipeline
        def numbers():
            work()
    """).numbers()
    assert run.steps["work"].metadata == {"hooked": "work"}
    assert [line.text for line in run.logs()] == ["from the hook"]


def test_hooks_run_once_and_not_for_cached_or_skipped_steps(define) -> None:
    flow = define(
        FLOW.replace('    seen.append("work")\n', "")
        + """
@pipeline(raise_on_failure=False)
def numbers():
    quick = work.with_options(on_success=plain, on_failure=plain)
    quick(False)
    bad = work(True)
    quick(False, after=bad)
"""
    )
    flow.numbers()
    assert flow.seen == ["plain"]


def test_the_failure_hook_of_a_worker_step_runs(script) -> None:
    done = script("""
        def told(error):
            Path("told.txt").open("a").write(f"{type(error).__name__} {error}\\n".splitlines()[0] + "\\n")

        @step(isolate=True, on_failure=told)
        def raises() -> None:
            raise ValueError("mine")

        @step(isolate=True, on_failure=told)
        def vanishes() -> None:
            os._exit(3)

        @pipeline(raise_on_failure=False, on_failure=told)
        def numbers():
            raises()
            vanishes()

        if __name__ == "__main__":
            numbers()
            print(Path("told.txt").read_text())
    """)
    lines = sorted(done.stdout.split("\n"))
    assert any(line.startswith("ValueError mine") for line in lines), done.stderr
    assert sum(line.startswith("WorkerDied the process of step 'vanishes'") for line in lines) >= 1
    assert len([line for line in lines if line]) == 3


def test_a_lambda_is_a_hook_in_this_process(define) -> None:
    flow = define("""
        seen = []

        @step(on_failure=lambda error: seen.append(error))
        def work() -> None:
            raise ValueError

        @pipeline(on_failure=lambda: seen.append("run"))
        def numbers():
            work()
    """)
    with pytest.raises(RunFailed):
        flow.numbers()
    assert [type(flow.seen[0]), flow.seen[1]] == [ValueError, "run"]
