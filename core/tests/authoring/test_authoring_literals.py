"""Values in a pipeline function that are no plain data become artifacts when the run starts."""

from __future__ import annotations

import math

import pytest

from zen.errors import MaterializerError

FLOW = """
from dataclasses import dataclass
import datetime as dt

@dataclass
class Config:
    depth: int
    words: list[str]

class Odd:
    def __init__(self, value):
        self.value = value

@step
def depth(config, more=None) -> int:
    config.depth += 1
    return config.depth

@step
def show(value) -> str:
    return f"{type(value).__name__} {value!r}"

@pipeline
def one(value):
    return show(value)

@pipeline
def numbers():
    config = Config(3, ["a"])
    return depth(config), depth(config, more=1), show(Odd(4).value)
"""


@pytest.fixture
def flow(define):
    return define(FLOW)


def test_a_literal_object_becomes_an_artifact_of_the_run(flow) -> None:
    run = flow.numbers()
    [stored] = run.steps["depth"].inputs["config"]
    assert stored.load() == flow.Config(3, ["a"])
    assert (stored.run_id, stored.step, stored.name) == (run.id, "", "numbers.depth.config")
    assert stored.type == "flow.Config"


def test_a_literal_that_a_step_changes_reaches_others_unchanged(flow) -> None:
    assert [each.load() for each in flow.numbers().outputs[:2]] == [4, 4]


def test_a_step_with_a_literal_object_is_cached_by_its_content(flow) -> None:
    assert [flow.one(value).steps["show"].cache.status for value in (range(3), range(3), range(4))] == [
        "miss",
        "hit",
        "miss",
    ]
    assert [flow.numbers().steps["depth"].state for _ in range(2)] == ["completed", "cached"]


@pytest.mark.parametrize(
    "value",
    [
        "None",
        "True",
        "1",
        "-0.0",
        "2**70",
        "float('inf')",
        "'text\\u2028\\x00'",
        "'\\ud800'",
        "b'bytes'",
        "(1, [2, {'a': (3,)}])",
        "{1, 2}",
        "frozenset({'a'})",
        "{1: 'a', None: 'b', (1, 2): 'c'}",
        "{'$tuple': [1]}",
        "dt.datetime(2020, 1, 1, 2, 3)",
        "dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)",
        "dt.timedelta(days=1, microseconds=3)",
        "Path('a/b')",
        "Config(1, ['x'])",
        "[Config(1, ['x']), 2]",
        "range(3)",
        "{'a': range(3)}",
    ],
)
def test_values_arrive_as_they_were_given(flow, value) -> None:
    expected = eval(value, vars(flow))
    assert flow.one(expected).outputs[0].load() == f"{type(expected).__name__} {expected!r}"


def test_nan_arrives_as_nan(flow) -> None:
    run = flow.one(math.nan)
    assert run.outputs[0].load() == "float nan"
    assert math.isnan(run.parameters["value"])


def test_what_cannot_be_stored_fails_before_anything_runs(flow, home) -> None:
    import threading

    from zen import Client

    with pytest.raises(MaterializerError, match="lock"):
        flow.one(threading.Lock())
    assert Client(root=home).count_runs() == 0


def test_a_default_that_is_no_plain_data_stays_the_functions_own(define) -> None:
    flow = define("""
        class Odd:
            value = 3

        @step
        def show(odd: Odd = Odd()) -> int:
            return odd.value

        @pipeline
        def numbers():
            return show()
    """)
    run = flow.numbers()
    assert (run.outputs[0].load(), dict(run.steps["show"].inputs)) == (3, {})


def test_a_list_literal_that_a_step_changes_is_whole_in_the_next_attempt(define) -> None:
    run = define("""
        @step(retries=1)
        def take(numbers: list[int]) -> int:
            numbers.append(9)
            if get_step_context().step_run.attempt == 1:
                raise ValueError
            return len(numbers)

        @pipeline
        def numbers(given: list[int]):
            return take(given), take(given)
    """).numbers([1, 2])
    assert [each.load() for each in run.outputs] == [3, 3]


def test_an_artifact_that_a_step_changes_reaches_others_unchanged(define) -> None:
    run = define("""
        @step
        def load() -> list[int]:
            return [1]

        @step
        def take(numbers: list[int]) -> int:
            numbers.append(9)
            return len(numbers)

        @pipeline
        def numbers():
            data = load()
            return take(data), take([*[data]][0]), take(data, id="third")
    """).numbers()
    assert [each.load() for each in run.outputs] == [2, 2, 2]


def test_literals_of_the_started_script_reach_workers(script) -> None:
    done = script("""
        from dataclasses import dataclass

        @dataclass
        class Config:
            depth: int

        @step(isolate=True)
        def depth(config: Config) -> Config:
            return Config(config.depth + os.getpid() % 1)

        @step
        def check(config: Config) -> str:
            return f"{type(config) is Config} {config}"

        @pipeline
        def numbers():
            return check(depth(Config(3)))

        if __name__ == "__main__":
            run = numbers()
            print(run.outputs[0].load(), run.steps["depth"].output.type, run.steps["depth"].inputs["config"][0].type)
    """)
    assert done.stdout.splitlines() == ["True Config(depth=3) flow.Config flow.Config"], done.stderr
