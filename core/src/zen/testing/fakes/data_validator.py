"""A data validator over plain tables: lists of dicts with the same keys."""

from __future__ import annotations

import datetime as dt
import re
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, ClassVar

from zen.errors import ComponentError
from zen.expect import RULES, Expectation
from zen.interfaces import DataValidator
from zen.records import CheckResult, ValidationResult

Table = list[dict[str, Any]]
_TYPES: dict[str, type | tuple[type, ...]] = {
    "int": int,
    "float": (int, float),
    "str": str,
    "bool": bool,
    "datetime": dt.datetime,
}
_SAMPLE = 5
_ROUNDING = 1e-9


class MemoryValidator(DataValidator):
    """Checks lists of dicts, rule by rule. Its own suites are dicts: by column a function, true for good values."""

    rules: ClassVar[frozenset[str]] = frozenset(RULES)
    capabilities: ClassVar[frozenset[str]] = frozenset({"native", "profile", "report"})

    def accepts(self, data: Any) -> bool:
        """Say whether the table is a list of dicts."""
        return isinstance(data, list) and all(isinstance(row, dict) for row in data)

    def validate(self, data: Any, expectations: Sequence[Expectation]) -> ValidationResult:
        """Check the table."""
        self._take(data)
        results = tuple(self._result(data, expectation) for expectation in expectations)
        return ValidationResult(results=results, statistics={"rows": len(data)})

    def profile(self, data: Any) -> Mapping[str, Any]:
        """Return rows, and by column type, missing values, and the facts about numbers and texts."""
        names = dict.fromkeys(name for row in data for name in row)
        return {"rows": len(data), "columns": {name: _facts([row.get(name) for row in data]) for name in names}}

    def report(self, result: ValidationResult) -> str:
        """Return one line for each check."""
        rows = "".join(map(self._line, result.results))
        return f"<!doctype html><title>validation</title><table>{rows}</table>"

    def accepts_suite(self, suite: Any) -> bool:
        """Say whether this is a dict of functions."""
        return isinstance(suite, dict) and bool(suite) and all(map(callable, suite.values()))

    def validate_suite(self, data: Any, suite: Any) -> ValidationResult:
        """Call the function of each column with each of its values."""
        self._take(data)
        results = tuple(self._native(data, column, judge) for column, judge in suite.items())
        return ValidationResult(results=results, statistics={"rows": len(data)})

    def _take(self, data: Any) -> None:
        if not self.accepts(data):
            raise ComponentError(
                f"a {type(data).__qualname__} is no table of this validator", hint="give a list of dicts"
            )

    def _line(self, each: CheckResult) -> str:
        sample = ", ".join(map(str, each.sample))
        cells = (each.rule, each.column, "passed" if each.passed else "failed", each.message, sample)
        return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"

    def _native(self, data: Table, column: str, judge: Callable[[Any], bool]) -> CheckResult:
        expectation = Expectation(rule=getattr(judge, "__name__", "function"), column=column)
        return _about_values(expectation, [row[column] for row in data if not judge(row[column])], len(data))

    def _result(self, data: Table, expectation: Expectation) -> CheckResult:
        if expectation.rule not in self.rules:
            raise ComponentError(f"no rule {expectation.rule!r}; there are: {', '.join(sorted(self.rules))}")
        column, given = expectation.column, expectation.arguments
        if expectation.rule == "row_count":
            most = given["most"] if given["most"] is not None else len(data)
            return _told(expectation, given["least"] <= len(data) <= most, f"the table has {len(data)} rows")
        if expectation.rule == "columns":
            missing = [name for name in given["names"] if data and name not in data[0]]
            return _told(expectation, not missing, f"the table has no column {', '.join(missing)}")
        if data and column not in data[0]:
            return _told(expectation, False, f"the table has no column {column!r}", total=len(data))
        return _about_column(expectation, [row[column] for row in data])


def _told(expectation: Expectation, passed: bool, message: str, **counts: Any) -> CheckResult:
    said = "" if passed else message
    return CheckResult(rule=expectation.rule, column=expectation.column, passed=passed, message=said, **counts)


def _about_column(expectation: Expectation, values: list[Any]) -> CheckResult:
    if expectation.rule in _FOUND:
        there = _there(values)
        try:
            passed, found = _FOUND[expectation.rule](there, expectation.arguments) if there else (True, "no value")
        except TypeError:
            passed, found = False, "texts where numbers are wanted"
        message = f"column {expectation.column!r}: {expectation.rule} finds {found}"
        return _told(expectation, passed, message, total=len(values))
    unexpected = _UNEXPECTED[expectation.rule](values, expectation.arguments)
    most = expectation.arguments.get("most", 0) if expectation.rule == "not_null" else 0
    return _about_values(expectation, unexpected, len(values), most)


def _about_values(expectation: Expectation, unexpected: list[Any], total: int, most: float = 0) -> CheckResult:
    return _told(
        expectation,
        len(unexpected) <= most * total,
        f"column {expectation.column!r}: {len(unexpected)} of {total} values break {expectation.rule}",
        unexpected=len(unexpected),
        total=total,
        sample=tuple(unexpected[:_SAMPLE]),
    )


def _there(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def _lies(value: float, given: dict[str, Any]) -> bool:
    low, high = given["low"], given["high"]
    return (low is None or value >= low) and (high is None or value <= high)


def _out_of_range(values: list[Any], given: dict[str, Any]) -> list[Any]:
    return [value for value in _there(values) if isinstance(value, str) or not _lies(value, given)]


def _of_other_type(values: list[Any], given: dict[str, Any]) -> list[Any]:
    wanted = _TYPES[given["type"]]
    return [v for v in _there(values) if not isinstance(v, wanted) or (isinstance(v, bool) and given["type"] != "bool")]


def _repeated(values: list[Any], given: dict[str, Any]) -> list[Any]:
    there = _there(values)
    return [value for index, value in enumerate(there) if value in there[:index]]


def _quantile(values: list[Any], quantile: float) -> float:
    ordered = sorted(values)
    below, part = divmod(quantile * (len(ordered) - 1), 1)
    low, high = ordered[int(below)], ordered[min(int(below) + 1, len(ordered) - 1)]
    return float(low + (high - low) * part)


def _mean_found(there: list[Any], given: dict[str, Any]) -> tuple[bool, str]:
    mean = statistics.fmean(there)
    return _lies(mean, given), f"a mean of {mean}"


def _quantile_found(there: list[Any], given: dict[str, Any]) -> tuple[bool, str]:
    quantile = _quantile(there, given["quantile"])
    return _lies(quantile, given), f"a quantile of {quantile}"


def _shares_found(there: list[Any], given: dict[str, Any]) -> tuple[bool, str]:
    wanted = given["shares"]
    found = {text: count / len(there) for text, count in Counter(map(str, there)).items()}
    unnamed = sum(wanted.values()) - sum(found.get(text, 0) for text in wanted)
    distance = (sum(abs(found.get(text, 0) - wanted[text]) for text in wanted) + abs(unnamed)) / 2
    return distance <= given["most"] + _ROUNDING, f"shares that differ by {distance}"


_UNEXPECTED: dict[str, Callable[[list[Any], dict[str, Any]], list[Any]]] = {
    "of_type": _of_other_type,
    "not_null": lambda values, given: [value for value in values if value is None],
    "unique": _repeated,
    "in_range": _out_of_range,
    "in_set": lambda values, given: [value for value in _there(values) if value not in given["values"]],
    "matches": lambda values, given: [v for v in _there(values) if not re.fullmatch(given["pattern"], str(v))],
}
_FOUND: dict[str, Callable[[list[Any], dict[str, Any]], tuple[bool, str]]] = {
    "mean_in_range": _mean_found,
    "quantile_in_range": _quantile_found,
    "shares_near": _shares_found,
}


def _facts(values: list[Any]) -> dict[str, Any]:
    there = _there(values)
    facts = {"type": type(there[0]).__qualname__ if there else "NoneType", "nulls": len(values) - len(there)}
    if there and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in there):
        facts |= {"min": min(there), "max": max(there), "mean": statistics.fmean(there)}
        facts |= {"quantiles": {str(each): _quantile(there, each) for each in (0.25, 0.5, 0.75)}}
        return facts | ({"std": statistics.stdev(there)} if len(there) > 1 else {})
    counts = Counter(map(str, there))
    return facts | {"distinct": len(counts), "top": [[text, n / len(there)] for text, n in counts.most_common(20)]}
