"""`zen reproduce` and `zen show --requirements`: what is printed, and how it exits."""

from __future__ import annotations

from pathlib import Path


def test_a_run_that_is_reproduced_exits_with_0(zen, pipelines: Path) -> None:
    zen("run", "flow.py", "--rows", 3)
    done = zen("reproduce")
    assert done.code == 0, done.err
    assert [line.split() for line in done.out.splitlines()] == [
        ["STEP", "VERDICT", "WHY"],
        ["load", "identical"],
        ["train", "identical"],
    ]
    assert "loading 3" in done.err and "its source is in" in done.err


def test_a_run_that_is_not_exits_with_1_and_says_why(zen, pipelines: Path) -> None:
    zen("run", "flow.py", "--rows", 3, "--kind", "bad")
    done = zen("reproduce", "last", "--json")
    assert done.code == 1
    assert done.json["reproduced"] is False
    assert done.json["steps"][1] == {
        "name": "train",
        "verdict": "not comparable",
        "reason": "it failed (ValueError: kind is bad) in the recorded run, and now as well",
    }


def test_a_folder_can_be_chosen(zen, pipelines: Path, tmp_path_factory) -> None:
    zen("run", "flow.py", "--rows", 3)
    folder = tmp_path_factory.mktemp("copy")
    assert zen("reproduce", "last", "--folder", folder).code == 0
    assert (folder / "flow.py").is_file()
    assert zen("reproduce", "last", "--folder", folder).code == 2


def test_requirements_are_printed(zen, pipelines: Path) -> None:
    zen("run", "flow.py", "--rows", 3)
    done = zen("show", "last", "--requirements")
    assert done.code == 0
    assert any(line.startswith("click==") for line in done.out.splitlines())
    assert zen("show", "last", "--requirements", "--json").json["requirements"] == done.out
