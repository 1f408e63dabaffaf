"""Masking: the values of secrets that this process has resolved, replaced by their names wherever text leaves zen.

It is the second wall; the first one is that plans, records and command lines hold references only. As long as no secret
was resolved it costs one look at an attribute.
"""

from __future__ import annotations

import re
import threading
from pathlib import PurePath
from typing import Any

from zen.forks import freed_by_fork

# Digests, ids and commits. A short secret may stand in one by chance, and a record must not lose what it refers to.
_IDENTITY = re.compile(r"(?:[a-z0-9]+:)?(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})")
_BY_CHANCE = 12  # hexadecimal characters: a longer piece stands in no digest by chance
_NO_NAME = re.compile(r"[^A-Za-z0-9_./:@-]")


class Redactor:
    """Knows the values of secrets, and masks them. Thread-safe.

    A value shows as `***env/NAME***`, so that a reader knows which one it was.
    """

    def __init__(self) -> None:
        self._lock = freed_by_fork(threading.Lock())
        self._known: dict[str, str] = {}  # every text that stands for a secret, with the reference it belongs to
        self._escaped: dict[str, str] = {}  # patterns of what those look like inside quotes, with theirs
        self._values: set[tuple[str, str]] = set()
        self._pattern: re.Pattern[str] | None = None
        self._beginnings: frozenset[str] | None = None
        self._longest = 0

    @property
    def active(self) -> bool:
        """Whether there is anything to mask."""
        return self._pattern is not None

    def register(self, reference: str, value: str) -> bool:
        """Mask this value from now on; say whether it is long enough for that."""
        if (reference, value) in self._values:
            return True
        # Imported here: a run without secrets needs none of it.
        from zen.secrets.encodings import escaped, variants

        found = variants(value)
        if not found:
            return False
        with self._lock:
            self._values.add((reference, value))
            self._known = {**dict.fromkeys(found, reference), **self._known}
            self._escaped = {**dict.fromkeys(escaped(value), reference), **self._escaped}
            self._longest = max(map(len, self._known))
            self._beginnings = None
            self._pattern = _pattern(self._known, self._escaped)
        return True

    def forget(self) -> None:
        """Know no secret any more; for tests."""
        with self._lock:
            self._known, self._escaped, self._values, self._pattern = {}, {}, set(), None
            self._beginnings, self._longest = None, 0

    def text(self, text: str) -> str:
        """Return a text with every secret in it masked."""
        pattern = self._pattern
        if pattern is None or pattern.search(text) is None:
            return text
        pieces, end = [], 0
        for start, stop, reference in self._spans(text, pattern):
            pieces += [text[end:start], mask(reference)]
            end = stop
        return "".join([*pieces, text[end:]])

    def found(self, data: Any) -> str:
        """Return the reference of a secret that stands in a text, or anywhere in plain data; or nothing."""
        if self._pattern is None:
            return ""
        if isinstance(data, dict):
            return next(filter(None, map(self.found, (*data, *data.values()))), "")
        if isinstance(data, list | tuple | set | frozenset):
            return next(filter(None, map(self.found, data)), "")
        if self.data(data) == data:
            return ""
        spans = self._spans(data if isinstance(data, str) else _as_text(data), self._pattern)
        return spans[0][2] if spans else ""

    def data(self, value: Any) -> Any:
        """Return plain data, or its JSON form, with every secret in its texts and keys masked; the rest as it is."""
        if self._pattern is None:
            return value
        kind = type(value)
        if kind is str:
            return self._leaf(value)
        if kind is dict:
            return self._mapping(value)
        if kind in (list, tuple, set, frozenset):
            return kind(map(self.data, value))
        text = _as_text(value)
        if not text or self._leaf(text) == text:
            return value
        whole = isinstance(value, int) and text not in self._known
        return value if whole else self._leaf(text)

    def overhang(self, text: str) -> int:
        """Return how many characters at the end of a text may be the beginning of a secret that goes on after it.

        Secrets that are shown over several lines are masked line by line, so no line end is held back.
        """
        if self._pattern is None:
            return 0
        beginnings = self._beginnings
        if beginnings is None:
            beginnings = self._beginnings = _beginnings(self._known)
        tail = text[-self._longest :]
        tail = tail[tail.rfind("\n") + 1 :]
        length = next(
            (len(tail) - at for at, first in enumerate(tail) if first in beginnings and tail[at:] in beginnings), 0
        )
        if not length:
            return 0
        # What is whole is masked now, also if its end might begin another one.
        ends = [stop for start, stop, _ in self._spans(text, self._pattern) if stop > len(text) - length]
        return len(text) - max(ends, default=len(text) - length)

    def _reference(self, text: str) -> str:
        found = (reference for pattern, reference in self._escaped.items() if re.fullmatch(pattern, text))
        return self._known.get(text) or next(found, "")

    def _leaf(self, text: str) -> str:
        masked = self.text(text)
        if masked == text or not _IDENTITY.fullmatch(text) or self._pattern is None:
            return masked
        found = self._spans(text, self._pattern)
        return text if all(stop - start < _BY_CHANCE for start, stop, _ in found) else masked

    def _mapping(self, value: dict[Any, Any]) -> Any:
        if len(value) == 1:
            [(tag, body)] = value.items()
            if isinstance(tag, str) and tag.startswith("$"):
                inner = self.data(body)
                # Bytes or a number that holds a secret: what is left of it is a text.
                return inner if isinstance(body, str) and inner != body else {tag: inner}
        return {self.data(key): self.data(item) for key, item in value.items()}

    def _spans(self, text: str, pattern: re.Pattern[str]) -> list[tuple[int, int, str]]:
        """Return where secrets stand, with their references; those that overlap are one."""
        spans: list[tuple[int, int, str]] = []
        found = pattern.search(text)
        while found is not None:
            start, stop = found.span()
            if spans and start < spans[-1][1]:
                first, end, reference = spans.pop()
                spans.append((first, max(end, stop), reference))
            else:
                spans.append((start, stop, self._reference(found.group())))
            found = pattern.search(text, start + 1)
        return spans


class Window:
    """Text on its way out, written in pieces: holds back what may be the beginning of a secret until more comes."""

    def __init__(self) -> None:
        self._held = ""

    def add(self, text: str) -> str:
        """Return what can be shown now, masked."""
        if not redactor.active and not self._held:
            return text
        text, self._held = self._held + text, ""
        held = redactor.overhang(text)
        if held:
            text, self._held = text[:-held], text[-held:]
        return redactor.text(text)

    def end(self) -> str:
        """Return what was held back: nothing follows."""
        held, self._held = self._held, ""
        return redactor.text(held)


def mask(reference: str) -> str:
    """Return what stands in the place of a secret; safe inside JSON, URLs and markup."""
    return f"***{_NO_NAME.sub('?', reference)}***"


def _as_text(value: Any) -> str:
    """Return the text of a value that is no text and shows as one."""
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "replace")
    if isinstance(value, PurePath) or (isinstance(value, int) and not isinstance(value, bool)):
        try:
            return str(value)
        except ValueError:  # a number of more digits than Python likes to write
            return ""
    return ""


def _pattern(known: dict[str, str], escaped: dict[str, str]) -> re.Pattern[str]:
    """Return one pattern for all: the longest first where several begin alike, and branches by first characters."""
    groups: dict[str, list[str]] = {}
    for text in sorted(known, key=len, reverse=True):
        groups.setdefault(text[:1], []).append(re.escape(text[1:]))
    plain = [f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in groups.items()]
    return re.compile("|".join([*sorted(escaped, key=len, reverse=True), *plain]))


def _beginnings(known: dict[str, str]) -> frozenset[str]:
    return frozenset(text[:end] for text in known for end in range(1, len(text.partition("\n")[0])))


redactor = Redactor()
"""The one of this process: every secret that a stack resolves is registered here."""
