"""What an HTML page shows, and what it loads."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_LOADING = {"src", "srcset", "data", "poster", "background", "xlink:href", "formaction", "action"}
_IN_STYLES = re.compile(r"""(?:url\(\s*|@import\s+(?:url\()?\s*)["']?(?!data:|#)([^"')\s]+)""", re.IGNORECASE)


class Page(HTMLParser):
    """An HTML page.

    Attributes:
        text: What a reader sees, without styles and programs.
        loads: The addresses of what a browser would fetch: programs, styles, images. Links that a reader follows, and
            what the page holds itself (`data:`), are none.
        tags: The names of all elements, in order.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.loads: list[str] = []
        self.tags: list[str] = []
        self._silent = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and what it loads."""
        self.tags.append(tag)
        if tag in ("script", "style", "template"):
            self._silent = tag
        names = _LOADING if tag == "a" else _LOADING | {"href"}
        for name, value in attrs:
            if name in names and value and not value.strip().lower().startswith(("data:", "#")):
                self.loads.append(value)
            elif name == "style" and value:
                self.loads.extend(_IN_STYLES.findall(value))

    def handle_endtag(self, tag: str) -> None:
        """Go on with what a reader sees."""
        if tag == self._silent:
            self._silent = ""

    def handle_data(self, data: str) -> None:
        """Note a text, or what a style loads."""
        if self._silent == "style":
            self.loads.extend(_IN_STYLES.findall(data))
        elif not self._silent:
            self.text += data
