"""zen's expectations as expectations of Great Expectations. Importing this imports the tool."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import great_expectations.expectations as gxe
import pandas as pd

from zen.errors import ComponentError
from zen.expect import Expectation
from zen_plugin_great_expectations import expectations as ours
from zen_plugin_great_expectations.measures import TYPES
from zen_plugin_great_expectations.sentences import demand

Given = Mapping[str, Any]

# zen says how much may be missing, Great Expectations how much has to be there, and 1 - 0.7 is more than 0.3.
_ROUNDING = 1e-9
_EXACT = 2**53  # from here on, floats do not have every whole number


def compiled(expectation: Expectation, table: pd.DataFrame, meta: Mapping[str, Any]) -> Any:
    """Return an expectation of Great Expectations that means the same for this table.

    A rule about a column that is not there, or that has no value at all, becomes the expectation that the column
    exists: the tool raises for the first, and fails some rules for the second.

    Args:
        expectation: A rule that `RULES` names.
        table: What it is to be checked on; the labels are texts, and the column is there at most once.
        meta: Travels with the expectation to its result.

    Raises:
        ComponentError: For arguments that mean nothing.
    """
    name, given = expectation.column, expectation.arguments
    about = {"description": demand(expectation), "meta": dict(meta)}
    _check(expectation)
    if expectation.rule in _TABLE_RULES:
        return _TABLE_RULES[expectation.rule](given, about)
    column = table[name] if name in table.columns else None
    if column is None or (expectation.rule != "not_null" and not column.notna().any()):
        return gxe.ExpectColumnToExist(column=name, **about)
    return _COLUMN_RULES[expectation.rule](column, given, {"column": name, **about})


def _check(expectation: Expectation) -> None:
    given, problem = expectation.arguments, ""
    if expectation.rule == "of_type" and given.get("type") not in TYPES:
        problem = f"no type {given.get('type')!r}; there are: {', '.join(TYPES)}"
    if expectation.rule == "matches":
        try:
            re.compile(given.get("pattern", ""))
        except (re.error, TypeError) as error:
            problem = f"{given.get('pattern')!r} is no regular expression: {error}"
    if expectation.rule == "quantile_in_range" and not 0 <= given.get("quantile", -1) <= 1:
        problem = f"{given.get('quantile')!r} is no quantile; it is a number from 0 to 1"
    if problem:
        raise ComponentError(f"{expectation.rule} of the column {expectation.column!r}: {problem}")


def _columns(given: Given, about: dict[str, Any]) -> Any:
    return gxe.ExpectTableColumnsToMatchSet(column_set=list(given.get("names", ())), exact_match=False, **about)


def _row_count(given: Given, about: dict[str, Any]) -> Any:
    return gxe.ExpectTableRowCountToBeBetween(min_value=given.get("least") or 0, max_value=given.get("most"), **about)


def _not_null(column: pd.Series, given: Given, about: dict[str, Any]) -> Any:
    most = given.get("most") or 0
    mostly = {"mostly": max(0.0, 1 - most - _ROUNDING)} if most else {}
    return gxe.ExpectColumnValuesToNotBeNull(**mostly, **about)


def _unique(column: pd.Series, given: Given, about: dict[str, Any]) -> Any:
    return gxe.ExpectColumnValuesToBeUnique(**about)


def _in_set(column: pd.Series, given: Given, about: dict[str, Any]) -> Any:
    return gxe.ExpectColumnValuesToBeInSet(value_set=list(given.get("values", ())), **about)


def _of_type(column: pd.Series, given: Given, about: dict[str, Any]) -> Any:
    return ours.ExpectColumnValuesToHaveType(type_name=given["type"], **about)


def _matches(column: pd.Series, given: Given, about: dict[str, Any]) -> Any:
    return ours.ExpectColumnValuesToMatchWholePattern(pattern=given.get("pattern", ""), **about)


def _in_range(column: pd.Series, given: Given, about: dict[str, Any]) -> Any:
    low, high = given.get("low"), given.get("high")
    if low is None and high is None:
        return gxe.ExpectColumnToExist(**about)
    # The tool raises for bounds in the wrong order, and for values that are no numbers, and makes floats of bounds.
    backward = low is not None and high is not None and low > high
    large = any(bound is not None and abs(bound) >= _EXACT for bound in (low, high))
    if backward or large or not _is_numeric(column):
        return ours.ExpectColumnValuesToLieWithin(low=low, high=high, **about)
    return gxe.ExpectColumnValuesToBeBetween(min_value=low, max_value=high, **about)


def _mean_in_range(column: pd.Series, given: Given, about: dict[str, Any]) -> Any:
    low, high = given.get("low"), given.get("high")
    # The tool makes floats of decimals where they are, so that other checks see those; and in some versions of pandas
    # numbers of texts.
    if not _is_numeric(column) or (low is None and high is None):
        return ours.ExpectColumnStatisticToLieWithin(low=low, high=high, **about)
    return gxe.ExpectColumnMeanToBeBetween(min_value=low, max_value=high, **about)


def _quantile_in_range(column: pd.Series, given: Given, about: dict[str, Any]) -> Any:
    return ours.ExpectColumnStatisticToLieWithin(
        quantile=given["quantile"], low=given.get("low"), high=given.get("high"), **about
    )


def _shares_near(column: pd.Series, given: Given, about: dict[str, Any]) -> Any:
    return ours.ExpectColumnSharesToBeNear(shares=dict(given.get("shares", {})), most=given.get("most", 0.0), **about)


def _is_numeric(column: pd.Series) -> bool:
    return column.dtype != object and column.dtype.kind in "biuf"


_TABLE_RULES: dict[str, Callable[[Given, dict[str, Any]], Any]] = {"columns": _columns, "row_count": _row_count}
_COLUMN_RULES: dict[str, Callable[[pd.Series, Given, dict[str, Any]], Any]] = {
    "of_type": _of_type,
    "not_null": _not_null,
    "unique": _unique,
    "in_range": _in_range,
    "in_set": _in_set,
    "matches": _matches,
    "mean_in_range": _mean_in_range,
    "quantile_in_range": _quantile_in_range,
    "shares_near": _shares_near,
}
