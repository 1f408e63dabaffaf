"""References in values: variables are put in, secrets stay references, literals are refused."""

from __future__ import annotations

from typing import Any

import pytest

from zen.errors import Fault
from zen.secrets import Secret
from zen.stacks.document import Place
from zen.stacks.references import VariableText, resolve_references, secret_names

VARIABLES = {"HOST": "db", "EMPTY": "", "LOGIN": "postgresql://u:hunter2@db", "NESTED": "${secret:env/X}"}


def resolved(value: Any) -> tuple[Any, list[str]]:
    faults: list[Fault] = []
    return resolve_references(value, Place(faults, None, ("key",)), VARIABLES), [str(fault) for fault in faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${env:HOST}", VariableText("db")),
        ("tcp://${env:HOST}:${env:PORT:-5432}/x", VariableText("tcp://db:5432/x")),
        ("${env:EMPTY}|${env:EMPTY:-full}", VariableText("|full")),
        ("$${env:HOST} costs $5", "${env:HOST} costs $5"),
        ("${secret:env/PW}", Secret("${secret:env/PW}")),
        ("postgresql://u:${secret:env/PW}@${env:HOST}", Secret("postgresql://u:${secret:env/PW}@db")),
        ("redis://:${secret:pw}@h", Secret("redis://:${secret:pw}@h")),
        ("http://host:8080/a@b", "http://host:8080/a@b"),
    ],
)
def test_references_are_resolved(text: str, value: object) -> None:
    found, faults = resolved({"a": [text]})
    assert (found["a"][0], type(found["a"][0]), faults) == (value, type(value), [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${env:MISSING}", "the environment variable MISSING is not set"),
        ("${env:}", "unknown reference ${env:}"),
        ("${HOME}", "write $${ for a literal ${"),
        ("${vault:x}", "unknown reference ${vault:x}; known: ${env:NAME}"),
        ("${secret:}", "unknown reference"),
        ("${secret:env/X:-literal}", "unknown reference"),
        ("${env:HOST", "does not end"),
        ("${env:MISSING:-${env:HOST}}", "a default cannot hold a reference"),
        ("${env:NESTED}", "variables are not resolved again"),
        ("$${x} ${secret:env/Y}", "cannot stand in one text with a secret"),
    ],
)
def test_a_reference_that_means_nothing_is_refused(text: str, said: str) -> None:
    assert said in "".join(resolved([text])[1])


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://zen:hunter2@db/zen",
        "redis://:hunter2@host:6379",
        "${env:LOGIN}/zen",
        "postgresql://u:hunter2@db/${secret:env/NAME}",
        "postgresql://db/zen?user=u&password=hunter2",
        "amqp+ssl://u:hunter2@db, amqp://other",
    ],
)
def test_a_literal_password_in_a_url_is_refused_and_not_shown(text: str) -> None:
    [fault] = resolved([text])[1]
    assert "key[0]: a literal password in a URL" in fault
    assert "hunter2" not in fault


def test_keys_and_numbers_that_json_cannot_hold_are_refused() -> None:
    assert "begins with $" in resolved({"a": {"$secret": "env/X"}})[1][0]
    assert "expected a finite number" in resolved({"a": float("inf")})[1][0]


def test_secret_names_are_found_in_json_once_each() -> None:
    config = {"a": {"$secret": "env/A"}, "b": [{"$secret": "u:${secret:env/B}@${secret:env/A}"}], "c": "${secret:no}"}
    assert secret_names(config) == ("env/A", "env/B")
