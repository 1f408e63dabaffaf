"""The canonical encoding. The law: equal bytes if and only if equal type and value, whatever the process."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import os
import pathlib
import re
import subprocess
import sys
import uuid
import zoneinfo
from collections import OrderedDict
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zen.identity import SCHEME, canonical, digest, digest_bytes
from zen.identity.encoding import _ENCODERS

PAGE = Path(__file__).parents[3] / "docs" / "identity.md"

# Few values that are easily mistaken for each other, so that two draws are often equal or nearly so.
_scalars = st.sampled_from(
    [
        *(None, True, False, 0, 1, -1, 16, 0.0, -0.0, 1.0, math.nan, math.inf, -math.inf),
        *("", "0", "1", "i1:1", "None", "\ud83d\ude00", "😀", b"", b"1", "ü", "u\u0308"),
        *(decimal.Decimal("1"), decimal.Decimal("1.0"), decimal.Decimal("NaN"), dt.timedelta(1), dt.timedelta(0, 1)),
        *(dt.date(2024, 1, 1), dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, fold=1), dt.time(), dt.time(fold=1)),
        *(dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC"))),
        *(dt.time(tzinfo=zoneinfo.ZoneInfo("UTC")), dt.time(tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))),
        *(uuid.UUID(int=0), pathlib.Path("a/b"), pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("a/b")),
    ]
)
_plain = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(_scalars, inner, max_size=3)
        | st.sets(_scalars, max_size=3)
        | st.frozensets(_scalars, max_size=3)
    ),
    max_leaves=5,
)


def form(value: Any) -> Any:
    """The value with its types, as something that compares exactly: another way to say what the encoding says."""
    kind = type(value)
    if kind in (list, tuple):
        return kind, tuple(map(form, value))
    if kind in (set, frozenset):
        return kind, tuple(sorted(map(repr, map(form, value))))
    if kind is dict:
        return kind, tuple(sorted(repr((form(key), form(item))) for key, item in value.items()))
    if kind in (dt.datetime, dt.time):
        return kind, value.replace(tzinfo=None).isoformat(), value.fold, repr(value.tzinfo)
    return kind, str(value) if isinstance(value, str) else repr(value)


@settings(max_examples=400, deadline=None)
@given(_plain, _plain)
def test_bytes_are_equal_if_and_only_if_type_and_value_are(one, other):
    assert (canonical(one) == canonical(other)) == (form(one) == form(other))


@given(st.lists(st.text(st.characters()) | st.binary(), max_size=4), st.lists(st.text() | st.binary(), max_size=4))
def test_texts_and_bytes_never_run_into_each_other(one, other):
    assert (canonical(one) == canonical(other)) == (one == other)


@given(st.integers() | st.integers(-(2**200), 2**200), st.integers())
def test_integers_differ(one, other):
    assert (canonical(one) == canonical(other)) == (one == other)


@given(st.dictionaries(st.text(max_size=3) | st.integers(), st.integers(), max_size=6), st.randoms())
def test_order_of_a_mapping_does_not_count(mapping, random):
    pairs = list(mapping.items())
    random.shuffle(pairs)
    assert digest("x", dict(pairs)) == digest("x", mapping)


VALUE = "{'b': {'x', 'y', 'z'}, 'a': frozenset([b'1', 2, None, (1.5, 'é')]), 3: [True, {'k': {0, 'w'}}]}"


def test_digest_is_the_same_under_every_hash_seed():
    code = f"from zen.identity import digest; print(digest('t', {VALUE}), end='')"
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout.decode()
        for seed in ("0", "1", "4242")
    }
    assert digests == {digest("t", eval(VALUE))}


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (None, b"n0:"),
        (True, b"b1:1"),
        (-255, b"i3:-ff"),
        (1.5, b"f8:\x3f\xf8\0\0\0\0\0\0"),
        (-math.nan, b"f8:\x7f\xf8\0\0\0\0\0\0"),
        ("é", b"s2:\xc3\xa9"),
        (b"ab", b"y2:ab"),
        ([1, "a"], b"l8:i1:1s1:a"),
        ((), b"t0:"),
        ({"b": 1, "a": (2,)}, b"d19:s1:at4:i1:2s1:bi1:1"),
        ({2, 1}, b"e8:i1:1i1:2"),
        (frozenset(), b"z0:"),
        (dt.datetime(2024, 5, 6, 7, tzinfo=dt.UTC), b"D27:2024-05-06T07:00:00+00:00/0"),
        (dt.datetime(2024, 5, 6, fold=1, tzinfo=zoneinfo.ZoneInfo("UTC")), b"D25:2024-05-06T00:00:00/1/UTC"),
        (dt.date(2024, 5, 6), b"A10:2024-05-06"),
        (dt.time(1, 2), b"T10:01:02:00/0"),
        (dt.timedelta(1, 2, 3), b"L5:1,2,3"),
        (decimal.Decimal("1E+5"), b"M4:1E+5"),
        (uuid.UUID(int=1), b"U36:00000000-0000-0000-0000-000000000001"),
        (pathlib.Path("a/b"), b"P3:a/b"),
        (pathlib.PurePosixPath("a/b"), b"p3:a/b"),
        (pathlib.PureWindowsPath("a/b"), b"w3:a\\b"),
    ],
)
def test_scheme_1_writes_these_bytes(value, encoded):
    """Pinned: other bytes need another scheme, or every digest that was ever recorded is void."""
    assert SCHEME == "zen-id/1"
    assert canonical(value) == encoded


def test_digest_holds_the_scheme_and_the_record_type():
    assert digest("a", 1) == digest_bytes(canonical(("zen-id/1", "a", 1)))
    assert digest("a", 1) != digest("b", 1)
    assert digest_bytes(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class Color(IntEnum):
    RED = 1


class Text(str):
    pass


class Zone(dt.tzinfo):
    key = "UTC"

    def utcoffset(self, when):
        return dt.timedelta(0)


@pytest.mark.parametrize(
    "value",
    [
        Color.RED,
        Text("a"),
        OrderedDict(),
        bytearray(),
        object(),
        int,
        1j,
        range(3),
        dt.datetime(1, 1, 1, tzinfo=Zone()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_may_carry_more_than_it_shows_has_no_encoding(value):
    for place in (value, [value], (0, {"a": value})):
        with pytest.raises(TypeError):
            canonical(place)


def test_integer_beyond_the_limit_of_decimal_digits_has_an_encoding():
    assert canonical(10**5000) != canonical(10**5000 + 1)


def test_decimal_does_not_depend_on_the_context_of_the_thread():
    value = decimal.Decimal("1E+5")
    before = canonical(value)
    with decimal.localcontext() as context:
        context.capitals = 0
        assert canonical(value) == before


def test_page_describes_every_type_letter():
    described = re.findall(r"^\| ((?:`\w` ?)+)\|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    written = {encode(_sample(kind))[0].decode() for kind, encode in _ENCODERS.items() if _sample(kind) is not None}
    assert written <= set(re.findall(r"\w", " ".join(described)))
    assert len(written) > 15


def _sample(kind: type) -> Any:
    samples = [None, *(value for value in (True, 1, 1.0, "", b"", [], (), {}, set(), frozenset()))]
    samples += [dt.datetime(1, 1, 1), dt.date(1, 1, 1), dt.time(), dt.timedelta(), decimal.Decimal(1), uuid.UUID(int=0)]
    samples += [pathlib.Path(), pathlib.PurePosixPath(), pathlib.PureWindowsPath()]
    return next((value for value in samples if type(value) is kind), None)
