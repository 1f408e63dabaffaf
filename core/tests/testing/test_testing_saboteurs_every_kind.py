"""The law of the checks of every kind: a fake with one defect fails exactly the check of that defect."""

from __future__ import annotations

import dataclasses
import datetime as dt
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from zen.errors import ComponentError, ComponentUnavailable
from zen.interfaces import Component
from zen.secrets import Secret
from zen.testing import ComponentSuite, run_checks
from zen.testing.fakes import MemorySecretStore
from zen.testing.plugin_checks import FlavorChecks


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings.

    Attributes:
        url: Where it is.
        token: What it is asked with.
        retries: How often it is tried.
    """

    url: str
    token: Secret | None = None
    retries: int = 3


class Good(MemorySecretStore):
    def open(self, host):
        super().open(host)
        if self.config.url.startswith("http://nowhere"):
            try:
                raise OSError("nobody is there")
            except OSError as error:
                raise ComponentUnavailable("nobody answers") from error
        if self.config.token:
            host.secrets.reveal(self.config.token)


class Suite(ComponentSuite):
    kind = "secret_store"
    unreachable = {"url": "http://nowhere"}

    def config(self, kit):
        return {"url": "http://here"}

    def use(self, component):
        component.list()


class NeedsCapability(Suite):
    lacks = {"fly": ""}


class Fancy(Good):
    capabilities = frozenset({"swim"})


class Undecided(Good):
    known_capabilities = {"fly": "flies"}


class Connecting(Good):
    def __init__(self, config):
        super().__init__(config)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))


class Writing(Good):
    def __init__(self, config):
        super().__init__(config)
        open("/dev/zen-testing", "w").close()


class Swallowing(Good):
    def __init__(self, config):
        super().__init__(config)
        try:
            socket.create_connection(("127.0.0.1", 9), timeout=0.1)
        except BaseException:
            pass


class Copying(Good):
    def __init__(self, config):
        super().__init__(dataclasses.replace(config))


class Failing(Good):
    def check(self):
        raise RuntimeError("the check is broken")


class Vague(Good):
    def open(self, host):
        try:
            super().open(host)
        except ComponentUnavailable as error:
            raise ComponentError("something is wrong") from error.__cause__


class Slow(Good):
    def open(self, host):
        if self.config.url.startswith("http://nowhere"):
            time.sleep(0.6)
        super().open(host)


class Careless(Good):
    def open(self, host):
        if self.config.url.startswith("http://nowhere"):
            raise ComponentUnavailable("nobody answers")
        super().open(host)


class ClosesOnce(Good):
    closed = False

    def close(self):
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class ClosesOpened(Good):
    def close(self):
        self.host.log.info("closed")


class OneThread(Good):
    def open(self, host):
        super().open(host)
        self.thread = threading.get_ident()

    def list(self):
        if threading.get_ident() != self.thread:
            raise RuntimeError("used by another thread")
        return []


class Travelling(Good):
    def open(self, host):
        super().open(host)
        self.session = "open"

    def __reduce__(self):
        state = {name: value for name, value in vars(self).items() if name != "host"}
        return object.__new__, (type(self),), state


class Logging(Good):
    def open(self, host):
        super().open(host)
        if self.config.token:
            host.log.info("token is %s", host.secrets.reveal(self.config.token))


class Telling(Good):
    def check(self):
        if self.config.token and self.config.token.references == ("env/ZEN_TESTING",):
            raise ComponentError("refused", token=self.host.secrets.reveal(self.config.token))


class Showing(Good):
    shown = ""

    def open(self, host):
        super().open(host)
        self.shown = host.secrets.reveal(self.config.token or "")

    def __repr__(self):
        return f"Showing({self.shown})"


@dataclass(frozen=True, kw_only=True)
class Silent(Settings):
    silent: int = 1


@dataclass(frozen=True, kw_only=True)
class NoJson(Settings):
    """Settings.

    Attributes:
        url: Where it is.
        token: What it is asked with.
        retries: How often it is tried.
        wait: How long to wait.
    """

    wait: Any = dt.timedelta(1)


@dataclass(frozen=True, kw_only=True)
class Lax(Settings):
    """Settings.

    Attributes:
        url: Where it is.
        token: What it is asked with.
        retries: How often it is tried.
    """

    retries: dict[str, Any] | list[Any] | bool | str | float = 3


@dataclass(frozen=True, kw_only=True)
class Growing(Settings):
    """Settings.

    Attributes:
        url: Where it is.
        token: What it is asked with.
        retries: How often it is tried.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", self.url + "/")


@dataclass(frozen=True, kw_only=True)
class Literal(Settings):
    """Settings.

    Attributes:
        url: Where it is.
        token: What it is asked with.
        retries: How often it is tried.
        password: Of the user.
    """

    password: str = ""


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    url: str = Field(description="Where it is.")
    token: Secret | None = Field(default=None, description="What it is asked with.")


class Open(Model):
    model_config = ConfigDict(extra="allow")


class Filling(Model):
    @model_validator(mode="before")
    @classmethod
    def fill(cls, data: Any) -> Any:
        return {"url": "http://here", **data}


SABOTEURS: dict[str, tuple[type[ComponentSuite], type[Component], type, str]] = {
    "a capability that the kind does not know": (Suite, Fancy, Settings, "capabilities_are_declared_or_lacked"),
    "neither declared nor lacked": (Suite, Undecided, Settings, "capabilities_are_declared_or_lacked"),
    "lacked without a reason": (NeedsCapability, Undecided, Settings, "capabilities_are_declared_or_lacked"),
    "constructor connects": (Suite, Connecting, Settings, "constructor_does_no_io"),
    "constructor writes": (Suite, Writing, Settings, "constructor_does_no_io"),
    "constructor hides that it connects": (Suite, Swallowing, Settings, "constructor_does_no_io"),
    "constructor keeps another configuration": (Suite, Copying, Settings, "constructor_does_no_io"),
    "check fails": (Suite, Failing, Settings, "check_succeeds"),
    "another error for nobody there": (Suite, Vague, Settings, "unreachable_service_is_told_in_time"),
    "a late error for nobody there": (Suite, Slow, Settings, "unreachable_service_is_told_in_time"),
    "an error without its cause": (Suite, Careless, Settings, "errors_of_the_tool_are_wrapped"),
    "closes once": (Suite, ClosesOnce, Settings, "close_twice_is_harmless"),
    "closes only what was opened": (Suite, ClosesOpened, Settings, "close_twice_is_harmless"),
    "one thread only": (Suite, OneThread, Settings, "two_threads_can_use_it"),
    "pickled with its session": (Suite, Travelling, Settings, "live_component_does_not_travel"),
    "no help": (Suite, Good, Silent, "fields_have_help"),
    "a default that is no JSON": (Suite, Good, NoJson, "defaults_and_types_are_json"),
    "unknown settings are taken": (Suite, Good, Open, "unknown_fields_are_refused"),
    "any type is taken": (Suite, Good, Lax, "wrong_types_are_refused"),
    "what is missing is made up": (Suite, Good, Filling, "missing_fields_are_refused"),
    "changes when it is built again": (Suite, Good, Growing, "configuration_survives_recording"),
    "a password as text": (Suite, Good, Literal, "secret_settings_take_references_only"),
    "a secret in the log": (Suite, Logging, Settings, "secrets_are_not_shown"),
    "a secret in an error": (Suite, Telling, Settings, "secrets_are_not_shown"),
    "a secret in repr": (Suite, Showing, Settings, "secrets_are_not_shown"),
}
CHECKS = [name for name in Suite.names() if name not in set(FlavorChecks.names())]


@pytest.fixture(autouse=True)
def _short_deadline(monkeypatch):
    monkeypatch.setattr("zen.testing.life_checks.CHECK_SECONDS", 0.5)


@pytest.mark.parametrize("config", [Settings, Model])
def test_a_correct_fake_passes_all(config, tmp_path):
    outcomes = run_checks(Suite, component=Good, config=config, tmp_path=tmp_path, only=CHECKS)
    assert {name: outcome.message for name, outcome in outcomes.items() if not outcome.passed} == {}


@pytest.mark.parametrize("defect", SABOTEURS)
def test_a_saboteur_fails_its_check_only(defect, tmp_path):
    suite, component, config, check = SABOTEURS[defect]
    outcomes = run_checks(suite, component=component, config=config, tmp_path=tmp_path, only=CHECKS)
    assert [name for name, outcome in outcomes.items() if outcome.failed] == [f"test_{check}"]
    message = outcomes[f"test_{check}"].message
    assert all(part in message for part in ("tried: ", "came: ", "do: ")), message


def test_each_check_has_a_saboteur():
    assert {check for _, _, _, check in SABOTEURS.values()} == {name.removeprefix("test_") for name in CHECKS}


def test_the_missing_capability_is_named(tmp_path):
    check = "test_capabilities_are_declared_or_lacked"
    [outcome] = run_checks(Suite, component=Undecided, config=Settings, tmp_path=tmp_path, only=[check]).values()
    assert "'fly' (flies)" in outcome.message
    assert (
        "say which: `capabilities = frozenset({'fly'})` in Undecided, or `lacks = {'fly': \"why\"}`" in outcome.message
    )
