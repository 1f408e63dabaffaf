"""`zen sweep`: values on the command line, what is printed, exit codes, and looking at sweeps afterwards."""

from __future__ import annotations

import click
import pytest

from zen.authoring.space import Uniform
from zen.cli.values import Values

pytestmark = pytest.mark.usefixtures("pipelines")


def test_run_makes_every_combination_and_prints_a_table(zen) -> None:
    result = zen("sweep", "run", "flow.py", "--rows", "1,2", "--kind", "good", "--name", "sizes")
    assert result.code == 0
    lines = result.out.splitlines()
    assert [line.split()[:3] for line in lines if "loading" not in line] == [
        ["RUN", "STATE", "ROWS"],
        ["sizes-1", "completed", "1"],
        ["sizes-2", "completed", "2"],
    ]
    assert "[2/2] rows=2: completed" in result.err and "zen sweep show sizes" in result.err


def test_a_failed_run_is_shown_and_makes_the_exit_code(zen) -> None:
    result = zen("sweep", "run", "flow.py", "--rows", "1", "--kind", "bad,good", "--json")
    assert result.code == 1
    assert result.json["states"] == {"failed": 1, "completed": 1} and result.json["varied"] == ["kind"]
    assert [run["state"] for run in result.json["runs"]] == ["failed", "completed"]


def test_random_runs_stop_and_parallel_are_passed_on(zen) -> None:
    result = zen("sweep", "run", "flow.py", "--rows", "1..50", "--random", 3, "--seed", 4, "--parallel", 2, "--json")
    rows = [run["rows"] for run in result.json["runs"]]
    assert len(set(rows)) == 3 and all(1 <= number <= 50 for number in rows)
    stopped = zen("sweep", "run", "flow.py", "--rows", "1..5", "--kind", "bad", "--stop-after-failures", 1, "--json")
    assert stopped.code == 1 and len(stopped.json["runs"]) == 1


def test_a_parameter_called_like_an_option_has_a_name_of_its_own(zen) -> None:
    result = zen("sweep", "run", "flow.py", "--rows", "1", "--param-name", "a,b", "--name", "names", "--json")
    assert [run["name"] for run in result.json["runs"]] == ["a", "b"] and result.json["name"] == "names"


def test_list_and_show_read_them_back(zen) -> None:
    assert "no sweeps yet" in zen("sweep", "list").err
    zen("sweep", "run", "flow.py", "--rows", "1,2,3", "--name", "sizes")
    [group] = zen("sweep", "list", "--json").json
    assert (group["name"], group["runs"], group["states"]) == ("sizes", 3, {"completed": 3})
    assert "sizes  flow" in zen("sweep", "list").out
    shown = zen("sweep", "show", "sizes", "--sort", "-rows", "--json").json
    assert [run["rows"] for run in shown["runs"]] == [3, 2, 1]
    assert zen("sweep", "show", "sizes", "--sort", "metrics.loss").code == 0


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (["run"], ["missing argument"]),
        (["run", "flow.py"], ["needs --rows", "zen sweep run flow.py --help"]),
        (["run", "flow.py", "--rows", "1,x"], ["'x' is not a valid integer"]),
        (["run", "flow.py", "--rows", "1,,2"], ["has an empty value"]),
        (["run", "flow.py", "--rows", "1..20000"], ["no range of up to 10,000"]),
        (["run", "flow.py", "--rows", "1..200", "--param-name", "[" + '"a",' * 99 + '"b"]'], ["20,000 runs"]),
        (["run", "flow.py", "--rows", "1", "--kind", "god"], ["did you mean 'good'?"]),
        (["run", "--rows", "1", "flow.py"], ["zen sweep run FILE --rows"]),
        (["show", "none"], ["no group 'none'"]),
        (["shw"], ["did you mean 'show'?"]),
    ],
)
def test_mistakes_are_explained_before_anything_runs(zen, arguments, messages) -> None:
    result = zen("sweep", *arguments)
    assert result.code == 2 or (result.code != 0 and "none" in arguments)
    assert all(message in result.err for message in messages), result.err
    assert zen("runs", "--json").json == []


def test_an_unknown_column_is_answered_with_the_nearest(zen) -> None:
    zen("sweep", "run", "flow.py", "--rows", "1", "--name", "one")
    assert "did you mean 'loss'?" in zen("sweep", "show", "one", "--sort", "los").err


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        (click.FLOAT, "0.1,1e-3", [0.1, 0.001]),
        (click.FLOAT, "0.1..0.5", Uniform(0.1, 0.5)),
        (click.FLOAT, "1e-4..1:log", Uniform(1e-4, 1.0, True)),
        (click.INT, "2..4", [2, 3, 4]),
        (click.INT, "-1..1", [-1, 0, 1]),
        (click.BOOL, "yes,no", [True, False]),
        (click.STRING, "a, b", ["a", "b"]),
        (click.STRING, "1..2", ["1..2"]),
        (click.STRING, '["a,b", "c"]', ["a,b", "c"]),
    ],
)
def test_values_are_read_by_the_type_of_the_parameter(kind, text, values) -> None:
    assert Values(kind).convert(text, None, None) == values


def test_lists_are_given_as_json() -> None:
    values = Values(click.INT, lists=True)
    assert values.convert("[[1, 2], [3]]", None, None) == [[1, 2], [3]]
    for wrong in ("1,2", "[1, 2]", "[[1"):
        with pytest.raises(click.BadParameter):
            values.convert(wrong, None, None)
