"""Statements with `?` for parameters, in the words of psycopg, and with the number of rows that they must touch."""

from __future__ import annotations

import re
from functools import lru_cache

from zen.interfaces import Change

# A text, a quoted name, a question mark, or a percent sign. Doubled quotes inside are two texts beside each other.
_PARTS = re.compile(r"'[^']*'|\"[^\"]*\"|\?|%")

EXPECT = """
CREATE OR REPLACE FUNCTION zen_expect(touched BIGINT, wanted BIGINT, index BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
  IF touched <> wanted THEN
    RAISE EXCEPTION USING ERRCODE = 'ZN001', MESSAGE = format('%s %s %s', index, touched, wanted);
  END IF;
END $$
"""
"""Fails a transaction inside of the database, so that a whole batch needs one round trip."""
UNEXPECTED = "ZN001"


@lru_cache(maxsize=512)
def translated(sql: str) -> str:
    """Return a statement with `%s` for each `?` that stands outside of quotes."""
    return _PARTS.sub(_part, sql)


@lru_cache(maxsize=512)
def _counting(sql: str) -> str:
    return f"WITH touched AS ({translated(sql)} RETURNING 1) SELECT zen_expect((SELECT COUNT(*) FROM touched), %s, %s)"


def statement(change: Change, index: int) -> tuple[str, tuple[object, ...]]:
    """Return the statement of a change and its parameters; it fails by itself where the count is another one."""
    if change.expect is None:
        return translated(change.sql), change.parameters
    return _counting(change.sql), (*change.parameters, change.expect, index)


def _part(found: re.Match[str]) -> str:
    text = found.group()
    return "%s" if text == "?" else text.replace("%", "%%")
