"""Values of tables as plain data, and in sentences."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

_LENGTH = 200
_ITEMS = 10
_DIGITS = 8
SAMPLE = 5


def plain(value: Any) -> Any:
    """Return a value as JSON data: numbers, truths and texts as they are, times in ISO format, the rest as text."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in list(value.items())[:_ITEMS]}
    text = str(value)
    return text if len(text) <= _LENGTH else f"{text[:_LENGTH]}…"


def sample(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return the first few different values, as plain data."""
    found: dict[str, Any] = {}
    for value in values:
        shown = plain(value)
        found.setdefault(repr(shown), shown)
        if len(found) == SAMPLE:
            break
    return tuple(found.values())


def shown(values: Iterable[Any], most: int = 8) -> str:
    """Return plain values as a list in a sentence: `1, 'a', nothing`."""
    texts = ["nothing" if value is None else repr(value) for value in values]
    return ", ".join(texts[:most]) + (", …" if len(texts) > most else "")


def number(value: Any) -> str:
    """Return a number for a sentence; a long one is rounded. Bounds that are texts stay as they are."""
    if not isinstance(value, float):
        return str(value)
    text = f"{value:.12g}"
    return text if len(text) <= _DIGITS else f"{value:.6g}"
