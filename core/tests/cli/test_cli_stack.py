"""`zen stack`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

STACKS = """\
default_stack: second
stacks:
  first: {}
  second:
    artifact_store: {flavor: local, path: .kept}
    settings: {durability: relaxed}
"""


@pytest.fixture
def stacks(project: Path) -> Path:
    (project / "zen.yaml").write_text(STACKS, encoding="utf-8")
    return project


def active(zen) -> str:
    [name] = [stack["name"] for stack in zen("stack", "list", "--json").json if stack["active"]]
    return name


def test_list_without_a_file_has_local(zen) -> None:
    result = zen("stack", "list")
    assert result.out.split() == ["STACK", "local", "active"]
    assert "zen init" in result.err


def test_list_marks_the_active_stack(zen, stacks: Path) -> None:
    result = zen("stack", "list")
    assert "second  active" in result.out and "first\n" in result.out


def test_list_shows_the_stacks_although_the_chosen_one_is_gone(zen, stacks: Path, monkeypatch) -> None:
    monkeypatch.setenv("ZEN_STACK", "secnd")
    result = zen("stack", "list", "--json")
    assert result.code == 0 and not any(stack["active"] for stack in result.json)
    assert "'secnd'" in result.err


def test_faults_of_the_file_are_all_told(zen, project: Path) -> None:
    (project / "zen.yaml").write_text("stacks:\n  a: {artifact_sotre: local}\n  B: {}\n", encoding="utf-8")
    result = zen("stack", "list")
    assert result.code == 3
    assert "zen.yaml:2:" in result.err and "zen.yaml:3:" in result.err and "artifact_store" in result.err


def test_use_keeps_the_choice(zen, stacks: Path) -> None:
    assert active(zen) == "second"
    result = zen("stack", "use", "first")
    assert result.code == 0 and not result.out and "first" in result.err
    assert active(zen) == "first"


def test_use_of_an_unknown_stack_names_the_nearest(zen, stacks: Path) -> None:
    result = zen("stack", "use", "frist")
    assert result.code == 3 and "did you mean 'first'?" in result.err
    assert active(zen) == "second"


def test_use_says_when_a_variable_goes_before_it(zen, stacks: Path, monkeypatch) -> None:
    monkeypatch.setenv("ZEN_STACK", "second")
    assert "ZEN_STACK=second" in zen("stack", "use", "first").err


def test_show_has_every_component(zen, stacks: Path) -> None:
    result = zen("stack", "show")
    assert result.code == 0
    assert "stack     second" in result.out and "path=" in result.out
    for kind in ("orchestrator", "artifact_store", "metadata_store", "secret_store"):
        assert kind in result.out


def test_show_json_is_the_record(zen, stacks: Path) -> None:
    spec = zen("stack", "show", "second", "--json").json
    assert spec["name"] == "second" and spec["settings"] == {"durability": "relaxed"}
    assert {component["kind"] for component in spec["components"]} >= {"orchestrator", "metadata_store"}


def test_check_shows_every_component(zen, stacks: Path) -> None:
    result = zen("stack", "check", "--json")
    assert result.code == 0 and result.json["ok"]
    assert [each["ok"] for each in result.json["components"]] == [True] * 4


def test_check_shows_the_broken_and_the_others(zen, stacks: Path) -> None:
    (stacks / ".kept").write_text("not a folder", encoding="utf-8")
    result = zen("stack", "check")
    assert result.code == 1
    assert result.out.count(" ok") == 3 and "broken" in result.out
    assert "artifact_store 'local'" in result.err


def test_schema_is_printed_and_written(zen, project: Path) -> None:
    printed = zen("stack", "schema").json
    result = zen("stack", "schema", "--write", "schema.json")
    assert result.code == 0 and not result.out
    assert json.loads((project / "schema.json").read_text(encoding="utf-8")) == printed


def test_shell_completes_names_of_stacks(zen_process, stacks: Path) -> None:
    result = zen_process(_ZEN_COMPLETE="bash_complete", COMP_WORDS="zen stack use fi", COMP_CWORD="3")
    assert result.out == "plain,first\n"
    (stacks / "zen.yaml").write_text("- broken", encoding="utf-8")
    result = zen_process(_ZEN_COMPLETE="bash_complete", COMP_WORDS="zen runs --stack fi", COMP_CWORD="3")
    assert (result.code, result.out.strip(), result.err) == (0, "", "")
