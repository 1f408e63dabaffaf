"""Groups of runs: reading them back, the best of them, tables, frames and pages."""

from __future__ import annotations

import sys

import pytest

from zen import Client
from zen.client import varied
from zen.errors import RunNotFound, UsageError

FLOW = """
@step
def train(lr: float, state: str) -> float:
    log_metrics({"loss": lr, "accuracy": 1 - lr, "lr": 5.0})
    if lr > 1:
        raise ValueError("<b>too fast</b>")
    if lr == 0.5:
        log_metrics({"accuracy": float("nan")})
    return lr

@pipeline
def training(lr: float = 0.1, state: str = "x"):
    train(lr, state)
"""


@pytest.fixture
def sweep(define, home):
    return define(FLOW).training.sweep(lr=[0.5, 0.1, 0.2, 2.0], state="<i>", name="rates")


def test_a_group_is_read_back_as_it_was_made(sweep, home) -> None:
    found = Client(root=home).group("rates")
    assert [run.id for run in found] == [run.id for run in sweep.runs]
    assert str(found.table()) == str(sweep.table())
    assert repr(found) == "<sweep 'rates': 3 completed, 1 failed>"


def test_groups_are_listed_the_newest_first(sweep, define, home) -> None:
    define(FLOW).training.sweep(lr=[0.3], name="later")
    define(FLOW).training.with_options(tags=["groups:none", "Group:none"])()
    first, second = Client(root=home).groups()
    assert (first.name, first.runs, second.name) == ("later", 1, "rates")
    assert second.states == {"completed": 3, "failed": 1} and second.pipelines == ("training",)
    assert second.started_at < second.finished_at < first.started_at


def test_an_unknown_group_is_answered_with_the_nearest(sweep, home) -> None:
    with pytest.raises(RunNotFound) as raised:
        Client(root=home).group("rate")
    assert "rates" in raised.value.hint


def test_the_best_run_is_completed_and_has_a_number(sweep) -> None:
    assert sweep.best("accuracy").parameters["lr"] == 0.1
    assert sweep.best("accuracy", higher_is_better=False).parameters["lr"] == 0.2
    assert sweep.best("loss").parameters["lr"] == 0.1
    assert sweep.best("loss", higher_is_better=True).parameters["lr"] == 0.5


def test_a_metric_that_no_run_has_is_answered_with_the_nearest(sweep) -> None:
    with pytest.raises(UsageError) as raised:
        sweep.best("acuracy")
    assert "accuracy" in raised.value.hint


def test_the_table_keeps_apart_what_has_one_name(sweep) -> None:
    row = sweep.table()[1]
    assert {name: value for name, value in row.items() if name not in ("id", "duration")} == {
        "run": "rates-2",
        "state": "completed",
        "lr": 0.1,
        "params.state": "<i>",
        "loss": 0.1,
        "accuracy": 0.9,
        "metrics.lr": 5.0,
    }
    assert sweep.table()[3]["error"] == "step 'train': <b>too fast</b>"


def test_a_frame_has_a_row_for_each_run(sweep) -> None:
    pytest.importorskip("pandas", reason="pandas makes the frame")
    frame = sweep.frame()
    assert list(frame["lr"]) == [0.5, 0.1, 0.2, 2.0] and frame["accuracy"].isna().sum() == 1


def test_without_pandas_a_frame_is_refused(sweep, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="pandas is not installed"):
        sweep.frame()


def test_runs_of_a_sweep_are_compared(sweep) -> None:
    assert len(sweep.compare(most=3).runs) == 3


def test_a_page_shows_what_was_varied_and_the_best_in_bold(sweep) -> None:
    page = sweep._repr_html_()
    assert "<b>0.1</b>" in page and "<b>0.9</b>" in page and "<b>0.5</b>" not in page and "<b>-1</b>" not in page
    assert "&lt;i&gt;" not in page and "<i>" not in page and "rates-4" in page


def test_values_are_varied_by_type_as_well() -> None:
    assert varied([{"a": 1, "b": 2, "c": 1}, {"a": True, "b": 2}]) == ["a", "c"]
    assert varied([{"a": object()}, {"a": object()}]) == ["a"]
