"""The law of scalars: type, unit and every bit come back, or saving refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as numpy_strategies

from zen.errors import MaterializerError
from zen.testing.artifacts import round_trip, save
from zen_plugin_numpy.scalars import ScalarMaterializer


def _same(one: np.generic, other: np.generic) -> bool:
    equal = one == other if one.dtype.char in "gG" else one.tobytes() == other.tobytes()  # "gG" have padding bytes
    return bool(type(one) is type(other) and one.dtype == other.dtype and equal)


@settings(max_examples=150, deadline=None)
@given(
    numpy_strategies.scalar_dtypes().flatmap(
        lambda dtype: numpy_strategies.arrays(dtype.newbyteorder("="), ()).map(lambda array: array[()])
    )
)
def test_scalars_come_back_the_same(scalar):
    assert _same(round_trip(ScalarMaterializer(), scalar), scalar)


SCALARS = [
    np.float32(0.1),
    np.longdouble("0.1"),
    np.float64("nan"),
    np.bool_(True),
    np.datetime64("2024-01-01T00:00", "m"),
    np.datetime64("NaT", "ns"),
    np.timedelta64(3, "W"),
    np.str_("ü"),
    np.bytes_(b"\0a"),
    np.zeros(1, [("a", "i4"), ("b", "U3")])[0],
]


@pytest.mark.parametrize("scalar", SCALARS, ids=repr)
def test_awkward_scalars_come_back_the_same(scalar):
    assert _same(round_trip(ScalarMaterializer(), scalar), scalar)


def test_a_fresh_process_loads_scalars():
    assert _same(round_trip(ScalarMaterializer(), SCALARS[4], fresh_process=True), SCALARS[4])


@pytest.mark.parametrize("value", [np.str_("a\0"), np.bytes_(b"\0"), 1.0, np.zeros(3), np.array(1)], ids=repr)
def test_what_would_change_is_refused(value):
    with pytest.raises(MaterializerError):
        save(ScalarMaterializer(), value)


def test_an_array_in_place_of_a_scalar_is_a_clear_error(tmp_path):
    reader = save(ScalarMaterializer(), np.float64(1), tmp_path)
    (tmp_path / "data").chmod(0o644)
    np.save((tmp_path / "data").open("wb"), np.zeros(3))
    with pytest.raises(MaterializerError, match="not a scalar"):
        ScalarMaterializer().load(reader)


def test_dtype_and_number_are_described():
    assert ScalarMaterializer().describe(np.float32(0.5)) == {"dtype": "float32", "value": 0.5}
    assert ScalarMaterializer().describe(np.str_("secret")) == {"dtype": "<U6"}
