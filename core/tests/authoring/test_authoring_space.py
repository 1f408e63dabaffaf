"""What a sweep tries: every combination, given ones, and random ones that are the same everywhere."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from zen.authoring.space import MOST, Uniform, choice, combinations, share, uniform
from zen.errors import UsageError

KNOWN = ["lr", "depth", "seed"]


def tried(given=(), /, *, runs=None, seed=None, **space):
    return combinations("training", KNOWN, given, space, runs=runs, seed=seed)


def test_values_by_name_are_every_combination_in_order() -> None:
    assert tried(lr=[0.1, 0.01], depth=(2, 4)) == [
        {"lr": 0.1, "depth": 2},
        {"lr": 0.1, "depth": 4},
        {"lr": 0.01, "depth": 2},
        {"lr": 0.01, "depth": 4},
    ]


def test_a_list_of_mappings_is_taken_as_it_is_and_crossed_with_values_by_name() -> None:
    assert tried([{"lr": 0.1}, {"lr": 0.2, "depth": 3}]) == [{"lr": 0.1}, {"lr": 0.2, "depth": 3}]
    assert tried([{"lr": 0.1}], depth=[1, 2]) == [{"lr": 0.1, "depth": 1}, {"lr": 0.1, "depth": 2}]


def test_a_mapping_reaches_parameters_that_are_called_like_an_option() -> None:
    assert tried({"seed": [1, 2]}, depth=range(1)) == [{"seed": 1, "depth": 0}, {"seed": 2, "depth": 0}]


def test_one_value_is_for_all_runs_and_a_list_inside_a_list_is_a_value() -> None:
    assert tried(lr="abc", depth=[[1, 2], [3]]) == [{"lr": "abc", "depth": [1, 2]}, {"lr": "abc", "depth": [3]}]


def test_arrays_are_taken_for_their_values() -> None:
    class Array:
        def tolist(self):
            return [0.5, 1.0]

    assert tried(lr=Array()) == [{"lr": 0.5}, {"lr": 1.0}]


def test_random_ones_are_the_same_in_another_process_whatever_its_hash_seed() -> None:
    space = "lr=uniform(0.001, 0.1, log=True), depth=choice(2, 4, 8)"
    code = (
        "from zen.authoring.space import *\n"
        f"print(combinations('t', ['lr', 'depth'], (), dict({space}), runs=5, seed=1))"
    )
    here = tried(lr=uniform(0.001, 0.1, log=True), depth=choice(2, 4, 8), runs=5, seed=1)
    for hash_seed in ("0", "7"):
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == str(here)


def test_random_ones_are_these_in_every_python() -> None:
    """A change here gives everybody other runs for the same seed."""
    assert tried(lr=uniform(0.001, 0.1, log=True), depth=choice(2, 4, 8), runs=3, seed=1) == [
        {"lr": 0.00106652668419, "depth": 8},
        {"lr": 0.00116296677874, "depth": 8},
        {"lr": 0.00442904690432, "depth": 2},
    ]
    assert share(0, "", 0) == 0.3692996187065518


def test_more_runs_begin_with_the_same_and_another_parameter_changes_none() -> None:
    few, many = tried(lr=uniform(0, 1), runs=3), tried(lr=uniform(0, 1), runs=6)
    assert many[:3] == few
    assert [each["lr"] for each in tried(lr=uniform(0, 1), depth=choice(1, 2), runs=3)] == [each["lr"] for each in few]
    assert tried(lr=uniform(0, 1), runs=3, seed=2) != few


def test_random_ones_are_all_different_and_no_more_than_there_are() -> None:
    every = tried(lr=[1, 2], depth=choice(3, 4, 5))
    some = tried(lr=[1, 2], depth=choice(3, 4, 5), runs=5)
    assert len({tuple(each.values()) for each in some}) == 5
    all_of_them = tried(lr=[1, 2], depth=choice(3, 4, 5), runs=50)
    assert sorted(map(str, all_of_them)) == sorted(map(str, every)) and all_of_them != every


def test_one_and_true_are_different_and_values_given_twice_end_it_all_the_same() -> None:
    assert len(tried(lr=choice(1, True, 1.0), runs=3)) == 3
    assert len(tried(lr=choice(1, 1, 1), depth=choice(2, 2), runs=5)) == 1


def test_uniform_stays_within_its_bounds_and_is_even_on_its_scale() -> None:
    values = [each["lr"] for each in tried(lr=uniform(0.001, 0.1, log=True), runs=400)]
    assert all(0.001 <= value <= 0.1 for value in values)
    assert 160 < sum(value < 0.01 for value in values) < 240
    assert Uniform(0.1, 0.3).at(1 - 2**-53) <= 0.3 and Uniform(0.1, 0.3, True).at(0.0) >= 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tried(), "nothing to try"),
        (lambda: tried({}), "nothing to try"),
        (lambda: tried([]), "nothing to try"),
        (lambda: tried("lr"), "cannot try a str"),
        (lambda: tried([{"lr": 1}, 3]), "has 3 among its combinations"),
        (lambda: tried(lr=[]), "no values to try for 'lr'"),
        (lambda: tried(lr={1, 2}), "no order"),
        (lambda: tried(lr=iter([1])), "no order"),
        (lambda: tried(ls=[1]), "no parameter 'ls'"),
        (lambda: tried([{"ls": 1}]), "no parameter 'ls'"),
        (lambda: tried([{"lr": 1}], lr=[2]), "given twice"),
        (lambda: tried({"lr": 1}, lr=[2]), "given twice"),
        (lambda: tried(lr=uniform(0, 1)), "nothing says how many"),
        (lambda: tried(lr=[1], seed=1), "nothing in it is random"),
        (lambda: tried(lr=[1], seed=[1, 2]), "nothing in it is random"),
        (lambda: tried(lr=[1], runs=2, seed="a"), "the seed of the sweep is 'a'"),
        (lambda: tried(lr=[1], runs=0), "runs of a sweep is 0"),
        (lambda: tried([{"lr": 1}], runs=2), "runs= picks random"),
        (lambda: tried(lr=range(101), depth=range(100)), "10,100 runs"),
        (lambda: tried(lr=range(MOST + 1)), "10,001 runs"),
        (lambda: tried(lr=uniform(0, 1), runs=MOST + 1), "10,001 runs"),
        (lambda: tried([{"lr": 1}] * (MOST + 1)), "10,001 runs"),
        (lambda: uniform(1, 1), "nothing between"),
        (lambda: uniform(0, 1, log=True), "no logarithm"),
        (lambda: uniform(0, math.inf), "no finite number"),
        (lambda: uniform(False, 1), "no finite number"),
        (lambda: choice(), "nothing to choose from"),
    ],
)
def test_what_cannot_be_tried_is_refused(call, message) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        call()


def test_an_unknown_name_is_answered_with_the_nearest_parameter_or_option() -> None:
    with pytest.raises(UsageError) as raised:
        tried(dept=[1])
    assert "depth" in raised.value.hint
    with pytest.raises(UsageError) as raised:
        tried(paralel=2)
    assert "parallel" in raised.value.hint
