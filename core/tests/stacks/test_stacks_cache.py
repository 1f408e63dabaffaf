"""The cache of the stack file: never stale, never without places, never in the way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from zen.errors import StackFileError
from zen.registry import Registry
from zen.stacks import Project, resolve, stack_names

TEXT = "stacks:\n  a: {alerter: {flavor: bare, oops: 1}}\n"
NewProject = Callable[..., Project]


def imports_yaml(project: Project) -> bool:
    code = "import sys; from zen.stacks import *; stack_names(find_project()); print('yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=project.root, capture_output=True, text=True, check=True)
    return done.stdout.strip() == "True"


def test_a_file_that_was_read_before_needs_no_parser(new_project: NewProject) -> None:
    project = new_project(TEXT)
    project.state.mkdir()
    assert imports_yaml(project)
    assert not imports_yaml(project)
    (project.root / "zen.yaml").write_text(TEXT + "  b: {}\n")
    assert imports_yaml(project)
    assert stack_names(project) == ["local", "a", "b"]


def test_a_state_folder_is_not_made_for_it(new_project: NewProject) -> None:
    project = new_project(TEXT)
    stack_names(project)
    assert not project.state.exists()


def test_faults_of_a_cached_file_have_their_places(
    new_project: NewProject, registry: Registry, faults_of: Callable[..., list[str]]
) -> None:
    project = new_project(TEXT)
    project.state.mkdir()
    first, second = (faults_of(resolve, project, registry, "a") for _ in range(2))
    assert first == second
    assert first[0].startswith("zen.yaml:2:31: ")


@pytest.mark.parametrize("content", ["", "[" * 100_000, "[]", "null", '{"key": 1}', "\x00"])
def test_a_damaged_cache_is_passed_over(new_project: NewProject, content: str) -> None:
    project = new_project(TEXT)
    project.state.mkdir()
    (project.state / "stackfile.json").write_text(content)
    assert stack_names(project) == ["local", "a"]


@pytest.mark.parametrize("text", ["1: x\n", "stacks: [\n", "a: .inf\n"])
def test_what_json_cannot_hold_and_faulty_yaml_is_not_kept(new_project: NewProject, text: str) -> None:
    project = new_project(text)
    project.state.mkdir()
    with pytest.raises(StackFileError):
        stack_names(project)
    assert list(project.state.iterdir()) == []


def test_a_state_that_cannot_be_written_is_no_fault(new_project: NewProject) -> None:
    project = new_project(TEXT)
    (project.state / "stackfile.json").mkdir(parents=True)
    assert stack_names(project) == ["local", "a"]
    assert [path.name for path in project.state.iterdir()] == ["stackfile.json"]


def test_a_secret_that_was_written_out_is_refused_and_not_kept(new_project: NewProject) -> None:
    project = new_project(
        'stacks: {a: {metadata_store: {flavor: sqlite, path: "postgresql://zen:hunter2hunter2@db/x"}}}\n'
    )
    project.state.mkdir()
    with pytest.raises(StackFileError):
        resolve(project, Registry(), "a")
    assert b"hunter2hunter2" not in b"".join(path.read_bytes() for path in project.state.iterdir())
