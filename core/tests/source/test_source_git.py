"""Which commit a project is at, read from git's own files; git itself is the judge."""

from __future__ import annotations

import subprocess

import pytest

from zen.source import commit_of


def git(folder, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=trunk"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    return tmp_path


def head(folder) -> str:
    return git(folder, "rev-parse", "HEAD")


def test_a_branch_and_its_commit(repository) -> None:
    assert commit_of(repository) == {"branch": "trunk", "commit": head(repository)}
    (repository / "sub").mkdir()
    assert commit_of(repository / "sub") == commit_of(repository)


def test_a_branch_with_a_slash_and_packed_references(repository) -> None:
    git(repository, "checkout", "-q", "-b", "feature/one")
    git(repository, "pack-refs", "--all")
    assert commit_of(repository) == {"branch": "feature/one", "commit": head(repository)}


def test_a_detached_head_has_no_branch(repository) -> None:
    git(repository, "checkout", "-q", "--detach")
    assert commit_of(repository) == {"commit": head(repository)}


def test_a_worktree_has_its_own_head(repository, tmp_path_factory) -> None:
    other = tmp_path_factory.mktemp("trees") / "other"
    git(repository, "worktree", "add", "-q", "-b", "side", str(other))
    git(other, "commit", "-q", "--allow-empty", "-m", "second")
    assert commit_of(other) == {"branch": "side", "commit": head(other)}
    assert head(other) != head(repository)
    git(repository, "pack-refs", "--all")
    assert commit_of(other) == {"branch": "side", "commit": head(other)}


def test_no_repository_and_no_commit_say_little(tmp_path, repository) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    assert commit_of(empty) == {"branch": "trunk"}
    (empty / ".git" / "HEAD").write_bytes(b"\xff\xfe")
    assert commit_of(empty) == {}
