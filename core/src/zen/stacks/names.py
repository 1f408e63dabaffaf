"""Which names stacks and components may have, and what is wrong with one that may not be.

Names are lower-case ASCII, so no two of them differ only by case (disks may not tell such names apart) or only look
alike (a Cyrillic letter, a zero-width character).
"""

from __future__ import annotations

import re

RULE = "names are a-z, 0-9, _ and -, begin with a letter or a digit, and have at most 63 characters"

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")


def is_name(name: object) -> bool:
    """Say whether `name` is a good name for a stack or a component."""
    return isinstance(name, str) and _SLUG.fullmatch(name) is not None


def shown(name: object) -> str:
    """Return a name in quotes as ASCII, cut when long, so that what is invisible or reversed in it can be seen."""
    text = ascii(name)
    return text if len(text) <= 80 else f"{text[:70]}…{text[-1]} ({len(str(name))} characters)"


def reason(name: object) -> str:
    """Return why `name` is refused, as the second half of a sentence; empty for a good name."""
    if is_name(name):
        return ""
    if not isinstance(name, str):
        return "it is not a text; put it in quotes"
    if not name:
        return "it is empty"
    if found := foreign(name):
        return found
    if not _ALLOWED.issuperset(name):
        bad = "".join(dict.fromkeys(letter for letter in name if letter not in _ALLOWED))
        return "it has upper-case letters" if bad.isalpha() else f"it holds {bad!r}"
    return "it is too long" if len(name) > 63 else f"it begins with {name[0]!r}"


def foreign(name: object) -> str:
    """Return which letters of a name are not to be seen in ASCII, by code point, as half a sentence; empty for none."""
    letters = [letter for letter in str(name) if not letter.isascii() or not letter.isprintable()]
    return f"it holds {', '.join(dict.fromkeys(map(_code_point, letters[:4])))}" if letters else ""


def refusal(name: object, sentence: str) -> str:
    """Return the sentence that refuses a name, whatever its rule, and the code points that cannot be seen in it.

    Args:
        name: The name.
        sentence: With `{}` where the name belongs: `a step cannot have the name {}`.
    """
    why = foreign(name) or ("it is too long" if len(str(name)) > 200 else "")
    return sentence.replace("{}", shown(name)) + (f": {why}" if why else "")


def suggestion(name: object) -> str:
    """Return a good name made from a bad one, or an empty string."""
    made = re.sub(r"[^a-z0-9_-]+", "-", str(name).lower()).strip("-_") if isinstance(name, str) else str(name)
    return made if is_name(made) and made != name else ""


def advice(name: object) -> str:
    """Return the hint that goes with `reason`."""
    made = suggestion(name) if not isinstance(name, str) or name.isascii() else ""
    return f"{RULE}, such as {made!r}" if made else RULE


def _code_point(letter: str) -> str:
    import unicodedata

    return f"U+{ord(letter):04X} {unicodedata.name(letter, 'CONTROL CHARACTER')}"
