"""The kit in pytest: nothing is imported before it is used, checks are fixtures, a session says what was not verified."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SUITE = """
from zen.testing import ArtifactStoreSuite

class TestLocal(ArtifactStoreSuite):
    flavor = "local"
    large = 10

    def config(self, kit):
        kit.need_live("a service") if kit.suite.live else None
        return {}

    live = False

class TestLive(TestLocal):
    live = True
"""
SOME = ["-k", "stat_tells or read_only or long_keys", "-p", "no:cacheprovider"]


@pytest.fixture
def session(tmp_path):
    """Run pytest on a suite in a process of its own."""

    def run(*arguments: str) -> str:
        (tmp_path / "test_suite.py").write_text(SUITE)
        command = [sys.executable, "-m", "pytest", "-q", *SOME, *arguments, "test_suite.py"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout

    return run


def test_a_session_tells_what_was_not_verified(session):
    said = session()
    assert "zen: not verified" in said
    assert "artifact_store local: test_long_keys_work: needs a service: run with --zen-live" in said
    assert "artifact_store local: test_read_only_store_denies_writing: the suite gives no `read_only`" in said
    assert "2 passed, 4 skipped" in said


def test_live_checks_run_when_they_are_asked_for(session):
    assert "needs a service" not in session("--zen-live")


@pytest.mark.parametrize("more", [[], ["-n", "1"]], ids=["alone", "xdist"])
def test_a_report_has_every_check(more, session, tmp_path):
    if more:
        pytest.importorskip("xdist")
    session("--zen-report=report.json", *more)
    report = json.loads((tmp_path / "report.json").read_text())
    local, live = sorted(report["suites"], key=lambda suite: suite["suite"], reverse=True)
    assert (local["kind"], local["flavor"], local["distribution"]) == ("artifact_store", "local", "zen-hub")
    assert local["capabilities"] == ["local_files"]
    assert {name: check["outcome"] for name, check in local["checks"].items()} == {
        "test_stat_tells_key_and_size": "passed",
        "test_long_keys_work": "passed",
        "test_read_only_store_denies_writing": "not verified",
    }
    assert live["checks"]["test_long_keys_work"]["promise"].startswith("A key of 512 characters")


def test_the_plugin_imports_nothing_of_zen_until_a_fixture_is_used():
    code = (
        "import zen.testing.pytest_plugin, sys;"
        "print([name for name in sys.modules if name.startswith('zen.') and not name.startswith('zen.testing')"
        " or name == 'pydantic'], sorted(name for name in sys.modules if name.startswith('zen')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] ['zen', 'zen.testing', 'zen.testing.pytest_plugin']"


def test_suites_and_fakes_are_importable_without_pytest():
    code = (
        "import sys; sys.modules['pytest'] = None; import zen.testing;"
        "[getattr(zen.testing, name) for name in zen.testing.__all__]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
