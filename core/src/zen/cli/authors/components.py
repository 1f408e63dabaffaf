"""The module of each kind of component: its class, with every method that the interface asks for, to be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from zen.cli.authors.imports import Imports
from zen.cli.authors.naming import Names
from zen.cli.authors.stubs import abstract_methods, first_sentence, method, settings

__all__ = ["Part", "component_module", "materializer_module"]

Fill = Callable[..., str]


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a project has for one kind.

    Attributes:
        kind: The kind, or `materializer`.
        interface: What its class is derived from.
        cls: The name of that class.
        about: What such a thing does, without full stop.
    """

    kind: str
    interface: type
    cls: str
    about: str

    @classmethod
    def of(cls, kind: str, names: Names) -> Part:
        """Return the part for a kind."""
        from zen.interfaces import KINDS, Materializer

        interface: type = KINDS.get(kind, Materializer)
        made = names.title + interface.__name__
        return cls(kind=kind, interface=interface, cls=made, about=first_sentence(interface))

    @property
    def is_values(self) -> bool:
        """Whether it is for values, not for a kind of component."""
        return not hasattr(self.interface, "kind")

    @property
    def module(self) -> str:
        """The name of its module in the package."""
        return self.kind

    @property
    def config(self) -> str:
        """The name of its configuration class."""
        return f"{self.cls}Config"

    @property
    def suite(self) -> str:
        """The name of its checks in `zen.testing`."""
        return f"{self.interface.__name__}Suite"

    @property
    def capabilities(self) -> Mapping[str, str]:
        """What is optional, each with what it means."""
        known: Mapping[str, str] = getattr(self.interface, "known_capabilities", {})
        return known


def component_module(names: Names, part: Part, fill: Fill) -> str:
    """Return the text of a component's module."""
    from zen.interfaces import Component

    imports = Imports()
    imports.add("zen.interfaces", part.interface.__name__)
    imports.add(f"{names.package}.config", part.config)
    place = f"{part.module}.py: {part.cls}"
    lives = [
        method(Component, "open", place=place, imports=imports, body="        super().open(host)  # then connect"),
        method(Component, "check", place=place, imports=imports),
    ]
    own = [method(part.interface, name, place=place, imports=imports) for name in abstract_methods(part.interface)]
    attributes = [*settings(part.interface, names.flavor, imports), *_capabilities(part, imports)]
    helpers, exported = _companions(names, part, imports)
    return fill(
        "component.py",
        kind=part.kind.replace("_", " "),
        flavor=names.flavor,
        title=names.title,
        cls=part.cls,
        interface=part.interface.__name__,
        about=part.about,
        exported=", ".join(f'"{name}"' for name in sorted([part.cls, *exported])),
        helpers=helpers,
        settings="\n".join(attributes) + "\n" if attributes else "",
        methods="\n\n".join([*lives, *own]),
        imports=_future(imports, names),
    )


def _capabilities(part: Part, imports: Imports) -> list[str]:
    if not part.capabilities:
        return []
    imports.add("typing", "ClassVar")
    return [
        "",
        "    # What is optional: declare what it has, or say in tests/test_conformance.py why it `lacks` it.",
        *(f"    #   {name}: {meaning}" for name, meaning in part.capabilities.items()),
        "    capabilities: ClassVar[frozenset[str]] = frozenset()",
    ]


def _companions(names: Names, part: Part, imports: Imports) -> tuple[str, list[str]]:
    """Return the classes that the component hands out, where an interface of their own says what these are."""
    from zen.interfaces import StepTracking

    if part.kind != "experiment_tracker":
        return "", []
    name = f"{names.title}Step"
    imports.add("zen.interfaces", "StepTracking")
    place = f"{part.module}.py: {name}"
    methods = [method(StepTracking, each, place=place, imports=imports) for each in abstract_methods(StepTracking)]
    head = f'\nclass {name}(StepTracking):\n    """{first_sentence(StepTracking)}."""\n\n'
    return head + "\n\n".join(methods) + "\n\n", [name]


def materializer_module(names: Names, part: Part, fill: Fill) -> str:
    """Return the text of a materializer's module."""
    imports = Imports()
    imports.add("zen.interfaces", part.interface.__name__)
    imports.add("dataclasses", "dataclass")
    place = f"{part.module}.py: {part.cls}"
    methods = [method(part.interface, name, place=place, imports=imports) for name in abstract_methods(part.interface)]
    facts: dict[str, Any] = {
        "flavor": names.flavor,
        "title": names.title,
        "about": part.about,
        "settings": "\n".join(settings(part.interface, names.flavor, imports)),
        "methods": "\n\n".join(methods),
    }
    return fill("materializer.py", imports=_future(imports, names), **facts)


def _future(imports: Imports, names: Names) -> str:
    return "from __future__ import annotations\n\n" + imports.lines(names.package)
