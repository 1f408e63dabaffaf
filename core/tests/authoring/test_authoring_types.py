"""Arguments are checked against annotations while a pipeline is traced, before anything runs."""

from __future__ import annotations

import pytest

from zen.errors import ArgumentTypeError, RunError

FUTURE = "from __future__ import annotations\n"
PIPELINE = """
{imports}

@step
def make() -> {made}:
    return {value}

@step
def use(given{wanted}) -> int:
    return 1

@pipeline
def numbers():
    use({argument})
"""


def traced(define, wanted: str, argument: str, *, made: str = "int", value: str = "1", imports: str = ""):
    """Trace a pipeline that hands an argument to a step with that annotation."""
    text = PIPELINE.format(
        imports=imports, made=made, value=value, wanted=f": {wanted}" if wanted else "", argument=argument
    )
    return define(text).numbers.plan()


@pytest.mark.parametrize(
    ("wanted", "argument"),
    [
        ("int", "1.5"),
        ("int", "'1'"),
        ("float", "'1'"),
        ("str", "1"),
        ("bool", "1"),
        ("None", "0"),
        ("list[int]", "['a']"),
        ("list[int]", "(1,)"),
        ("dict[str, int]", "{'a': 'b'}"),
        ("dict[str, int]", "{1: 1}"),
        ("tuple[int, str]", "(1, 2)"),
        ("tuple[int, str]", "(1, 'a', 3)"),
        ("tuple[int, ...]", "(1, 'a')"),
        ("set[int]", "{'a'}"),
        ("int | None", "'a'"),
        ("Optional[int]", "'a'"),
        ("Union[int, str]", "1.5"),
        ("Literal['a', 1]", "True"),
        ("Literal['a', 'b']", "'c'"),
        ("Path", "'a/b'"),
        ("Callable[[int], int]", "3"),
        ("Sequence[int]", "1"),
        ("Meters", "'far'"),
        ("'int'", "'a'"),
    ],
)
def test_values_that_do_not_fit_are_refused(define, wanted, argument) -> None:
    imports = (
        "from collections.abc import Callable, Sequence\n"
        "from typing import Literal, NewType, Optional, Union\n"
        "Meters = NewType('Meters', int)"
    )
    with pytest.raises(ArgumentTypeError, match="step 'use': 'given' is declared as .*, and was given"):
        traced(define, wanted, argument, imports=imports)


@pytest.mark.parametrize(
    ("wanted", "argument"),
    [
        ("float", "1"),
        ("complex", "1.5"),
        ("int", "True"),
        ("object", "3"),
        ("Any", "'x'"),
        ("", "'x'"),
        ("list", "[1, 'a']"),
        ("Sequence[int]", "[1]"),
        ("Mapping[str, float]", "{'a': 1}"),
        ("int | None", "None"),
        ("Literal['a', 1]", "1"),
        ("T", "'anything'"),
        ("Named", "'a protocol that cannot be checked'"),
        ("Settings", "{'a': 1}"),
        ("NotThere", "'x'"),
        ("list[NotThere]", "['x']"),
        ("NotThere | None", "'x'"),
        ("int | NotThere", "'x'"),
        ("Callable[[NotThere], int]", "print"),
        ("pandas.DataFrame", "'x'"),
        ("Annotated[NotThere, 3]", "'x'"),
        ("1 + 'a'", "'x'"),
        ("a b", "'x'"),
    ],
)
@pytest.mark.parametrize("first", ["", FUTURE], ids=["plain", "future"])
def test_values_that_fit_or_cannot_be_judged_pass(define, wanted, argument, first) -> None:
    if "NotThere" in wanted or "pandas" in wanted or " " in wanted:
        wanted = repr(wanted)
    imports = (
        "from collections.abc import Callable, Mapping, Sequence\n"
        "from typing import TYPE_CHECKING, Literal, Protocol, TypedDict, TypeVar\n"
        "if TYPE_CHECKING:\n    import pandas\n    from nowhere import NotThere\n"
        "T = TypeVar('T')\n"
        "class Named(Protocol):\n    def name(self) -> str: ...\n"
        "class Settings(TypedDict):\n    a: int"
    )
    text = PIPELINE.format(
        imports=imports, made="int", value="1", wanted=f": {wanted}" if wanted else "", argument=argument
    )
    assert define(text, first=first).numbers.plan().step("use")


@pytest.mark.parametrize("wanted", ["int", "list[Path]", "Annotated[int, 'x']", "int | None", "'int'"])
def test_annotations_under_future_annotations_are_evaluated(define, wanted) -> None:
    text = PIPELINE.format(imports="", made="int", value="1", wanted=f": {wanted}", argument="'x'")
    with pytest.raises(ArgumentTypeError, match="declared as (int|list)"):
        define(text, first=FUTURE).numbers.plan()


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        ("str", "int"),
        ("float", "int"),
        ("list[int]", "dict"),
        ("int", "str | None"),
        ("None | str", "int"),
        ("Annotated[str, 'text']", "Annotated[int, 'number']"),
    ],
)
def test_outputs_that_can_never_fit_are_refused(define, made, wanted) -> None:
    with pytest.raises(ArgumentTypeError, match="output '.*' of step 'make'"):
        traced(define, wanted, "make()", made=made)


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        ("int", "float"),
        ("bool", "int"),
        ("list[int]", "list"),
        ("list[str]", "Any"),
        ("Any", "int"),
        ("'NotThere'", "int"),
        ("object", "int"),
        ("int", "object"),
        ("int", "'NotThere'"),
        ("int | str", "int"),
        ("Exception", "ValueError"),
    ],
)
def test_outputs_that_may_fit_pass(define, made, wanted) -> None:
    assert traced(define, wanted, "make()", made=made).step("use").upstream() == ("make",)


def test_an_output_without_annotation_passes_everywhere(define) -> None:
    flow = define("""
        @step
        def make():
            return 1

        @step
        def use(given: int) -> int:
            return given + 1

        @pipeline
        def numbers():
            return use(make())
    """)
    assert flow.numbers().outputs[0].load() == 2


def test_constraints_of_pydantic_are_checked(define) -> None:
    imports = "from pydantic import Field"
    wanted = "Annotated[int, Field(gt=0)]"
    assert traced(define, wanted, "3", imports=imports)
    with pytest.raises(ArgumentTypeError, match="was given -3"):
        traced(define, wanted, "-3", imports=imports)


def test_pydantic_models_are_checked_by_their_class(define) -> None:
    imports = "from pydantic import BaseModel\nclass Config(BaseModel):\n    depth: int = 1"
    assert traced(define, "Config", "Config(depth=2)", imports=imports)
    with pytest.raises(ArgumentTypeError, match="declared as Config"):
        traced(define, "Config", "{'depth': 2}", imports=imports)


def test_arguments_of_pipelines_are_checked(define) -> None:
    flow = define("""
        @step
        def use(lr: float) -> float:
            return lr

        @pipeline
        def inner(lr: float = "unset"):
            return use(1.0)

        @pipeline
        def numbers(lr: float = 1.0):
            inner(lr=lr)
    """)
    with pytest.raises(ArgumentTypeError, match="pipeline 'numbers': 'lr' is declared as float"):
        flow.numbers.plan("fast")
    assert flow.inner.plan()


def test_long_values_are_cut_in_messages(define) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        traced(define, "int", "'x' * 1000")
    assert len(caught.value.message) < 300


def test_types_of_loaded_artifacts_are_not_known_before_the_run(define) -> None:
    flow = define("""
        @step
        def make() -> Annotated[str, "word"]:
            return "a"

        @step
        def use(given: int) -> int:
            return given

        @pipeline
        def first():
            make()

        @pipeline
        def second():
            use(Client().artifact("word"))
    """)
    flow.first()
    with pytest.raises(RunError):
        flow.second()
