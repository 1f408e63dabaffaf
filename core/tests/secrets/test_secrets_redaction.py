"""Masking: what was registered is found in every encoding, in texts and in data, and nothing else is changed."""

from __future__ import annotations

import base64
import json
from pathlib import PurePosixPath
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zen.identity import from_plain, to_plain
from zen.secrets.redaction import Redactor, Window, redactor

VALUE = 'tök"en/+ with\\odd&parts'
MASK = "***env/TOKEN***"
PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END KEY-----\n"
DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def _nothing_known():
    redactor.forget()
    yield
    redactor.forget()


def knowing(**values: str) -> Redactor:
    made = Redactor()
    for name, value in values.items():
        made.register(f"env/{name}", value)
    return made


ENCODINGS = {
    "plain": VALUE,
    "quoted": quote(VALUE, safe=""),
    "quoted in lower case": quote(VALUE, safe="").lower().replace("tök", "tök"),
    "a form": quote_plus(VALUE),
    "json": json.dumps(VALUE),
    "json of json": json.dumps({"text": json.dumps([VALUE], ensure_ascii=False)}),
    "repr": repr(VALUE),
    "repr of bytes": repr(VALUE.encode()),
    "json of repr": json.dumps(repr({"a": VALUE})),
    "hex": VALUE.encode().hex(),
    "HEX": VALUE.encode().hex().upper(),
    **{f"base64+{n}": base64.b64encode(b"abc"[:n] + VALUE.encode() + b"tail").decode() for n in range(3)},
    **{f"urlsafe+{n}": base64.urlsafe_b64encode(b"abc"[:n] + VALUE.encode()).decode() for n in range(3)},
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_is_masked_in_every_encoding(encoding):
    text = ENCODINGS[encoding]
    masked = knowing(TOKEN=VALUE).text(f"before {text} after")
    assert MASK in masked
    assert text not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


@given(st.text(min_size=6, max_size=40).filter(lambda text: len(text.strip()) >= 6), st.binary(max_size=4), st.binary())
def test_no_core_of_base64_is_left_whatever_stands_around(value, before, after):
    data = value.encode("utf-8", "surrogatepass")
    text = base64.b64encode(before + data + after).decode()
    assert MASK in knowing(TOKEN=value).text(text)


def test_nothing_is_masked_before_a_secret_is_known():
    assert not redactor.active
    assert redactor.text(VALUE) is VALUE


def test_a_short_value_is_not_masked_and_registering_says_so():
    known = Redactor()
    assert not known.register("env/A", "a")
    assert not known.register("env/B", "12345")
    assert not known.active
    assert known.register("env/C", "123456")


def test_the_longest_wins_and_overlapping_secrets_are_one():
    known = knowing(LONG="abcdefgh-long", SHORT="abcdefgh", OTHER="long-tail")
    assert known.text("abcdefgh-long") == "***env/LONG***"
    assert known.text("abcdefgh!") == "***env/SHORT***!"
    assert known.text("abcdefgh-long-tail.") == "***env/LONG***."


def test_a_key_of_several_lines_is_masked_line_by_line():
    known = knowing(KEY=PEM)
    assert known.text(PEM) == "***env/KEY***"
    assert [known.text(line) for line in PEM.splitlines()] == [
        "-----BEGIN KEY-----",
        "***env/KEY***",
        "***env/KEY***",
        "-----END KEY-----",
    ]


def test_the_password_of_a_url_is_masked_by_itself():
    known = knowing(DSN="postgresql://zen:p%40ssw0rd@db/x")
    assert known.text("password=p@ssw0rd, p%40ssw0rd") == "password=***env/DSN***, ***env/DSN***"


def test_data_is_masked_all_the_way_down():
    known = knowing(TOKEN=VALUE)
    data = {"a": [VALUE, (1, VALUE)], f"x{VALUE}": {"b": VALUE.encode()}, "c": PurePosixPath("a") / VALUE, "d": 1.5}
    assert known.data(data) == {
        "a": [MASK, (1, MASK)],
        f"x{MASK}": {"b": MASK},
        "c": f"a/{MASK}",
        "d": 1.5,
    }


def test_masked_plain_data_can_still_be_read():
    known = knowing(TOKEN=VALUE, PIN="123456789")
    plain = to_plain({"a": (VALUE,), "b": b"x" + VALUE.encode(), "c": {VALUE}, "d": {1: VALUE}, "e": 123456789})
    masked = from_plain(known.data(plain))
    assert (masked["a"], masked["c"], masked["d"], masked["e"]) == ((MASK,), {MASK}, {1: MASK}, "***env/PIN***")
    assert MASK in masked["b"]


def test_ids_and_numbers_are_not_broken_by_chance():
    known = knowing(PIN="012345", TOKEN="0123456789abcdef0123456789abcdef")
    assert knowing(PIN="012345").data([DIGEST, 9012345]) == [DIGEST, 9012345]
    assert known.data("0123456789abcdef0123456789abcdef") == MASK
    assert known.data(12345) == 12345


def test_what_is_found_is_named():
    known = knowing(TOKEN=VALUE)
    assert known.found({"a": [1, (VALUE.encode(),)]}) == "env/TOKEN"
    assert known.found({VALUE: 1}) == "env/TOKEN"
    assert known.found([DIGEST, 1, None, VALUE[:-1]]) == ""


def test_a_name_cannot_break_what_it_is_put_into():
    known = Redactor()
    known.register('vault/a"b\\c\n', VALUE)
    assert known.text(VALUE) == "***vault/a?b?c?***"


@pytest.mark.parametrize("cut", range(1, len(VALUE)))
def test_a_secret_in_two_writes_is_masked(cut):
    redactor.register("env/TOKEN", VALUE)
    window = Window()
    shown = [window.add("x " + VALUE[:cut]), window.add(VALUE[cut:] + " y"), window.end()]
    assert "".join(shown) == f"x {MASK} y"


def test_what_only_begins_like_a_secret_is_shown_in_the_end():
    redactor.register("env/TOKEN", VALUE)
    window = Window()
    assert window.add(f"say {VALUE[:4]}") == "say "
    assert window.add("el\n") == f"{VALUE[:4]}el\n"
    assert window.add(VALUE[:3]) + window.end() == VALUE[:3]


def test_a_window_holds_no_more_than_one_secret_back():
    redactor.register("env/TOKEN", "aaaaaaa")
    window = Window()
    shown = "".join(window.add("a") for _ in range(1000)) + window.end()
    assert len(shown) < 1000 * len(MASK)
    assert "aaaaaaa" not in shown


@given(st.lists(st.text("ab", max_size=8), max_size=12))
def test_a_window_masks_what_the_whole_text_has(pieces):
    redactor.forget()
    redactor.register("env/TOKEN", "abbabbaa")
    window = Window()
    shown = "".join([*map(window.add, pieces), window.end()])
    assert "abbabbaa" not in shown
    assert ("abbabbaa" in "".join(pieces)) == (MASK in shown)
