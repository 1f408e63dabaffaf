"""`zen logs`: a part of what was printed, and what comes."""

from __future__ import annotations

import json

import pytest

FLOW = """
from pathlib import Path
from zen import pipeline, step

@step
def load() -> int:
    for number in range(5):
        print("load", number)
    return 1

@step(retries=1)
def train(n: int) -> int:
    print("train", n)
    if not Path("tried").exists():
        Path("tried").touch()
        raise ValueError("no")
    return n

@pipeline
def flow():
    train(load())
"""


@pytest.fixture
def recorded(pipelines, zen):
    """Record a run whose second step was tried twice."""
    (pipelines / "flow.py").write_text(FLOW)
    assert zen("run", "flow.py").code == 0


def test_tail_has_the_last_lines(zen, recorded) -> None:
    assert zen("logs", "last", "--tail", "2").out == "load 4\ntrain 1\n"
    assert zen("logs", "last", "load", "-n", "1").out == "load 4\n"
    assert zen("logs", "last", "--tail", "0").out == ""


def test_since_leaves_out_what_is_older(zen, recorded) -> None:
    assert zen("logs", "last", "load", "--since", "10 min").out.count("\n") == 5
    assert zen("logs", "last", "--since", "2999-01-01").err == "nothing was printed\n"


def test_since_that_is_no_time_is_told(zen, recorded) -> None:
    result = zen("logs", "last", "--since", "soon")
    assert result.code == 2
    assert "'soon' is no time" in result.err


def test_times_and_streams_are_shown_when_asked_for(zen, recorded) -> None:
    line = zen("logs", "last", "train", "--times").out
    assert line.split()[2:] == ["stdout", "train", "1"]


def test_json_names_step_and_attempt(zen, recorded) -> None:
    line = zen("logs", "last", "train", "--json").json[0]
    assert (line["step"], line["attempt"], line["stream"], line["text"]) == ("train", 2, "stdout", "train 1")


def test_following_a_run_that_is_over_shows_every_attempt_and_ends(zen, recorded) -> None:
    result = zen("logs", "last", "--follow", "--tail", "3")
    assert result.out == "load | load 4\ntrain | train 1\ntrain#2 | train 1\n"
    assert result.err.endswith("is completed\n")
    assert zen("logs", "last", "load", "-f").out == "".join(f"load {number}\n" for number in range(5))


def test_following_as_json_gives_an_object_on_each_line(zen, recorded) -> None:
    lines = [json.loads(line) for line in zen("logs", "last", "-f", "--json").out.splitlines()]
    assert [(line["step"], line["attempt"]) for line in lines] == [("load", 1)] * 5 + [("train", 1), ("train", 2)]


def test_following_an_unknown_step_names_the_nearest(zen, recorded) -> None:
    result = zen("logs", "last", "trian", "-f")
    assert result.code == 2
    assert "did you mean 'train'?" in result.err
