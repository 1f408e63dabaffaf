"""Following the logs of a run: lines in the order of each step, by time between steps."""

from __future__ import annotations

import datetime as dt

import pytest

from zen.client.following import Told, _in_order, moment_of
from zen.errors import UsageError
from zen.records import LogLine

NOW = dt.datetime(2026, 5, 31, 14, 30, tzinfo=dt.UTC)


def told(step: str, *seconds: int) -> list[Told]:
    lines = [LogLine(stream="stdout", text=str(each), at=NOW + dt.timedelta(seconds=each)) for each in seconds]
    return [Told(step=step, attempt=1, line=line) for line in lines]


def test_steps_are_interleaved_by_time() -> None:
    assert [each.step for each in _in_order([told("a", 1, 4), told("b", 2, 3)])] == ["a", "b", "b", "a"]


def test_a_clock_that_goes_back_changes_no_order_within_a_step() -> None:
    found = _in_order([told("a", 5, 1, 6), told("b", 4)])
    assert [each.line.text for each in found if each.step == "a"] == ["5", "1", "6"]
    assert found[0].step == "b"


@pytest.mark.parametrize(
    ("text", "ago"),
    [("10 min", 600), ("2 h ago", 7200), ("90", 90), ("1 day", 86_400), ("2026-05-31T14:00+00:00", 1800)],
)
def test_moments_are_what_people_write(text, ago) -> None:
    assert moment_of(text, NOW) == NOW - dt.timedelta(seconds=ago)


def test_a_time_of_day_is_todays() -> None:
    here = NOW.astimezone()
    assert moment_of(here.strftime("%H:%M"), NOW) == NOW


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(UsageError, match="'soon' is no time"):
        moment_of("soon", NOW)
