"""The context of the running step: in threads, in coroutines, in nested runs."""

from __future__ import annotations

import asyncio
import threading

import pytest

import zen
from zen.errors import UsageError


def test_the_context_knows_run_step_and_parameters(define) -> None:
    run = define("""
        @step
        def work() -> dict:
            context = get_step_context()
            context.log.warning("hello")
            return {"run": context.run.id, "name": context.run_name, "step": context.step_name,
                    "attempt": context.step_run.attempt, "lr": context.parameters["lr"], "state": context.run.state}

        @pipeline
        def numbers(lr: float = 0.5):
            work()
            return work()
    """).numbers()
    assert run.outputs[0].load() == {
        "run": run.id,
        "name": run.name,
        "step": "work_2",
        "attempt": 1,
        "lr": 0.5,
        "state": "running",
    }
    assert any("hello" in line.text for line in run.logs())


def test_the_context_is_gone_after_the_step(define) -> None:
    flow = define("""
        @step
        def work() -> None:
            get_step_context()

        @pipeline
        def numbers():
            work()
    """)
    flow.numbers()
    with pytest.raises(UsageError, match="no step is running here"):
        zen.get_step_context()


def test_threads_of_a_step_find_its_context_and_log_and_print(define) -> None:
    run = define("""
        import concurrent.futures

        def inside(number):
            print("thread", number)
            log_metrics({f"m{number}": number})
            return get_step_context().step_name

        @step
        def work() -> list[str]:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                found = list(pool.map(inside, range(8)))
            thread = threading.Thread(target=lambda: found.append(inside(8)))
            thread.start()
            thread.join()
            return found

        @pipeline
        def numbers():
            return work()
    """).numbers()
    assert run.outputs[0].load() == ["work"] * 9
    assert run.metrics == {f"m{number}": float(number) for number in range(9)}
    assert sorted(line.text for line in run.logs()) == [f"thread {number}" for number in range(9)]


ASYNC = """
import asyncio

@step
async def work(n: int = 1) -> Annotated[int, "count"]:
    await asyncio.sleep(0)
    log_metrics({"n": n})

    async def inner():
        return get_step_context().step_name

    assert await asyncio.gather(inner(), inner()) == ["work", "work"]
    return n + 1

@pipeline
def numbers():
    return work(2)
"""


def test_an_async_step_is_awaited(define) -> None:
    run = define(ASYNC).numbers()
    assert (run.outputs[0].load(), run.metrics) == (3, {"n": 2.0})


def test_an_async_step_runs_where_a_loop_runs_already(define) -> None:
    flow = define(ASYNC)

    async def notebook():
        return flow.numbers()

    assert asyncio.run(notebook()).outputs[0].load() == 3


def test_an_async_step_that_fails_is_a_failed_step(define) -> None:
    run = define("""
        @step
        async def work() -> int:
            raise KeyError("mine")

        @pipeline(raise_on_failure=False)
        def numbers():
            work()
    """).numbers()
    assert run.steps["work"].error.type == "KeyError"
    assert run.steps["work"].error.traceback.rstrip().endswith("KeyError: 'mine'")


def test_an_async_generator_is_refused(define) -> None:
    run = define("""
        @step
        async def work() -> list:
            yield 1

        @pipeline(raise_on_failure=False)
        def numbers():
            work()
    """).numbers()
    assert "returned a generator" in run.steps["work"].error.message


def test_a_pipeline_called_in_a_step_is_a_run_of_its_own(define) -> None:
    flow = define("""
        @step
        def inner_step(n: int) -> int:
            log_metrics({"inner": n})
            print("inner talks")
            return n * 2

        @pipeline
        def inner(n: int):
            return inner_step(n)

        @step
        def outer_step() -> list:
            log_metrics({"before": 1})
            run = inner(4)
            log_metrics({"after": 2})
            print("outer talks")
            return [run.id, run.outputs[0].load(), get_step_context().step_name]

        @pipeline
        def outer():
            return outer_step()
    """)
    run = flow.outer()
    run_id, value, name = run.outputs[0].load()
    assert (value, name) == (8, "outer_step")
    assert run.metrics == {"before": 1.0, "after": 2.0}
    inner = zen.Client().run(run_id)
    assert inner.metrics == {"inner": 4.0}
    assert [line.text for line in inner.logs()] == ["inner talks"]
    assert "outer talks" in [line.text for line in run.logs()]


def test_steps_called_in_steps_are_plain_functions(define) -> None:
    run = define("""
        @step
        def add(a: int, b: int) -> int:
            return a + b

        @step
        def total() -> int:
            return add(1, add(2, b=3))

        @pipeline
        def numbers():
            return total()
    """).numbers()
    assert (run.outputs[0].load(), list(run.steps)) == (6, ["total"])


def test_two_runs_at_once_in_threads_do_not_mix(define) -> None:
    flow = define("""
        @step
        def work(n: int) -> int:
            for index in range(20):
                log_metrics({"n": n}, step=index)
                print("run", n)
            save_artifact(n, f"extra{n}")
            return n

        @step
        def check(n: int, wanted: int) -> bool:
            print("check", wanted)
            return n == wanted

        @pipeline
        def numbers(n: int):
            return check(work(n), n)
    """)
    runs = {}

    def go(n: int) -> None:
        runs[n] = flow.numbers(n)

    threads = [threading.Thread(target=go, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, run in runs.items():
        assert (run.state, run.parameters, run.outputs[0].load()) == ("completed", {"n": n}, True)
        assert {point.value for point in run.steps["work"].history("n")} == {float(n)}
        assert {line.text for line in run.logs("work")} == {f"run {n}"}
        assert [line.text for line in run.logs("check")] == [f"check {n}"]
        assert list(run.steps["work"].outputs) == ["output", f"extra{n}"]
    assert len({run.id for run in runs.values()}) == 3


def test_several_runs_in_one_process_count_versions(define) -> None:
    flow = define("""
        @step
        def work(n: int) -> Annotated[int, "number"]:
            return n

        @pipeline
        def numbers(n: int):
            return work(n)
    """)
    assert [flow.numbers(n).outputs[0].version for n in (1, 2, 3)] == [1, 2, 3]
    assert zen.Client().count_runs() == 3
