"""Expectations compiled to one pandera schema, and what pandera finds as results."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaError

from zen.errors import ComponentError, nearest
from zen.expect import Expectation
from zen.records import CheckResult
from zen_plugin_pandera import rules
from zen_plugin_pandera.plain import sample, shown
from zen_plugin_pandera.running import errors_of

_ROUNDING = 1e-9
_LOOKED_AT = 1000
_ABOUT_TABLES = ("columns", "row_count")


def judge(frame: pd.DataFrame, repeated: Sequence[str], expectations: Sequence[Expectation]) -> list[CheckResult]:
    """Return a result for each expectation, in order.

    Args:
        frame: The columns that the expectations name, as far as there are any, with rows numbered from 0.
        repeated: Names that several columns have; such a column cannot be checked.
        expectations: Of `zen.expect.RULES`.
    """
    errors = errors_of(_schema(expectations), frame)
    absent = {str(error.failure_cases) for error in errors if _reason(error) == "COLUMN_NOT_IN_DATAFRAME"}
    failed = {int(name.rpartition("#")[2]): error for error in errors if "#" in (name := _name(error))}
    results = []
    for number, expectation in enumerate(expectations):
        missing = [name for name in columns_named(expectation) if name in absent]
        if missing:
            results.append(_refused(expectation, len(frame), _no_columns(missing, repeated)))
        else:
            results.append(_result(expectation, frame, failed.get(number)))
    return results


def _schema(expectations: Sequence[Expectation]) -> pa.DataFrameSchema:
    """Return a schema in which each expectation is a check, which has its number in its name."""
    columns: dict[str, list[pa.Check]] = {name: [] for each in expectations for name in columns_named(each)}
    about_rows = []
    for number, expectation in enumerate(expectations):
        check = _check(expectation, f"{expectation.rule}#{number}")
        if expectation.rule == "row_count":
            about_rows.append(check)
        elif expectation.rule != "columns":
            columns[expectation.column].append(check)
    return pa.DataFrameSchema(
        {name: pa.Column(None, checks, nullable=True, required=True) for name, checks in columns.items()},
        checks=about_rows,
    )


def _check(expectation: Expectation, name: str) -> pa.Check:
    rule, given = expectation.rule, expectation.arguments
    if rule == "row_count":
        judged = partial(_enough, given=given)
    elif rule in rules.SUMMARIES:
        judged = partial(_meets, rule, given=given)
    else:
        judged = partial(rules.good, rule, given=given)
    # Missing values are left out by the rules themselves; one failure case is enough, as the result counts on its own.
    return pa.Check(judged, name=name, ignore_na=False, n_failure_cases=1)


def _enough(frame: pd.DataFrame, given: Mapping[str, Any]) -> bool:
    return bool(given["least"] <= len(frame) and (given["most"] is None or len(frame) <= given["most"]))


def _meets(rule: str, values: pd.Series, given: Mapping[str, Any]) -> bool:
    return rules.found(rule, values, given)[0]


def columns_named(expectation: Expectation) -> list[str]:
    """Return the names of the columns that an expectation is about."""
    if expectation.rule in _ABOUT_TABLES:
        return list(expectation.arguments.get("names", ()))
    return [expectation.column]


def _result(expectation: Expectation, frame: pd.DataFrame, error: SchemaError | None) -> CheckResult:
    rule, column, given, total = expectation.rule, expectation.column, expectation.arguments, len(frame)
    if error is None:
        return CheckResult(rule=rule, column=column, passed=True, total=total)
    if _reason(error) == "CHECK_ERROR":
        return _refused(expectation, total, f"{rule} could not be checked: {error.failure_cases}")
    if rule == "row_count":
        wanted = rules.between({"low": given["least"], "high": given["most"]})
        return _refused(expectation, total, f"the table has {total} row{'s' * (total != 1)}, not {wanted}")
    if rule in rules.SUMMARIES:
        return _refused(expectation, total, f"column {column!r}: {rules.found(rule, frame[column], given)[1]}")
    passes = error.check_output
    if not isinstance(passes, pd.Series):  # with pandera's backend for narwhals
        passes = rules.good(rule, frame[column], given)
    unexpected = int((~passes).sum())
    values = sample(rules.present(frame[column])[~passes].head(_LOOKED_AT)) if rule != "not_null" else ()
    passed = rule == "not_null" and unexpected <= given.get("most", 0.0) * total + _ROUNDING
    message = "" if passed else _sentence(expectation, unexpected, total, values)
    return CheckResult(
        rule=rule, column=column, passed=passed, unexpected=unexpected, total=total, sample=values, message=message
    )


def _sentence(expectation: Expectation, unexpected: int, total: int, values: Sequence[Any]) -> str:
    given, one = expectation.arguments, unexpected == 1
    verb = "is" if one else "are"
    most = given.get("most", 0.0)
    ends: dict[str, Callable[[], str]] = {
        "of_type": lambda: f"{verb} not of type {given['type']}",
        "not_null": lambda: f"{verb} missing" + (f", more than the share of {most}" if most else ""),
        "unique": lambda: "repeats an earlier one" if one else "repeat earlier ones",
        "in_range": lambda: f"{verb} not {rules.between(given)}",
        "in_set": lambda: f"{verb} not one of {shown(given['values'])}",
        "matches": lambda: f"{'does' if one else 'do'} not match {given['pattern']!r}",
    }
    sampled = f" ({shown(values)})" if values else ""
    counted = f"{unexpected:,} of {total:,} value{'s' * (total != 1)}"
    return f"column {expectation.column!r}: {counted} {ends[expectation.rule]()}{sampled}"


def _refused(expectation: Expectation, total: int, message: str) -> CheckResult:
    return CheckResult(rule=expectation.rule, column=expectation.column, passed=False, total=total, message=message)


def _no_columns(missing: Sequence[str], repeated: Sequence[str]) -> str:
    if missing[0] in repeated:
        return f"the table has several columns {missing[0]!r}"
    if len(missing) > 1:
        return f"the table has no columns {', '.join(map(repr, missing))}"
    return f"the table has no column {missing[0]!r}"


def _name(error: SchemaError) -> str:
    return str(getattr(error.check, "name", ""))


def _reason(error: SchemaError) -> str:
    return str(getattr(error.reason_code, "name", ""))


def refuse_what_cannot_be_checked(expectations: Sequence[Expectation], known: frozenset[str]) -> None:
    """Refuse unknown rules and patterns that are none, before anything is checked.

    Raises:
        ComponentError: For such an expectation.
    """
    for each in expectations:
        if each.rule not in known:
            guess = nearest(each.rule, known)
            raise ComponentError(
                f"pandera has no rule {each.rule!r} of zen.expect; it has: {', '.join(sorted(known))}",
                hint=f"did you mean {guess!r}?" if guess else "",
            )
        if each.rule == "matches":
            try:
                re.compile(each.arguments["pattern"])
            except re.error as error:
                raise ComponentError(
                    f"column {each.column!r}: {each.arguments['pattern']!r} is no regular expression: {error}"
                ) from error
