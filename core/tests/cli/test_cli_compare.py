"""`zen compare`, and `zen runs` with conditions: for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

FLOW = """
from zen import log_metrics, pipeline, step

@step
def train(lr: float) -> float:
    for epoch in range(3):
        log_metrics({"loss": lr / (epoch + 1), "rows": 3}, step=epoch)
    if lr > 0.8:
        raise ValueError("lr is too large")
    return lr

@pipeline
def flow(lr: float = 0.1, kind: str = "good"):
    train(lr)
"""


@pytest.fixture
def recorded(zen, pipelines: Path) -> Path:
    """Return a project with three runs: the second of changed code, the third failed."""
    (pipelines / "flow.py").write_text(FLOW, encoding="utf-8")
    zen("run", "flow.py", "--name", "first")
    (pipelines / "notes.md").write_text("one\n", encoding="utf-8")
    zen("run", "flow.py", "--lr", "0.2", "--name", "second")
    zen("run", "flow.py", "--lr", "0.9", "--name", "third")
    return pipelines


def test_what_differs_is_told_in_tables(zen, recorded: Path) -> None:
    result = zen("compare", "first", "second")
    lines = [line.split() for line in result.out.splitlines()]
    assert result.code == 0
    assert ["METRICS", "A", "B"] in lines and ["lr", "0.1", "0.2"] in lines
    assert ["loss", "0.0333333", "*", "0.0666667", "(+0.03333)", "*", "best,", "lower", "is", "better"] in lines
    assert ["notes.md", "B", "added", "+1", "-0"] in lines
    assert "rows" not in result.out and "kind" not in result.out
    assert "the same: steps, environment, stack" in result.out


def test_all_shows_what_is_the_same_as_well(zen, recorded: Path) -> None:
    shown = zen("compare", "first", "second", "--all").out
    assert "rows" in shown and "kind" in shown and "python" in shown and "orchestrator" in shown
    assert "the same:" not in shown


def test_a_run_that_failed_says_why(zen, recorded: Path) -> None:
    shown = zen("compare", "first", "third").out
    assert "B failed in step train: ValueError: lr is too large" in shown
    assert "completed" in shown and "failed" in shown


def test_three_runs_have_three_columns(zen, recorded: Path) -> None:
    lines = [line.split() for line in zen("compare", "first", "second", "third").out.splitlines()]
    assert ["PARAMETERS", "A", "B", "C"] in lines and ["lr", "0.1", "0.2", "0.9"] in lines


def test_json_is_the_comparison(zen, recorded: Path) -> None:
    found = zen("compare", "first", "second", "--json").json
    assert [run["name"] for run in found["runs"]] == ["first", "second"]
    [loss] = [row for row in found["metrics"] if row["name"] == "loss"]
    assert loss["best"] == [0] and len(loss["curves"][0]["points"]) == 3


def test_the_direction_of_a_metric_can_be_given(zen, recorded: Path) -> None:
    [loss] = zen("compare", "first", "second", "--higher", "loss", "--json").json["metrics"][:1]
    assert loss["best"] == [1]
    result = zen("compare", "first", "second", "--lower", "lss")
    assert result.code == 2 and "did you mean 'loss'?" in result.err


def test_diff_prints_the_lines(zen, recorded: Path) -> None:
    assert zen("compare", "first", "second", "--diff").out == "--- a/notes.md\n+++ b/notes.md\n@@ -0,0 +1 @@\n+one\n"
    assert zen("compare", "second", "third", "--diff").out == "the source is the same\n"
    assert "A → B  second\n" in zen("compare", "first", "second", "third", "--diff").out


def test_control_characters_of_others_do_not_reach_the_terminal(zen, recorded: Path) -> None:
    (recorded / "notes.md").write_text("\x1b[31mred\u202e\n", encoding="utf-8")
    zen("run", "flow.py", "--name", "fourth\x1b[2J")
    for arguments in (["--diff"], []):
        shown = zen("compare", "second", "last", *arguments).out
        assert "\x1b" not in shown and "\u202e" not in shown
    assert "\\x1b[31mred\\u202e" in zen("compare", "second", "last", "--diff").out


def test_html_is_written_to_a_file(zen, recorded: Path) -> None:
    result = zen("compare", "first", "third", "--html", "page.html")
    page = (recorded / "page.html").read_text(encoding="utf-8")
    assert (result.code, result.out) == (0, "") and "page.html" in result.err
    assert page.startswith("<!doctype html>") and "lr is too large" in page and 'class="chart' in page
    assert zen("compare", "first", "third", "--html", "other.html", "--json").json["runs"]
    result = zen("compare", "first", "third", "--html", "missing/page.html")
    assert result.code == 2 and "cannot be written" in result.err


def test_one_run_cannot_be_compared(zen, recorded: Path) -> None:
    result = zen("compare", "first")
    assert result.code == 2 and "give at least two" in result.err
    assert zen("compare", "first", "frst").code != 0
    assert zen("compare").code == 2


def test_runs_are_chosen_sorted_and_shown_with_what_was_asked(zen, recorded: Path) -> None:
    result = zen("runs", "--where", "metrics.loss > 0.05", "--where", "params.kind == good", "--sort", "-metrics.loss")
    lines = [line.split() for line in result.out.splitlines()]
    assert lines[0][-3:] == ["METRICS.LOSS", "PARAMS.KIND", "ID"]
    assert [line[0] for line in lines[1:]] == ["third", "second"]
    assert "0.3" in lines[1] and "good" in lines[1]
    shown = zen("runs", "--column", "params.lr", "--sort", "params.lr").out.splitlines()
    assert [line.split()[0] for line in shown[1:]] == ["first", "second", "third"] and "0.1" in shown[1].split()


def test_runs_json_has_the_metrics_that_were_asked_for(zen, recorded: Path) -> None:
    found = zen("runs", "--where", "metrics.loss < 0.1", "--column", "metrics.none", "--json").json
    assert [(run["name"], run["metrics"]["none"]) for run in found] == [("second", None), ("first", None)]
    assert found[0]["metrics"]["loss"] == pytest.approx(0.2 / 3)
    assert "metrics" not in zen("runs", "--json").json[0]


def test_a_condition_that_cannot_be_read_is_shown_with_its_place(zen, recorded: Path) -> None:
    result = zen("runs", "--where", "metrics.loss >> 3")
    assert result.code == 2 and not result.out
    assert "  metrics.loss >> 3\n                ^\n" in result.err


def test_a_metric_that_nobody_logged_is_named(zen, recorded: Path) -> None:
    assert "none has a metric 'los'; did you mean 'loss'?" in zen("runs", "--where", "metrics.los > 3").err
    assert zen("runs", "--where", "metrics.loss > 3").err == "no run is like that\n"


def test_pages_of_chosen_runs_are_counted(zen, recorded: Path) -> None:
    assert "1 of 3" in zen("runs", "--where", "metrics.loss > 0", "--limit", 1).err
    result = zen("runs", "--offset", 7)
    assert "0 of 3" in result.err


def test_comparing_reads_and_writes_nothing_else(zen, recorded: Path) -> None:
    before = sorted(path.name for path in recorded.iterdir())
    zen("compare", "first", "second")
    assert sorted(path.name for path in recorded.iterdir()) == before
    assert json.dumps(zen("compare", "first", "second", "--json").json)
