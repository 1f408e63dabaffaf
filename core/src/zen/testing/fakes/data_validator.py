"""A data validator over plain tables: lists of dicts with the same keys."""

from __future__ import annotations

import datetime as dt
import re
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


class MemoryValidator(DataValidator):
    """Checks lists of dicts, rule by rule."""

    rules: ClassVar[frozenset[str]] = frozenset(RULES)
    capabilities: ClassVar[frozenset[str]] = frozenset({"profile", "report"})

    def accepts(self, data: Any) -> bool:
        """Say whether the table is a list of dicts."""
        return isinstance(data, list) and all(isinstance(row, dict) for row in data)

    def validate(self, data: Any, expectations: Sequence[Expectation]) -> ValidationResult:
        """Check the table."""
        if not self.accepts(data):
            raise ComponentError(
                f"a {type(data).__qualname__} is no table of this validator", hint="give a list of dicts"
            )
        results = tuple(self._result(data, expectation) for expectation in expectations)
        return ValidationResult(results=results, statistics={"rows": len(data)})

    def profile(self, data: Any) -> Mapping[str, Any]:
        """Return rows, columns and missing values."""
        names = list(dict.fromkeys(name for row in data for name in row))
        missing = {name: sum(row.get(name) is None for row in data) for name in names}
        return {"rows": len(data), "columns": names, "missing": missing}

    def report(self, result: ValidationResult) -> str:
        """Return one line for each check."""
        rows = "".join(
            f"<tr><td>{escape(each.rule)}</td><td>{escape(each.column)}</td><td>{each.passed}</td></tr>"
            for each in result.results
        )
        return f"<!doctype html><title>validation</title><table>{rows}</table>"

    def _result(self, data: Table, expectation: Expectation) -> CheckResult:
        if expectation.rule not in self.rules:
            raise ComponentError(f"no rule {expectation.rule!r}; there are: {', '.join(sorted(self.rules))}")
        column, given = expectation.column, expectation.arguments
        if expectation.rule == "row_count":
            most = given["most"] if given["most"] is not None else len(data)
            return _about_table(expectation, given["least"] <= len(data) <= most, f"{len(data)} rows")
        if expectation.rule == "columns":
            missing = [name for name in given["names"] if data and name not in data[0]]
            return _about_table(expectation, not missing, f"missing: {', '.join(missing)}")
        if data and column not in data[0]:
            return CheckResult(
                rule=expectation.rule, column=column, passed=False, total=len(data), message=f"no column {column!r}"
            )
        return _about_column(expectation, [row[column] for row in data])


def _about_table(expectation: Expectation, passed: bool, message: str) -> CheckResult:
    return CheckResult(rule=expectation.rule, passed=passed, message="" if passed else message)


def _about_column(expectation: Expectation, values: list[Any]) -> CheckResult:
    unexpected = _UNEXPECTED[expectation.rule](values, expectation.arguments)
    most = expectation.arguments.get("most", 0) * len(values) if expectation.rule == "not_null" else 0
    passed = len(unexpected) <= most
    return CheckResult(
        rule=expectation.rule,
        column=expectation.column,
        passed=passed,
        unexpected=len(unexpected),
        total=len(values),
        sample=tuple(unexpected[:_SAMPLE]),
        message="" if passed else f"{len(unexpected)} of {len(values)} values of {expectation.column!r}",
    )


def _there(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def _out_of_range(values: list[Any], given: dict[str, Any]) -> list[Any]:
    low, high = given["low"], given["high"]
    return [v for v in _there(values) if (low is not None and v < low) or (high is not None and v > high)]


def _of_other_type(values: list[Any], given: dict[str, Any]) -> list[Any]:
    wanted = _TYPES[given["type"]]
    return [v for v in _there(values) if not isinstance(v, wanted) or (isinstance(v, bool) and given["type"] != "bool")]


def _repeated(values: list[Any], given: dict[str, Any]) -> list[Any]:
    there = _there(values)
    return [value for index, value in enumerate(there) if value in there[:index]]


_UNEXPECTED: dict[str, Callable[[list[Any], dict[str, Any]], list[Any]]] = {
    "of_type": _of_other_type,
    "not_null": lambda values, given: [value for value in values if value is None],
    "unique": _repeated,
    "in_range": _out_of_range,
    "in_set": lambda values, given: [value for value in _there(values) if value not in given["values"]],
    "matches": lambda values, given: [v for v in _there(values) if not re.fullmatch(given["pattern"], str(v))],
}
