"""What git tracks and ignores, as the snapshot sees it without git; git itself is the judge."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import zen.source.folders as folders
import zen.source.snapshot as snapshots
from zen.identity import digest_bytes
from zen.source import Snapshot, commit_of, read_omitted, take
from zen.source.indexed import is_unchanged, read_index


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=trunk"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def listed(folder: Path) -> list[str]:
    """Return what git tracks, and what it would."""
    names = git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return sorted({name for name in names if name and (folder / name).is_file()})


def write(folder: Path, *names: str, text: str = "x") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture
def store() -> dict[str, bytes]:
    return {}


@pytest.fixture
def shoot(tmp_path: Path, store: dict[str, bytes]) -> Callable[..., Snapshot]:
    def run(root: Path) -> Snapshot:
        def put(data: bytes) -> str:
            store[digest_bytes(data)] = data
            return digest_bytes(data)

        taken = take(root, index=tmp_path / "state" / "index.json", marked=True, put=put)
        taken.remember()
        return taken

    return run


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    git(folder, "init", "-q")
    return folder


def names(found: Snapshot) -> list[str]:
    return sorted(entry.name for entry in found.files)


def commit(folder: Path, *added: str) -> None:
    git(folder, "add", "-f", *(added or ["."]))
    git(folder, "commit", "-q", "--allow-empty", "-m", "some")
    time.sleep(0.02)  # what is written after this has another time than the index


def test_what_git_would_track_is_taken_whatever_it_is(repository, shoot) -> None:
    write(repository, "a.py", "data/small.csv", ".github/ci.yaml", "model.bin", "kept.log", "b/deep/x.out", "notes")
    write(repository, ".gitignore", text="*.log\n/b/*\n!/b/deep\n")
    write(repository, "b/deep/.gitignore", text="*.out\n!y.out\n")
    write(repository, "b/deep/y.out", "b/gone.py", "other.log", ".zen/state.json")
    write(repository, ".zen/.gitignore", text="*\n")
    commit(repository, "kept.log", "a.py")
    assert names(shoot(repository)) == listed(repository)
    assert {"kept.log", "data/small.csv", ".github/ci.yaml", "b/deep/y.out"} <= set(names(shoot(repository)))
    assert not {"other.log", "b/gone.py", "b/deep/x.out"} & set(names(shoot(repository)))


def test_rules_of_the_repository_and_the_person_count(repository, shoot, tmp_path) -> None:
    write(repository, "a.py", "a.mine", "a.ours", "a.own", "sub/b.own")
    write(repository / ".git" / "info", "exclude", text="*.ours\n")
    write(tmp_path / "home" / ".config" / "git", "ignore", text="*.mine\n")
    assert names(shoot(repository)) == listed(repository) == ["a.own", "a.py", "sub/b.own"]
    write(tmp_path / "home", ".gitconfig", text="[core]\n\texcludesFile = ~/mine\n")
    write(tmp_path / "home", "mine", text="sub/\n")
    assert names(shoot(repository)) == listed(repository) == ["a.mine", "a.own", "a.py"]


def test_a_project_in_a_folder_of_a_repository(repository, shoot) -> None:
    write(repository, ".gitignore", text="*.log\nlab/out/\n")
    write(repository, "lab/.gitignore", text="/x.py\n")
    write(repository, "lab/a.py", "lab/x.py", "lab/sub/x.py", "lab/b.log", "lab/out/c.py", "other/d.py")
    lab = repository / "lab"
    assert names(shoot(lab)) == [".gitignore", "a.py", "sub/x.py"] == listed(lab)


def test_a_project_that_its_repository_ignores_is_taken_as_if_there_were_none(repository, shoot) -> None:
    write(repository, ".gitignore", text="/scratch/\n")
    write(repository, "scratch/lab/a.py", "scratch/lab/data.csv")
    assert names(shoot(repository / "scratch" / "lab")) == ["a.py"]


def test_environments_and_generated_folders_count_only_as_far_as_they_are_tracked(repository, shoot) -> None:
    write(repository, "venv/pyvenv.cfg", "venv/lib/x.py", "mlruns/a.txt", "mlruns/b.txt", "a.py", "cache/CACHEDIR.TAG")
    commit(repository, "mlruns/a.txt")
    assert names(shoot(repository)) == ["a.py", "mlruns/a.txt"]


def test_what_may_hold_secrets_is_left_out(repository, shoot, store) -> None:
    secret = (".env", ".env.local", "id_rsa", "server.pem", "gcp_credentials.json", "my_secrets.csv")
    write(repository, *secret, ".env.example", "secrets.py")
    found = shoot(repository)
    assert names(found) == [".env.example", "secrets.py"]
    assert len(found.omitted) == 6
    assert read_omitted(store[found.digest]) == found.omitted


def test_what_was_left_out_stands_in_the_manifest_and_code_is_named(repository, shoot, store, monkeypatch) -> None:
    monkeypatch.setattr(folders, "_MOST_BYTES", 10)
    monkeypatch.setattr(snapshots, "_MOST_TOLD", 2)
    write(repository, "big.py", "big.csv", "more.csv", text="x" * 11)
    first = shoot(repository)
    assert first.missing_code() == ["big.py: larger than 1 MiB"]
    assert read_omitted(store[first.digest]) == (
        "big.csv: larger than 1 MiB",
        "big.py: larger than 1 MiB",
        "and 1 more",
    )
    (repository / "big.py").unlink()
    assert shoot(repository).missing_code() == []
    assert shoot(repository).digest != first.digest


@pytest.mark.parametrize("version", ["2", "3", "4"])
@pytest.mark.parametrize("format", ["sha1", "sha256"])
def test_every_index_is_read(tmp_path, shoot, version, format) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    git(folder, "init", "-q", f"--object-format={format}")
    git(folder, "config", "index.version", version)
    long = "a" * 200
    write(folder, ".gitignore", text="*\n")
    write(folder, "a.py", "b/c.py", "b/cc.py", f"{long}/{long}/{long}/{long}/{long}/{long}/x.py", "ignored.py", "ö.py")
    git(folder, "add", "-f", "a.py", "b", long[:200], "ö.py")
    if version == "3":
        git(folder, "add", "-f", "-N", "ignored.py")  # an entry with the longer flags
    git(folder, "commit", "-q", "-m", "first")
    assert names(shoot(folder)) == sorted({*listed(folder)})


def test_an_index_that_cannot_be_read_leaves_the_rules(repository, shoot) -> None:
    write(repository, ".gitignore", text="*.log\n")
    write(repository, "a.py", "a.log")
    commit(repository, "a.py", "a.log", ".gitignore")
    index = (repository / ".git" / "index").read_bytes()
    for damaged in (
        b"",
        b"DIRC",
        index[:60],
        b"DIRC\0\0\0\x09" + index[8:],
        index[:8] + b"\0\xff\xff\xff" + index[12:],
    ):
        (repository / ".git" / "index").write_bytes(damaged)
        found = shoot(repository)
        assert (names(found), found.dirty) == ([".gitignore", "a.py"], None)
    (repository / ".git" / "index").unlink()
    git(repository, "reset", "-q")
    git(repository, "update-index", "--split-index")
    found = shoot(repository)
    assert (names(found), found.dirty) == ([".gitignore", "a.py"], None)


PARTS = ["a", "b", "ab", "*", "*.x", "a*", "?", "[ab]", "[!a]", "[a-c].x", "**", "*b", "a.x", "\\a", "b.y", "*.*"]


def _random_rules(chance: random.Random) -> str:
    lines = []
    for _ in range(chance.randint(1, 6)):
        text = "/".join(chance.choice(PARTS) for _ in range(chance.choice([1, 1, 1, 2, 2, 3])))
        lines.append(chance.choice(["", "", "!", "/"]) + text + chance.choice(["", "", "/", " ", "/**"]))
    return "\n".join([*lines, "# no rule", "", "\\#x"]) + "\n"


@pytest.mark.parametrize("seed", range(40))
def test_any_rules_mean_what_they_mean_to_git(repository, shoot, seed) -> None:
    chance = random.Random(seed)
    parts = ["a", "b", "ab", "c", "a.x", "b.y", "ba.x", "#x"]
    for _ in range(60):
        path = repository.joinpath(*(chance.choice(parts) for _ in range(chance.randint(1, 4))))
        if not path.is_dir() and not any(each.is_file() for each in path.parents):
            write(repository, path.relative_to(repository).as_posix())
    for folder in [
        repository,
        *(each for each in sorted(repository.rglob("*")) if each.is_dir() and ".git" not in each.parts),
    ]:
        if folder == repository or chance.random() < 0.3:
            (folder / ".gitignore").write_text(_random_rules(chance))
    tracked = [name for name in listed(repository) if chance.random() < 0.2]
    hidden = [
        p.relative_to(repository).as_posix()
        for p in sorted(repository.rglob("*.x"))
        if p.is_file() and chance.random() < 0.1
    ]
    if tracked + hidden:
        git(repository, "add", "-f", *tracked, *hidden)
    assert names(shoot(repository)) == listed(repository)


# Whether the files differ from the commit


def dirty(folder: Path, shoot: Callable[..., Snapshot]) -> bool | None:
    found = shoot(folder).dirty
    assert found is None or found == bool(git(folder, "--no-optional-locks", "status", "--porcelain"))
    return found


@pytest.fixture
def committed(repository: Path) -> Path:
    write(repository, ".gitignore", text="*.log\n")
    write(repository, "a.py", "b/c.py", text="one\n")
    commit(repository)
    return repository


def test_a_project_is_clean_after_a_commit(committed, shoot) -> None:
    assert dirty(committed, shoot) is False
    write(committed, "x.log", "b/y.log")
    assert dirty(committed, shoot) is False


def test_an_edit_a_new_file_and_a_deleted_one_make_it_dirty(committed, shoot) -> None:
    write(committed, "a.py", text="two\n")
    assert dirty(committed, shoot) is True
    write(committed, "a.py", text="one\n")
    assert dirty(committed, shoot) is False  # another time, the same content
    write(committed, "new.py")
    assert dirty(committed, shoot) is True
    (committed / "new.py").unlink()
    (committed / "b" / "c.py").unlink()
    assert dirty(committed, shoot) is True


def test_a_file_as_young_as_the_index_is_read(committed) -> None:
    index = read_index(committed / ".git", "")
    tracked, path = index.files["a.py"], committed / "a.py"
    assert is_unchanged(tracked, str(path), path.lstat(), index.written)
    other = tracked._replace(digest=bytes(20))  # the same status, another content
    assert is_unchanged(other, str(path), path.lstat(), index.written)
    assert is_unchanged(other, str(path), path.lstat(), path.lstat().st_mtime_ns) is False
    assert is_unchanged(tracked, str(path), path.lstat(), path.lstat().st_mtime_ns)


def test_what_is_staged_makes_it_dirty(committed, shoot) -> None:
    write(committed, "a.py", text="two\n")
    git(committed, "add", "a.py")
    assert dirty(committed, shoot) is True
    git(committed, "commit", "-q", "-m", "second")
    assert dirty(committed, shoot) is False


def test_commits_in_packs_are_asked_for_once(committed, shoot, monkeypatch) -> None:
    git(committed, "gc", "-q")
    asked = []
    real = snapshots.ask_git
    monkeypatch.setattr(snapshots, "ask_git", lambda found: asked.append(found) or real(found))
    assert [dirty(committed, shoot) for _ in range(3)] == [False] * 3
    assert len(asked) == 1
    write(committed, "d.py")
    git(committed, "add", "d.py")
    assert dirty(committed, shoot) is True
    assert len(asked) == 2


def test_no_process_is_started_for_a_commit_of_its_own(committed, shoot, monkeypatch) -> None:
    monkeypatch.setattr(snapshots, "ask_git", lambda found: pytest.fail("asked"))
    for _ in range(2):
        assert shoot(committed).dirty is False


def test_links_submodules_and_sparse_files_are_no_change(committed, shoot, tmp_path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    write(other, "m.py")
    commit(other)
    (committed / "link.py").symlink_to("a.py")
    git(committed, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "modules/other")
    commit(committed)
    git(committed, "update-index", "--skip-worktree", "b/c.py")
    (committed / "b" / "c.py").unlink()
    found = shoot(committed)
    assert found.dirty is False
    assert {"link.py", "modules/other/m.py"} <= set(names(found))


def test_without_a_repository_or_a_commit_nothing_is_said(tmp_path, repository, shoot) -> None:
    plain = tmp_path / "plain"
    write(plain, "a.py")
    assert shoot(plain).dirty is None
    write(repository, "a.py")
    assert "commit" not in commit_of(repository)
    assert shoot(repository).dirty is None


def test_a_thousand_unchanged_files_cost_little(repository, shoot, monkeypatch, count_calls) -> None:
    monkeypatch.setattr(snapshots, "_is_settled", lambda stamp, now: True)
    write(
        repository,
        ".gitignore",
        text="".join(f"name{n}/\n*.suffix{n}\n" for n in range(60)) + "__pycache__/\n*.py[cod]\n",
    )
    for number in range(1_000):
        write(repository, f"p{number % 20}/m{number}.py", text=str(number))
    commit(repository)
    assert len(shoot(repository).files) == 1_001
    assert shoot(repository).dirty is False
    monkeypatch.setattr(snapshots, "open", pytest.fail, raising=False)  # none is read again
    assert count_calls(lambda: shoot(repository)) < 150_000  # 51,000
