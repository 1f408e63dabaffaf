"""References in the values of a configuration: `${env:NAME}`, `${env:NAME:-default}` and `${secret:REFERENCE}`.

Variables are put in once, when a stack is resolved; what they hold is not looked at for references again. A secret
stays a reference, as a `Secret`, until the component that needs it asks for it. `$${` is a literal `${`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from zen.secrets import REFERENCE, Secret
from zen.stacks.document import Place

_TOKEN = re.compile(r"\$\$\{|\$\{(?P<body>[^}]*)(?P<end>\}?)")
_VARIABLE = re.compile(r"env:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)
_SECRET = re.compile(r"secret:(?P<name>(?:[^\s${}:]|:(?!-))+)")
# The user part of RFC 3986, section 3.2.1, with a password in it; and the query parameter that libpq knows.
_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#\s:@]*:[^/?#\s@]+@|\S*[?&](?:password|passwd|pwd)=[^&\s])")

BY_REFERENCE = "write ${secret:env/NAME} for a variable, ${secret:file/PATH} for a file"


UNRESOLVED: Any = object()
"""Stands for a value whose fault was reported already, so that nobody reports another one for it."""


class VariableText(str):
    """A text from a variable. It may become a number or a boolean, since a variable can hold nothing but text."""

    __slots__ = ()


def resolve_references(value: Any, place: Place, variables: Mapping[str, str]) -> Any:
    """Return a value with its references resolved, all the way down.

    Texts with a variable in them become `VariableText`, texts with a secret in them become `Secret`, and what cannot be
    resolved becomes `UNRESOLVED` after it was reported to `place`.
    """
    if isinstance(value, str):
        return _text(value, place, variables)
    if isinstance(value, list):
        return [resolve_references(item, place.at(index), variables) for index, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if isinstance(key, str) and key.startswith("$"):
                place.at(key).report(f"{place}: the key {key!a} begins with $", "such keys are zen's own", key=True)
        return {key: resolve_references(item, place.at(key), variables) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        place.expected("a finite number", value)
        return UNRESOLVED
    return value


def holds_password(text: str) -> bool:
    """Say whether there is a literal password in a URL in `text`, references not counted."""
    return _PASSWORD.search(REFERENCE.sub("", text)) is not None


def secret_names(value: Any) -> tuple[str, ...]:
    """Return the names of the secrets, such as `env/PGPASSWORD`, in the JSON form of a configuration, each once."""
    if isinstance(value, list):
        found = [name for item in value for name in secret_names(item)]
    elif isinstance(value, dict):
        if set(value) == {"$secret"}:
            return Secret.from_json(value).references
        found = [name for item in value.values() for name in secret_names(item)]
    else:
        return ()
    return tuple(dict.fromkeys(found))


def _text(text: str, place: Place, variables: Mapping[str, str]) -> Any:
    if "${" not in text:
        return UNRESOLVED if _refuse_password(text, place) else text
    pieces = _Pieces(place, variables)
    whole = _TOKEN.sub(pieces.replace, text)
    if pieces.secret and pieces.escaped:
        pieces.fail("$${ cannot stand in one text with a secret", "put the whole text into the secret")
    if pieces.failed or _refuse_password(whole, place):
        return UNRESOLVED
    return Secret(whole) if pieces.secret else VariableText(whole) if pieces.variable else whole


def _refuse_password(text: str, place: Place) -> bool:
    found = holds_password(text)
    if found:
        place.report(
            f"{place}: a literal password in a URL (not shown)",
            "write a reference in its place: scheme://user:${secret:env/NAME}@host",
        )
    return found


class _Pieces:
    """Replaces the references of one text, and remembers which sorts there were."""

    def __init__(self, place: Place, variables: Mapping[str, str]) -> None:
        self.place, self.variables = place, variables
        self.secret = self.variable = self.escaped = self.failed = False

    def replace(self, match: re.Match[str]) -> str:
        body = match["body"]
        if body is None:
            self.escaped = True
            return "${"
        if not match["end"]:
            return self.fail("a reference that does not end", "close it with }, or write $${ for a literal ${")
        variable = _VARIABLE.fullmatch(body)
        if variable:
            return self._variable(variable["name"], variable["default"])
        if _SECRET.fullmatch(body):
            self.secret = True
            return match[0]
        return self.fail(
            f"unknown reference ${{{body[:40]}}}; known: ${{env:NAME}}, ${{env:NAME:-default}}, ${{secret:env/NAME}}, "
            "${secret:file/PATH}, ${secret:NAME}",
            "write $${ for a literal ${",
        )

    def _variable(self, name: str, default: str | None) -> str:
        self.variable = True
        if default is not None and "${" in default:
            return self.fail("a default cannot hold a reference", "give the variable a value instead")
        value = self.variables.get(name)
        if value is None or (not value and default is not None):
            value = default
        if value is None:
            return self.fail(
                f"the environment variable {name} is not set", f"export {name}=…, or write ${{env:{name}:-default}}"
            )
        if "${" in value:
            return self.fail(
                f"the value of {name} holds ${{, but variables are not resolved again", "write the reference here"
            )
        return value

    def fail(self, message: str, hint: str) -> str:
        self.failed = True
        self.place.report(f"{self.place}: {message}", hint)
        return ""
