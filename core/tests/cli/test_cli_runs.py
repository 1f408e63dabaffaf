"""`zen runs`, `zen show`, `zen logs`, `zen artifact`: what is recorded, for people and for programs."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def recorded(zen, pipelines: Path) -> Path:
    """Return a project with a run that failed, a run that completed and was tagged, and a cached one."""
    zen("run", "flow.py", "--rows", 3, "--kind", "bad", "--name", "first")
    zen("run", "flow.py", "--rows", 4, "--name", "second", "--tag", "good")
    zen("run", "flow.py", "--rows", 4, "--name", "third")
    return pipelines


def names(result) -> list[str]:
    return [run["name"] for run in result.json]


def test_no_runs_is_said_and_is_no_error(zen) -> None:
    result = zen("runs")
    assert result.code == 0 and "no runs yet" in result.err
    assert zen("runs", "--json").json == []


def test_runs_are_listed_newest_first(zen, recorded: Path) -> None:
    lines = zen("runs").out.splitlines()
    assert [line.split()[0] for line in lines] == ["RUN", "third", "second", "first"]
    assert [line.split()[2] for line in lines[1:]] == ["completed", "completed", "failed"]


def test_runs_are_filtered_and_paged(zen, recorded: Path) -> None:
    assert names(zen("runs", "--state", "failed", "--json")) == ["first"]
    assert names(zen("runs", "--tag", "good", "--json")) == ["second"]
    assert names(zen("runs", "--name", "third", "--json")) == ["third"]
    assert names(zen("runs", "--limit", 1, "--offset", 1, "--json")) == ["second"]
    assert "1 of 3" in zen("runs", "--limit", 1).err
    assert "no run is like that" in zen("runs", "--pipeline", "other").err


def test_runs_json_has_every_key_of_the_record(zen, recorded: Path) -> None:
    for run in zen("runs", "--json").json:
        assert {"id", "name", "pipeline", "state", "stack", "tags", "error", "warnings", "started_at"} <= set(run)


@pytest.mark.parametrize(("ref", "name"), [("last", "third"), ("last~1", "second"), ("first", "first")])
def test_show_takes_references(zen, recorded: Path, ref: str, name: str) -> None:
    assert zen("show", ref, "--json").json["name"] == name


def test_show_takes_the_start_of_an_id(zen, recorded: Path) -> None:
    run = zen("show", "first", "--json").json
    assert zen("show", run["id"][:8], "--json").json == run


def test_show_of_an_unknown_run_is_an_error(zen, recorded: Path) -> None:
    result = zen("show", "secnd")
    assert result.code == 2 and "did you mean 'second'?" in result.err


def test_show_tells_steps_metrics_and_why(zen, recorded: Path) -> None:
    shown = zen("show", "second").out
    assert "durability  full" in shown
    assert "rows = 4" in shown and "loss = 0.25" in shown and "numbers (" in shown
    assert "cached" in zen("show", "third").out


def test_show_of_a_failed_run_has_the_traceback(zen, recorded: Path) -> None:
    shown = zen("show", "first").out
    assert "train failed" in shown and 'flow.py", line 16, in train' in shown


def test_show_json_links_steps_and_artifacts(zen, recorded: Path) -> None:
    load, train = zen("show", "second", "--json").json["steps"]
    assert train["inputs"]["numbers"][0]["id"] == load["outputs"]["numbers"]["id"]
    assert train["metrics"] == {"loss": 0.25}
    assert train["cache"]["status"] == "miss"


def test_logs_has_what_steps_printed(zen, recorded: Path) -> None:
    assert zen("logs", "second").out == "loading 4\nto stderr\n"
    assert zen("logs", "second", "load").out == "loading 4\nto stderr\n"
    result = zen("logs", "second", "train")
    assert not result.out and "nothing was printed" in result.err


def test_logs_json_has_the_stream(zen, recorded: Path) -> None:
    lines = zen("logs", "second", "--json").json
    assert [(line["stream"], line["text"]) for line in lines] == [("stdout", "loading 4"), ("stderr", "to stderr")]


def test_logs_of_an_unknown_step_names_the_nearest(zen, recorded: Path) -> None:
    result = zen("logs", "second", "laod")
    assert result.code == 2 and "did you mean 'load'?" in result.err


def test_artifacts_are_listed(zen, recorded: Path) -> None:
    lines = zen("artifact", "list").out.splitlines()
    assert lines[0].split()[0] == "ARTIFACT"
    assert {line.split()[0] for line in lines[1:]} == {"model", "numbers"}
    assert [each["version"] for each in zen("artifact", "list", "--name", "numbers", "--json").json] == [2, 1]
    assert "no artifact is called" in zen("artifact", "list", "--name", "nobody").err


def test_artifact_is_shown_by_name_version_and_id(zen, recorded: Path) -> None:
    first = zen("artifact", "show", "numbers", "--version", 1, "--json").json
    assert first["version"] == 1 and first["manifest"]["files"]
    assert zen("artifact", "show", first["id"][:8], "--json").json == first
    shown = zen("artifact", "show", "numbers").out
    assert "numbers version 2" in shown and "builtins.list" in shown and "sha256:" in shown


def test_unknown_artifact_is_an_error(zen, recorded: Path) -> None:
    result = zen("artifact", "show", "modle")
    assert result.code == 6 and "model" in result.err
