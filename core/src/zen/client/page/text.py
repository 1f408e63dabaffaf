"""Texts in a page."""

from __future__ import annotations

import re
from html import escape

from zen.client.shown import letter

STYLES = 8
"""How many colors there are for runs; from there on lines are dashed."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def text(value: object) -> str:
    r"""Return any text for HTML; control characters, which could turn the order of letters around, stand as `\x1b`."""
    shown = _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), str(value))
    return escape(shown)


def quoted(value: object) -> str:
    """Return a text as the value of an attribute, quotes included."""
    return f'"{text(value)}"'


def badge(at: int) -> str:
    """Return the colored letter of a run."""
    return f'<span class="badge r{at % STYLES}">{letter(at)}</span>'


def pill(state: str) -> str:
    """Return a state with its color."""
    return f'<span class="state {text(state)}">{text(state)}</span>'
