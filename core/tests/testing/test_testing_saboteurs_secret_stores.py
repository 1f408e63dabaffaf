"""The law of the suite of secret stores: a fake with one defect fails exactly the check of that defect."""

from __future__ import annotations

import tempfile

import pytest

from zen.errors import (
    PermissionDenied,
    SecretNotFound,
)
from zen.testing import run_checks
from zen.testing.fakes import MemorySecretStore
from zen.testing.stores import SecretStoreSuite


class Secrets(SecretStoreSuite):
    def keep(self, kit, component, name, value):
        component.values[name] = value
        return name

    def forbidden(self, kit, component):
        component.forbidden.add("private")
        return "private"


class Trimming(MemorySecretStore):
    def get(self, name):
        return super().get(name).strip()


class Absent(MemorySecretStore):
    def get(self, name):
        return super().get(name) if name in self.values or name in self.forbidden else ""


class Nameless(MemorySecretStore):
    def get(self, name):
        try:
            return super().get(name)
        except SecretNotFound:
            raise SecretNotFound(f"no secret {name}") from None


class Caching(MemorySecretStore):
    def get(self, name):
        value = super().get(name)
        return self.__dict__.setdefault(f"{name}-{value in ('before', 'after') or value}", value)


class Disordered(MemorySecretStore):
    def list(self):
        return [*super().list(), "a"]


class Listing(MemorySecretStore):
    def list(self):
        return sorted(f"{name}={value}" for name, value in self.values.items())


class Confusing(MemorySecretStore):
    def get(self, name):
        try:
            return super().get(name)
        except PermissionDenied:
            raise SecretNotFound(f"no secret {name}", reference=name) from None


class OnDisk(MemorySecretStore):
    def get(self, name):
        value = super().get(name)
        with tempfile.TemporaryFile("w") as stream:
            stream.write(value)
        return value


class Repr(MemorySecretStore):
    def __repr__(self):
        return f"Repr({self.values})"


class Logging(MemorySecretStore):
    def get(self, name):
        value = super().get(name)
        self.host.log.debug("%s is %s", name, value)
        return value


class Comparing(MemorySecretStore):
    def get(self, name):
        if name not in self.values and name not in self.forbidden:
            raise SecretNotFound(f"no secret {name}", reference=name, known=dict(self.values))
        return super().get(name)


class Mute(SecretStoreSuite):
    """Says not how secrets are made."""


SECRETS = {
    "strips values": (Secrets, Trimming, "values_come_back"),
    "nothing for what is missing": (Secrets, Absent, "missing_secret_is_not_found"),
    "no reference in the error": (Secrets, Nameless, "missing_secret_is_not_found"),
    "keeps old values": (Secrets, Caching, "rotated_value_is_seen"),
    "lists in any order": (Secrets, Disordered, "list_gives_names_only"),
    "lists values": (Secrets, Listing, "list_gives_names_only"),
    "refuses as if missing": (Secrets, Confusing, "forbidden_secret_is_not_missing"),
    "writes to disk": (Secrets, OnDisk, "values_are_not_written_to_disk"),
    "shows values": (Secrets, Repr, "values_are_not_told"),
    "logs values": (Secrets, Logging, "values_are_not_told"),
    "compares in the error": (Secrets, Comparing, "values_are_not_told"),
}

CORRECT = [(Secrets, MemorySecretStore)]


@pytest.mark.parametrize(("suite", "component"), CORRECT)
def test_a_correct_store_passes_all(suite, component, stores):
    stores.passes(suite, component)


@pytest.mark.parametrize("defect", SECRETS)
def test_a_saboteur_fails_its_check_only(defect, stores):
    stores.fails_only(*SECRETS[defect])


def test_each_check_has_a_saboteur(stores):
    # That errors of the tool are wrapped has its saboteur with the metadata stores: it is the same check.
    wanted = set(stores.own(Secrets)) - {"test_errors_of_the_tool_are_wrapped"}
    assert {f"test_{check}" for _, _, check in SECRETS.values()} == wanted


def test_what_an_author_did_not_write_is_asked_for(tmp_path):
    [outcome] = run_checks(
        Mute, component=MemorySecretStore, tmp_path=tmp_path, only=["test_values_come_back"]
    ).values()
    assert outcome.failed
    assert "write `keep(self, kit, component, name, value)` in Mute" in outcome.message
