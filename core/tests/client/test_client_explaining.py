"""Why a step ran: exactly what changed, old and new, with the lines of code."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from zen import Client

FLOW = """
RATE = 2

def helper(n):
    # a helper
    return n * RATE

@step
def load(n: int) -> list:
    return list(range(n))

@step
def use(data: list, lr: float = 0.5) -> float:
    return helper(len(data)) * lr

@pipeline
def flow(n: int = 3, lr: float = 0.5):
    return use(load(n), lr)
"""


@pytest.fixture
def why(define, home):
    """Return what runs a version of the flow and tells why its steps ran, as (status, aspect, name, old, new)."""

    def tell(text: str = FLOW, **arguments):
        define(text).flow(**arguments)
        return {each.step: each for each in Client(root=home).why()}

    return tell


def changes(explanation) -> list[tuple]:
    return [(each.aspect, each.name, each.old, each.new) for each in explanation.changes]


def test_the_first_run_has_nothing_to_compare_with(why) -> None:
    assert {(each.status, each.reason) for each in why().values()} == {
        ("miss", "no earlier run of this pipeline has this step")
    }


def test_a_hit_names_the_run_that_made_the_result(why, home) -> None:
    why()
    first = Client(root=home).run()
    assert {(each.status, each.source, each.changes) for each in why().values()} == {("hit", first.id, ())}


def test_a_changed_parameter_is_named_with_old_and_new(why) -> None:
    why()
    told = why(lr=0.25)
    assert (told["load"].status, told["use"].reason) == ("hit", "input lr changed")
    assert changes(told["use"]) == [("input", "lr", "0.5", "0.25")]
    assert Client().run().steps["use"].why() == told["use"]


def test_a_changed_input_is_named_by_its_digest(why) -> None:
    why()
    told = why(n=4)
    assert changes(told["load"]) == [("input", "n", "3", "4")]
    [(aspect, name, old, new)] = changes(told["use"])
    assert (aspect, name) == ("input", "data") and old != new and old.startswith("sha256:")


def test_a_changed_helper_is_shown_with_its_lines(why) -> None:
    why()
    told = why(FLOW.replace("return n * RATE", "return n * RATE + 1"))
    [change] = told["use"].changes
    assert (change.aspect, change.name) == ("code", "flow.helper")
    assert change.diff.splitlines()[-2:] == ["-    return n * RATE", "+    return n * RATE + 1"]
    assert told["load"].status == "hit"


def test_a_changed_constant_is_shown(why) -> None:
    why()
    [change] = why(FLOW.replace("RATE = 2", "RATE = 3"))["use"].changes
    assert (change.aspect, change.name) == ("code", "flow.RATE")
    assert change.diff.splitlines()[-2:] == ["-RATE = 2", "+RATE = 3"]


def test_a_comment_changes_nothing(why) -> None:
    why()
    assert {each.status for each in why(FLOW.replace("# a helper", "# another")).values()} == {"hit"}


def test_what_cannot_be_cached_says_why(why) -> None:
    text = FLOW.replace("helper(len(data))", "helper(eval('len(data)'))")
    told = why(text)["use"]
    assert (told.status, "eval" in told.reason) == ("uncacheable", True)


def test_the_command_tells_it_to_people_and_programs(why, home) -> None:
    why()
    why(lr=0.1)

    def zen(*arguments: str) -> str:
        command = [sys.executable, "-m", "zen", "why", *arguments]
        return subprocess.run(command, cwd=home, capture_output=True, text=True, check=True).stdout

    assert zen("last", "use").splitlines()[1] == "  input lr: 0.5 → 0.1"
    assert [each["status"] for each in json.loads(zen("--json"))] == ["hit", "miss"]
