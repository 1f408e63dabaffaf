"""From what a model returns to JSON."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

__all__ = ["NotReadable", "NotWritable", "body", "plain", "question"]

_HALVES = re.compile(rb"\\u[dD][89a-fA-F]")


class NotReadable(ValueError):
    """A body that is no JSON, as strictly as it is read here."""


class NotWritable(Exception):
    """A prediction that JSON cannot hold."""


def question(text: bytes) -> Any:
    """Return the value of a JSON text, strictly: UTF-8, no NaN, no numbers beyond all bounds, no name twice.

    Raises:
        NotReadable: With what is wrong, for people.
    """
    try:
        value = json.loads(
            text.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_object
        )
        if _HALVES.search(text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise NotReadable(f"it is not UTF-8, at byte {error.start}") from error
    except UnicodeEncodeError as error:
        raise NotReadable(r"it has one half of a character, such as \ud800") from error
    except RecursionError as error:
        raise NotReadable("it is nested too deeply") from error
    except ValueError as error:
        raise NotReadable(str(error)) from error
    return value


def body(value: Mapping[str, Any]) -> bytes:
    """Return an answer as JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


def plain(value: Any) -> Any:
    """Return a value as JSON has it. NaN and other missing values become null.

    Raises:
        NotWritable: For what JSON cannot hold, such as an infinity, which is no missing value.
    """
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise NotWritable("the model answered with an infinite number, and JSON has none")
        return None if math.isnan(value) else float(value)
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return _converted(value)


def _converted(value: Any) -> Any:
    """Return what the types of other libraries are in plain Python, by the methods that they share."""
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return plain(float(value))
    if hasattr(value, "columns") and hasattr(value, "to_dict"):  # a table: as rows, like the request
        return [plain(row) for row in value.to_dict("records")]
    if hasattr(value, "tolist"):  # arrays and scalars of NumPy, series, tensors
        converted = value.tolist()
        if type(converted) is not type(value):
            return plain(converted)
    if isinstance(value, (bool, int, str)):
        return value + 0 if isinstance(value, int) else str(value)
    raise NotWritable(
        f"the model answered with a {type(value).__module__}.{type(value).__qualname__}, which is nothing that JSON has"
    )


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON; write null for a missing value")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice[:40]!r} stands twice in one object")
    return made
