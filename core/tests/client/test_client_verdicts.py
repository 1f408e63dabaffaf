"""The verdicts of a reproduction: which values are identical, equal or different, and how they are compared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zen import Client
from zen.client.reproduction import Reproduction


def reproduced(home: Path, ref: str = "last", **options) -> Reproduction:
    return Client(root=home).reproduce(ref, **options)


def verdicts(found: Reproduction) -> dict[str, str]:
    return {step.name: step.verdict for step in found.steps}


def test_a_step_that_is_not_deterministic_is_named_with_its_difference(define, home) -> None:
    define(
        """
        @step
        def guess() -> dict:
            return {"fixed": 1, "seed": [0, os.getpid()]}

        @step
        def sure() -> int:
            return 1

        @pipeline
        def flow():
            return guess(), sure()
        """
    ).flow()
    found = reproduced(home)
    assert verdicts(found) == {"guess": "different", "sure": "identical"}
    assert not found.reproduced
    assert found.steps[0].reason.startswith(f"['seed'][1]: {os.getpid()}, now ")


def test_numpy_and_pandas_values_are_compared(define, home) -> None:
    pytest.importorskip("zen_plugin_numpy")
    pytest.importorskip("zen_plugin_pandas")
    define(
        """
        import numpy as np
        import pandas as pd

        OFFSET = 0.5 if not Path("../../../.zen").exists() else 0.75

        @step
        def array() -> np.ndarray:
            return np.arange(6.0).reshape(2, 3)

        @step
        def moved() -> np.ndarray:
            return np.arange(6.0) + OFFSET

        @step
        def frame() -> pd.DataFrame:
            return pd.DataFrame({"a": [1, 2], "b": ["x", None]})

        @step
        def changed() -> pd.DataFrame:
            return pd.DataFrame({"a": [1.0, 2.0 + OFFSET]})

        @pipeline
        def flow():
            return array(), moved(), frame(), changed()
        """
    ).flow()
    found = {step.name: step for step in reproduced(home).steps}
    assert {name: step.verdict for name, step in found.items()} == {
        "array": "identical",
        "moved": "different",
        "frame": "identical",
        "changed": "different",
    }
    assert found["moved"].reason == "max abs difference 0.25; 6 of 6 values differ"
    assert found["changed"].reason == "['a']: max abs difference 0.25; 1 of 2 values differ"


def test_pickles_with_other_bytes_but_equal_values_are_told_apart(define, home) -> None:
    run = define(
        """
        class Bag:
            def __init__(self, items):
                self.items = items

        @step
        def fill() -> Bag:
            return Bag({"one", "two", "three", "four", "five", "six", "seven"})  # in an order of its own each time

        @step
        def stamp() -> Bag:
            return Bag(os.getpid())

        @pipeline
        def flow():
            return fill(), stamp()
        """
    ).flow()
    found = [reproduced(home, run.id) for _ in range(2)]
    for each in found:
        assert each.steps[0].good
        assert each.steps[1].verdict == "different"
        assert each.steps[1].reason.startswith(f"items: {os.getpid()}, now ")
    assert "equal values" in {each.steps[0].verdict for each in found}


def test_values_of_the_projects_own_types_are_compared_with_the_code_of_the_snapshot(define, home) -> None:
    flow = """
        import dataclasses

        @dataclasses.dataclass
        class Point:
            x: float
            pid: int

        @step
        def one() -> Point:
            return Point(1.0, os.getpid())

        @pipeline
        def flow():
            one()
        """
    define(flow).flow()
    define("print('no Point any more')")
    found = reproduced(home)
    assert found.steps[0].verdict == "different"
    assert found.steps[0].reason.startswith(f"pid: {os.getpid()}, now ")


def test_a_value_that_is_gone_is_not_comparable_but_its_digest_is(define, home) -> None:
    run = define(
        """
        @step
        def same() -> bytes:
            return b"x" * 100_000

        @step
        def other() -> bytes:
            return str(os.getpid()).encode() * 20_000

        @pipeline
        def flow():
            same(), other()
        """
    ).flow()
    for step in run.steps.values():
        for file in step.output.files:
            [stored] = home.glob(f".zen/artifacts/**/{file.digest[9:]}")
            stored.chmod(0o644)
            stored.unlink()
    found = reproduced(home)
    assert verdicts(found) == {"same": "identical", "other": "not comparable"}
    assert found.steps[1].reason.startswith("the recorded value is gone: ")
