"""What an author has to write for one kind: methods, capabilities, records and settings, from the interfaces alone."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import textwrap
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from zen.cli.authors.imports import Imports
from zen.cli.authors.stubs import abstract_methods, first_sentence, signature
from zen.cli.docstrings import attribute_texts
from zen.cli.output import write

__all__ = ["contract", "show"]

CONFIG_RULES = (
    "A frozen dataclass with keyword-only fields, or a pydantic model; Flavor(config='module:Class') names it.",
    "In a module of its own that imports the standard library, pydantic and zen.secrets only.",
    "Fields are str, int, float, bool, Path, Literal, Secret, unions of these, list, tuple[…, ...], dict[str, …], and"
    " dataclasses. Without a default, every stack has to give it.",
    "Each field has a help text: field(metadata={'help': …}), Field(description=…), or `Attributes:` in the docstring.",
    "What lets somebody in is a zen.secrets.Secret: stack files give a reference, ${secret:env/NAME}, never a literal;"
    " self.host.secrets.reveal(self.config.token) where it is used.",
)
_PUBLIC = ("zen.interfaces", "zen.records", "zen.expect", "zen.secrets")
_CAPABILITY = re.compile(r"Capability `([^`]+)`: ")
_WORD = re.compile(r"[A-Za-z_]\w*")


def contract(kind: str) -> dict[str, Any]:
    """Return what an author of a kind has to write, as plain data.

    Args:
        kind: A kind of component, or `materializer`.
    """
    from zen.interfaces import KINDS, Artifacts, Component, Host, Materializer, Records, Secrets

    interface: type = KINDS.get(kind, Materializer)
    optional = [name for name in _methods(interface) if name not in abstract_methods(interface)]
    known: Mapping[str, str] = getattr(interface, "known_capabilities", {})
    methods = {name: _method(interface, name) for name in (*abstract_methods(interface), *optional)}
    about = _about(methods[name] for name in methods)
    is_component = issubclass(interface, Component)
    return {
        "kind": kind,
        "interface": f"zen.interfaces.{interface.__name__}",
        "about": (inspect.getdoc(interface) or "").partition("\n\nAttributes:")[0],
        "attributes": _attributes(interface),
        "methods": [methods[name] for name in abstract_methods(interface)],
        "optional": [methods[name] for name in optional if not methods[name]["capability"]],
        "capabilities": [
            {
                "name": name,
                "meaning": meaning,
                "methods": [method for method in methods.values() if method["capability"] == name],
            }
            for name, meaning in known.items()
        ],
        "life": [_method(Component, name) for name in ("open", "check", "close")] if is_component else [],
        "host": [_described(cls) for cls in (Host, Secrets, Records, Artifacts)] if is_component else [],
        "boundary": [_described(cls) for cls in about],
        "config": list(CONFIG_RULES) if is_component else [],
    }


def _methods(interface: type) -> list[str]:
    """Return the public methods of an interface, those of every component apart, in the order of its source."""
    from zen.interfaces import Component

    shared = set(dir(Component))
    return [name for name, value in vars(interface).items() if _is_method(name, value) and name not in shared]


def _is_method(name: str, value: object) -> bool:
    return not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))


def _method(cls: type, name: str) -> dict[str, Any]:
    declared: Any = inspect.getattr_static(cls, name)
    is_property = isinstance(declared, property)
    function = declared.fget if is_property else declared
    lines = signature(function, Imports())
    said = " ".join(line.strip() for line in lines).replace("( ", "(").replace(", )", ")").removesuffix(":")
    text = inspect.getdoc(function) or ""
    capability = _CAPABILITY.match(text)
    return {
        "name": name,
        "signature": f"@property {said}" if is_property else said,
        "doc": text,
        "capability": capability[1] if capability else "",
    }


def _attributes(interface: type) -> list[dict[str, str]]:
    """Return what an implementation has to say of itself: the class attributes that have no value, or one to change."""
    texts = attribute_texts(interface)
    return [
        {"name": name, "type": str(annotation).removeprefix("ClassVar[").removesuffix("]"), "doc": texts[name]}
        for name, annotation in inspect.get_annotations(interface).items()
        if name in texts and name != "kind"
    ]


# What goes over the boundary


def _about(methods: Iterable[Mapping[str, Any]]) -> list[type]:
    """Return the public classes that signatures name, and those that these name, in the order in which they appear."""
    waiting = [name for method in methods for name in _WORD.findall(method["signature"])]
    found: dict[str, type] = {}
    known = _public_classes()
    while waiting:
        name = waiting.pop(0)
        if name in found or name not in known:
            continue
        cls = found[name] = known[name]
        waiting += [word for text in _texts(cls) for word in _WORD.findall(text)]
    return list(found.values())


def _public_classes() -> dict[str, type]:
    """Return the records and the small interfaces that authors meet, by name: not the kinds, and not the host."""
    from zen.interfaces import KINDS, Component, Host, Materializer

    apart = {*KINDS.values(), Component, Host, Materializer}
    found: dict[str, type] = {}
    for module in map(importlib.import_module, _PUBLIC):
        for name in module.__all__:
            value = getattr(module, name)
            if isinstance(value, type) and value not in apart:
                found[name] = value
    return found


def _texts(cls: type) -> Iterator[str]:
    if dataclasses.is_dataclass(cls):
        yield from (str(field.type) for field in dataclasses.fields(cls))
    else:
        yield from (_method(cls, name)["signature"] for name, value in vars(cls).items() if _is_method(name, value))


def _described(cls: type) -> dict[str, Any]:
    texts = attribute_texts(cls)
    methods = [_method(cls, name) for name, value in vars(cls).items() if _is_method(name, value)]
    methods = [{**method, "doc": method["doc"] or texts.get(method["name"], "")} for method in methods]
    fields: list[dict[str, str]] = []
    if dataclasses.is_dataclass(cls):
        fields = [
            {"name": each.name, "type": str(each.type), "default": _default(each), "doc": _meaning(each, texts)}
            for each in dataclasses.fields(cls)
        ]
    return {"name": f"{_home(cls)}.{cls.__name__}", "about": first_sentence(cls), "fields": fields, "methods": methods}


def _meaning(field: dataclasses.Field[Any], texts: Mapping[str, str]) -> str:
    """Return what a field is, and the words that it may hold where its type is a name for these."""
    said = [texts[field.name]] if field.name in texts else []
    for module in map(importlib.import_module, _PUBLIC):
        alias = getattr(module, str(field.type), None)
        if typing.get_origin(alias) is typing.Literal:
            said.append(f"One of {', '.join(map(str, typing.get_args(alias)))}.")
            break
    return " ".join(said)


def _home(cls: type) -> str:
    return next(name for name in _PUBLIC if cls.__name__ in importlib.import_module(name).__all__)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return repr(field.default)
    return repr(field.default_factory()) if field.default_factory is not dataclasses.MISSING else "required"


# What people see


def show(found: Mapping[str, Any]) -> None:
    """Write a contract for people."""
    write(f"{found['kind']}: {found['interface']}\n\n{found['about']}")
    _section("To write", found["methods"])
    for each in found["attributes"]:
        write(f"\n  {each['name']}: {each['type']}")
        write(textwrap.fill(each["doc"], 120, initial_indent=" " * 6, subsequent_indent=" " * 6))
    _section("May be written", found["optional"])
    if found["capabilities"]:
        write("\nCapabilities: declare them, `capabilities = frozenset({…})`, or say in the tests why it `lacks` them")
    for each in found["capabilities"]:
        write(f"\n  {each['name']}: {each['meaning']}")
        _methods_of(each["methods"])
    _section("Every component has; none has to be written", found["life"])
    for title, key in (("Lent to it, as self.host", "host"), ("What goes over the boundary", "boundary")):
        if found[key]:
            write(f"\n{title}")
        for each in found[key]:
            _show_class(each)
    if found["config"]:
        write("\nIts configuration")
        for rule in found["config"]:
            write(textwrap.fill(rule, 120, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False))


def _section(title: str, methods: Sequence[Mapping[str, Any]]) -> None:
    if methods:
        write(f"\n{title}")
        _methods_of(methods)


def _methods_of(methods: Iterable[Mapping[str, Any]]) -> None:
    for method in methods:
        write(f"\n  {method['signature']}")
        for line in method["doc"].splitlines():
            write(f"      {line}".rstrip())


def _show_class(found: Mapping[str, Any]) -> None:
    write(f"\n  {found['name']}: {found['about']}")
    for field in found["fields"]:
        value = "" if field["default"] == "required" else f" = {field['default']}"
        write(f"      {field['name']}: {field['type']}{value}" + (f"  # {field['doc']}" if field["doc"] else ""))
    for method in found["methods"]:
        write(f"      {method['signature']}")
        write(f"          {method['doc'].partition(chr(10))[0]}")
