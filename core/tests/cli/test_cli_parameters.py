"""Options from a signature: what is typed comes out as the annotated type, what is not given keeps its default."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import pytest
from pydantic import BaseModel

from zen.cli.parameters import given, options
from zen.errors import UsageError


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Settings(BaseModel):
    depth: int


@dataclasses.dataclass
class Split:
    test: float
    seed: int = 0


def parse(function: Callable[..., Any], *arguments: str, taken: Sequence[str] = ()) -> dict[str, Any]:
    command = click.Command("x", params=[*options(function, taken)])
    with command.make_context("x", list(arguments)) as ctx:
        return given(ctx)


def flags(function: Callable[..., Any], taken: Sequence[str] = ()) -> list[str]:
    return [name for option in options(function, taken) for name in (*option.opts, *option.secondary_opts)]


def every_type(
    count: int,
    rate: float,
    word: str,
    path: Path,
    flag: bool,
    size: Literal["small", "large", 3],
    color: Color,
    maybe: int | None,
    either: str | int,
    noted: Annotated[float, "rate"],
    day: dt.date,
    names: list[str],
    sizes: tuple[int, ...],
    numbers: Sequence[float],
    shape: tuple[int, str],
    table: dict[str, int],
    split: Split,
    anything: Any,
    bare,
) -> None: ...


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--count", "-3"], "count", -3),
        (["--rate=-0.5"], "rate", -0.5),
        (["--word", "$(rm -rf /); `x` 'y'"], "word", "$(rm -rf /); `x` 'y'"),
        (["--word", "-starts-with-dash"], "word", "-starts-with-dash"),
        (["--word="], "word", ""),
        (["--path", "a/b"], "path", Path("a/b")),
        (["--flag"], "flag", True),
        (["--no-flag"], "flag", False),
        (["--size", "large"], "size", "large"),
        (["--size", "3"], "size", 3),
        (["--color", "BLUE"], "color", Color.BLUE),
        (["--maybe", "4"], "maybe", 4),
        (["--either", "4"], "either", 4),
        (["--either", "four"], "either", "four"),
        (["--noted", "1e-3"], "noted", 0.001),
        (["--day", "2026-02-03"], "day", dt.date(2026, 2, 3)),
        (["--names", "a", "--names", "b"], "names", ["a", "b"]),
        (["--sizes", "1", "--sizes", "2"], "sizes", (1, 2)),
        (["--numbers", "1.5"], "numbers", [1.5]),
        (["--shape", '[1, "a"]'], "shape", (1, "a")),
        (["--table", '{"a": 1}'], "table", {"a": 1}),
        (["--split", '{"test": 0.2}'], "split", Split(0.2)),
        (["--anything", "[1, null]"], "anything", [1, None]),
        (["--bare", "word"], "bare", "word"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_value_has_the_annotated_type(arguments: list[str], name: str, value: Any) -> None:
    result = parse(every_type, *arguments)
    assert result == {name: value}
    assert type(result[name]) is type(value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "x"], "not a valid integer"),
        (["--size", "lrge"], "did you mean 'large'?"),
        (["--color", "1"], "none of RED, BLUE"),
        (["--table", "{"], "is not JSON"),
        (["--day", "soon"], "no ISO date"),
        (["--split", '{"tst": 1}'], "Split does not take"),
    ],
)
def test_value_that_does_not_fit_is_explained(arguments: list[str], message: str) -> None:
    with pytest.raises(click.BadParameter, match=message.replace("?", r"\?")):
        parse(every_type, *arguments)


def test_nothing_given_keeps_the_defaults() -> None:
    def pipeline(rows: int = 3, names: list[str] | None = None, deep: bool = True) -> None: ...

    assert parse(pipeline) == {}


def test_default_is_shown() -> None:
    def pipeline(rate: float = 0.1, deep: bool = True, names: list[int] = [1, 2]) -> None: ...  # noqa: B006

    command = click.Command("x", params=[*options(pipeline)])
    text = command.get_help(click.Context(command))
    assert "[default: 0.1]" in text and "[default: on]" in text and "[default: [1, 2]]" in text


@pytest.mark.parametrize(
    ("default", "text", "value"), [(3, "4", 4), (True, None, True), ([1], "2", [2]), ("a", "b", "b")]
)
def test_type_of_an_unannotated_parameter_comes_from_its_default(default: Any, text: str | None, value: Any) -> None:
    def pipeline(thing=default) -> None: ...

    assert parse(pipeline, "--thing", *filter(None, [text])) == {"thing": value}


def test_underscores_become_dashes() -> None:
    def pipeline(learning_rate: float = 0.1) -> None: ...

    assert flags(pipeline) == ["--learning-rate"]


def test_parameter_named_like_an_option_of_ours_gets_a_prefix() -> None:
    def pipeline(name: str = "", cache: bool = True, dry_run: bool = False) -> None: ...

    taken = ["--name", "--no-cache", "--dry-run", "--help"]
    assert flags(pipeline, taken) == [
        "--param-name",
        "--param-cache",
        "--no-param-cache",
        "--param-dry-run",
        "--no-param-dry-run",
    ]
    assert parse(pipeline, "--param-name", "x", taken=taken) == {"name": "x"}


def test_two_parameters_never_share_an_option() -> None:
    def pipeline(a_b: int = 1, _a_b: int = 2, fast: bool = True, no_fast: int = 3) -> None: ...

    found = flags(pipeline)
    assert len(found) == len(set(found))


def test_positional_only_parameter_is_refused() -> None:
    def pipeline(rows: int, /) -> None: ...

    with pytest.raises(UsageError, match="'rows'"):
        options(pipeline)


def test_star_arguments_are_left_out() -> None:
    def pipeline(*rows: int, **more: int) -> None: ...

    assert options(pipeline) == []


def test_annotation_that_cannot_be_resolved_is_read_as_json_or_text() -> None:
    def pipeline(thing: Missing = None) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert parse(pipeline, "--thing", "3") == {"thing": 3}
    assert parse(pipeline, "--thing", "three") == {"thing": "three"}


def test_pydantic_model_is_validated() -> None:
    def pipeline(settings: Settings) -> None: ...

    assert parse(pipeline, "--settings", '{"depth": 3}')["settings"] == Settings(depth=3)
    with pytest.raises(click.BadParameter, match="depth"):
        parse(pipeline, "--settings", '{"depth": "x"}')
