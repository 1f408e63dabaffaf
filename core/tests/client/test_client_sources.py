"""The source of two runs as a diff: what is shown, and what is only named."""

from __future__ import annotations

import difflib
import time

import pytest

from zen import Client
from zen.client import sources
from zen.client.sources import LARGEST, MOST_LINES

FLOW = """
@step
def one() -> int:
    return 1

@pipeline(enable_cache=False)
def flow():
    one()
"""


@pytest.fixture
def snapshots(define, home):
    """Return what runs the pipeline, and gives the diff of its source to that of the run before."""
    flow = define(FLOW)

    def changed(*runs):
        flow.flow()
        client = Client(root=home)
        first, second = (client.run(ref).record for ref in ("last~1", "last"))
        return sources.diff(client.open_stack, first, second, 1)

    flow.flow()
    return changed


def test_files_that_differ_are_shown_as_diff_shows_them(snapshots, home) -> None:
    before = "a\nb\nc\n"
    (home / "x.py").write_text(before)
    assert [(file.name, file.change, file.added, file.removed) for file in snapshots().files] == [
        ("x.py", "added", 3, 0)
    ]
    after = "a\nB\nc\nd"
    (home / "x.py").write_text(after)
    [file] = snapshots().files
    wanted = list(difflib.unified_diff(before.split("\n")[:3], after.split("\n"), "a/x.py", "b/x.py", lineterm=""))
    assert file.diff.split("\n") == [*wanted, "\\ No newline at end of file"]
    assert (file.change, file.added, file.removed, file.note) == ("changed", 2, 1, "")


def test_a_file_that_is_gone_is_shown_as_well(snapshots, home) -> None:
    (home / "x.py").write_text("a\n")
    time.sleep(0.1)  # until the index of snapshots takes note of it
    snapshots()
    (home / "x.py").unlink()
    [file] = snapshots().files
    assert (file.change, file.added, file.removed) == ("removed", 0, 1)


def test_the_same_source_has_no_diff(snapshots) -> None:
    assert snapshots() == sources.SourceDiff(run=1)


def test_python_comes_first(snapshots, home) -> None:
    for name in ("a.txt", "z.py", "b.yaml"):
        (home / name).write_text(name)
    assert [file.name for file in snapshots().files] == ["z.py", "a.txt", "b.yaml"]


def test_what_is_no_text_or_too_large_is_only_named(snapshots, home) -> None:
    (home / "binary.txt").write_bytes(b"a\0b")
    (home / "latin.txt").write_bytes(b"\xe4")
    (home / "large.txt").write_text("x" * (LARGEST + 1))
    found = {file.name: (file.diff, file.note) for file in snapshots().files}
    assert found == {
        "binary.txt": ("", "not text"),
        "latin.txt": ("", "not text"),
        "large.txt": ("", "larger than 256 KiB"),
    }


def test_a_long_diff_is_cut_and_says_so(snapshots, home) -> None:
    (home / "long.txt").write_text("\n".join(map(str, range(MOST_LINES + 10))) + "\n")
    [file] = snapshots().files
    assert len(file.diff.split("\n")) == MOST_LINES and file.note == "13 more lines"
    assert file.added == MOST_LINES + 10


def test_only_so_many_files_are_shown(snapshots, home, monkeypatch) -> None:
    monkeypatch.setattr(sources, "MOST_FILES", 2)
    for name in "abc":
        (home / f"{name}.py").write_text(name)
    found = snapshots()
    assert len(found.files) == 2 and found.note == "1 more file not shown"


def test_a_snapshot_that_is_gone_is_said(snapshots, home) -> None:
    (home / "x.py").write_text("1")
    snapshots()
    client = Client(root=home)
    first, second = (client.run(ref).record for ref in ("last~1", "last"))
    lost = type(first)(id="x", name="lost", pipeline="flow", snapshot="sha256:" + "0" * 64)
    assert "gone" in sources.diff(client.open_stack, second, lost, 1).note
    none = type(first)(id="x", name="none", pipeline="flow")
    assert "no snapshot" in sources.diff(client.open_stack, second, none, 1).note
    assert sources.diff(client.open_stack, none, none, 1).note == "no source was recorded"
