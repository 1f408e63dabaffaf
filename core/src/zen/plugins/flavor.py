"""Flavors: how a plugin tells, without importing anything, what it can be."""

from __future__ import annotations

from dataclasses import dataclass

from zen.records import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Flavor:
    """One implementation of one kind of component.

    Attributes:
        kind: The kind of component.
        name: What a stack file calls it; the same as the plugin's entry point.
        summary: One line for lists.
        config: `module:Class` of its configuration, a pydantic model or a frozen dataclass; imported when a stack
            uses it. Empty for none.
        implementation: `module:Class` of the component; imported when a run uses it.
        docs: Where people read more.
    """

    kind: Kind
    name: str
    summary: str
    implementation: str
    config: str = ""
    docs: str = ""
