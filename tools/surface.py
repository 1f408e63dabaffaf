#!/usr/bin/env python3
"""The public surface of zen as text: every public name with its signature, fields, abstract methods and capabilities.

    python tools/surface.py            show what differs from tests/surface/*.txt
    python tools/surface.py --write    write those files anew, to be reviewed

A line says one thing, so that a difference reads as what it is: a name that is gone, an argument that is new. What is
documented for plugins and pipelines stands here; a name that does not stand here may change at any time.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
import re
import sys
import typing
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from zen.testing.imports import PUBLIC as MODULES

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "surface"
HEADER = "# The public surface of {module}, written by tools/surface.py --write. A line that goes breaks somebody.\n"

_address = re.compile(r" at 0x[0-9a-f]+")
_dunders = ("__call__", "__enter__", "__exit__", "__getitem__", "__iter__", "__len__")
_noise = ("kind", "api", "capabilities", "known_capabilities")
_given = ("ArtifactView", "Pipeline", "RunView", "Step", "StepContext", "StepView")
"""What zen makes and people are given: how they are made is no promise."""


def surface(module: str) -> str:
    """Return the surface of one module as text."""
    found = importlib.import_module(module)
    lines = [line for name in sorted(found.__all__) for line in describe(name, getattr(found, name), found)]
    if module == "zen.plugins":
        lines += _hooks(importlib.import_module("zen.plugins.hookspecs"))
    return HEADER.format(module=module) + "\n".join(lines) + "\n"


def _hooks(module: ModuleType) -> list[str]:
    hooks = {name: value for name, value in vars(module).items() if name.startswith("zen_")}
    return [f"hook {name}{_signature(hook)}" for name, hook in sorted(hooks.items())]


def describe(name: str, value: Any, module: ModuleType) -> Iterator[str]:
    """Yield the lines about one public name."""
    home = _home(getattr(value, "__module__", "") or "")
    if home != module.__name__ and home in MODULES and name in importlib.import_module(home).__all__:
        yield f"{name} is {home}.{name}"
    elif isinstance(value, type):
        yield from _class(name, value)
    elif inspect.isfunction(value):
        yield f"def {name}{_signature(value)}"
        yield from _overloads(name, value)
    elif inspect.ismodule(value):
        yield f"module {name}: {value.__name__}"
    else:
        yield f"{name} = {_shown(value)}"


def _class(name: str, cls: type) -> Iterator[str]:
    """Yield the class, what it is for plugins, its fields, and its members, its own and those of private bases."""
    bases = [_base(base) for base in cls.__bases__ if base is not object]
    yield f"class {name}({', '.join(bases)})" if bases else f"class {name}"
    abstract = getattr(cls, "__abstractmethods__", frozenset())
    if "kind" in vars(cls) and hasattr(cls, "known_capabilities"):
        yield f"{name}: kind {cls.kind!r}, api {cls.api}"  # type: ignore[attr-defined]  # a component has them
        for capability, sentence in sorted(cls.known_capabilities.items()):
            yield f"{name}: capability {capability!r}: {sentence}"
    if dataclasses.is_dataclass(cls):
        yield from (_field(name, field) for field in dataclasses.fields(cls))
    elif "__init__" in vars(cls) and name not in _given and not getattr(cls, "_is_protocol", False):
        yield f"{name}{_signature(vars(cls)['__init__'], skip_self=True)}"
    yield from _members(name, cls, abstract)


def _members(name: str, cls: type, abstract: frozenset[str]) -> Iterator[str]:
    fields = {field.name for field in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    own = [base for base in cls.__mro__ if base is cls or _is_private(base)]
    annotations = {key: hint for base in reversed(own) for key, hint in vars(base).get("__annotations__", {}).items()}
    members = {key: value for base in reversed(own) for key, value in vars(base).items()}
    documented = {} if fields else _attributes(cls.__doc__ or "")
    for key in sorted({*annotations, *members, *documented} - fields):
        if key.startswith("_") and key not in _dunders:
            continue
        if key in members and _is_method(members[key]):
            yield from _method(name, key, members[key], "abstract " if key in abstract else "")
        elif key not in _noise and not inspect.ismemberdescriptor(members.get(key)):
            hint = f": {_hint(annotations[key])}" if key in annotations else ""
            yield f"{name}.{key}{hint}" + (f" = {_shown(members[key])}" if key in members and not fields else "")


def _attributes(docstring: str) -> dict[str, str]:
    """Return the names that a docstring lists under `Attributes:`."""
    section = inspect.cleandoc(docstring).partition("Attributes:\n")[2].partition("\n\n")[0]
    return dict(re.findall(r"^    (\w+): (.*)", section, flags=re.MULTILINE))


def _is_private(base: type) -> bool:
    return base.__module__.split(".")[0] == "zen" and base.__name__.startswith("_")


def _is_method(value: Any) -> bool:
    return (
        inspect.isfunction(value) or isinstance(value, (property, classmethod, staticmethod)) or hasattr(value, "func")
    )


def _method(name: str, key: str, value: Any, abstract: str) -> Iterator[str]:
    if isinstance(value, (property, cached_property)):
        getter: Any = value.func if isinstance(value, cached_property) else value.fget
        hint = getter.__annotations__.get("return", "Any")
        yield f"{abstract}property {name}.{key} -> {_hint(hint)}"
        return
    function = getattr(value, "__func__", value)
    kind = {classmethod: "classmethod ", staticmethod: "staticmethod "}.get(type(value), "def ")
    yield f"{abstract}{kind}{name}.{key}{_signature(function, skip_self=not isinstance(value, staticmethod))}"
    yield from _overloads(f"{name}.{key}", function)


def _overloads(name: str, function: Any) -> Iterator[str]:
    for number, each in enumerate(typing.get_overloads(function), start=1):
        yield f"overload {number} of {name}{_signature(each)}"


def _signature(function: Any, *, skip_self: bool = False) -> str:
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return "(…)"
    parameters = list(found.parameters.values())[1 if skip_self else 0 :]
    parameters = [each for each in parameters if not (each.kind is each.KEYWORD_ONLY and each.name.startswith("_"))]
    parameters = [
        each.replace(annotation=_Bare(_hint(each.annotation)) if each.annotation is not each.empty else each.empty)
        for each in parameters
    ]
    result = found.return_annotation
    text = str(found.replace(parameters=parameters, return_annotation=found.empty))
    return _address.sub("", text) + (f" -> {_hint(result)}" if result is not found.empty else "")


class _Bare(str):
    """A text whose repr is itself, for annotations in signatures."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _field(name: str, field: dataclasses.Field[Any]) -> str:
    default = ""
    if field.default is not dataclasses.MISSING:
        default = f" = {_shown(field.default)}"
    elif field.default_factory is not dataclasses.MISSING:
        default = f" = {_shown(field.default_factory())}"
    return f"field {name}.{field.name}: {_hint(field.type)}{default}"


def _base(base: type) -> str:
    return (
        base.__qualname__ if base.__module__ in ("builtins", "abc") else f"{_home(base.__module__)}.{base.__qualname__}"
    )


def _home(module: str) -> str:
    """Return the public module that hands a class on, so that moving its file is no difference."""
    for public in sorted(MODULES, key=len, reverse=True):
        if public != "zen" and (module == public or module.startswith(f"{public}.")):
            return public
    return module.partition(".")[0] if module.startswith("zen.") else module


def _hint(hint: Any) -> str:
    if isinstance(hint, str):
        return hint
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__name__
    return re.sub(r"\b(?:typing|collections\.abc|zen(?:\.\w+)*)\.", "", str(hint))


def _shown(value: Any) -> str:
    """Return a value as text that is the same in every process and on every Python."""
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(map(repr, value))) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_shown(each)}" for key, each in value.items()) + "}"
    if isinstance(value, type):
        return value.__name__
    if typing.get_origin(value) is not None or isinstance(value, typing.TypeVar):
        return _hint(value)
    if isinstance(value, re.Pattern):
        return f"pattern {value.pattern!r}"
    text = repr(value)
    return f"a {type(value).__name__}" if text.startswith("<") else text


def difference(module: str) -> str:
    """Return how a module differs from its reviewed file; empty when it does not."""
    file = FOLDER / f"{module}.txt"
    reviewed = file.read_text(encoding="utf-8") if file.exists() else ""
    lines = difflib.unified_diff(
        reviewed.splitlines(), surface(module).splitlines(), "reviewed", "found", lineterm="", n=0
    )
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Write the files, or show what differs; the exit code says whether something does."""
    if arguments == ["--write"]:
        FOLDER.mkdir(exist_ok=True)
        for module in MODULES:
            (FOLDER / f"{module}.txt").write_text(surface(module), encoding="utf-8")
        return 0
    if arguments:
        print(__doc__)
        return 2
    found = [f"{module}\n{text}" for module in MODULES if (text := difference(module))]
    print("\n\n".join(found) or "no difference")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
