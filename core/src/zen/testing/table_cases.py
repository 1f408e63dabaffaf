"""The tables and expectations that data validators are judged by."""

from __future__ import annotations

import copy
from typing import Any

from zen import expect
from zen.expect import Expectation

Rows = list[dict[str, Any]]
Case = tuple[Expectation, Rows, bool]
"""An expectation, a table, and whether the table meets it."""

GOOD: Rows = [
    {"id": 1, "age": 30, "income": 10.5, "city": "Köln", "größe": "M"},
    {"id": 2, "age": 41, "income": 20.0, "city": "Oslo", "größe": "L"},
    {"id": 3, "age": 52, "income": 30.5, "city": "Rom", "größe": "M"},
]


def changed(**values: Any) -> Rows:
    """Return the good table with other values in its second row."""
    rows = copy.deepcopy(GOOD)
    rows[1] |= values
    return rows


def longer(**values: Any) -> Rows:
    """Return the good table with a fourth row, in which some values are others."""
    return [*copy.deepcopy(GOOD), {"id": 4, "age": 41, "income": 20.5, "city": "Ulm", "größe": "M"} | values]


CASES: dict[str, tuple[Expectation, Rows, int]] = {
    "columns": (expect.columns("id", "age"), [{k: v for k, v in row.items() if k != "age"} for row in GOOD], 0),
    "of_type": (expect.of_type("city", "str"), changed(city=7), 1),
    "not_null": (expect.not_null("city"), changed(city=None), 1),
    "unique": (expect.unique("id"), changed(id=1), 1),
    "in_range": (expect.in_range("age", 0, 120), changed(age=300), 1),
    "in_set": (expect.in_set("größe", ["M", "L"]), changed(größe="XXL"), 1),
    "matches": (expect.matches("city", "[A-Z].+"), changed(city="oslo"), 1),
    "row_count": (expect.row_count(least=2, most=5), GOOD[:1], 0),
    "mean_in_range": (expect.mean_in_range("age", 40, 42), changed(age=300), 0),
    "quantile_in_range": (expect.quantile_in_range("age", 0.5, 40, 42), changed(age=53), 0),
    "shares_near": (expect.shares_near("größe", {"M": 0.6, "L": 0.4}, most=0.125), changed(größe="M"), 0),
}
"""For each rule: an expectation that `GOOD` meets, rows that break it, and how many of them do."""

AT_A_BOUND: tuple[Case, ...] = (
    (expect.not_null("city", most=0.25), longer(city=None), True),
    (expect.in_range("age", 30, 52), GOOD, True),
    (expect.in_range("age", 30), GOOD, True),
    (expect.in_range("age", None, 52), GOOD, True),
    (expect.row_count(least=3, most=3), GOOD, True),
    (expect.row_count(least=3), GOOD, True),
    (expect.mean_in_range("age", 41, 41), GOOD, True),
    (expect.mean_in_range("age", 41), GOOD, True),
    (expect.mean_in_range("age", None, 41), GOOD, True),
    (expect.quantile_in_range("age", 0.5, 41, 41), GOOD, True),
    (expect.quantile_in_range("age", 0, 30), GOOD, True),
    (expect.quantile_in_range("age", 1, None, 52), GOOD, True),
    (expect.shares_near("größe", {"M": 0.5, "L": 0.5}, most=0.25), longer(), True),
)
"""What lies exactly at a bound, or has one bound only. All numbers are exact in binary."""

WITH_MISSING: tuple[Case, ...] = (
    (expect.of_type("city", "str"), longer(city=None), True),
    (expect.unique("city"), [*longer(city=None), {**GOOD[0], "city": None}], True),
    (expect.in_range("age", 0, 120), longer(age=None), True),
    (expect.in_set("größe", ["M", "L"]), longer(größe=None), True),
    (expect.matches("city", "[A-Z].+"), longer(city=None), True),
    (expect.mean_in_range("age", 40, 42), longer(age=None), True),
    (expect.mean_in_range("age", None, 40), longer(age=None), False),
    (expect.quantile_in_range("age", 0.5, 40, 42), longer(age=None), True),
    (expect.quantile_in_range("age", 0, None, 29), longer(age=None), False),
    (expect.shares_near("größe", {"M": 0.5, "L": 0.5}, most=0.0625), [*longer(größe=None), {**GOOD[1]}], True),
    (expect.shares_near("größe", {"M": 0.75, "L": 0.25}, most=0.125), [*longer(größe=None), {**GOOD[1]}], False),
)
"""Tables in which values are missing: those that are there decide."""

BETWEEN_VALUES: tuple[Case, ...] = (
    (expect.quantile_in_range("age", 0.25, 35, 36), GOOD, True),
    (expect.quantile_in_range("age", 0.75, 46, 47), GOOD, True),
    (expect.quantile_in_range("income", 0.5, 20.125, 20.375), longer(), True),
    (expect.quantile_in_range("age", 0.25, 36), GOOD, False),
)
"""Quantiles that lie between two values."""

UNNAMED: tuple[Case, ...] = (
    (expect.shares_near("city", {"Oslo": 0.25}, most=0), longer(), True),
    (expect.shares_near("city", {"Oslo": 0.5, "Rom": 0.5}, most=0.5), longer(), True),
    (expect.shares_near("city", {"Oslo": 0.5, "Rom": 0.5}, most=0.4375), longer(), False),
    (expect.shares_near("city", {"Oslo": 0.25, "Bonn": 0.75}, most=0.75), longer(), True),
    (expect.shares_near("city", {"Oslo": 0.25, "Bonn": 0.75}, most=0.5), longer(), False),
)
"""Shares of values of which not all are named: the others count together, as one value."""

UNFIT: tuple[Case, ...] = (
    (expect.in_range("city", 0, 120), GOOD, False),
    (expect.mean_in_range("city", 0, 120), GOOD, False),
    (expect.quantile_in_range("city", 0.5, 0, 120), GOOD, False),
)
"""Rules about numbers, on a column of texts."""

KNOWN: Rows = longer(city="Oslo", age=None)
KNOWN_FACTS: dict[str, dict[str, Any]] = {
    "age": {
        "nulls": 1,
        "min": 30,
        "max": 52,
        "mean": 41,
        "std": 11,
        "quantiles": {"0.25": 35.5, "0.5": 41, "0.75": 46.5},
    },
    "city": {"nulls": 0, "distinct": 3, "top": [["Oslo", 0.5]]},
    "größe": {"nulls": 0, "distinct": 2, "top": [["M", 0.75], ["L", 0.25]]},
}
"""A table, and what its profile has to say about columns; of `top`, how it starts."""

MARKUP = '"></script></style><u-zen>'
"""A text that must not become markup: there must be no element `u-zen`."""
