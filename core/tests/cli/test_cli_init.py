"""`zen init` writes what runs, and nothing over what exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from zen.cli.init import FILES, PIPELINE, STACK_FILE


def test_init_writes_both_files_and_says_what_next(zen, project: Path) -> None:
    result = zen("init")
    assert result.code == 0
    assert result.out.splitlines() == ["wrote zen.yaml", "wrote training.py"]
    assert "zen run training.py" in result.err
    assert (project / "training.py").read_text(encoding="utf-8") == PIPELINE


def test_init_makes_the_folder(zen, project: Path) -> None:
    result = zen("init", "deep/er")
    assert sorted(path.name for path in (project / "deep/er").iterdir()) == sorted(FILES)
    assert "cd deep/er && zen run" in result.err


@pytest.mark.parametrize("name", FILES)
def test_init_overwrites_nothing(zen, project: Path, name: str) -> None:
    (project / name).write_text("mine", encoding="utf-8")
    result = zen("init")
    assert result.code == 0 and f"kept {name}" in result.err
    assert (project / name).read_text(encoding="utf-8") == "mine"


def test_init_says_why_it_cannot_write(zen, project: Path) -> None:
    (project / "file").touch()
    result = zen("init", "file/inside")
    assert result.code == 2 and "cannot be written" in result.err


def test_stack_file_of_init_is_valid(zen, project: Path) -> None:
    zen("init")
    assert zen("stack", "list", "--json").json == [{"name": "local", "active": True}]


def test_commented_stacks_of_init_are_valid_too(zen, project: Path) -> None:
    text = STACK_FILE.replace("  # tracked:", "  tracked:").replace("  # prod:", "  prod:").replace("  #   ", "    ")
    (project / "zen.yaml").write_text(text, encoding="utf-8")
    assert [stack["name"] for stack in zen("stack", "list", "--json").json] == ["local", "tracked", "prod"]
