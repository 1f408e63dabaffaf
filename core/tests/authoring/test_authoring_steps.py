"""Steps: plain functions outside a pipeline, declared inputs and named outputs inside one."""

from __future__ import annotations

import pytest

from zen import ArtifactConfig, RunFailed, Step, step
from zen.errors import UsageError


@step
def double(number: int, *, times: int = 2) -> int:
    """Multiply a number."""
    return number * times


def test_step_outside_a_pipeline_is_the_plain_function() -> None:
    marker = object()

    @step(retries=3, timeout=1)
    def anything(value):
        return value

    assert double(3) == 6
    assert double(number="ab", times=3) == "ababab"
    assert anything(marker) is marker


def test_step_outside_a_pipeline_raises_what_the_function_raises() -> None:
    with pytest.raises(TypeError, match="number"):
        double()


def test_step_keeps_name_doc_and_module_of_the_function() -> None:
    assert (double.__name__, double.__doc__, double.__module__) == ("double", "Multiply a number.", __name__)
    assert double.name == "double"
    assert double.with_options(name="twice").name == "twice"


def test_step_of_a_step_changes_its_options() -> None:
    again = step(retries=2)(double)
    assert isinstance(again, Step)
    assert (again.function, again.options.retries, double.options.retries) == (double.function, 2, 0)


@pytest.mark.parametrize("thing", [3, len, int, "name"])
def test_step_refuses_what_is_no_function(thing) -> None:
    with pytest.raises(UsageError, match="cannot decorate"):
        step(thing)


def test_step_refuses_an_unknown_option_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="no option 'retry'") as caught:
        step(retry=2)(lambda: 1)
    assert caught.value.hint == "did you mean 'retries'?"
    with pytest.raises(UsageError, match="no option 'time_out'"):
        double.with_options(time_out=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retries": -1}, "retries"),
        ({"retries": True}, "retries"),
        ({"retries": "2"}, "retries"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": "1"}, "timeout"),
        ({"name": "no good"}, "name"),
        ({"name": "../x"}, "name"),
        ({"tags": "gpu"}, "tags"),
        ({"tags": [1]}, "tags"),
        ({"on_failure": ["mail"]}, "hook"),
    ],
)
def test_step_refuses_option_values_that_cannot_be(options, message) -> None:
    with pytest.raises(UsageError, match=message):
        double.with_options(**options)


def test_step_refuses_to_be_a_method() -> None:
    class Thing:
        @step
        def run(self) -> int:
            return 1

    with pytest.raises(UsageError, match="is a method"):
        Thing().run()


def test_step_as_a_static_method_works(define) -> None:
    flow = define("""
        class Steps:
            @staticmethod
            @step
            def one() -> int:
                return 1

        @pipeline
        def numbers():
            return Steps.one()
    """)
    assert flow.Steps.one() == 1
    assert flow.numbers().outputs[0].load() == 1


def test_step_refuses_parameters_without_a_name(define) -> None:
    flow = define("""
        @step
        def total(*numbers: int) -> int:
            return sum(numbers)

        @pipeline
        def numbers():
            total(1, 2)
    """)
    with pytest.raises(UsageError, match=r"\*numbers: int, which has no name"):
        flow.numbers()


def test_step_has_one_output_by_default_and_none_for_none(define) -> None:
    run = define("""
        @step
        def plain():
            return 1

        @step
        def typed() -> int:
            return 2

        @step
        def nothing() -> None:
            pass

        @pipeline
        def numbers():
            plain(), typed(), nothing()
    """).numbers()
    assert {name: list(each.outputs) for name, each in run.steps.items()} == {
        "plain": ["output"],
        "typed": ["output"],
        "nothing": [],
    }
    assert run.steps["typed"].output.name == "numbers.typed.output"


def test_step_has_several_named_outputs(define) -> None:
    run = define("""
        @step
        def split() -> tuple[Annotated[list[int], "train"], Annotated[list[int], ArtifactConfig(name="test_data", tags=["small"])], int]:
            return [1, 2], [3], 4

        @step
        def total(data: list[int], more: list[int], last: int) -> int:
            return sum(data) + sum(more) + last

        @pipeline
        def numbers():
            train, test, last = split()
            return {"sum": total(test, more=train, last=last), "parts": [train, test]}
    """).numbers()
    outputs = run.steps["split"].outputs
    assert {name: each.load() for name, each in outputs.items()} == {"train": [1, 2], "test_data": [3], "output_2": 4}
    assert [outputs[name].name for name in outputs] == ["train", "test_data", "numbers.split.output_2"]
    assert outputs["test_data"].tags == ("small",)
    assert [each.load() for each in run.outputs] == [10, [1, 2], [3]]
    assert {name: [each.name for each in taken] for name, taken in run.steps["total"].inputs.items()} == {
        "data": ["test_data"],
        "more": ["train"],
        "last": ["numbers.split.output_2"],
    }


def test_step_with_an_annotated_or_open_tuple_has_one_output(define) -> None:
    run = define("""
        @step
        def pair() -> Annotated[tuple[int, int], "pair"]:
            return 1, 2

        @step
        def many() -> tuple[int, ...]:
            return 1, 2, 3

        @pipeline
        def numbers():
            return pair(), many()
    """).numbers()
    assert [each.load() for each in run.outputs] == [(1, 2), (1, 2, 3)]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ('Annotated[int, "a/b"]', "names an output 'a/b'"),
        ('Annotated[int, ArtifactConfig(name="../x")]', "names an output"),
        ('tuple[Annotated[int, "a"], Annotated[int, "a"]]', "two outputs of one name"),
    ],
)
def test_step_refuses_outputs_that_cannot_be_named(define, declared, message) -> None:
    flow = define(f"""
        @step
        def one() -> {declared}:
            return 1

        @pipeline
        def numbers():
            one()
    """)
    with pytest.raises(UsageError, match=message):
        flow.numbers()


def test_step_uses_the_materializer_of_its_output(define) -> None:
    run = define("""
        import json
        from zen.interfaces import Materializer

        class Upside(Materializer):
            format = "upside"

            def save(self, value, writer):
                writer.write(value[::-1].encode())

            def load(self, reader):
                return reader.read()[::-1].decode()

        @step
        def one() -> Annotated[str, ArtifactConfig(name="word", materializer=Upside)]:
            return "abc"

        @step(output_materializers={"output": Upside})
        def two() -> str:
            return "def"

        @step
        def both(first: str, second: str) -> str:
            return first + second

        @pipeline
        def words():
            return both(one(), two())
    """).words()
    assert [run.steps[name].output.format for name in ("one", "two")] == ["upside", "upside"]
    assert run.outputs[0].load() == "abcdef"


def test_artifact_config_is_given_by_keyword() -> None:
    with pytest.raises(TypeError):
        ArtifactConfig("name")


def test_failed_step_keeps_its_error(define) -> None:
    flow = define("""
        @step
        def bad() -> int:
            return 1 // 0

        @pipeline
        def numbers():
            bad()
    """)
    with pytest.raises(RunFailed) as caught:
        flow.numbers()
    assert caught.value.run.steps["bad"].error.type == "ZeroDivisionError"
