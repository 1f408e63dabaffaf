from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from zen_plugin_serve.signature import Signature, parsed
from zen_plugin_serve.tables import given

FRAME = pd.DataFrame(
    {
        "whole": np.array([1, 2], dtype="int32"),
        "real": [0.5, np.nan],
        "flag": [True, False],
        "word": pd.Series(["a", None]),
        "old_word": pd.Series(["a", "b"], dtype="object"),
        "maybe": pd.Series([1, None], dtype="Int64"),
        "day": pd.to_datetime(["2026-01-31", None]),
        "moment": pd.to_datetime(["2026-01-31T12:00:00Z", "2026-02-01T12:00:00Z"]),
        "kind": pd.Series(["x", "y"], dtype="category"),
    }
)


def test_a_table_has_the_columns_and_types_of_the_training_data() -> None:
    signature = parsed({"columns": [{"name": name, "type": str(kind)} for name, kind in FRAME.dtypes.items()]})
    rows = [
        {"kind": "x", "whole": 1.0, "real": 0.5, "flag": True, "word": "a", "old_word": "a", "maybe": 1}
        | {"day": "2026-01-31", "moment": "2026-01-31T13:00:00+01:00"},
        [2, None, False, None, "b", None, None, "2026-02-01T12:00:00Z", "y"],
    ]
    pd.testing.assert_frame_equal(given(signature, signature.check(rows)), FRAME)


def test_no_rows_are_a_table_without_rows() -> None:
    signature = parsed({"columns": [{"name": name, "type": str(kind)} for name, kind in FRAME.dtypes.items()]})
    table = given(signature, signature.check([]))
    assert list(map(str, table.dtypes)) == list(map(str, FRAME.dtypes))
    assert len(table) == 0


def test_categories_keep_their_codes() -> None:
    signature = parsed({"columns": [{"name": "x", "type": "category", "categories": ["a", "b", "c"]}]})
    assert list(given(signature, signature.check([["c"]]))["x"].cat.codes) == [2]


@pytest.mark.parametrize("kind", ["", "number", "integer", "text", "any", "int"])
def test_types_that_pandas_does_not_know_are_inferred(kind: str) -> None:
    signature = parsed({"columns": [{"name": "x", "type": kind}]})
    value: Any = "a" if kind == "text" else 1
    assert list(given(signature, signature.check([[value]]))["x"]) == [value]


def test_features_become_an_array_of_numbers() -> None:
    signature = parsed({"features": 2})
    array = given(signature, signature.check([[1, None], [2, 3]]))
    np.testing.assert_array_equal(array, [[1.0, np.nan], [2.0, 3.0]])
    assert array.dtype == np.float64


def test_features_that_are_texts_stay_texts() -> None:
    signature = parsed({"features": 2})
    array = given(signature, signature.check([[1, "a"]]))
    assert array.dtype == object
    assert array.tolist() == [[1, "a"]]


def test_without_a_signature_rows_stay_as_they_are() -> None:
    rows = [{"a": 1}, "text"]
    assert given(Signature(), rows) is rows
