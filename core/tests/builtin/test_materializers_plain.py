"""The law of plain data: what is loaded has the same canonical bytes as what was saved, or saving refuses."""

import datetime as dt
import decimal
import json
import math
import uuid
import zoneinfo
from collections import OrderedDict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zen.builtin.materializers.plain import MOST_LEVELS, BytesMaterializer, PlainMaterializer
from zen.errors import MaterializerError
from zen.identity import canonical
from zen.testing.artifacts import round_trip, save

_zones = (
    st.none()
    # Whole seconds: CPython reads an offset of less than one second as none.
    | st.builds(dt.timezone, st.builds(dt.timedelta, seconds=st.integers(-86_399, 86_399)))
    | st.sampled_from([zoneinfo.ZoneInfo("Europe/Berlin"), zoneinfo.ZoneInfo("UTC")])
)
_hashable = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=_zones)
    | st.times(timezones=_zones)
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
)
_keys = st.text() | st.sampled_from(["$tuple", "$dict", "$", "__class__"]) | _hashable
_plain = st.recursive(
    _hashable,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(_keys, inner, max_size=4)
        | st.sets(_hashable, max_size=4)
        | st.frozensets(_hashable, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(_plain)
def test_plain_data_comes_back_the_same(value):
    assert canonical(round_trip(PlainMaterializer(), value)) == canonical(value)


EXAMPLES = [
    None,
    -0.0,
    math.inf,
    2**70,
    -(10**5000),
    {1: 1, 1.5: True, "1": "1", None: None, (1, "a"): b"\0\xff"},
    {"$tuple": [1], "b": {"$float": "nan"}},
    "\ud83d\ude00",
    "😀\ud83d",
    decimal.Decimal("1.10"),
    uuid.UUID(int=5),
    dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5, seconds=7))),
    dt.datetime(2024, 10, 27, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"), fold=1),
    [Path("data/x.csv")],
]


class Text(str):
    pass


class Zone(dt.tzinfo):
    def utcoffset(self, when):
        return dt.timedelta(0)


@pytest.mark.parametrize("value", EXAMPLES, ids=map(str, range(len(EXAMPLES))))
def test_awkward_values_come_back_the_same(value):
    assert canonical(round_trip(PlainMaterializer(), value)) == canonical(value)


def test_a_fresh_process_loads_plain_data():
    assert canonical(round_trip(PlainMaterializer(), EXAMPLES, fresh_process=True)) == canonical(EXAMPLES)


def test_a_mapping_keeps_its_order():
    assert list(round_trip(PlainMaterializer(), {"b": 1, "a": 2})) == ["b", "a"]


def test_sets_give_the_same_bytes_in_any_order():
    one, other = (save(PlainMaterializer(), set(items)) for items in (["a", "b", "c"], ["c", "b", "a"]))
    assert one.read() == other.read()


@pytest.mark.parametrize(
    ("value", "place", "kind"),
    [
        (object(), "the value", "builtins.object"),
        ({"model": [1, object()]}, "the value['model'][1]", "builtins.object"),
        ({("a", Text("b")): 1}, "the value.keys()[0][1]", f"{__name__}.Text"),
        ({Text("b"): 1}, "the value.keys()[0]", f"{__name__}.Text"),
        ([[frozenset([Text("b")])]], "the value[0][0]{0}", f"{__name__}.Text"),
        ({("a",): object()}, "the value[…]", "builtins.object"),
        (OrderedDict(a=1), "the value", "collections.OrderedDict"),
        ([dt.datetime(2024, 1, 1, tzinfo=Zone())], "the value[0]", f"the time zone <{__name__}.Zone"),
        ((dt.time(1, tzinfo=Zone()),), "the value[0]", "the time zone"),
    ],
    ids=["object", "nested", "key part", "key", "set", "tuple key", "subclass", "zone", "zone of a time"],
)
def test_what_is_not_plain_is_refused_with_its_place(value, place, kind):
    with pytest.raises(MaterializerError) as caught:
        save(PlainMaterializer(), value)
    assert caught.value.message.startswith(f"{place} cannot be kept as JSON: {kind}")
    assert caught.value.place == place


def test_a_refusal_carries_the_type_and_advice():
    with pytest.raises(MaterializerError) as caught:
        save(PlainMaterializer(), [Text("b")])
    assert caught.value.type == f"{__name__}.Text"
    assert "output of its own" in caught.value.hint


def test_a_value_that_contains_itself_is_refused():
    value: list = []
    value.append(value)
    with pytest.raises(MaterializerError, match="nested deeper than 100 levels, or contains itself"):
        save(PlainMaterializer(), value)


def test_the_deepest_value_that_is_saved_can_be_loaded():
    value: tuple = ()
    for _ in range(MOST_LEVELS):
        value = (value, b"")
    assert round_trip(PlainMaterializer(), value) == value


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[1", b'{"$new": 1}', b'{"$float": []}', b'{"$time": []}', b"[" * 100_000]
)
def test_damaged_text_is_a_clear_error(data, tmp_path):
    reader = save(PlainMaterializer(), 1, tmp_path)
    (tmp_path / "data").chmod(0o644)
    (tmp_path / "data").write_bytes(data)
    with pytest.raises(MaterializerError, match="stored"):
        PlainMaterializer().load(reader)


def test_the_text_is_compact_json():
    assert save(PlainMaterializer(), {"ä": [1, 2.0, True]}).read() == '{"ä":[1,2.0,true]}'.encode()
    assert json.loads(save(PlainMaterializer(), (1,)).read()) == {"$tuple": [1]}


@pytest.mark.parametrize("value", [b"", b"\0\r\n", bytes(3_000_000), bytearray(b"ab")], ids=type)
def test_bytes_are_a_file_of_these_bytes(value):
    assert save(BytesMaterializer(), value).read() == value
    loaded = round_trip(BytesMaterializer(), value, fresh_process=len(value) < 10)
    assert loaded == value
    assert type(loaded) is type(value)


def test_bytes_of_another_type_are_refused():
    with pytest.raises(MaterializerError, match="memoryview is not bytes"):
        save(BytesMaterializer(), memoryview(b"a"))


def test_scalars_and_lengths_are_described():
    assert PlainMaterializer().describe(0.5) == {"value": 0.5}
    assert PlainMaterializer().describe("secret?") == {"length": 7}
    assert BytesMaterializer().describe(b"ab") == {"length": 2}
