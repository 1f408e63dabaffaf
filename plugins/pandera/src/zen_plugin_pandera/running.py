"""Running a pandera schema to its end, whatever pandera's own settings are."""

from __future__ import annotations

from typing import Any

from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaError, SchemaErrors


def errors_of(schema: Any, table: Any) -> list[SchemaError]:
    """Return all errors that a schema finds in a table, which stays as it is.

    PANDERA_VALIDATION_ENABLED and PANDERA_VALIDATION_DEPTH are for checks on the way; zen was asked for these.
    """
    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        try:
            schema.validate(table, lazy=True)
        except SchemaErrors as errors:
            return list(errors.schema_errors)
        except SchemaError as error:
            return [error]
    return []


def unexpected_of(error: SchemaError) -> int:
    """Return how many rows broke a check; 0 where it is not about rows."""
    output = collected(error.check_output)
    if hasattr(output, "to_frame") and hasattr(output, "sum"):  # a Series of pandas
        return int((~output.astype(bool)).sum())
    if hasattr(output, "columns") and len(output.columns):
        ending = output[output.columns[-1]]  # polars adds it as the last column; pandas has one for each column
        return int((~ending).sum()) if hasattr(output, "rows") else int((~output.all(axis="columns")).sum())
    cases = collected(error.failure_cases)
    if not hasattr(cases, "columns"):
        return 0
    return int(cases["index"].nunique()) if "column" in cases.columns else len(cases)  # a line for each value, or row


def collected(table: Any) -> Any:
    """Return what pandera says about rows as it is in memory: its backends for polars and narwhals are lazy."""
    return table.collect() if hasattr(table, "collect") else table
