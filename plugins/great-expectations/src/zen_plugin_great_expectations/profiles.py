"""Facts about a table, as plain data. pandas is enough for them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from zen_plugin_great_expectations.values import plain

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_MOST_VALUES = 20


def profile(table: pd.DataFrame) -> dict[str, Any]:
    """Return `rows`, and `columns` by name; of columns with the same name, the first."""
    facts: dict[str, Any] = {}
    for place, name in enumerate(table.columns):
        facts.setdefault(name, _facts(table.iloc[:, place]))
    return {"rows": len(table), "columns": facts}


def _facts(column: pd.Series) -> dict[str, Any]:
    there = column.dropna()
    facts = {"type": _type(there), "dtype": str(column.dtype), "nulls": len(column) - len(there)}
    if facts["type"] in ("int", "float"):
        return facts | _of_numbers(there)
    if facts["type"] == "datetime":
        facts |= {"min": plain(there.min()), "max": plain(there.max())} if there.dtype.kind == "M" else {}
    return facts | _of_texts(there)


def _type(there: pd.Series) -> str:
    """Return the name of the type that all values have, as `of_type` has it; `mixed` for several."""
    from zen_plugin_great_expectations.measures import TYPES, of_type

    if there.empty:
        return "empty"
    return next((name for name in ("bool", *TYPES) if of_type(there, name).all()), "mixed")


def _of_numbers(there: pd.Series) -> dict[str, Any]:
    values = there.astype("float64")
    exact = there.min(), there.max()  # of integers, integers
    return {
        "distinct": int(there.nunique()),
        "min": plain(exact[0]),
        "max": plain(exact[1]),
        "mean": plain(float(values.mean())),
        "std": plain(float(values.std())),
        "quantiles": {str(each): plain(float(values.quantile(each))) for each in _QUANTILES},
    }


def _of_texts(there: pd.Series) -> dict[str, Any]:
    from zen_plugin_great_expectations.measures import shares

    found = shares(there)
    return {"distinct": len(found), "top": [[plain(text), share] for text, share in list(found.items())[:_MOST_VALUES]]}
