"""The tables: in the words of both dialects, and only ever added to."""

from __future__ import annotations

import datetime as dt
import logging
import re
from types import SimpleNamespace

import pytest

from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.errors import StorageError
from zen.identity import dumps
from zen.interfaces import Change
from zen.records import CodeRef, Plan, RunRecord, StackSpec
from zen.storage import Database, Models, changes, schema

NOW = dt.datetime(2024, 5, 6, tzinfo=dt.UTC)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_every_dialect_has_the_same_tables(dialect):
    statements = [statement for migration in schema.migrations(dialect) for statement in migration.statements]
    created = [statement for statement in statements if re.match(r"CREATE (TABLE|UNIQUE|INDEX)", statement)]
    shapes = [re.match(r"CREATE (TABLE|(?:UNIQUE )?INDEX) (\w+)", statement).groups() for statement in created]
    assert [name for kind, name in shapes if kind == "TABLE"] == [
        *("plan", "run", "run_tag", "step_run", "artifact", "edge"),
        *("object", "cache_entry", "param", "metric", "fact", "log"),
        *("model_version", "model_alias", "alias_event", "serving"),
        *("hold", "condemned", "counter", "trust"),
    ]
    assert not any("{" in statement or ";" in statement for statement in created)
    assert all(statement.endswith(") STRICT") == (dialect == "sqlite") for statement in created if "TABLE" in statement)


def test_migrations_are_numbered_without_gaps():
    assert [migration.number for migration in schema.migrations("sqlite")] == [1, 2, 3, 4]


def test_prepare_is_done_once(vault, open_vault):
    open_vault()
    assert vault.metadata.read("SELECT number FROM zen_schema ORDER BY number") == [(1,), (2,), (3,), (4,)]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_store_of_an_earlier_schema_opens_with_what_it_held(tmp_path, number):
    host = SimpleNamespace(root=tmp_path, state=tmp_path, log=logging.getLogger("test"))
    store = SQLiteStore(SQLiteConfig())
    store.open(host)
    store.migrate(schema.migrations("sqlite")[:number])
    run = RunRecord(id="a1", name="old", pipeline="p", state="completed", plan="d", created_at=NOW)
    plan = Plan(pipeline="p", code=CodeRef(module="m", qualname="p"), stack=StackSpec(name="local"))
    store.write(changes.insert_run(run, plan, dumps(plan.to_json()), token="t"), durable=True)
    database = Database(store)
    database.prepare()
    assert database.run("a1").name == "old" and database.plan("d") == plan
    assert Models(database).models() == []
    store.close()


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
