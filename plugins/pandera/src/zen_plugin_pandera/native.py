"""Schemas that were written with pandera: each of their checks as a result."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from pandera.errors import SchemaDefinitionError, SchemaError, SchemaInitError

from zen.errors import ComponentError
from zen.records import CheckResult
from zen_plugin_pandera.plain import SAMPLE, sample, shown
from zen_plugin_pandera.running import collected, errors_of, unexpected_of

_LOOKED_AT = 1000
_KINDS = {
    "WRONG_DATATYPE": "dtype",
    "DATATYPE_COERCION": "dtype",
    "SERIES_CONTAINS_NULLS": "not_nullable",
    "SERIES_CONTAINS_DUPLICATES": "unique",
    "COLUMN_NOT_IN_DATAFRAME": "column_in_dataframe",
    "COLUMN_NOT_IN_SCHEMA": "column_in_schema",
    "COLUMN_NOT_ORDERED": "column_ordered",
    "DUPLICATES": "unique",
}


class Key(NamedTuple):
    """Which check of a schema: of a column or, with an empty name, of the table."""

    column: str
    kind: str


def judge(data: Any, suite: Any) -> list[CheckResult]:
    """Return a result for each check of a schema or model, in the order of the schema."""
    schema = _schema(suite)
    try:
        errors = errors_of(schema, data)
    except Exception as error:  # parsers and types of the schema are somebody else's code
        reason = f"{type(error).__name__}: {error}"
        raise ComponentError(f"pandera cannot check the table with this schema: {reason}") from error
    found: dict[Key, list[SchemaError]] = {}
    for each in errors:
        found.setdefault(_key(each), []).append(each)
    absent = {key.column for key in found if key.kind == "column_in_dataframe"}
    results = []
    for key, rule in _checks(schema, list(data.columns)):
        if key in found:
            results.append(_failed(rule, key, found.pop(key), len(data)))
        elif key.column not in absent:
            results.append(CheckResult(rule=rule, column=key.column, passed=True, total=len(data)))
    return results + [_failed(key.kind, key, left, len(data)) for key, left in found.items()]


def _schema(suite: Any) -> Any:
    """Return a copy of the schema that reports rows which it would otherwise drop."""
    try:
        schema: Any = copy.deepcopy(cast(Any, suite).to_schema() if isinstance(suite, type) else suite)
    except (SchemaInitError, SchemaDefinitionError, TypeError) as error:
        raise ComponentError(f"pandera cannot make a schema of {suite!r}: {error}") from error
    for part in (schema, *schema.columns.values()):
        if getattr(part, "drop_invalid_rows", False):
            part.drop_invalid_rows = False
    return schema


def _checks(schema: Any, labels: list[Any]) -> Iterator[tuple[Key, str]]:
    """Yield the checks of a schema, each with what its rule is called; of optional columns only if they are there."""
    for name, column in schema.columns.items():
        for label in _matching(column, name, labels):
            if column.required:
                yield Key(str(label), "column_in_dataframe"), "column_in_dataframe"
            if column.required or label in labels:
                yield from _checks_of(column, str(label), schema.dtype)
    index = getattr(schema, "index", None)
    for level in getattr(index, "indexes", [index] if index is not None else []):
        yield from _checks_of(level, str(level.name or "index"), None)
    if schema.strict is True:
        yield Key("", "column_in_schema"), "column_in_schema"
    if schema.ordered:
        yield Key("", "column_ordered"), "column_ordered"
    if schema.unique:
        yield Key("", "unique"), "unique"
    yield from _own_checks(schema, "")


def _matching(column: Any, name: Any, labels: list[Any]) -> list[Any]:
    if not column.regex:
        return [name]
    return [label for label in labels if isinstance(label, str) and re.match(str(name), label)]


def _checks_of(part: Any, name: str, dtype: Any) -> Iterator[tuple[Key, str]]:
    if part.dtype is not None or dtype is not None:
        yield Key(name, "dtype"), "dtype"
    if not part.nullable:
        yield Key(name, "not_nullable"), "not_nullable"
    if part.unique:
        yield Key(name, "unique"), "unique"
    yield from _own_checks(part, name)


def _own_checks(part: Any, name: str) -> Iterator[tuple[Key, str]]:
    for number, check in enumerate(part.checks):
        yield Key(name, f"check {number}"), str(check.name or "check")


def _key(error: SchemaError) -> Key:
    reason = str(getattr(error.reason_code, "name", ""))
    about_table = hasattr(error.schema, "columns")
    name = "" if about_table else str(getattr(error, "column_name", None) or error.schema.name or "index")
    if reason in ("DATAFRAME_CHECK", "CHECK_ERROR"):
        return Key(name, f"check {error.check_index}")
    if reason == "COLUMN_NOT_IN_DATAFRAME":
        name = str(error.failure_cases)
    return Key(name, _KINDS.get(reason, reason.lower()))


def _failed(rule: str, key: Key, errors: list[SchemaError], total: int) -> CheckResult:
    unexpected = max(map(_count, errors))
    values = () if key.kind == "not_nullable" else sample(value for error in errors for value in _cases(error))
    message = f"{_place(key)}: {_ending(key, errors[0], unexpected, total)}"
    if values and not isinstance(values[0], dict):
        message += f" ({shown(values)})"
    return CheckResult(
        rule=rule,
        column=key.column,
        passed=False,
        unexpected=unexpected,
        total=total,
        sample=values,
        message=message,
    )


def _place(key: Key) -> str:
    return f"column {key.column!r}" if key.column else "the table"


def _ending(key: Key, error: SchemaError, unexpected: int, total: int) -> str:
    counted = f"{unexpected:,} of {total:,} {'value' if key.column else 'row'}{'s' * (total != 1)}"
    one = unexpected == 1
    if key.kind == "not_nullable":
        return f"{counted} {'is' if one else 'are'} missing"
    if key.kind == "unique":
        return f"{counted} {'is' if one else 'are'} not unique"
    if key.kind == "dtype":
        wanted = error.schema.dtype
        if not unexpected:
            return f"the type is {error.failure_cases}, not {wanted}"
        is_made = getattr(error.reason_code, "name", "") == "DATATYPE_COERCION"
        return f"{counted} {'cannot be made' if is_made else 'is not of type' if one else 'are not of type'} {wanted}"
    if key.kind == "column_in_dataframe":
        return "it is not in the table"
    if key.kind == "column_in_schema":
        return "there are columns that the schema does not have"
    if not key.kind.startswith("check "):
        return str(error).splitlines()[0][:300]
    check = str(getattr(error.check, "error", None) or getattr(error.check, "name", None) or "a check")
    if getattr(error.reason_code, "name", "") == "CHECK_ERROR":
        return f"{check} could not be made: {str(error.failure_cases)[:300]}"
    return f"{counted} {'fails' if one else 'fail'} {check}" if unexpected else f"{check} failed"


def _count(error: SchemaError) -> int:
    return 0 if getattr(error.check, "groupby", None) else unexpected_of(error)


def _cases(error: SchemaError) -> list[Any]:
    """Return the first values, or rows, that break a check; of a schema that names all columns, those that are left."""
    cases = collected(error.failure_cases)
    if getattr(error.reason_code, "name", "") == "COLUMN_NOT_IN_SCHEMA":
        return [cases]
    if not hasattr(cases, "columns"):
        return []
    if hasattr(cases, "rows"):  # polars
        rows = cases.head(_LOOKED_AT).rows(named=True)
        return [value for row in rows for value in row.values()] if len(cases.columns) == 1 else rows
    if "column" in cases.columns:  # of the whole table: one line for each value of a row
        first = cases[cases["index"].isin(cases["index"].unique()[:SAMPLE])]
        rows = first.groupby("index", sort=False)
        return [dict(zip(row["column"], row["failure_case"], strict=True)) for _, row in rows]
    return list(cases.head(_LOOKED_AT)["failure_case" if "failure_case" in cases.columns else cases.columns[-1]])
