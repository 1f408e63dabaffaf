"""Choosing among many runs in SQL, and what was logged in many runs at once."""

from __future__ import annotations

import datetime as dt

import pytest

from zen.identity import dumps
from zen.interfaces import Change
from zen.records import CacheDecision, CodeRef, MetricPoint, Plan, RunRecord, StackSpec, StepRunRecord
from zen.storage import changes
from zen.storage.rows import micros, step_detail
from zen.storage.selection import Condition, Order, RunSelection

NOW = dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
PLAN = Plan(pipeline="p", code=CodeRef(module="m", qualname="p"), stack=StackSpec(name="local"))
SECOND = 1_000_000


@pytest.fixture
def selection(vault):
    """Return a selection of four runs: of 0, 10, 20 and no seconds, started a minute after each other."""
    for number, name in enumerate(("alpha", "Beta", "alphabet", "open")):
        started = NOW + dt.timedelta(minutes=number)
        run = RunRecord(
            id=f"{number}" * 16,
            name=name,
            pipeline="p",
            state="completed" if number < 3 else "running",
            plan="plan",
            created_at=started,
            started_at=started,
            finished_at=started + dt.timedelta(seconds=10 * number) if number < 3 else None,
            parameters={"number": number},
            tags=("even",) if number % 2 == 0 else (),
        )
        vault.database.write(changes.insert_run(run, PLAN, dumps(PLAN.to_json()), token="t"), durable=False)
    return RunSelection(vault.database)


def found(selection, *conditions, order=(), **page) -> list[str]:
    return [run.id[0] for run in selection.find(conditions, order, **page)]


@pytest.mark.parametrize(
    ("field", "operator", "value", "ids"),
    [
        ("name", "==", "alpha", "0"),
        ("name", "!=", "alpha", "321"),
        ("name", "contains", "alpha", "20"),
        ("name", "contains", "beta", ""),
        ("state", "==", "running", "3"),
        ("tag", "==", "even", "20"),
        ("tag", "!=", "even", "31"),
        ("tag", "contains", "ev", "20"),
        ("tag", "==", None, "31"),
        ("tag", "!=", None, "20"),
        ("model", "==", None, "3210"),
        ("duration", "==", (10 * SECOND, 10 * SECOND + 1), "1"),
        ("duration", "!=", (10 * SECOND, 10 * SECOND + 1), "20"),
        ("duration", "<", (10 * SECOND, 20 * SECOND), "0"),
        ("duration", "<=", (10 * SECOND, 20 * SECOND), "10"),
        ("duration", ">", (10 * SECOND, 20 * SECOND), "2"),
        ("duration", ">=", (10 * SECOND, 20 * SECOND), "21"),
        ("duration", "==", None, "3"),
        ("duration", "!=", None, "210"),
        ("duration", "<", (10**30, 10**30), "210"),
        ("started", ">=", (micros(NOW) + 60 * SECOND, 0), "321"),
        ("name", "==", "x' OR '1'='1", ""),
    ],
)
def test_conditions_choose_runs(selection, field, operator, value, ids) -> None:
    condition = Condition(field, operator, value)
    assert found(selection, condition) == list(ids)
    assert selection.count([condition]) == len(ids)
    assert [run.id[0] for run in selection.brief([condition])] == list(ids)


def test_all_conditions_must_be_met(selection) -> None:
    assert found(selection, Condition("tag", "==", "even"), Condition("name", "!=", "alpha")) == ["2"]


def test_runs_are_sorted_and_what_lacks_a_value_comes_last(selection) -> None:
    assert found(selection, order=[Order("duration")]) == ["0", "1", "2", "3"]
    assert found(selection, order=[Order("duration", True)]) == ["2", "1", "0", "3"]
    assert found(selection, order=[Order("state"), Order("duration", True)]) == ["2", "1", "0", "3"]
    assert found(selection, order=[Order("pipeline")]) == ["3", "2", "1", "0"], "the newest first among equals"
    assert found(selection, order=[Order("duration")], limit=2, offset=1) == ["1", "2"]


def test_runs_and_parameters_are_read_by_id(selection) -> None:
    assert set(selection.by_id(["0" * 16, "1" * 16, "f" * 16])) == {"0" * 16, "1" * 16}
    assert selection.parameters(["2" * 16]) == {"2" * 16: {"number": 2}}


def logged(vault, run: str, step: str, values: dict[str, list[float]], *, attempt: int = 1, source: str = "") -> str:
    """Record a step run that logged series, or took its result from another."""
    record = StepRunRecord(
        id=f"{run}-{step}-{attempt}",
        run_id=run * 16,
        name=step,
        attempt=attempt,
        state="cached" if source else "completed",
        started_at=NOW,
        cache=CacheDecision(status="hit", source=source) if source else None,
    )
    sql = "INSERT INTO step_run (id, run, name, attempt, state, started_at, token, detail) VALUES (?, ?, ?, ?, ?, ?, '', ?)"
    row = (record.id, record.run_id, step, attempt, record.state, micros(NOW), step_detail(record))
    points = [
        MetricPoint(key=key, value=value, step=index, at=NOW + dt.timedelta(seconds=index), step_run=record.id)
        for key, series in values.items()
        for index, value in enumerate(series)
    ]
    batch = [Change(sql=sql, parameters=row), *changes.metrics(enumerate(points))]
    vault.database.write(batch, durable=False)
    return record.id


def test_last_metrics_are_those_of_the_newest_attempts(vault, selection) -> None:
    logged(vault, "0", "train", {"loss": [3.0, 2.0], "lost": [1.0]})
    logged(vault, "0", "train", {"loss": [9.0, 8.0]}, attempt=2)
    logged(vault, "0", "check", {"loss": [0.5], "f1": [float("nan")]})
    found = selection.last_metrics(["0" * 16, "1" * 16])
    assert sorted(found["0" * 16])[:2] == [
        ("check", "f1", pytest.approx(float("nan"), nan_ok=True)),
        ("check", "loss", 0.5),
    ]
    assert sorted(found["0" * 16])[2:] == [("train", "loss", 8.0)]
    assert found["1" * 16] == []
    assert selection.last_metrics(["0" * 16], ["f1"])["0" * 16][0][:2] == ("check", "f1")


def test_two_steps_that_took_one_result_both_have_its_metrics(vault, selection) -> None:
    source = logged(vault, "0", "train", {"loss": [3.0, 2.0]})
    logged(vault, "1", "train", {}, source=source)
    logged(vault, "1", "train_2", {}, source=source)
    assert selection.last_metrics(["1" * 16])["1" * 16] == [("train", "loss", 2.0), ("train_2", "loss", 2.0)]


def test_long_curves_are_thinned_for_each_series_and_keep_both_ends(vault, selection) -> None:
    step = logged(vault, "0", "train", {"long": [float(n) for n in range(997)], "short": [1.0, 2.0, 3.0]})
    found = selection.curves([step], most=50)[step]
    long = [point for point in found if point.key == "long"]
    assert (long[0].value, long[-1].value) == (0.0, 996.0) and 45 <= len(long) <= 55
    assert [point.number for point in long] == sorted({point.number for point in long})
    assert [(point.value, point.number, point.step) for point in found if point.key == "short"] == [
        (1.0, 1, 0),
        (2.0, 2, 1),
        (3.0, 3, 2),
    ]


def test_metric_keys_are_listed_once(vault, selection) -> None:
    logged(vault, "0", "train", {"loss": [3.0, 2.0], "acc": [1.0]})
    assert selection.metric_keys() == ["acc", "loss"]
