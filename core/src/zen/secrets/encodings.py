"""How the value of a secret may look where it turns up: plain, quoted, encoded, or in the midst of encoded bytes."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote

SHORTEST = 6
"""Characters. What is shorter stands in too many texts by chance: everything would be masked, and nothing readable."""

# What libraries leave as it is: nothing, paths, JavaScript's encodeURIComponent, SQLAlchemy's passwords.
_SAFE = ("", "/", "!'()*~", " +")
_PERCENT = re.compile("%[0-9A-F]{2}")
_TELLING = re.compile(r"""["'\\/&<>]|[^ -~]""")
_NAMED = {
    "\\": r"\\+",
    "/": r"\\*/",
    '"': r"""(?:\\*"|&quot;|&#34;)""",
    "'": r"""(?:\\*'|&\#x27;|&\#39;|&apos;)""",
    "&": r"&(?:amp;)?",
    "<": r"(?:<|&lt;)",
    ">": r"(?:>|&gt;)",
    "\n": r"(?:\n|\\+n)",
    "\r": r"(?:\r|\\+r)",
    "\t": r"(?:\t|\\+t)",
}
_FIRST = {
    "\\": (r"\\+",),
    '"': ('"', "&(?:quot|\\#34);"),
    "'": ("'", r"&(?:\#x27|\#39|apos);"),
    "&": ("&(?:amp;)?",),
    "<": ("<", "&lt;"),
    ">": (">", "&gt;"),
}
_USER_PART = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s:@]*:([^/?#\s@]+)@")


def variants(value: str) -> set[str]:
    """Return every text that stands for a secret: its parts that are secrets themselves, each in all encodings."""
    return {text for part in _parts(value) for text in _encoded(part) if len(text) >= SHORTEST}


def escaped(value: str) -> Iterator[str]:
    """Yield patterns of a secret inside quotes, however deep, and inside HTML; none if that changes nothing.

    Each begins with a character of its own, by which it is looked for.
    """
    for part in _parts(value):
        if not _TELLING.search(part):
            continue
        rest = "".join(_forms(character) for character in part[1:])
        for first in _FIRST.get(part[0], (re.escape(part[0]),)):
            yield first + rest
        if not part[0].isascii():
            yield f"\\\\+(?i:{_numbers(part[0])}){rest}"


def _forms(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    if character.isascii() and character.isprintable():
        return re.escape(character)
    return f"(?:{re.escape(character)}|\\\\+(?i:{_numbers(character)}))"


def _numbers(character: str) -> str:
    """Return how a character is written as numbers after a backslash: its own, those of UTF-16 (JSON), its bytes."""
    code = ord(character)
    pair = character.encode("utf-16-be", "surrogatepass").hex()
    data = character.encode("utf-8", "surrogatepass").hex()
    units = r"\\+u".join(pair[at : at + 4] for at in range(0, len(pair), 4))
    octets = r"\\+x".join(data[at : at + 2] for at in range(0, len(data), 2))
    return f"u{units}|x{octets}|x{code:02x}|U{code:08x}"


def _parts(value: str) -> set[str]:
    """Return the value, what is in it line by line (keys are shown so), and the password if it is a URL with one."""
    parts = {value, value.strip()}
    lines = value.splitlines()
    if len(lines) > 1:
        parts.update(line.strip() for line in lines if not line.startswith("-----"))
    for password in _USER_PART.findall(value):
        parts |= {password, unquote(password)}
    return {part for part in parts if len(part) >= SHORTEST}


def _encoded(value: str) -> Iterator[str]:
    data = value.encode("utf-8", "surrogatepass")
    yield value
    yield from _quoted(data)
    yield from _quotable(value)
    yield data.hex()
    yield data.hex().upper()
    for offset in range(3):
        text = _base64(data, offset)
        yield text
        yield text.translate(_URL_SAFE)


def _quoted(data: bytes) -> Iterator[str]:
    for text in (*(quote(data, safe=safe) for safe in _SAFE), quote_plus(data)):
        yield text
        yield _PERCENT.sub(lambda found: found[0].lower(), text)


def _quotable(value: str) -> Iterator[str]:
    """Yield what JSON and Python make of it inside quotes; `escaped` finds what is deeper, but not half of it."""
    yield from (repr(value)[1:-1], repr(value.encode("utf-8", "surrogatepass"))[2:-1])
    for text in (value, json.dumps(value)):
        yield from (json.dumps(text, ensure_ascii=only)[1:-1] for only in (True, False))


def _base64(data: bytes, offset: int) -> str:
    """Return the characters of base64 that the value alone decides, when `offset` other bytes stand before it."""
    text = base64.b64encode(bytes(offset) + data).decode("ascii")
    return text[(offset * 8 + 5) // 6 : (offset + len(data)) * 8 // 6]


_URL_SAFE = str.maketrans("+/", "-_")
