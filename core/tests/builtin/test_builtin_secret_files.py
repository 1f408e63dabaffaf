"""The local secret store: variables and files by name."""

from __future__ import annotations

import os

import pytest

from zen.builtin.secret_files import LocalSecretsConfig, LocalSecretStore
from zen.errors import PermissionDenied, SecretNotFound


@pytest.fixture
def secrets(host):
    store = LocalSecretStore(LocalSecretsConfig())
    store.open(host)
    return store


def test_env_is_the_value_of_a_variable(secrets, monkeypatch) -> None:
    monkeypatch.setenv("ZEN_TEST_TOKEN", " s3cret\n")
    assert secrets.get("env/ZEN_TEST_TOKEN") == " s3cret\n"


def test_missing_variable_is_named_with_the_nearest(secrets, monkeypatch) -> None:
    monkeypatch.setenv("ZEN_TEST_TOKEN", "s3cret")
    with pytest.raises(SecretNotFound, match="ZEN_TEST_TOKN is not set") as caught:
        secrets.get("env/ZEN_TEST_TOKN")
    assert caught.value.reference == "env/ZEN_TEST_TOKN"
    assert "'ZEN_TEST_TOKEN'" in caught.value.hint
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"a b\n", "a b"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b"a", "a"), (b"", ""), (b"\xc3\xa9", "é")],
)
def test_file_is_its_text_without_the_last_newline(secrets, host, content, value) -> None:
    (host.root / "token").write_bytes(content)
    assert secrets.get("file/token") == value


def test_file_is_relative_to_the_root_or_absolute(secrets, host, tmp_path_factory) -> None:
    (host.root / "keys").mkdir()
    (host.root / "keys" / "a").write_text("inside")
    elsewhere = tmp_path_factory.mktemp("run") / "token"
    elsewhere.write_text("outside")
    assert secrets.get("file/keys/a") == "inside"
    assert secrets.get(f"file/{elsewhere}") == "outside"


def test_file_is_relative_to_the_configured_folder(host) -> None:
    (host.root / "keys").mkdir()
    (host.root / "keys" / "a").write_text("inside")
    store = LocalSecretStore(LocalSecretsConfig(folder="keys"))
    store.open(host)
    assert store.get("file/a") == "inside"


@pytest.mark.parametrize(
    "name", ["file/absent", "file/.", "env/", "file/", "vault/x", "TOKEN", "", "env/A\0B", "file/a\0b"]
)
def test_other_names_are_not_found(secrets, name) -> None:
    with pytest.raises(SecretNotFound) as caught:
        secrets.get(name)
    assert caught.value.reference == name


def test_file_that_is_no_text_is_refused_without_its_bytes(secrets, host) -> None:
    (host.root / "token").write_bytes(b"\xff\xfesecret")
    with pytest.raises(SecretNotFound, match="not UTF-8") as caught:
        secrets.get("file/token")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_not_waited_for(secrets, host) -> None:
    os.mkfifo(host.root / "pipe")
    with pytest.raises(SecretNotFound):
        secrets.get("file/pipe")


def test_unreadable_file_is_permission_denied(secrets, host, ordinary) -> None:
    token = ordinary / "token"
    token.write_text("s3cret")
    token.chmod(0)
    with pytest.raises(PermissionDenied, match="may not read the secret"):
        secrets.get(f"file/{token}")


def test_list_names_the_variables(secrets, monkeypatch) -> None:
    monkeypatch.setenv("ZEN_TEST_TOKEN", "s3cret")
    names = secrets.list()
    assert "env/ZEN_TEST_TOKEN" in names
    assert names == sorted(names)
