"""The tables: in the words of both dialects, and only ever added to."""

from __future__ import annotations

import re

import pytest

from zen.errors import StorageError
from zen.interfaces import Change
from zen.storage import schema


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_every_dialect_has_the_same_tables(dialect):
    statements = [statement for migration in schema.migrations(dialect) for statement in migration.statements]
    shapes = [re.match(r"CREATE (TABLE|INDEX) (\w+)", statement).groups() for statement in statements]
    assert [name for kind, name in shapes if kind == "TABLE"] == [
        *("plan", "run", "run_tag", "step_run", "artifact", "edge"),
        *("object", "cache_entry", "param", "metric", "fact", "log"),
    ]
    assert not any("{" in statement or ";" in statement for statement in statements)
    assert all(
        statement.endswith(") STRICT") == (dialect == "sqlite") for statement in statements if "TABLE" in statement
    )


def test_migrations_are_numbered_without_gaps():
    assert [migration.number for migration in schema.migrations("sqlite")] == [1]


def test_prepare_is_done_once(vault, open_vault):
    open_vault()
    assert vault.metadata.read("SELECT number FROM zen_schema") == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO metric (step_run, seq, key, value, at) VALUES ('none', 1, 'k', '1', 1)",
        "INSERT INTO edge VALUES ('none', 'in', 's', 0, 'none')",
        "INSERT INTO run_tag VALUES ('none', 't')",
        "INSERT INTO cache_entry VALUES ('key', 'none', 1)",
        "INSERT INTO object VALUES ('sha256:0', 'three', x'00')",
        "INSERT INTO object VALUES ('sha256:0', 1, NULL)",
        "INSERT INTO plan VALUES (NULL, 'x')",
    ],
)
def test_rows_that_mean_nothing_are_refused(vault, sql):
    with pytest.raises(StorageError):
        vault.write(Change(sql=sql))
