"""Data checks, written once: each validator plugin compiles them to its tool.

    from zen import expect

    [expect.columns("age", "income"), expect.not_null("age"), expect.in_range("age", 0, 120)]

An expectation is a value: a rule's name, the column that it is about, and plain arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from zen.records.codec import record

__all__ = [
    "COMPARISONS",
    "RULES",
    "Expectation",
    "columns",
    "in_range",
    "in_set",
    "matches",
    "mean_in_range",
    "no_drift",
    "not_null",
    "of_type",
    "quantile_in_range",
    "row_count",
    "shares_near",
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
    "mean_in_range": "the mean of the values that are there lies within the bounds, both included",
    "quantile_in_range": "a quantile of the values that are there lies within the bounds, both included",
    "shares_near": "the shares of the values differ by at most so much from these (half the sum of the differences)",
}
"""The rules that validators compile, by name."""

COMPARISONS: dict[str, str] = {
    "no_drift": "the column is distributed as in a reference: its mean and quantiles, or its shares of values",
}
"""What zen turns into rules, from what is known of a reference, before a validator sees it."""


@record()
class Expectation:
    """One check of a table: `rule` is a key of `RULES` or `COMPARISONS`, `arguments` are plain data."""

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


def mean_in_range(column: str, low: float | None = None, high: float | None = None) -> Expectation:
    """Expect a mean from `low` to `high`, both included; None leaves a side open. Missing values are left out."""
    return Expectation(rule="mean_in_range", column=column, arguments={"low": low, "high": high})


def quantile_in_range(column: str, quantile: float, low: float | None = None, high: float | None = None) -> Expectation:
    """Expect a quantile (0 to 1, 0.5 is the median) from `low` to `high`, both included.

    Between two values it is interpolated linearly; missing values are left out.
    """
    arguments = {"quantile": quantile, "low": low, "high": high}
    return Expectation(rule="quantile_in_range", column=column, arguments=arguments)


def shares_near(column: str, shares: Mapping[str, float], *, most: float = 0.1) -> Expectation:
    """Expect that values are about as frequent as given.

    Args:
        column: The column.
        shares: The share of each value (0 to 1), by its text; what is not named counts together as one more value.
        most: The total variation distance that is allowed: half the sum of all differences, 0 to 1.
    """
    return Expectation(rule="shares_near", column=column, arguments={"shares": dict(shares), "most": most})


def no_drift(column: str, reference: str | Any, *, most: float = 0.1) -> Expectation:
    """Expect that a column is distributed as in a reference.

    Numbers: mean and quartiles differ by at most `most` of the reference's standard deviation. Anything else: the
    shares of its values differ by at most `most`; see `shares_near`.

    Args:
        column: The column.
        reference: The name of a stored table (its newest version, or `name@3`), an `ArtifactView`, a table, or its
            statistics as they are kept with its artifact.
        most: How much may have changed.
    """
    return Expectation(rule="no_drift", column=column, arguments={"reference": reference, "most": most})
