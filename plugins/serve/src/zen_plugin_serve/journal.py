"""What a server says in its log."""

from __future__ import annotations

import datetime as dt
import sys

__all__ = ["note"]


def note(text: str) -> None:
    """Write a line with the time."""
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S} serve: {text}", file=sys.stderr, flush=True)
