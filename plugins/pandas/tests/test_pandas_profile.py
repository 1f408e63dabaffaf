"""The facts about columns: known numbers of known frames, plain data whatever the frame holds, and cheap."""

import datetime as dt
import decimal
import json
import math
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zen_plugin_pandas import moments
from zen_plugin_pandas.materializers import FrameMaterializer
from zen_plugin_pandas.profile import MOST_COLUMNS, MOST_ROWS, SAMPLE, profile


def _facts(values, **more):
    found = profile(pd.DataFrame({"x": values}, **more))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    facts = found["columns"]["x"]
    assert "problem" not in facts
    return {name: fact for name, fact in facts.items() if name != "type"}


NUMBERS = {"min": 1, "max": 5, "mean": 2.75, "quantiles": {"0.25": 1.75, "0.5": 2.5, "0.75": 3.5}}
STD = statistics.stdev([1, 2, 3, 5])
WHEN = {"min": "2024-01-01T00:00:00", "max": "2024-03-01T00:00:00"}
TEXTS = {"nulls": 1, "distinct": 2, "top": [["a", 2 / 3], ["b", 1 / 3]]}
KNOWN = {
    "int64": ([1, 2, 3, 5], {"nulls": 0} | NUMBERS),
    "uint8": (np.array([1, 2, 3, 5], "u1"), {"nulls": 0} | NUMBERS),
    "float32": (np.array([1, 2, np.nan, 3, 5], "f4"), {"nulls": 1} | NUMBERS),
    "infinities": ([1.0, 2, np.inf, 3, 5, -np.inf, np.nan], {"nulls": 1} | NUMBERS),
    "Int64": (pd.array([1, 2, None, 3, 5], "Int64"), {"nulls": 1} | NUMBERS),
    "UInt8 without gaps": (pd.array([1, 2, 3, 5], "UInt8"), {"nulls": 0} | NUMBERS),
    "Float64": (pd.array([1, 2, None, 3, 5], "Float64"), {"nulls": 1} | NUMBERS),
    "arrow": (pd.array([1, 2, None, 3, 5], "int16[pyarrow]"), {"nulls": 1} | NUMBERS),
    "objects": (pd.Series([1, 2.0, None, decimal.Decimal(3), 5], dtype=object), {"nulls": 1} | NUMBERS),
    "one number": ([7], {"nulls": 0, "min": 7, "max": 7, "mean": 7.0, "quantiles": dict.fromkeys(("0.25", "0.5", "0.75"), 7.0)}),
    "no numbers": ([np.nan, np.inf], {"nulls": 1}),
    "text": (["a", "b", "a", None], TEXTS),
    "string": (pd.array(["a", "b", "a", None], "string"), TEXTS),
    "text objects": (pd.Series(["a", "b", "a", None], dtype=object), TEXTS),
    "categories": (pd.Categorical(["a", "b", "a", None], categories=["z", "b", "a"]), TEXTS),
    "numbered categories": (pd.Categorical([1, 1, 2]), {"nulls": 0, "distinct": 2, "top": [["1", 2 / 3], ["2", 1 / 3]]}),
    "bool": ([True, False, True, True], {"nulls": 0, "distinct": 2, "top": [["True", 0.75], ["False", 0.25]]}),
    "only true": ([True, True], {"nulls": 0, "distinct": 1, "top": [["True", 1.0]]}),
    "boolean": (pd.array([True, None], "boolean"), {"nulls": 1, "distinct": 1, "top": [["True", 1.0]]}),
    "mixed": (pd.Series([1, "1", True], dtype=object), {"nulls": 0, "distinct": 2, "top": [["1", 2 / 3], ["True", 1 / 3]]}),
    "times": (pd.to_datetime(["2024-03-01", None, "2024-01-01"]), {"nulls": 1} | WHEN),
    "zoned times": (
        pd.to_datetime(["2024-03-01"]).tz_localize("Europe/Berlin"),
        {"nulls": 0, "min": "2024-03-01T00:00:00+01:00", "max": "2024-03-01T00:00:00+01:00"},
    ),
    "dates": (pd.Series([dt.date(2024, 3, 1), dt.date(2024, 1, 1)], dtype=object), {"nulls": 0, "min": "2024-01-01", "max": "2024-03-01"}),
    "durations": (pd.to_timedelta(["1h", "2h"]), {"nulls": 0, "min": "P0DT1H0M0S", "max": "P0DT2H0M0S"}),
    "periods": (pd.period_range("2024-01", periods=3, freq="M"), {"nulls": 0, "min": "2024-01", "max": "2024-03"}),
    "lists": (pd.Series([[1], [2], None], dtype=object), {"nulls": 1}),
    "nothing": ([None, None], {"nulls": 2}),
    "no times": (pd.to_datetime([None, None]), {"nulls": 2}),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_known_columns_have_known_facts(name):
    values, expected = KNOWN[name]
    if expected.get("mean") == NUMBERS["mean"]:
        expected = expected | {"std": pytest.approx(STD, rel=1e-15)}
    assert _facts(values) == expected


def test_large_integers_are_exact():
    facts = _facts([2**63 - 1, -(2**63), 0])
    assert (facts["min"], facts["max"]) == (-(2**63), 2**63 - 1)
    assert _facts(np.array([2**64 - 1], "u8"))["max"] == 2**64 - 1
    assert _facts(pd.array([2**62 + 1, None], "Int64"))["max"] == 2**62 + 1


def test_what_overflows_is_left_out():
    facts = _facts([1e308, 1e308, -1e308])
    assert (facts["min"], facts["max"]) == (-1e308, 1e308)
    assert "std" not in facts


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32) | st.just(math.nan) | st.just(math.inf), min_size=1), st.integers(1, 9))
def test_moments_are_those_of_the_whole(numbers, chunk):
    before, moments.CHUNK = moments.CHUNK, chunk
    try:
        found = moments.of(np.array(numbers))
    finally:
        moments.CHUNK = before
    finite = [number for number in numbers if math.isfinite(number)]
    assert (found.numbers, found.missing) == (len(finite), sum(map(math.isnan, numbers)))
    if len(finite) > 1:
        assert (found.low, found.high) == (min(finite), max(finite))
        assert found.mean == pytest.approx(statistics.fmean(finite), abs=1e-6)
        assert found.std == pytest.approx(statistics.stdev(finite), rel=1e-9, abs=1e-6)


def test_spread_is_exact_far_from_zero():
    assert moments.of(np.array([1e9, 1e9 + 1, 1e9 + 2])).std == 1.0


def test_long_columns_are_sampled_where_they_would_be_sorted():
    rows = MOST_ROWS + 1
    frame = pd.DataFrame(
        {"n": np.arange(rows), "s": ["a", "b"] * (rows // 2) + ["a"], "c": pd.Categorical(["x"] * rows)}
    )
    columns = profile(frame)["columns"]
    assert columns["n"]["sampled"] == columns["s"]["sampled"] == SAMPLE
    assert (columns["n"]["min"], columns["n"]["max"], columns["n"]["mean"]) == (0, rows - 1, (rows - 1) / 2)
    assert columns["n"]["quantiles"]["0.5"] == pytest.approx(rows / 2, rel=1e-3)
    assert columns["s"]["distinct"] is None
    assert "sampled" not in columns["c"]
    assert profile(frame) == profile(frame)
    assert "sampled" not in profile(frame[:-1])["columns"]["n"]


@pytest.mark.parametrize("period", [2, 3, 4, 5, 10, 100])
def test_a_pattern_is_not_taken_for_the_whole(period):
    texts = np.array([str(n) for n in range(period)], dtype=object)
    frame = pd.DataFrame({"x": pd.Series(texts[np.arange(10 * SAMPLE) % period], dtype=object)})
    shares = dict(profile(frame)["columns"]["x"]["top"])
    assert all(share == pytest.approx(1 / period, rel=0.05) for share in shares.values())


def test_only_so_many_columns_and_texts_are_told():
    frame = pd.DataFrame([[str(n) for n in range(MOST_COLUMNS + 50)]])
    found = profile(frame)
    assert (len(found["columns"]), found["omitted"]) == (MOST_COLUMNS, 50)
    many = _facts([str(n) for n in range(1000)])
    assert (many["distinct"], len(many["top"])) == (1000, 20)
    assert _facts(["a" * 1000, "b"])["top"] == [["b", 0.5]]
    [label] = profile(pd.DataFrame({"x" * 1000: [1]}))["columns"]
    assert len(label) == 200


def test_labels_are_texts():
    frame = pd.DataFrame([[1, 2, 3, 4]], columns=pd.Index([0, ("a", 1), "0", None], dtype=object))
    found = profile(frame)
    assert list(found["columns"]) == ["0", "('a', 1)", str(frame.columns[3])]
    assert found["omitted"] == 1
    assert profile(pd.DataFrame([[1, 2]], columns=["a", "a"]))["columns"]["a"]["max"] == 1


def test_empty_frames_have_facts():
    assert profile(pd.DataFrame()) == {"rows": 0, "columns": {}}
    frame = pd.DataFrame({"n": pd.Series(dtype=float), "c": pd.Categorical([]), "b": pd.Series(dtype=bool)})
    assert profile(frame)["columns"] == {
        "n": {"type": "float64", "nulls": 0},
        "c": {"type": "category", "nulls": 0, "distinct": 0, "top": []},
        "b": {"type": "bool", "nulls": 0, "distinct": 0, "top": []},
    }


class Rude(str):
    def __str__(self):
        raise RuntimeError("not today")


def test_values_that_raise_spoil_their_column_only():
    frame = pd.DataFrame({"rude": pd.Categorical.from_codes([0], pd.Index([Rude("a")], dtype=object)), "n": [1]})
    columns = profile(frame)["columns"]
    assert columns["rude"]["problem"] == "RuntimeError: not today"
    assert columns["n"]["max"] == 1


def test_frames_are_not_changed():
    frame = pd.DataFrame({"n": [3, 1, 2], "x": [1.0, np.nan, 2.0], "s": ["a", None, "b"]})
    before = frame.copy(deep=True)
    profile(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_frames_are_described_with_statistics():
    frame = pd.DataFrame({"n": [1, 2]})
    assert FrameMaterializer().describe(frame)["statistics"] == profile(frame)
