"""An open stack: components made once, when they are needed, and secrets answered by who should."""

from __future__ import annotations

import logging
import threading

import pytest

from zen.errors import ComponentError, SecretNotFound
from zen.interfaces import ArtifactStore, SecretStore
from zen.records import ComponentSpec, StackSpec
from zen.registry import Registry
from zen.secrets import Secret
from zen.stacks import find_project
from zen.stacks.opening import OpenStack

EMBEDDED = {"orchestrator": "local", "artifact_store": "local", "metadata_store": "sqlite", "secret_store": "local"}


@pytest.fixture
def open_stack(tmp_path):
    """Open a stack of the embedded components, or of others."""
    opened = []

    def make(*others, **settings):
        kinds = {spec.kind for spec in others}
        specs = [
            ComponentSpec(kind=kind, flavor=name, name=name) for kind, name in EMBEDDED.items() if kind not in kinds
        ]
        spec = StackSpec(name="here", components=(*specs, *others), settings=settings)
        opened.append(OpenStack(spec, find_project(tmp_path), Registry()))
        return opened[-1]

    yield make
    for stack in opened:
        stack.close()


def test_opening_makes_nothing(open_stack, tmp_path):
    open_stack()
    assert list(tmp_path.iterdir()) == []


def test_a_component_is_opened_once_also_by_many_threads(open_stack):
    stack, found = open_stack(), []
    threads = [threading.Thread(target=lambda: found.append(stack.objects)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    assert stack.one(ArtifactStore) is stack.one(ArtifactStore)


def test_the_state_folder_is_private_and_ignored_by_git(open_stack):
    state = open_stack().state
    assert (state / ".gitignore").read_text() == "*\n"
    assert state.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("settings", "durable"), [({}, True), ({"durability": "relaxed"}, False)])
def test_durability_is_a_setting_of_the_stack(open_stack, settings, durable):
    assert open_stack(**settings).durable is durable


# Secrets


class Vault(SecretStore):
    """Answers with the name."""

    def get(self, name):
        if name == "absent":
            raise SecretNotFound("no", reference=name)
        return f"vault:{name}"

    def list(self):
        return []


@pytest.fixture
def vault(open_stack, monkeypatch):
    """A stack whose secret store is another tool, under the name that the embedded one has."""
    stack = open_stack(ComponentSpec(kind="secret_store", flavor="vault", name="local"))
    real = stack._built
    monkeypatch.setattr(stack, "_built", lambda spec: Vault(None) if spec.flavor == "vault" else real(spec))
    return stack


@pytest.mark.parametrize("order", [["env/ZEN_T", "token"], ["token", "env/ZEN_T"]])
def test_variables_and_files_are_answered_whatever_the_secret_store(vault, monkeypatch, order):
    monkeypatch.setenv("ZEN_T", "from the environment")
    answers = {"env/ZEN_T": "from the environment", "token": "vault:token"}
    assert {reference: vault.get(reference) for reference in order} == answers


def test_an_unknown_secret_names_the_reference_and_the_stack(vault):
    with pytest.raises(SecretNotFound, match="no secret 'absent' in the secret_store of stack 'here'") as caught:
        vault.get("absent")
    assert caught.value.reference == "absent"
    assert "env/NAME" in caught.value.hint


def test_files_are_those_of_the_stacks_own_local_store(open_stack, tmp_path):
    (tmp_path / "token").write_text("of the root")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "token").write_text("of the folder")
    assert open_stack().get("file/token") == "of the root"
    local = ComponentSpec(kind="secret_store", flavor="local", name="keys", config={"folder": "keys"})
    assert open_stack(local).get("file/token") == "of the folder"


def test_reveal_resolves_references_and_leaves_texts_alone(open_stack, monkeypatch):
    monkeypatch.setenv("ZEN_T", "pw")
    stack = open_stack()
    assert stack.reveal(Secret("db://u:${secret:env/ZEN_T}@h")) == "db://u:pw@h"
    assert stack.reveal("${secret:env/ZEN_T}") == "${secret:env/ZEN_T}"


# Other people's components


@pytest.mark.parametrize("error", [RuntimeError("boom"), SystemExit(3), OSError(5, "boom")], ids=repr)
def test_a_component_that_cannot_be_opened_is_named(open_stack, monkeypatch, error):
    from zen.builtin.local_files import LocalArtifactStore

    def fail(self, host):
        raise error

    monkeypatch.setattr(LocalArtifactStore, "open", fail)
    with pytest.raises(ComponentError, match="artifact_store 'local' .* could not be opened") as caught:
        open_stack().one(ArtifactStore)
    assert caught.value.__cause__ is error


def test_close_goes_on_after_a_failure(open_stack, monkeypatch, caplog):
    from zen.builtin.local_files import LocalArtifactStore

    stack = open_stack()
    metadata = stack.database.store
    monkeypatch.setattr(stack.one(ArtifactStore), "close", lambda: 1 / 0)
    with caplog.at_level(logging.WARNING):
        stack.close()
    assert "closing the artifact_store failed" in caplog.text
    assert metadata._connection is None
    assert isinstance(stack.one(ArtifactStore), LocalArtifactStore)
