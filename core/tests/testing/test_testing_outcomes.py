"""How checks end and what is said of it: five outcomes, to-do lines, and checks that are new."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import zen
import zen.testing
from zen.errors import ComponentUnavailable
from zen.interfaces import Alerter
from zen.testing import AlerterSuite, Checks, DoesNotApply, FeatureStoreSuite, MemoryAlerter, NotVerified, run_checks
from zen.testing.fakes import MemoryFeatureStore
from zen.testing.suite import since


class Five(Checks):
    flavor = "five"

    def test_passes(self, kit):
        """It passes."""

    def test_fails(self, kit):
        """It fails."""
        raise AssertionError("tried: it\n came: nothing\n   do: mend it")

    def test_is_new(self, kit):
        """It fails, and is new."""
        raise AssertionError("tried: news\n came: nothing\n   do: read them")

    def test_lacks_something(self, kit):
        """It is not verified."""
        raise NotVerified("there is no service", give="start it")

    def test_is_about_others(self, kit):
        """It does not apply."""
        raise DoesNotApply("it is about others")


class New(Five):
    test_is_new = since("0.2")(Five.test_is_new)


def statuses(tmp_path, suite=New, **settings):
    return {name: each.status for name, each in run_checks(suite, tmp_path=tmp_path, **settings).items()}


@pytest.fixture
def version(monkeypatch):
    """Pretend that another version of zen-hub is installed."""
    return lambda text: monkeypatch.setattr(zen, "__version__", text)


def test_there_are_five_outcomes(tmp_path, version):
    version("0.2.1")
    assert statuses(tmp_path) == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_is_new": "warned",
        "test_lacks_something": "not-verified",
        "test_is_about_others": "does-not-apply",
    }


@pytest.mark.parametrize(
    ("installed", "status"),
    [
        ("0.1.9", "warned"),  # written for the next minor, which is not out yet
        ("0.2.0rc1", "warned"),
        ("0.2.0", "warned"),
        ("0.2.13", "warned"),
        ("0.3.0", "failed"),
        ("0.10.0", "failed"),
        ("1.0.0", "failed"),
    ],
)
def test_a_new_check_warns_for_one_minor(tmp_path, version, installed, status):
    version(installed)
    assert statuses(tmp_path)["test_is_new"] == status
    assert statuses(tmp_path)["test_fails"] == "failed"


def test_a_new_check_fails_at_once_when_that_is_asked_for(tmp_path, version):
    version("0.2.0")
    assert statuses(tmp_path, strict=True)["test_is_new"] == "failed"


def test_what_an_author_changes_in_a_new_check_stays_new(tmp_path, version):
    class Own(New):
        def test_is_new(self, kit):
            raise AssertionError("mine")

    version("0.2.0")
    assert statuses(tmp_path, Own)["test_is_new"] == "warned"


def test_a_new_check_that_passes_passes(tmp_path, version):
    class Good(New):
        @since("0.2")
        def test_is_new(self, kit):
            """It passes."""

    version("0.2.0")
    assert statuses(tmp_path, Good)["test_is_new"] == "passed"


def test_a_minor_is_told_as_two_numbers():
    with pytest.raises(ValueError, match="0.2.1"):
        since("0.2.1")


def test_what_is_missing_comes_with_what_to_give(tmp_path):
    outcome = run_checks(Five, tmp_path=tmp_path)["test_lacks_something"]
    assert outcome.message == "there is no service: start it"
    assert (outcome.skipped, outcome.passed, outcome.failed) == (True, False, False)


# Methods that are still to be written


SEND, OPEN = "to do: alerter.py: AcmeAlerter.send: Send an alert", "to do: alerter.py: AcmeAlerter.open: Connect"


class Unwritten(Alerter):
    def send(self, alert):
        raise NotImplementedError(SEND)


class UnwrittenOpen(Unwritten):
    def open(self, host):
        raise NotImplementedError(OPEN)


class Wrapping(Unwritten):
    def send(self, alert):
        try:
            super().send(alert)
        except NotImplementedError as error:
            raise ComponentUnavailable("cannot send") from error


class Alerts(AlerterSuite):
    flavor = "acme"
    lacks = {"ask": "nobody answers"}


SENDING = ["test_two_threads_can_use_it", "test_sending_returns_an_id", "test_every_level_is_sent"]


@pytest.mark.parametrize("component", [Unwritten, Wrapping])
def test_a_method_that_is_to_be_written_fails_with_its_line_only(tmp_path, component):
    outcomes = run_checks(Alerts, component=component, tmp_path=tmp_path, only=SENDING)
    assert [outcome.message for outcome in outcomes.values()] == [SEND] * 3


def test_every_check_that_needs_the_method_fails_with_its_line(tmp_path):
    outcomes = run_checks(Alerts, component=UnwrittenOpen, tmp_path=tmp_path)
    said = {name: outcome.message for name, outcome in outcomes.items() if outcome.failed}
    assert len(said) > 5
    assert set(said.values()) == {OPEN}


def test_another_error_is_told_as_it_is(tmp_path):
    class Odd(Alerter):
        def send(self, alert):
            raise NotImplementedError("this service has no alerts")

    [outcome] = run_checks(Alerts, component=Odd, tmp_path=tmp_path, only=["test_sending_returns_an_id"]).values()
    assert outcome.message.startswith("tried: `send` returns")
    assert "came: builtins.NotImplementedError: this service has no alerts" in outcome.message


def test_what_is_to_do_is_told_on_one_line(tmp_path):
    outcomes = run_checks(Five, tmp_path=tmp_path)
    assert outcomes["test_fails"].to_do == "mend it"
    assert outcomes["test_passes"].to_do == ""
    [unwritten] = run_checks(Alerts, component=Unwritten, tmp_path=tmp_path, only=SENDING[1:2]).values()
    assert f"to do: {unwritten.to_do}" == SEND


def test_rows_of_a_feature_store_are_the_authors_to_say(tmp_path):
    class Features(FeatureStoreSuite):
        flavor = "memory"

    only = ["test_features_are_listed"]
    [outcome] = run_checks(Features, component=MemoryFeatureStore, tmp_path=tmp_path, only=only).values()
    assert outcome.message.startswith("to do: say how rows get into the store: write `fill(self, kit, component)` in")


# What a local component has not


def test_settings_that_lead_nowhere_are_given_or_lacked(tmp_path):
    class Silent(Alerts):
        pass

    class Local(Alerts):
        lacks = {"ask": "nobody answers", "unreachable": "it prints"}

    class Reasonless(Alerts):
        lacks = {"ask": "nobody answers", "unreachable": " "}

    about = ["test_unreachable_service_is_told_in_time", "test_errors_of_the_tool_are_wrapped"]

    def found(suite):
        outcomes = run_checks(suite, component=MemoryAlerter, tmp_path=tmp_path, only=about).values()
        assert len({outcome.message for outcome in outcomes}) == len({outcome.status for outcome in outcomes}) == 1
        return next((outcome.status, outcome.message) for outcome in outcomes)

    assert found(Local) == ("does-not-apply", "it lacks `unreachable`: it prints")
    for suite in (Silent, Reasonless):
        status, message = found(suite)
        assert status == "not-verified"
        assert "`unreachable = {…}`" in message
        assert '`lacks = {"unreachable": "why"}`' in message


def test_what_is_lacked_does_not_apply_for_the_authors_reason(tmp_path):
    only = ["test_a_question_is_answered", "test_capabilities_are_declared_or_lacked"]

    class Mute(MemoryAlerter):
        capabilities = frozenset()

    outcomes = run_checks(Alerts, component=Mute, tmp_path=tmp_path, only=only)
    asked = outcomes["test_a_question_is_answered"]
    assert (asked.status, asked.message) == ("does-not-apply", "it lacks `ask`: nobody answers")
    assert outcomes["test_capabilities_are_declared_or_lacked"].passed


def test_whatever_is_not_verified_says_what_to_give():
    """The kit knows why it could not look; its author knows how: every such place says what is wanted."""
    silent = []
    for file in sorted(Path(zen.testing.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "NotVerified":
                silent += (
                    [f"{file.name}:{node.lineno}"] if not any(each.arg == "give" for each in node.keywords) else []
                )
    # What pytest was told to skip, and a server that is there and does not start: nobody knows more than it says.
    assert {place.partition(":")[0] for place in silent} == {"pytest_plugin.py", "services.py"}, silent
