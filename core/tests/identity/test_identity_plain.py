"""Plain data as JSON. The law: what is written comes back with the same types and values, through any JSON reader."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
import pathlib
import sys
import uuid
import zoneinfo
from collections import OrderedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zen.identity import canonical, dumps, from_plain, is_plain, to_plain

_zones = (
    st.none()
    | st.builds(dt.timezone, st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)))
    | st.sampled_from([zoneinfo.ZoneInfo("Europe/Berlin"), zoneinfo.ZoneInfo("UTC"), dt.UTC])
    | st.sampled_from([dt.timezone(dt.timedelta(microseconds=1)), dt.timezone(dt.timedelta(microseconds=-1))])
)
_hashable = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["$tuple", "$", "\ud83d\ude00", "\ud83d", -0.0, 2**2000, -(2**2000)])
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=_zones)
    | st.times(timezones=_zones)
    | st.timedeltas()
    | st.decimals()
    | st.uuids()
    | st.sampled_from([pathlib.Path("a/b"), pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a\\b")])
).filter(lambda value: not (isinstance(value, decimal.Decimal) and value.is_snan()))  # has no hash
_plain = st.recursive(
    _hashable,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(_hashable | st.text(), inner, max_size=4)
        | st.sets(_hashable, max_size=4)
        | st.frozensets(_hashable, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(_plain)
def test_plain_data_comes_back_through_json_text(value):
    text = dumps(to_plain(value))
    assert text.isascii()
    # The canonical encoding is injective, so equal bytes are equal types and values.
    assert canonical(from_plain(json.loads(text))) == canonical(value)


@given(_plain)
def test_what_has_a_canonical_encoding_is_plain(value):
    assert is_plain(value)
    assert canonical(to_plain(value))


@pytest.mark.parametrize(
    "data",
    [{"$tuple": [1]}, {"$secret": "env/X"}, {"$float": "nan", "a": 1}, {"$dict": []}, {"a": {"$unknown": 1}}, {"": {}}],
    ids=str,
)
def test_data_of_the_user_is_never_taken_for_a_tag(data):
    assert from_plain(json.loads(dumps(to_plain(data)))) == data


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ((1, 2), {"$tuple": [1, 2]}),
        ({1, 2}, {"$set": [1, 2]}),
        ({1: "a"}, {"$dict": [[1, "a"]]}),
        (b"ab", {"$bytes": "YWI="}),
        (math.nan, {"$float": "nan"}),
        (-math.inf, {"$float": "-inf"}),
        (pathlib.Path("a/b"), {"$path": "a/b"}),
        (dt.datetime(2024, 1, 1, tzinfo=dt.UTC), {"$datetime": "2024-01-01T00:00:00+00:00"}),
        (dt.timedelta(1, 2, 3), {"$timedelta": [1, 2, 3]}),
        (decimal.Decimal("1.10"), {"$decimal": "1.10"}),
        (uuid.UUID(int=1), {"$uuid": "00000000-0000-0000-0000-000000000001"}),
    ],
)
def test_tags_are_these(value, written):
    """Pinned: plans and artifacts hold them."""
    assert to_plain(value) == written


@pytest.mark.parametrize("value", [10**5000, -(10**5000), 10**639, 2**2000 - 1], ids=lambda value: value.bit_length())
def test_long_integers_come_back_whatever_the_limit_on_digits(value):
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)  # the lowest that can be set
    try:
        assert from_plain(json.loads(dumps(to_plain([value])))) == [value]
    finally:
        sys.set_int_max_str_digits(limit)


@pytest.mark.parametrize("offset", [1, -1, 999_999, 10**6 + 1, -(10**6) - 1, 3600 * 10**6])
def test_offsets_of_less_than_a_second_come_back(offset):
    """Python reads them as none from ISO text."""
    zone = dt.timezone(dt.timedelta(microseconds=offset))
    for value in (dt.datetime(2024, 1, 1, tzinfo=zone), dt.time(1, tzinfo=zone)):
        assert from_plain(json.loads(dumps(to_plain(value)))).utcoffset() == value.utcoffset()


def test_ordinary_json_is_written_as_itself():
    data = {"a": [1, 2.5, "ü", None, True], "b": {"c": -0.0}}
    assert to_plain(data) == data


@pytest.mark.parametrize("seed", [("a", "b", "c"), ("c", "a", "b")])
def test_sets_are_written_in_one_order(seed):
    assert dumps(to_plain([set(seed), frozenset(seed)])) == '[{"$set":["a","b","c"]},{"$frozenset":["a","b","c"]}]'


def test_mapping_keeps_its_order():
    assert list(from_plain(to_plain({"b": 1, "a": 2}))) == ["b", "a"]
    assert list(from_plain(to_plain({2: 1, 1: 2}))) == [2, 1]


class Text(str):
    pass


@pytest.mark.parametrize("value", [object(), Text("a"), {Text("a"): 1}, [(1, {2: bytearray()})], OrderedDict(), int])
def test_what_is_not_plain_is_refused(value):
    assert not is_plain(value)
    with pytest.raises(TypeError, match="is not plain data"):
        to_plain(value)


def test_a_structure_that_holds_itself_is_not_plain():
    loop: list[object] = []
    loop.append(loop)
    assert not is_plain(loop)


def test_unknown_tag_is_refused():
    with pytest.raises(ValueError, match=r"\$later"):
        from_plain({"a": [{"$later": 1}]})


def test_unknown_time_zone_is_a_value_error():
    for key in ("Nowhere/Land", "Europe", "../etc"):
        with pytest.raises(ValueError, match="tzdata"):
            from_plain({"$datetime": ["2024-01-01T00:00:00", 0, key]})


def test_dumps_is_compact_sorted_and_refuses_nan():
    assert dumps({"b": [1, "ü"], "a": None}) == '{"a":null,"b":[1,"\\u00fc"]}'
    with pytest.raises(ValueError, match="JSON"):
        dumps(math.nan)
