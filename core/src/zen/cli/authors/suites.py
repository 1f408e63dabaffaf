"""The tests of a new plugin: the suite of each kind, what it has to be told, and what it may be told."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

from zen.cli.authors.components import Part
from zen.cli.authors.configuration import settings_of_kind, unreachable
from zen.cli.authors.imports import Imports
from zen.cli.authors.naming import Names
from zen.cli.authors.stubs import comment, first_sentence, method, signature
from zen.cli.docstrings import attribute_texts

__all__ = ["options", "suite_class"]

_FILE = "test_conformance.py"
_GIVEN = frozenset({"kind", "flavor", "materializer", "config", "values"})
_OURS = frozenset({"about", "distribution", "modules", "names", "promise", "use"})
_NEEDED = ("fill", "keep", "model")
"""What a suite has no answer to by itself."""
_NOTES = {"fill": " (START is 2026-01-01T00:00:00+00:00)"}
_OPTIONAL = (
    "    # What else the suite can be told; the end of pytest's output says what was not verified for want of it."
)


def suite_class(names: Names, part: Part, imports: Imports) -> str:
    """Return the code of the tests of one kind: what the suite needs, and in comments what it can be given."""
    suite = suite_of(part)
    imports.add("zen.testing", part.suite)
    imports.add("typing", "Any")
    place = f"{_FILE}: Test{part.cls}"
    lines = [f"class Test{part.cls}({part.suite}):", *_beginning(names, part, imports)]
    for name in _NEEDED:
        if hasattr(suite, name):
            lines += ["", method(suite, name, place=place, imports=imports, note=_NOTES.get(name, ""))]
    lines += ["", _OPTIONAL]
    for name, meaning in options(suite).items():
        lines += [*_option(suite, name, names, part), *comment(meaning)]
    return "\n".join(lines)


def suite_of(part: Part) -> Any:
    """Return the suite of a kind. By its name: the kit and the command line stand side by side."""
    return getattr(importlib.import_module("zen.testing"), part.suite)


def options(suite: type) -> dict[str, str]:
    """Return what an author may tell a suite, by name, each with what it is for."""
    texts = attribute_texts(suite)
    found: dict[str, str] = {}
    for name in dict.fromkeys(name for base in reversed(suite.__mro__) for name in _public(base)):
        declared = inspect.getattr_static(suite, name, None)
        if name in _GIVEN | _OURS | {*_NEEDED} or name.startswith("test_"):
            continue
        if name in texts:
            found[name] = _as_part(texts[name])
        elif not inspect.isfunction(declared):  # the kit's own business
            continue
        elif sum(name in vars(base) for base in suite.__mro__) == 1:  # else the kind's own suite has answered it
            found[name] = _as_part(first_sentence(declared))
    return found


def _as_part(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].removesuffix(".")


def _public(base: type) -> Iterator[str]:
    if base is not object:
        yield from (name for name in (*vars(base), *inspect.get_annotations(base)) if not name.startswith("_"))


def _option(suite: Any, name: str, names: Names, part: Part) -> Iterator[str]:
    """Yield the lines, in comments, that give a suite one thing."""
    declared = inspect.getattr_static(suite, name)
    if inspect.isfunction(declared):
        lines = signature(declared, Imports())
        yield from (f"    # {line[4:]}" for line in lines[:-1])
        yield f"    # {lines[-1][4:]} ..."
        return
    value = declared
    if name == "unreachable":
        value = unreachable(part.kind, names) or {"setting": "value"}
    elif name == "lacks":
        value = dict.fromkeys(_lackable(names, part), "why")
    yield f"    # {name} = {_shown(value)}"


def _lackable(names: Names, part: Part) -> list[str]:
    """Return what a plugin may have to say that it does not have."""
    if part.is_values:
        return ["large"]
    return [*part.capabilities, *([] if unreachable(part.kind, names) else ["unreachable"])]


def _shown(value: object) -> str:
    text = repr(value)
    return text if '"' in text else text.replace("'", '"')


def _beginning(names: Names, part: Part, imports: Imports) -> list[str]:
    """Return the lines that every suite needs: what is tested, and with what."""
    if part.is_values:
        value = f"{names.title}Value"
        for name in (part.cls, value):
            imports.add(f"{names.package}.{part.module}", name)
        values = f'{{"some": {value}([1, 2, 3]), "empty": {value}([])}}'
        return [
            f"    materializer = {part.cls}",
            "",
            "    def values(self) -> dict[str, Any]:",
            f"        return {values}",
        ]
    imports.add("zen.testing", "Kit")
    return [
        f'    flavor = "{names.flavor}"',
        "",
        "    def config(self, kit: Kit) -> dict[str, Any]:",
        *_settings(names, part),
    ]


def _settings(names: Names, part: Part) -> Iterator[str]:
    given: dict[str, str | int] = {}
    for each in settings_of_kind(part.kind, names):
        if each.in_tests != "":
            given[each.name] = each.in_tests
        if each.secret:
            reference = str(each.example).removeprefix("${secret:").removesuffix("}")
            yield f'        kit.host.secrets.values["{reference}"] = "{each.secret}"'
            if each.nowhere:
                yield f'        kit.host.secrets.values["env/{names.variable}_NOWHERE"] = "{each.nowhere}"'
    yield f"        return {_shown(given)}" + ("" if given else "  # what a stack file would say")
