"""What a check of zen's vocabulary demands, and what it found, as sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zen.expect import Expectation
from zen_plugin_great_expectations.values import number, plain, shown

_MOST_VALUES = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What Great Expectations found out about one check.

    Attributes:
        passed: Whether the table meets it.
        unexpected: How many rows break it.
        total: How many rows there are; 0 for a check that is not about rows.
        sample: A few of the values that break it, as plain data.
        observed: What was measured: a mean, a quantile, the columns that are there.
        details: More about that.
        problem: Why the check could not be made; empty if it could.
    """

    passed: bool
    unexpected: int = 0
    total: int = 0
    sample: tuple[Any, ...] = ()
    observed: Any = None
    details: Mapping[str, Any]
    problem: str = ""


def demand(expectation: Expectation) -> str:
    """Return what the expectation demands, for the page: `in_range: values lie between 0 and 120`."""
    return f"{expectation.rule}: {_DEMANDS[expectation.rule](expectation.arguments)}"


def failure(expectation: Expectation, finding: Finding) -> str:
    """Return what went wrong, as a sentence that names the column, the count and a few values."""
    where = f"column {expectation.column!r}: " if expectation.column else ""
    if finding.problem:
        return f"{where}{finding.problem}"
    if expectation.rule in _MEASURED and not finding.unexpected:
        return f"{where}{_MEASURED[expectation.rule](expectation.arguments, finding)}"
    return f"{where}{_about_values(expectation, finding)}{samples(finding.sample)}"


def counted(finding: Finding, one: str, many: str) -> str:
    """Return a sentence about the rows that break a check: `1 of 3 values is …`."""
    verb = one if finding.unexpected == 1 else many
    values = "value" if finding.total == 1 else "values"
    return f"{finding.unexpected} of {finding.total} {values} {verb}"


def samples(values: Sequence[Any]) -> str:
    """Return values in brackets, or nothing when there are none to show."""
    return f" ({', '.join(map(shown, values))})" if values else ""


def between(low: Any, high: Any) -> str:
    """Return what bounds demand: `between 0 and 120`, `at least 0`, `at most 120`."""
    if low is None:
        return "anything" if high is None else f"at most {number(high)}"
    return f"at least {number(low)}" if high is None else f"between {number(low)} and {number(high)}"


def _about_values(expectation: Expectation, finding: Finding) -> str:
    given = expectation.arguments
    match expectation.rule:
        case "not_null":
            most = given.get("most") or 0
            return counted(finding, "is missing", "are missing") + (f", and {100 * most:.4g} % may be" if most else "")
        case "unique":
            return counted(finding, "is there more than once", "are there more than once")
        case "in_range":
            wanted = between(given.get("low"), given.get("high"))
        case "in_set":
            wanted = _one_of(given)
        case "matches":
            pattern = shown(given.get("pattern"))
            return counted(finding, f"does not match {pattern}", f"do not match {pattern}")
        case "of_type":
            wanted = f"of type {given.get('type')}"
        case "shares_near":
            wanted = "of a kind that can be counted"
        case _:
            wanted = "a number" if finding.unexpected == 1 else "numbers"
    return counted(finding, f"is not {wanted}", f"are not {wanted}")


def _one_of(given: Mapping[str, Any]) -> str:
    values = [shown(plain(value)) for value in given.get("values", ())]
    more = f", … ({len(values)} values)" if len(values) > _MOST_VALUES else ""
    return f"one of {', '.join(values[:_MOST_VALUES])}{more}" if values else "there, as no value is allowed"


def _columns(given: Mapping[str, Any], finding: Finding) -> str:
    there = finding.observed if isinstance(finding.observed, list) else []
    missing = [name for name in given.get("names", ()) if name not in there]
    return f"the table has no column {', '.join(map(shown, missing))}; {has(there)}"


def has(labels: Sequence[str]) -> str:
    """Return which columns a table has."""
    more = f", … ({len(labels)} in all)" if len(labels) > _MOST_VALUES else ""
    return f"it has {', '.join(map(shown, labels[:_MOST_VALUES]))}{more}" if labels else "it has none"


def _row_count(given: Mapping[str, Any], finding: Finding) -> str:
    rows = "1 row" if finding.observed == 1 else f"{finding.observed} rows"
    return f"the table has {rows}, not {between(given.get('least'), given.get('most'))}"


def _mean(given: Mapping[str, Any], finding: Finding) -> str:
    return _measured("mean", given, finding.observed)


def _quantile(given: Mapping[str, Any], finding: Finding) -> str:
    return _measured(_name_of_quantile(given), given, finding.observed)


def _measured(what: str, given: Mapping[str, Any], observed: Any) -> str:
    low, high = given.get("low"), given.get("high")
    return f"the {what} is {number(observed, low, high)}, not {between(low, high)}"


def _name_of_quantile(given: Mapping[str, Any]) -> str:
    return "median" if given.get("quantile") == 0.5 else f"{given.get('quantile')} quantile"


def _shares(given: Mapping[str, Any], finding: Finding) -> str:
    most, distance = given.get("most", 0.0), finding.observed
    differences = [
        f"{shown(each['value']) if each['value'] is not None else 'others'} {each['share']:.3g} instead of "
        f"{each['expected']:.3g}"
        for each in finding.details.get("differences", ())[:3]
    ]
    return (
        f"the shares of its values differ by {number(distance, most)}, more than {most:.6g}: {', '.join(differences)}"
    )


_MEASURED: dict[str, Callable[[Mapping[str, Any], Finding], str]] = {
    "columns": _columns,
    "row_count": _row_count,
    "mean_in_range": _mean,
    "quantile_in_range": _quantile,
    "shares_near": _shares,
}
_DEMANDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "columns": lambda given: f"the table has the columns {', '.join(map(shown, given.get('names', ())))}",
    "of_type": lambda given: f"values are of type {given.get('type')}",
    "not_null": lambda given: f"at most {100 * (given.get('most') or 0):.4g} % of the values are missing",
    "unique": lambda given: "no two values are equal",
    "in_range": lambda given: f"values are {between(given.get('low'), given.get('high'))}",
    "in_set": lambda given: f"values are {_one_of(given)}",
    "matches": lambda given: f"texts match {shown(given.get('pattern'))} from start to end",
    "row_count": lambda given: f"the number of rows is {between(given.get('least'), given.get('most'))}",
    "mean_in_range": lambda given: f"the mean is {between(given.get('low'), given.get('high'))}",
    "quantile_in_range": lambda given: (
        f"the {_name_of_quantile(given)} is {between(given.get('low'), given.get('high'))}"
    ),
    "shares_near": lambda given: (
        f"the shares of values differ by at most {given.get('most', 0):.6g} from {_listed(given.get('shares', {}))}"
    ),
}
RULES: frozenset[str] = frozenset(_DEMANDS)
"""The rules of `zen.expect` that this plugin compiles."""
TABLE_RULES: frozenset[str] = frozenset({"columns", "row_count"})
"""Those that are about no column."""


def _listed(shares: Mapping[str, float]) -> str:
    texts = [f"{shown(name)} {share:.3g}" for name, share in list(shares.items())[:_MOST_VALUES]]
    return ", ".join(texts) + (", …" if len(shares) > _MOST_VALUES else "")
