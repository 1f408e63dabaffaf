"""Frames, series and indexes keep the promises of materializers."""

import numpy as np
import pandas as pd

from zen.testing import MaterializerSuite
from zen_plugin_pandas.materializers import FrameMaterializer, IndexMaterializer, SeriesMaterializer

SUBCLASS = "a subclass may hold more than its data: saving refuses it"


class TestFrames(MaterializerSuite):
    materializer = FrameMaterializer
    lacks = {"subclass": SUBCLASS}

    def values(self):
        frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "at": pd.to_datetime(["2024-01-01", None])})
        large = pd.DataFrame({"a": np.random.default_rng(0).random(1 << 18)})
        return {"frame": frame, "empty": frame[:0], "large": large, "categories": frame.astype({"b": "category"})}

    def equal(self, one, other):
        return one.equals(other) and list(one.dtypes) == list(other.dtypes)


class TestSeries(MaterializerSuite):
    materializer = SeriesMaterializer
    lacks = {"subclass": SUBCLASS}

    def values(self):
        series = pd.Series([1.5, None], name="a", index=["x", "y"])
        return {"series": series, "empty": series[:0], "large": pd.Series(np.random.default_rng(0).random(1 << 18))}

    def equal(self, one, other):
        return one.equals(other) and one.name == other.name


class TestIndexes(MaterializerSuite):
    materializer = IndexMaterializer

    def values(self):
        return {
            "index": pd.Index(["a", "b"], name="key"),
            "empty": pd.Index([], dtype="int64"),
            "large": pd.Index(np.random.default_rng(0).random(1 << 18)),
            "subclass": pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]),
        }

    def equal(self, one, other):
        return one.equals(other) and list(one.names) == list(other.names)
