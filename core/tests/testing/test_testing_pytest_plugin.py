"""The kit in pytest: nothing is imported before it is used, checks are fixtures, a session says how they ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SUITE = """
import pytest
from zen.testing import AlerterSuite, DoesNotApply, NotVerified
from zen.testing.suite import since

class TestConsole(AlerterSuite):
    flavor = "console"
    lacks = {"ask": "nobody may sit at the terminal", "unreachable": "it prints"}

    def config(self, kit):
        kit.need_live("a service") if self.live else None
        return {}

    live = False

class TestLive(TestConsole):
    live = True
"""
SOME = ["-k", "sending_returns or text_arrives or question_is", "-p", "no:cacheprovider", "--color=no"]
NEW = """
import zen
from zen.testing import AlerterSuite
from zen.testing.suite import since

zen.__version__ = "0.2.5"

class TestNews(AlerterSuite):
    flavor = "console"

    @since("0.2")
    def test_is_new(self, kit):
        '''News are read.'''
        raise AssertionError("tried: news\\n came: nothing\\n   do: read them")
"""
OTHERS = """
import pytest
from zen.testing import Checks, NotVerified

class TestOthers(Checks):
    flavor = "others"

    @pytest.mark.xfail(reason="known")
    def test_fails_as_expected(self, kit):
        raise AssertionError("no")

    @pytest.mark.skip(reason="not now")
    def test_is_skipped(self, kit):
        pass

    def test_skips(self, kit):
        pytest.skip("no engine")

    def test_breaks_at_the_end(self, kit, request):
        def boom():
            raise AssertionError("late")
        request.addfinalizer(boom)

    @pytest.mark.parametrize("some", [1, 2])
    def test_has_parameters(self, kit, some):
        raise NotVerified("no second", give="count") if some == 2 else AssertionError("one")
"""


@pytest.fixture
def session(tmp_path):
    """Run pytest on a suite in a process of its own."""

    def run(*arguments: str, source: str = SUITE, code: int = 0, **files: str) -> str:
        (tmp_path / "test_suite.py").write_text(source)
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        chosen = SOME if source is SUITE else SOME[2:]
        command = [sys.executable, "-m", "pytest", *chosen, *arguments, "test_suite.py"]
        wide = {**os.environ, "COLUMNS": "400"}  # pytest cuts its list to the width of the terminal
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", env=wide, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run


def closing(said: str) -> list[str]:
    """Return the lines of the kit at the end of a session."""
    lines = said.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("zen kit: "))
    return lines[first:-1]


@pytest.fixture(params=[[], ["-n", "1"]], ids=["alone", "xdist"])
def more(request):
    """Return the options with which a session runs."""
    if request.param:
        pytest.importorskip("xdist")
    return request.param


def test_a_session_closes_with_a_line_for_each_flavor(session):
    assert closing(session()) == [
        "zen kit: alerter console: 1 passed, 3 not verified, 2 do not apply",
        "  not verified: test_text_arrives_as_it_is: what arrives cannot be seen: write `received(self, kit,"
        " component)` in TestConsole",
        "  not verified: 2 checks (test_sending_returns_an_id, test_text_arrives_as_it_is): needs a service: run with"
        " --zen-live",
    ]


def test_outcomes_do_not_look_alike(session, more):
    said = session("-v", *more)
    assert "3 not verified, 2 not applicable in" in said.splitlines()[-1]
    assert "skipped" not in said
    for word in ("NOT VERIFIED", "DOES NOT APPLY", "PASSED"):
        assert word in said
    assert "  does not apply: 2 checks (test_a_question_is_answered): it lacks `ask`: nobody may sit at the" in said


def test_live_checks_run_when_they_are_asked_for(session):
    assert "needs a service" not in session("--zen-live")


def test_a_report_has_every_check(more, session, tmp_path):
    session("--zen-report=report.json", *more)
    report = json.loads((tmp_path / "report.json").read_text())
    local, live = sorted(report["suites"], key=lambda suite: suite["suite"])
    assert report["format"] == 2
    assert (local["kind"], local["flavor"], local["distribution"]) == ("alerter", "console", "zen-hub")
    assert local["capabilities"] == []
    found = {name: (check["outcome"], check.get("reason")) for name, check in local["checks"].items()}
    assert found == {
        "test_sending_returns_an_id": ("passed", None),
        "test_text_arrives_as_it_is": (
            "not-verified",
            "what arrives cannot be seen: write `received(self, kit, component)` in TestConsole",
        ),
        "test_a_question_is_answered": ("does-not-apply", "it lacks `ask`: nobody may sit at the terminal"),
    }
    assert live["checks"]["test_sending_returns_an_id"]["promise"].startswith("`send` returns the service's id")


def test_a_new_check_warns_and_does_not_fail_the_session(more, session, tmp_path):
    said = session("-k", "is_new", "--zen-report=report.json", *more, source=NEW)
    assert closing(said) == [
        "zen kit: alerter console: 1 warned",
        "  warned: test_is_new, new in zen-hub 0.2, will fail in a later minor version: tried: news came: nothing do:"
        " read them",
    ]
    assert "1 warned in " in said.splitlines()[-1]
    [suite] = json.loads((tmp_path / "report.json").read_text())["suites"]
    check = suite["checks"]["test_is_new"]
    assert (check["outcome"], check["since"], check["message"][:11]) == ("warned", "0.2", "tried: news")


def test_a_new_check_fails_when_the_session_is_strict(session):
    said = session("-k", "is_new", "--zen-strict", source=NEW, code=1)
    assert closing(said) == ["zen kit: alerter console: 1 failed", "  to do: read them (test_is_new)"]


def test_a_new_check_fails_a_minor_later(session):
    said = session("-k", "is_new", source=NEW.replace("0.2.5", "0.3.0"), code=1)
    assert closing(said)[0] == "zen kit: alerter console: 1 failed"


def test_what_the_kit_did_not_decide_keeps_its_name(session, tmp_path):
    said = session("--zen-report=report.json", "-rA", source=OTHERS, code=1)
    [suite] = json.loads((tmp_path / "report.json").read_text())["suites"]
    assert {name: check["outcome"] for name, check in suite["checks"].items()} == {
        "test_fails_as_expected": "not-verified",
        "test_is_skipped": "not-verified",
        "test_skips": "not-verified",
        "test_breaks_at_the_end": "failed",
        "test_has_parameters[1]": "failed",
        "test_has_parameters[2]": "not-verified",
    }
    assert suite["checks"]["test_fails_as_expected"]["reason"] == "it is expected to fail: known"
    assert "1 xfailed" in said
    assert "  not verified: test_skips: no engine" in said


# The list of what is to do

UNWRITTEN = """
from zen.interfaces import Alerter

class Kit(Alerter):
    def send(self, alert):
        raise NotImplementedError("to do: alerter.py: Kit.send: Send an alert")
"""
UNWRITTEN_SUITE = """
from zen.testing import AlerterSuite

class TestKit(AlerterSuite):
    flavor = "kit"
"""


@pytest.fixture
def alerter(installed, session, tmp_path, monkeypatch):
    """Run some checks of an alerter in a session of its own."""
    path = [str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))

    def run(source: str, checks: str, *arguments: str) -> str:
        installed("alerter", source)
        return session("-k", checks, *arguments, source=UNWRITTEN_SUITE, code=1)

    return run


@pytest.fixture
def unwritten(alerter):
    """Run the suite of an alerter whose only method is to be written."""
    checks = "sending or level_is_sent or two_threads or capabilities or told_in_time"
    return lambda *arguments: alerter(UNWRITTEN, checks, *arguments)


def test_the_red_list_is_what_is_to_do(unwritten, more):
    red = [line for line in unwritten("--tb=short", *more).splitlines() if line.startswith("FAILED ")]
    assert {line.partition("::TestKit::")[2] for line in red} == {
        "test_capabilities_are_declared_or_lacked - to do: say which: `capabilities = frozenset({'ask'})` in Kit, or"
        " `lacks = {'ask': \"why\"}` in TestKit",
        "test_every_level_is_sent - to do: alerter.py: Kit.send: Send an alert",
        "test_sending_returns_an_id - to do: alerter.py: Kit.send: Send an alert",
        "test_two_threads_can_use_it - to do: alerter.py: Kit.send: Send an alert",
    }


def test_what_is_to_do_comes_without_our_traceback(unwritten, more):
    said = unwritten(*more)
    assert "alerting.py" not in said
    assert "life_checks.py" not in said
    assert "NotImplementedError" not in said
    assert "tried: the capability 'ask' (asks people a question" in said  # other failures say it all


def test_the_closing_lines_say_once_what_is_to_do(unwritten):
    assert closing(unwritten()) == [
        "zen kit: alerter kit: 4 failed, 1 not verified",
        "  to do: say which: `capabilities = frozenset({'ask'})` in Kit, or `lacks = {'ask': \"why\"}` in TestKit"
        " (test_capabilities_are_declared_or_lacked)",
        "  to do: alerter.py: Kit.send: Send an alert (3 checks)",
        "  not verified: test_unreachable_service_is_told_in_time: the suite gives no settings that lead nowhere: write"
        ' `unreachable = {…}` in TestKit, such as a port that nobody listens on; or `lacks = {"unreachable": "why"}`'
        " if it needs no service",
    ]


def test_an_error_of_the_component_keeps_its_traceback(alerter, tmp_path):
    broken = UNWRITTEN.replace('NotImplementedError("to do: ', 'KeyError("')
    said = alerter(broken, "sending or two_threads", "--zen-report=report.json")
    assert said.count("kit_component.py:6: KeyError") == 2  # also of the one that came from another thread
    red = [line.partition(" - ")[2] for line in said.splitlines() if line.startswith("FAILED ")]
    assert sorted(red) == [
        "KeyError: 'alerter.py: Kit.send: Send an alert'",
        "to do: make a connection for each thread, or guard the one with a lock",
    ]
    [suite] = json.loads((tmp_path / "report.json").read_text())["suites"]
    message = suite["checks"]["test_sending_returns_an_id"]["message"]
    assert "came: builtins.KeyError: 'alerter.py: Kit.send: Send an alert'" in message
    assert "Traceback" not in message


# What is imported, and when


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
