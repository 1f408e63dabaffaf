"""The language of conditions: what it reads, and where it says that it cannot."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zen.client.expressions import Key, Name, parse_condition, parse_name, parse_sort
from zen.errors import UsageError
from zen.storage.rows import micros

NOW = dt.datetime(2026, 5, 31, 12, 0, tzinfo=dt.UTC)
SECOND = 1_000_000


def read(text: str) -> tuple[str, str, object]:
    term = parse_condition(text, NOW)
    return str(term.name), term.operator, term.value


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("metrics.accuracy > 0.9", ("metrics.accuracy", ">", 0.9)),
        ("metrics.accuracy>0.9", ("metrics.accuracy", ">", 0.9)),
        ("  metrics.val/loss  <=  1e-3 ", ("metrics.val/loss", "<=", 0.001)),
        ("metrics.train.loss = 3", ("metrics.train.loss", "==", 3.0)),
        ("metrics.`a b > c` != .5", ("metrics.a b > c", "!=", 0.5)),
        ("metrics.loss == inf", ("metrics.loss", "==", float("inf"))),
        ("metrics.loss == none", ("metrics.loss", "==", None)),
        ("params.lr == 0.1", ("params.lr", "==", 0.1)),
        ("params.n == -3", ("params.n", "==", -3)),
        ("params.n == " + "9" * 5000, ("params.n", "==", float("inf"))),
        ("params.n == '3'", ("params.n", "==", "3")),
        ("params.flag == TRUE", ("params.flag", "==", True)),
        ("params.kind contains good", ("params.kind", "contains", "good")),
        ('params.text == "it\'s \\"so\\""', ("params.text", "==", 'it\'s "so"')),
        ("params.v == 1.2.3", ("params.v", "==", "1.2.3")),
        ("name contains 'a b'", ("name", "contains", "a b")),
        ("name == none", ("name", "==", "none")),
        ("name == 7", ("name", "==", "7")),
        ("tag == none", ("tag", "==", None)),
        ("tag == 'none'", ("tag", "==", "none")),
        ("tag != 7", ("tag", "!=", "7")),
        ("state == failed", ("state", "==", "failed")),
        ("state contains fail", ("state", "contains", "fail")),
        ("duration > 90", ("duration", ">", (90 * SECOND, 90 * SECOND + 1))),
        ("duration>1.5min", ("duration", ">", (90 * SECOND, 90 * SECOND + 1))),
        ("duration < 3 min 04 s", ("duration", "<", (184 * SECOND, 184 * SECOND + 1))),
        ("duration < 2 hours", ("duration", "<", (7200 * SECOND, 7200 * SECOND + 1))),
        ("duration == none", ("duration", "==", None)),
        (
            "started > 2 days ago",
            ("started", ">", (micros(NOW) - 172_800 * SECOND, micros(NOW) - 172_800 * SECOND + 1)),
        ),
        ("started >= 2026-05-01T10:00Z", ("started", ">=", (1777629600 * SECOND, 1777629660 * SECOND))),
        ("started >= '2026-05-01 10:00:05Z'", ("started", ">=", (1777629605 * SECOND, 1777629606 * SECOND))),
        ("started >= 2026-05-01T10:00:05.5+00:00", ("started", ">=", (1777629605_500_000, 1777629605_500_001))),
    ],
)
def test_conditions_are_read(text, term) -> None:
    assert read(text) == term


def test_a_day_is_all_of_it() -> None:
    _, _, (low, high) = read("started == 2026-05-01")  # type: ignore[misc]  # a range
    assert high - low == 86_400 * SECOND
    assert low == micros(dt.datetime(2026, 5, 1).astimezone())
    _, _, today = read("started >= today")
    _, _, yesterday = read("started >= yesterday")
    assert yesterday[1] == today[0]  # type: ignore[index]  # ranges
    assert today[0] <= micros(NOW) < today[1]  # type: ignore[index,operator]


@pytest.mark.parametrize(
    ("text", "position", "message", "hint"),
    [
        ("", 0, "a name is missing", "for example"),
        ("metrics.accuracy", 16, "an operator is missing", "for example"),
        ("metrics.accuracy >", 18, "a value is missing", "a number"),
        ("metrics.accuracy >> 0.9", 18, "a value is missing", "a number"),
        ("metrics > 3", 0, "which of the metrics?", "metrics.accuracy"),
        ("params. == 3", 7, "no name after params.", "params.lr"),
        ("metric.accuracy > 3", 0, "nothing is called 'metric.accuracy'", "did you mean 'metrics'?"),
        ("accuracy > 3", 0, "nothing is called 'accuracy'", "is metrics.accuracy or params.accuracy meant?"),
        ("metrics.a > good", 12, "a metric is compared with a number, not with good", ""),
        ("metrics.a > '3'", 12, "a metric is compared with a number", ""),
        ("metrics.a == true", 13, "a metric is compared with a number", ""),
        ("metrics.a contains 3", 10, "metrics.a takes ==, !=, <, <=, >, >=, not contains", ""),
        ("metrics.a > none", 12, "none goes with == and !=", ""),
        ("metrics.a > 1 and metrics.b < 2", 14, "one condition stands here", "give several"),
        ("duration > 3 or state == failed", 13, "one condition stands here", "give several"),
        ("name < x", 5, "name takes ==, !=, contains, not <", ""),
        ("name == a b", 10, "'b' is too much", "in quotes"),
        ("name == 'a", 8, "the quote is not closed", ""),
        ("name contains ''", 14, "every text contains the empty one", ""),
        ("state == completd", 9, "no state 'completd'", "did you mean 'completed'?"),
        ("duration > soon", 11, "'soon' is no duration", "10 min"),
        ("duration > " + "9" * 400, 11, "is no duration", "10 min"),
        ("duration > 3 4", 11, "'3 4' is no duration", "10 min"),
        ("duration > ", 11, "a value is missing", "10 min"),
        ("started > 2026-13-01", 10, "'2026-13-01' is no time", "yesterday"),
        ("started > some days ago", 10, "is no time", "yesterday"),
    ],
)
def test_what_cannot_be_read_is_shown_with_its_place(text, position, message, hint) -> None:
    with pytest.raises(UsageError) as caught:
        parse_condition(text, NOW)
    first, shown, mark = caught.value.message.split("\n")
    assert message in first and f"at character {position + 1}" in first
    assert (shown.strip(), mark.index("^") - 2) == (text.strip(), position)
    assert hint in caught.value.hint and caught.value.facts["position"] == position


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_place(text) -> None:
    for start in ("", "metrics.a > ", "params.a contains ", "started < ", "duration == "):
        try:
            parse_condition(start + text, NOW)
        except UsageError as error:
            assert 0 <= error.facts["position"] <= len(start + text)


@given(st.floats(allow_nan=False))
def test_every_number_is_read_as_it_is_written(number) -> None:
    assert read(f"metrics.a == {number!r}")[2] == number


def test_sorting_is_read() -> None:
    assert parse_sort("-metrics.accuracy") == Key(Name("metrics", "accuracy"), descending=True)
    assert parse_sort("started") == parse_sort("+started") == Key(Name("field", "started"))
    assert parse_name("params.`a b`") == Name("params", "a b")
    with pytest.raises(UsageError, match="cannot be sorted by tag") as caught:
        parse_sort("tag")
    assert "duration" in caught.value.hint
    with pytest.raises(UsageError, match="'b' is too much"):
        parse_sort("-metrics.a b")
