"""The small language that runs are chosen and sorted with: `metrics.accuracy > 0.9`, `started >= yesterday`.

    condition = name operator value
    name      = "metrics." key | "params." key | a field of the run
    operator  = "==" | "!=" | "<" | "<=" | ">" | ">=" | "contains"
    value     = a number, a word, or a text in quotes; true, false, none; for times and durations what people write

A key ends at a space, a quote or an operator; one that holds these stands in backquotes. Conditions are joined by
giving several. Pure: the time is passed in.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, cast

from zen.errors import UsageError, nearest
from zen.records import RUN_STATES
from zen.storage.rows import micros
from zen.storage.selection import AMOUNTS, LABELS, TEXTS, Operator

FIELDS = (*TEXTS, *LABELS, *AMOUNTS)
LOGGED = ("metrics", "params")

_KEY = re.compile(r"`([^`]+)`|([^\s=!<>'\"`]+)")
_FIELD = re.compile(r"[A-Za-z_]+")
_OPERATOR = re.compile(r"==|!=|<=|>=|=|<|>|contains(?![^\s'\"])")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf|nan)", re.IGNORECASE)
_JOINED = re.compile(r"\s(?:and|or|&&|\|\|)(?=\s|$)", re.IGNORECASE)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")
_SECONDS = {"ms": 0.001, "": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MOST_DIGITS = 600
_LONGEST = 1e12  # seconds: more are no time that anything takes
_WORDS = {"true": True, "false": False, "none": None, "null": None}
_EXAMPLES = "metrics.accuracy > 0.9, params.lr == 0.1, state == completed, started >= yesterday"


@dataclass(frozen=True, slots=True)
class Name:
    """What a condition or an order is about: a field of the run, a metric, or a parameter of the pipeline."""

    kind: Literal["field", "metrics", "params"]
    key: str

    def __str__(self) -> str:
        return self.key if self.kind == "field" else f"{self.kind}.{self.key}"


@dataclass(frozen=True, slots=True)
class Term:
    """One condition.

    Attributes:
        value: For `started` and `duration` the microseconds from which and before which something counts as equal;
            None asks whether there is anything.
    """

    name: Name
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Key:
    """What to sort by."""

    name: Name
    descending: bool = False


def parse_condition(text: str, now: dt.datetime) -> Term:
    """Return a condition.

    Raises:
        UsageError: With the place in the text (attribute `position`), what was found, and what may stand there.
    """
    return _Parser(text, now).condition()


def parse_sort(text: str) -> Key:
    """Return what a text asks to sort by; `-` before the name puts the largest first.

    Raises:
        UsageError: As for `parse_condition`, and for what a run may have several of.
    """
    parser = _Parser(text, dt.datetime.now(dt.UTC))
    descending = text.lstrip().startswith("-")
    parser.position += len(text) - len(text.lstrip()) + (text.lstrip()[:1] in ("-", "+"))
    name = parser.name()
    if name.key in LABELS and name.kind == "field":
        parser.fail(f"runs cannot be sorted by {name}", f"by: {', '.join((*TEXTS, *AMOUNTS))}, metrics.…, params.…", 0)
    parser.end()
    return Key(name, descending)


def parse_name(text: str) -> Name:
    """Return a name alone, as in a list of columns."""
    parser = _Parser(text, dt.datetime.now(dt.UTC))
    name = parser.name()
    parser.end()
    return name


class _Parser:
    """Reads one text from left to right."""

    def __init__(self, text: str, now: dt.datetime) -> None:
        self.text = text
        self.now = now
        self.position = 0

    def condition(self) -> Term:
        """Read the whole text as a condition."""
        name = self.name()
        self.space()
        start = self.position
        operator = self.operator()
        takes = _operators(name)
        if operator not in takes:
            self.fail(f"{name} takes {', '.join(takes)}, not {operator}", "", start)
        self.space()
        start = self.position
        value: Any = self.amount(name) if name.kind == "field" and name.key in AMOUNTS else self.value(name)
        self.check(name, operator, value, start)
        self.end()
        return Term(name, operator, float(value) if name.kind == "metrics" and value is not None else value)

    def check(self, name: Name, operator: Operator, value: Any, start: int) -> None:
        """Refuse values that no run can have, or that the operator cannot take."""
        if value is None and operator not in ("==", "!="):
            self.fail(f"none goes with == and !=, not with {operator}", "", start)
        if operator == "contains" and value == "":
            self.fail("every text contains the empty one", "", start)
        if name.kind == "metrics" and isinstance(value, bool | str):
            self.fail(f"a metric is compared with a number, not with {self.text[start : self.position]}", "", start)
        if str(name) == "state" and operator != "contains" and value not in RUN_STATES:
            self.fail(f"no state {value!r}; there are: {', '.join(RUN_STATES)}", nearest(value, RUN_STATES), start)

    def name(self) -> Name:
        self.space()
        start = self.position
        word = self.take(_FIELD)
        if word in LOGGED:
            if not self.text.startswith(".", self.position):
                self.fail(f"which of the {word}?", f"{word}.NAME, such as {_example(word)}", start)
            self.position += 1
            key = self.take(_KEY)
            if not key:
                self.fail(f"no name after {word}.", f"{word}.NAME, such as {_example(word)}")
            return Name(cast(Any, word), key.strip("`"))
        if word not in FIELDS or self.text[self.position : self.position + 1] == ".":
            given = (re.match(r"[^\s=!<>]*", self.text[start:]) or [""])[0]
            known = f"there are: {', '.join(FIELDS)}, metrics.NAME, params.NAME"
            hint = nearest(word or given, (*FIELDS, *LOGGED)) or (
                f"is metrics.{given} or params.{given} meant?" if word == given != "" else f"for example: {_EXAMPLES}"
            )
            self.fail(f"nothing is called {given!r}; {known}" if given else f"a name is missing; {known}", hint, start)
        return Name("field", word)

    def operator(self) -> Operator:
        found = self.take(_OPERATOR)
        if not found:
            hint = f"for example: {_EXAMPLES}"
            self.fail("an operator is missing; there are: ==, !=, <, <=, >, >=, contains", hint)
        return cast(Operator, "==" if found == "=" else found)

    def value(self, name: Name) -> Any:
        """Read a text in quotes, or a word; only metrics and parameters have numbers, and some fields nothing."""
        quoted = _QUOTED.match(self.text, self.position)
        if quoted:
            self.position = quoted.end()
            return re.sub(r"\\(.)", r"\1", quoted[1] if quoted[1] is not None else quoted[2])
        word = self.word()
        if name.kind == "field":
            return None if name.key in LABELS and _plain(word) is None else word
        return _plain(word)

    def word(self) -> str:
        start = self.position
        if start < len(self.text) and self.text[start] in "'\"":
            self.fail("the quote is not closed", "", start)
        found = self.take(re.compile(r"[^\s=!<>'\"]\S*"))
        if not found:
            self.fail("a value is missing", "a number, a word, or a text in quotes")
        return found

    def amount(self, name: Name) -> tuple[int, int] | None:
        """Read the rest as a time or a duration: both may hold spaces."""
        start = self.position
        joined = _JOINED.search(self.text, start)
        rest = self.text[start : joined.start() if joined else None].strip()
        self.position += len(self.text[start:].rstrip()) if not joined else joined.start() - start
        given = rest.strip("'\"").strip()
        if not given:
            self.fail("a value is missing", _amounts(name), start)
        if given.lower() in ("none", "null"):
            return None
        found = moment_range(given, self.now) if name.key == "started" else _duration(given)
        if found is None:
            self.fail(f"{given!r} is no {'time' if name.key == 'started' else 'duration'}", _amounts(name), start)
        return found

    def end(self) -> None:
        self.space()
        rest = self.text[self.position :]
        if _JOINED.match(f" {rest}"):
            self.fail("one condition stands here", "give several conditions; runs meet all of them")
        if rest:
            self.fail(f"{rest!r} is too much", "a text with spaces stands in quotes; a name with signs in backquotes")

    def space(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1

    def take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.position)
        if not found:
            return ""
        self.position = found.end()
        return found[0]

    def fail(self, message: str, hint: str = "", position: int | None = None) -> NoReturn:
        at = self.position if position is None else position
        shown = re.sub(r"\s", " ", self.text)
        raise UsageError(f"{message} (at character {at + 1})\n  {shown}\n  {' ' * at}^", hint=hint, position=at)


def _operators(name: Name) -> tuple[str, ...]:
    """Return the operators that make sense for a name."""
    is_ordered = name.kind != "field" or name.key in AMOUNTS
    is_text = name.kind == "params" or (name.kind == "field" and name.key not in AMOUNTS)
    return ("==", "!=", *(("<", "<=", ">", ">=") if is_ordered else ()), *(("contains",) if is_text else ()))


def _plain(word: str) -> Any:
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    if not _NUMBER.fullmatch(word):
        return word
    return int(word) if word.lstrip("+-").isdigit() and len(word) < _MOST_DIGITS else float(word)


def _duration(text: str) -> tuple[int, int] | None:
    total = _seconds(text)
    return None if total is None else (round(total * 1e6), round(total * 1e6) + 1)


def _seconds(text: str) -> float | None:
    """Return the seconds of `90`, `1.5 s`, `2h`, `3 min 04 s`."""
    parts = _SPAN.findall(text.lower())
    if not parts or _SPAN.sub("", text.lower()).strip():
        return None
    units = [_unit(unit) for _, unit in parts]
    if None in units or (len(parts) > 1 and any(not unit for _, unit in parts)):
        return None
    total = sum(float(number) * (unit or 0) for (number, _), unit in zip(parts, units, strict=True))
    return total if total < _LONGEST else None


def _unit(name: str) -> float | None:
    """Return the seconds of a unit, also where it is written out: `minutes`, `hour`."""
    if name in _SECONDS:
        return _SECONDS[name]
    whole = {"second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w"}
    return _SECONDS.get(whole.get(name.removesuffix("s"), "?"))


def moment_range(text: str, now: dt.datetime) -> tuple[int, int] | None:
    """Return the range of microseconds that people mean by a day, a minute, a second, or so long ago."""
    today = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    lower = text.lower()
    if lower in ("today", "yesterday"):
        return _range(today - dt.timedelta(days=lower == "yesterday"), dt.timedelta(days=1))
    if lower.endswith("ago"):
        span = _seconds(lower.removesuffix("ago").strip())
        at = None if span is None else (micros(now) or 0) - round(span * 1e6)
        return None if at is None else (at, at + 1)
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if re.fullmatch(r"\d{4}-\d\d-\d\d|\d{8}", text):
        return _range(found, dt.timedelta(days=1))
    exact = re.search(r":\d\d:\d\d([.,])?", text)
    if exact is None:
        return _range(found, dt.timedelta(minutes=1))
    return _range(found, dt.timedelta(microseconds=1) if exact[1] else dt.timedelta(seconds=1))


def _range(start: dt.datetime, length: dt.timedelta) -> tuple[int, int] | None:
    """Return where a range begins and ends; a time without a zone is one of this machine's."""
    try:
        low, high = micros(start.astimezone(dt.UTC)), micros((start + length).astimezone(dt.UTC))
    except (OverflowError, OSError, ValueError):  # years that the system's clock does not know
        return None
    return (low or 0, high or 0)


def _amounts(name: Name) -> str:
    if name.key == "started":
        return "such as 2026-05-31, '2026-05-31 14:30', yesterday, 2 days ago"
    return "such as 90, 1.5 s, 10 min, 2 h"


def _example(word: str) -> str:
    return "metrics.accuracy" if word == "metrics" else "params.lr"
