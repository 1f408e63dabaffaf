"""Values of tables as plain data, as JSON keeps them, and as texts for people."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

_LONGEST = 1000  # characters


def plain(value: Any) -> Any:
    """Return a value as JSON data: what is missing is None, and what JSON does not have is its text."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _number(float(value))
    if isinstance(value, Mapping):
        return {_text(str(key)): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    return _of_a_library(value)


def shown(value: Any) -> str:
    """Return how a sentence shows a plain value: short, and texts in quotes."""
    text = repr(value) if value is not None else "missing"
    return text if len(text) <= 60 else f"{text[:59]}…"


def number(value: Any, *others: Any) -> str:
    """Return how a sentence shows a number: six digits, or all when it would look like one of the others."""
    short = f"{value:.6g}" if isinstance(value, float) else str(value)
    alike = any(isinstance(each, (int, float)) and each != value and f"{each:.6g}" == short for each in others)
    return repr(value) if alike else short


def _number(value: float) -> float | str | None:
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


def _text(value: str) -> str:
    # Half a surrogate pair is a text in Python, and nowhere else.
    clean = str(value).encode(errors="backslashreplace").decode()
    return clean if len(clean) <= _LONGEST else f"{clean[: _LONGEST - 1]}…"


def _of_a_library(value: Any) -> Any:
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat() if value == value else None  # NaT differs from itself
    if type(value).__module__.partition(".")[0] == "numpy":
        item = value.tolist()
        return plain(item) if type(item) is not type(value) else _text(str(value))
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return _text(str(value))
