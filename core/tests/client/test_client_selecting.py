"""Choosing and sorting runs by what they were given and what they logged; and tables of them."""

from __future__ import annotations

import builtins
import math

import pytest

from zen import Client
from zen.client.selecting import choose, named_columns, query
from zen.errors import UsageError

FLOW = """
@step
def train(lr: float, kind: str) -> float:
    log_metrics({"accuracy": 1 - lr, "loss": 9.0})
    log_metrics({"loss": float("nan") if lr == 0.5 else lr})
    return lr

@step
def test(model: float) -> None:
    log_metrics({"f1": model})
    if model == 0.3:
        log_metrics({"loss": 1.0})

@pipeline(raise_on_failure=False)
def flow(lr: float = 0.1, kind: str = "good", config: dict = {"layers": [1, 2], "deep": {"on": True}}):
    test(train(lr, kind))

@step
def fail() -> None:
    raise ValueError

@pipeline(raise_on_failure=False, model=Model("churn"), tags=["nightly"])
def other(n: int = 1):
    fail()
"""


@pytest.fixture
def client(define, home):
    """Return a client of five runs: lr 0.1 (good), 0.3 (bad), 0.5 (good), 0.1 again (cached), and one that failed."""
    flow = define(FLOW)
    for name, arguments in {"a": {}, "b": {"lr": 0.3, "kind": "bad"}, "c": {"lr": 0.5}, "d": {}}.items():
        flow.flow.with_options(run_name=name)(**arguments)
    flow.other.with_options(run_name="e")()
    return Client(root=home)


def names(client, where=(), sort=(), **more) -> str:
    return "".join(run.name for run in client.runs(where=where, sort=sort, **more))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ((), "edcba"),
        ("metrics.accuracy > 0.6", "dba"),
        ("metrics.accuracy >= 0.9", "da"),
        ("metrics.accuracy != 0.9", "cb"),
        ("metrics.accuracy == none", "e"),
        ("metrics.f1 != none", "dcba"),
        ("metrics.loss == nan", "c"),
        ("metrics.loss < 1", "da"),
        ("metrics.loss == none", "eb"),
        ("metrics.train.loss < 1", "dba"),
        ("metrics.test.loss == 1", "b"),
        ("metrics.nobody > 0", ""),
        ("params.lr == 0.1", "da"),
        ("params.lr != 0.1", "cb"),
        ("params.lr > 0.1", "cb"),
        ("params.n == 1", "e"),
        ("params.n == true", ""),
        ("params.kind == good", "dca"),
        ("params.kind != good", "b"),
        ("params.kind < c", "b"),
        ("params.kind contains oo", "dca"),
        ("params.kind > 3", ""),
        ("params.config.layers contains 2", "dcba"),
        ("params.config.layers contains 3", ""),
        ("params.config.deep.on == true", "dcba"),
        ("params.config.deep.off == none", "edcba"),
        (["params.lr == 0.1", "metrics.f1 == 0.1", "state == completed", "started >= yesterday"], "da"),
        ("state == failed", "e"),
        ("model == churn", ""),
        ("tag contains night", "e"),
        ("name contains 'a'", "a"),
        ("duration < 1 h", "edcba"),
        ("started < yesterday", ""),
    ],
)
def test_runs_are_chosen_by_what_they_were_given_and_logged(client, where, expected) -> None:
    assert names(client, where) == expected
    assert client.count_runs(where=where) == len(expected)
    assert names(client, where, limit=1, offset=1) == expected[1:2]
    assert names(client, where, limit=2) == expected[:2]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("metrics.accuracy", "cbdae"),
        ("-metrics.accuracy", "dabce"),
        ("metrics.train.loss", "dabec"),
        ("-params.kind", "dcabe"),
        (["params.kind", "-params.lr"], "bcdae"),
        (["params.kind", "name"], "bacde"),
        ("name", "abcde"),
        ("-started", "edcba"),
        (["state", "started"], "abcde"),
    ],
)
def test_runs_are_sorted_and_what_lacks_a_value_comes_last(client, sort, expected) -> None:
    assert names(client, (), sort) == expected
    assert names(client, (), sort, limit=2, offset=1) == expected[1:3]


def test_runs_are_the_same_when_many_pages_are_looked_at(client, monkeypatch) -> None:
    monkeypatch.setattr("zen.client.selecting._PAGE", 1)
    monkeypatch.setattr("zen.client.selecting._FIRST", 1)
    assert names(client, "metrics.f1 > 0.2", limit=1) == "c"
    assert names(client, "metrics.f1 > 0.2", limit=5) == "cb"
    assert names(client, "metrics.f1 < 0.4", "metrics.accuracy", limit=1) == "b", "sorting needs all of them"


def test_what_the_table_shows_is_what_the_run_says(client) -> None:
    for row, run in zip(client.runs_table(), client.runs(), strict=True):
        shown = {key.partition(".")[2]: row[key] for key in row if key.startswith("metrics.") and row[key] is not None}
        assert repr(dict(sorted(shown.items()))) == repr(dict(sorted(run.metrics.items()))), run.name
        assert all(row[f"params.{key}"] == value for key, value in run.parameters.items())


def test_a_page_takes_the_same_queries_however_many_runs_it_has(client, monkeypatch) -> None:
    store, asked = client.database.store, []
    read = store.read
    monkeypatch.setattr(store, "read", lambda sql, parameters=(): asked.append(sql) or read(sql, parameters))
    counts = []
    for limit in (2, 5):
        asked.clear()
        client.runs_table(where="started >= yesterday", limit=limit)
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 4
    asked.clear()
    client.runs(where="metrics.accuracy > 0", sort="-metrics.accuracy")
    assert len(asked) <= 5


def test_values_that_were_asked_for_come_with_the_runs(client) -> None:
    wanted = query("metrics.f1 > 0", "-params.lr")
    asked = named_columns(wanted, ["metrics.test.loss", "metrics.f1"])
    assert [str(name) for name in asked] == ["metrics.f1", "params.lr", "metrics.test.loss"]
    found = choose(client.database, wanted, limit=2, names=asked, total=True)
    assert [record.name for record in found.records] == ["c", "b"] and found.total == 4
    assert [list(values.values()) for values in found.values] == [[0.5, None, 0.5], [0.3, 1.0, 0.3]]


def test_old_filters_and_conditions_go_together(client) -> None:
    assert names(client, "params.lr == 0.1", pipeline="flow", name="a") == "a"
    assert names(client, "params.lr == 0.1", pipeline="other") == ""
    assert client.count_runs(tag="nightly", where="metrics.f1 == none") == 1


def test_a_condition_that_cannot_be_read_is_refused(client) -> None:
    with pytest.raises(UsageError, match="a value is missing"):
        client.runs(where=["state == failed", "metrics.f1 >"])
    with pytest.raises(UsageError, match="cannot be sorted by tag"):
        client.runs(sort="tag")


def test_runs_make_a_table(client) -> None:
    rows = client.runs_table(sort="name")
    assert len({tuple(row) for row in rows}) == 1, "all rows have the same keys"
    first, failed = rows[0], rows[-1]
    assert (first["name"], first["params.lr"], first["metrics.accuracy"], first["tags"]) == ("a", 0.1, 0.9, ())
    assert (failed["state"], failed["params.lr"], failed["params.n"], failed["metrics.f1"]) == ("failed", None, 1, None)
    assert first["duration"] == client.run("a").duration
    assert client.runs_table(where="name == nobody") == []


def test_runs_make_a_frame(client) -> None:
    pytest.importorskip("pandas")
    frame = client.runs_frame(where="params.lr != none", sort="-metrics.accuracy")
    assert list(frame["name"]) == ["d", "a", "b", "c"]
    assert frame["metrics.accuracy"].dtype == float and math.isnan(frame["metrics.test.loss"][0])
    assert "id" in client.runs_frame(where="name == nobody").columns


def test_a_frame_without_pandas_says_what_to_do(client, monkeypatch) -> None:
    real = builtins.__import__

    def without(name, *rest):
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match="pandas is not installed") as caught:
        client.runs_frame()
    assert "runs_table" in caught.value.hint
