"""Arrays and scalars keep the promises of materializers."""

import numpy as np

from zen.testing import MaterializerSuite
from zen_plugin_numpy.arrays import ArrayMaterializer
from zen_plugin_numpy.scalars import ScalarMaterializer


class TestArrays(MaterializerSuite):
    materializer = ArrayMaterializer
    lacks = {"subclass": "a subclass may hold more than its array: saving refuses it"}

    def values(self):
        return {
            "numbers": np.arange(12, dtype=">f4").reshape(3, 4)[::2],
            "empty": np.zeros((0, 3)),
            "large": np.arange(1 << 18, dtype=np.int64),
            "texts": np.array(["a", "größe"]),
            "fields": np.zeros(2, [("a", "i4"), ("b", "f8")]),
        }

    def equal(self, one, other):
        return one.dtype == other.dtype and np.array_equal(one, other)


class TestScalars(MaterializerSuite):
    materializer = ScalarMaterializer
    lacks = {"large": "a scalar is one value"}

    def values(self):
        return {
            "number": np.float32(0.1),
            "empty": np.str_(""),
            "subclass": np.bytes_(b"zen"),
            "time": np.datetime64("2024-01-01T00:00", "m"),
        }
