"""Identifiers."""

from __future__ import annotations

import os


def new_id() -> str:
    """Return a new identifier: 16 hexadecimal digits, random, so that a short prefix names one thing."""
    return os.urandom(8).hex()
