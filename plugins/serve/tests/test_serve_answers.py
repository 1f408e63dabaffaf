from __future__ import annotations

import datetime as dt
import enum
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from zen_plugin_serve.answers import NotReadable, NotWritable, body, plain, question


class Color(enum.IntEnum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([1.5, np.nan]), [1.5, None]),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), None),
        (np.bool_(True), True),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["2026-01-31"], dtype="datetime64[D]"), ["2026-01-31"]),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (pd.Series(["a", None]), ["a", None]),
        (pd.Series(pd.to_datetime(["2026-01-31", None])), ["2026-01-31T00:00:00", None]),
        (pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan]}), [{"a": 1, "b": 0.5}, {"a": 2, "b": None}]),
        (pd.Categorical(["x", "y"]), ["x", "y"]),
        ((1, "a", None, {"k": (True,)}), [1, "a", None, {"k": [True]}]),
        ([Color.RED, Decimal("1.5"), dt.date(2026, 1, 31)], [1, 1.5, "2026-01-31"]),
        ({1: np.int64(2)}, {"1": 2}),
    ],
)
def test_results_become_json(value: Any, expected: Any) -> None:
    assert json.loads(body({"predictions": plain(value)}))["predictions"] == expected


@pytest.mark.parametrize("value", [float("inf"), np.array([1, -np.inf]), object(), b"bytes", {1, 2}])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(NotWritable, match="the model answered with"):
        plain(value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b'{"data": [NaN]}', "NaN is no JSON; write null"),
        (b'{"data": [-Infinity]}', "-Infinity is no JSON"),
        (b'{"data": [1e999]}', "too large"),
        (b'{"data": [' + b"9" * 5000 + b"]}", "4300"),
        (b'{"data": 1, "data": 2}', "'data' stands twice"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b'"\xff"', "not UTF-8, at byte 1"),
        ('"ä"'.encode("utf-16"), "not UTF-8"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'"\\ud800"', "half of a character"),
    ],
)
def test_what_is_no_strict_json_is_refused(text: bytes, told: str) -> None:
    with pytest.raises(NotReadable, match=told):
        question(text)


def test_pairs_of_halves_are_characters() -> None:
    assert question(b'"\\ud83d\\ude00"') == "😀"
