"""Finding a project: its root, its file, its state."""

from __future__ import annotations

from pathlib import Path

import pytest

from zen.errors import ConfigError
from zen.stacks import Project, find_project


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ZEN_HOME", raising=False)
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    return tmp_path


def test_the_nearest_stack_file_goes_before_a_nearer_marker(tree: Path) -> None:
    (tree / "a" / "zen.yaml").touch()
    (tree / "a" / "b" / ".git").mkdir()
    project = find_project(tree / "a" / "b" / "c")
    assert project == Project(root=tree / "a", file=tree / "a" / "zen.yaml", state=tree / "a" / ".zen", marked=True)


def test_the_nearest_marker_is_the_root_without_a_stack_file(tree: Path) -> None:
    (tree / "a" / ".git").write_text("gitdir: elsewhere")
    (tree / "a" / "b" / "pyproject.toml").touch()
    assert find_project(tree / "a" / "b" / "c").root == tree / "a" / "b"
    assert find_project(tree / "a").root == tree / "a"


def test_a_script_belongs_to_its_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "a" / "train.py").touch()
    monkeypatch.chdir(tree / "a")
    assert find_project(Path("train.py")) == Project(root=tree / "a", state=tree / "a" / ".zen")
    assert find_project() == find_project(Path("train.py"))


def test_finding_creates_nothing(tree: Path) -> None:
    find_project(tree)
    assert [path.name for path in tree.iterdir()] == ["a"]


def test_a_stack_file_that_is_a_broken_link_is_found(tree: Path) -> None:
    (tree / "a" / "zen.yaml").symlink_to("zen.yaml")
    assert find_project(tree / "a" / "b").file == tree / "a" / "zen.yaml"


def test_a_folder_named_like_a_stack_file_is_none(tree: Path) -> None:
    (tree / "a" / "zen.yaml").mkdir()
    assert find_project(tree / "a").file is None


def test_a_removed_current_folder_is_told(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tree / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match="no longer exists"):
        find_project()


def test_zen_home_is_the_state(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEN_HOME", str(tree / "home"))
    assert find_project(tree / "a").state == tree / "home"
    monkeypatch.setenv("ZEN_HOME", str(tree / "a" / "state"))
    assert find_project(tree / "a").state == tree / "a" / "state"


@pytest.mark.parametrize(
    ("home", "why"), [("/", "root of the file system"), ("{tree}/a", "project's own"), ("{tree}", "lies in it")]
)
def test_zen_home_must_be_a_folder_of_its_own(tree: Path, monkeypatch: pytest.MonkeyPatch, home: str, why: str) -> None:
    monkeypatch.setenv("ZEN_HOME", home.format(tree=tree))
    with pytest.raises(ConfigError, match=why):
        find_project(tree / "a")


def test_zen_home_in_a_loop_of_links_is_refused(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "loop").symlink_to(tree / "pool")
    (tree / "pool").symlink_to(tree / "loop")
    monkeypatch.setenv("ZEN_HOME", str(tree / "loop" / "state"))
    with pytest.raises(ConfigError, match="cannot be reached"):
        find_project(tree / "a")
