"""Data checks, written once: each validator plugin compiles them to its tool.

    from zen import expect

    [expect.columns("age", "income"), expect.not_null("age"), expect.in_range("age", 0, 120)]

An expectation is a value: a rule's name, the column that it is about, and plain arguments.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from zen.records.codec import record

__all__ = [
    "RULES",
    "Expectation",
    "columns",
    "in_range",
    "in_set",
    "matches",
    "not_null",
    "of_type",
    "row_count",
    "unique",
]

RULES: dict[str, str] = {
    "columns": "the table has these columns",
    "of_type": "every value of the column has this type: int, float, str, bool, datetime",
    "not_null": "no value of the column is missing, or at most this share of them",
    "unique": "no two values of the column are equal",
    "in_range": "every value of the column that is there lies within the bounds, both included",
    "in_set": "every value of the column that is there is one of these",
    "matches": "every text of the column that is there matches the regular expression as a whole",
    "row_count": "the table has at least and at most this many rows",
}


@record()
class Expectation:
    """One check of a table: `rule` is a key of `RULES`, `arguments` are plain data."""

    rule: str
    column: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)


def columns(*names: str) -> Expectation:
    """Expect that the table has these columns, in any order, beside others."""
    return Expectation(rule="columns", arguments={"names": list(names)})


def of_type(column: str, type: str) -> Expectation:
    """Expect values of one type: `int`, `float`, `str`, `bool` or `datetime`. Missing values have any type."""
    return Expectation(rule="of_type", column=column, arguments={"type": type})


def not_null(column: str, *, most: float = 0.0) -> Expectation:
    """Expect that no value is missing, or at most the share `most` (0 to 1)."""
    return Expectation(rule="not_null", column=column, arguments={"most": most})


def unique(column: str) -> Expectation:
    """Expect that no two values are equal; missing values are not compared."""
    return Expectation(rule="unique", column=column)


def in_range(column: str, low: float | None = None, high: float | None = None) -> Expectation:
    """Expect values from `low` to `high`, both included; None leaves a side open."""
    return Expectation(rule="in_range", column=column, arguments={"low": low, "high": high})


def in_set(column: str, values: list[Any]) -> Expectation:
    """Expect one of these values."""
    return Expectation(rule="in_set", column=column, arguments={"values": list(values)})


def matches(column: str, pattern: str) -> Expectation:
    """Expect texts that match a regular expression (Python's syntax) from start to end."""
    return Expectation(rule="matches", column=column, arguments={"pattern": pattern})


def row_count(*, least: int = 0, most: int | None = None) -> Expectation:
    """Expect at least and at most so many rows."""
    return Expectation(rule="row_count", arguments={"least": least, "most": most})
