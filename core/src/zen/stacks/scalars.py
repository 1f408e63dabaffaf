"""What an unquoted word means: the core schema of YAML 1.2, and nothing more.

`no`, `on`, `yes`, `1:30` and `2024-01-01` are texts; `012` is twelve; `0o14` and `0xC` are twelve, too.

Source: YAML 1.2.2, section 10.3.2, "Tag Resolution".
"""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **{sign + word: math.inf for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LONGEST = 4_000  # digits; Python itself refuses more than 4,300


def resolve_word(word: str) -> Scalar:
    """Return the value of an unquoted word.

    Raises:
        ValueError: For a number that cannot be held without loss: too many digits, or an infinite float.
    """
    if word in _WORDS:
        return _WORDS[word]
    if word[0] not in "+-.0123456789":
        return word
    for pattern, base in ((_INTEGER, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
        if pattern.fullmatch(word):
            if len(word) > _LONGEST:
                raise ValueError(f"a number of {len(word)} characters is too long")
            return int(word, base)
    if not _FLOAT.fullmatch(word):
        return word
    number = float(word)
    if math.isinf(number):
        raise ValueError(f"{word} is too large for a number")
    return number
