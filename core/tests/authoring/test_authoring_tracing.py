"""Tracing: the names of steps, what they take, what they wait for."""

from __future__ import annotations

import pytest

from zen.errors import DuplicateStepName, TracingError, UnknownStep, UsageError

STEPS = """
@step
def load(n: int = 3) -> list[int]:
    return list(range(n))

@step
def train(data: list[int], lr: float = 0.5) -> float:
    return sum(data) * lr

@step
def note(text: str = "") -> None:
    pass

"""


def traced(define, body: str, parameters: str = ""):
    """Return the plan of a pipeline with that body."""
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    return define(f"{STEPS}\n@pipeline\ndef numbers({parameters}):\n{lines}").numbers.plan()


def test_steps_called_in_a_loop_are_numbered(define) -> None:
    plan = traced(define, "data = load()\nfor lr in (0.1, 0.2, 0.3):\n    train(data, lr)")
    assert [step.name for step in plan.steps] == ["load", "train", "train_2", "train_3"]
    assert [step.inputs["lr"].value for step in plan.steps[1:]] == [0.1, 0.2, 0.3]


def test_ids_name_invocations(define) -> None:
    plan = traced(define, 'data = load(id="source")\ntrain(data, id="small")\ntrain(data)\ntrain(data, id="train_3")')
    assert [step.name for step in plan.steps] == ["source", "small", "train", "train_3"]


def test_numbers_step_over_names_that_are_taken(define) -> None:
    plan = traced(define, 'train(load(), id="train_2")\ntrain([1])\ntrain([1])')
    assert [step.name for step in plan.steps] == ["load", "train_2", "train", "train_3"]


def test_one_id_twice_is_refused(define) -> None:
    with pytest.raises(DuplicateStepName, match="already has a step 'same'"):
        traced(define, 'load(id="same")\nload(id="same")')


def test_an_id_that_a_step_has_already_is_refused(define) -> None:
    with pytest.raises(DuplicateStepName, match="already has a step 'load'"):
        traced(define, 'load()\ntrain([1], id="load")')


@pytest.mark.parametrize("name", ["../x", "a b", "1", "a.b", "é", "x" * 200])
def test_ids_that_are_no_identifiers_are_refused(define, name) -> None:
    with pytest.raises(UsageError, match="name"):
        traced(define, f"load(id={name!r})")


def test_many_invocations_are_named_in_linear_time(define) -> None:
    plan = traced(define, "for number in range(300):\n    note()")
    assert plan.steps[-1].name == "note_300"


def test_defaults_stand_in_the_plan(define) -> None:
    [step] = traced(define, "train([1, 2])").steps
    assert {name: given.value for name, given in step.inputs.items()} == {"data": [1, 2], "lr": 0.5}


def test_outputs_are_inputs_of_other_steps(define) -> None:
    plan = traced(define, "return train(load(n=4))")
    given = plan.step("train").inputs["data"]
    assert (given.kind, given.step, given.output) == ("output", "load", "output")
    assert plan.graph() == {"load": (), "train": ("load",)}
    assert [(leaf.step, leaf.output) for leaf in plan.outputs] == [("train", "output")]


def test_containers_of_outputs_are_inputs(define) -> None:
    run = define("""
        @step
        def one(n: int) -> int:
            return n

        @step
        def show(items: list, by_name: dict, pair: tuple) -> str:
            return f"{items} {by_name} {pair}"

        @pipeline
        def numbers():
            a, b = one(1), one(2)
            return show([a, [b, 3]], {"x": a, "y": {"z": (b,)}}, (a, "text", None))
    """).numbers()
    assert run.outputs[0].load() == "[1, [2, 3]] {'x': 1, 'y': {'z': (2,)}} (1, 'text', None)"
    taken = run.steps["show"].inputs
    assert {name: [each.load() for each in found] for name, found in taken.items()} == {
        "items": [1, 2],
        "by_name": [1, 2],
        "pair": [1],
    }


def test_a_mapping_of_outputs_needs_texts_as_keys(define) -> None:
    with pytest.raises(UsageError, match="texts as keys"):
        traced(define, "train(data={1: load()})")


def test_stored_artifacts_are_inputs(define, home) -> None:
    flow = define("""
        @step
        def load() -> Annotated[list[int], "numbers"]:
            return [1, 2]

        @step
        def total(parts: list, more: list[int]) -> int:
            return sum(parts[0]) + sum(more)

        @pipeline
        def first():
            load()

        @pipeline
        def second(given: list[int]):
            stored = Client().artifact("numbers")
            return total([stored], given)
    """)
    flow.first()
    from zen import Client

    stored = Client(root=home).artifact("numbers")
    run = flow.second(stored)
    assert run.outputs[0].load() == 6
    assert [each.id for each in run.steps["total"].inputs["more"]] == [stored.id]
    assert stored.run.pipeline == "first"


def test_after_orders_steps_without_data(define) -> None:
    plan = traced(
        define,
        'done = note()\nlate = load(after=done)\ntrain([1], after=[late, "note"])\nnote(after="load", id="last")',
    )
    assert {step.name: step.upstream() for step in plan.steps} == {
        "note": (),
        "load": ("note",),
        "train": ("load", "note"),
        "last": ("load",),
    }


def test_after_an_unknown_step_names_the_nearest(define) -> None:
    with pytest.raises(UnknownStep, match="names 'laod'.*it has: load") as caught:
        traced(define, 'load()\nnote(after="laod")')
    assert caught.value.hint == "did you mean 'load'?"


def test_after_as_an_option_holds_for_every_invocation(define) -> None:
    plan = traced(define, 'load()\nwaiting = note.with_options(after="load")\nwaiting()\nwaiting()')
    assert [step.after for step in plan.steps] == [(), ("load",), ("load",)]


def test_parameters_named_id_and_after_stay_the_functions_own(define) -> None:
    [step] = (
        define("""
            @step
            def one(id: int, after: str) -> int:
                return id

            @pipeline
            def numbers():
                one(id=3, after="x")
        """)
        .numbers.plan()
        .steps
    )
    assert (step.name, step.inputs["id"].value, step.inputs["after"].value) == ("one", 3, "x")


def test_nested_pipelines_prefix_their_steps(define) -> None:
    flow = define(
        STEPS
        + """
@pipeline
def inner(lr: float = 0.5):
    data = load()
    note(after="load")
    return train(data, lr)

@pipeline
def numbers():
    load()
    first = inner()
    second = inner(lr=2.0)
    train([first, second], id="both")
"""
    )
    plan = flow.numbers.plan()
    assert [step.name for step in plan.steps] == [
        "load",
        "inner.load",
        "inner.note",
        "inner.train",
        "inner_2.load",
        "inner_2.note",
        "inner_2.train",
        "both",
    ]
    assert plan.step("inner_2.train").inputs["data"].step == "inner_2.load"
    assert plan.step("inner_2.note").after == ("inner_2.load",)
    assert [plan.step(f"{name}.train").inputs["lr"].value for name in ("inner", "inner_2")] == [0.5, 2.0]
    run = flow.numbers()
    assert run.steps["both"].output.load() == (3 * 0.5 + 3 * 2.0) * 0.5


def test_nested_pipeline_turns_the_cache_off_for_its_steps(define) -> None:
    plan = define(
        STEPS
        + """
@pipeline(enable_cache=False)
def inner():
    load()

@pipeline
def numbers():
    inner()
    load()
"""
    ).numbers.plan()
    assert {step.name: step.cache.enabled for step in plan.steps} == {"inner.load": False, "load": True}


def test_a_pipeline_without_steps_is_refused(define) -> None:
    with pytest.raises(UsageError, match="calls no step"):
        traced(define, "pass")


def test_unknown_and_missing_arguments_name_what_exists(define) -> None:
    with pytest.raises(UsageError, match="no parameter 'rate'; it has: data, lr"):
        traced(define, "train([1], rate=1.0)")
    with pytest.raises(UsageError, match="lacks 'data'"):
        traced(define, "train(lr=1.0)")
    with pytest.raises(UsageError, match="too many positional"):
        traced(define, "train([1], 1.0, 2)")


def test_unknown_and_missing_pipeline_arguments_are_refused(define) -> None:
    flow = define(STEPS + "@pipeline\ndef numbers(lr: float):\n    train([1], lr)\n")
    with pytest.raises(UsageError, match="no parameter 'lrr'; it has: lr") as caught:
        flow.numbers(lrr=1.0)
    assert caught.value.hint == "did you mean 'lr'?"
    with pytest.raises(UsageError, match="missing a required argument: 'lr'"):
        flow.numbers()


def test_an_output_of_another_pipeline_is_refused(define) -> None:
    flow = define(
        STEPS
        + """
kept = []

@pipeline
def first():
    kept.append(load())

@pipeline
def second():
    note()
    train(kept[0])
"""
    )
    flow.first.plan()
    with pytest.raises(TracingError, match="belongs to another pipeline"):
        flow.second.plan()


def test_a_step_without_outputs_is_no_input(define) -> None:
    with pytest.raises(TracingError, match="declares no output"):
        traced(define, "train(note())")


def test_an_error_in_the_pipeline_function_ends_the_trace(define) -> None:
    flow = define(STEPS + "@pipeline\ndef numbers():\n    load()\n    raise KeyError('mine')\n")
    with pytest.raises(KeyError, match="mine"):
        flow.numbers()
    assert flow.load(2) == [0, 1]


def test_steps_that_share_a_name_in_the_source_keep_their_own_functions(define) -> None:
    flow = define("""
        def made(number):
            @step
            def work() -> int:
                return number
            return work

        def plus(number):
            return step(name=f"plus_{number}")(lambda given: given + number)

        steps = []
        for number in (7, 8):
            @step
            def top(*, default: int = number) -> int:
                return default
            steps.append(top)

        first, second = made(1), made(2)

        @pipeline
        def numbers():
            return [first(), second(), first(), plus(10)(5), plus(20)(5), steps[0](), steps[1]()]
    """)
    assert [each.load() for each in flow.numbers().outputs] == [1, 2, 1, 15, 25, 7, 8]
    names = [step.code.qualname for step in flow.numbers.plan().steps]
    assert names == [
        "made.<locals>.work",
        "made.<locals>.work<2>",
        "made.<locals>.work",
        "plus.<locals>.<lambda>",
        "plus.<locals>.<lambda><2>",
        "top<2>",
        "top",
    ]


def test_callable_objects_are_hooks(define) -> None:
    flow = define("""
        import functools
        seen = []

        class Teller:
            def __init__(self, name):
                self.name = name
            def __call__(self):
                seen.append(self.name)
            def tell(self):
                seen.append(self.name)

        @step(on_success=[Teller("a"), Teller("b"), Teller("c").tell, functools.partial(seen.append, "d")])
        def work() -> int:
            return 1

        @pipeline
        def numbers():
            work()
    """)
    assert flow.numbers().warnings == ()
    assert flow.seen == ["a", "b", "c", "d"]
