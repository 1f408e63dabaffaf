"""What docstrings say, in the parts in which commands show it."""

from __future__ import annotations

import inspect
import re

__all__ = ["attribute_texts"]

_SECTION = re.compile(r"^Attributes:\n((?:[ ]+.*\n|\n)*)", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+)(?: \([^)]*\))?: (.+(?:\n {5,}.+)*)", re.MULTILINE)


def attribute_texts(cls: type) -> dict[str, str]:
    """Return what the sections `Attributes:` of a class and its bases say of each attribute, each on one line."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        section = _SECTION.search(inspect.cleandoc(base.__doc__ or "") + "\n")
        if section:
            found |= {name: " ".join(text.split()) for name, text in _ENTRY.findall(section[1])}
    return found
