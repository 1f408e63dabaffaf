"""Stacks: where a project is, what its `zen.yaml` says, and what that means with the plugins that are installed.

`read_document` reads any configuration file, `json_schema` describes `zen.yaml`; what they need is imported when they
are first asked for, because a run without files needs neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zen.stacks.config import build, dump, parse
from zen.stacks.document import Document, Place, raise_faults
from zen.stacks.names import advice as name_advice
from zen.stacks.names import is_name
from zen.stacks.names import refusal as name_refusal
from zen.stacks.project import Project, find_project
from zen.stacks.resolve import active_stack, load_stack_file, resolve, secret_references, stack_names, use_stack
from zen.stacks.stackfile import StackDefinition, StackFile

if TYPE_CHECKING:
    from zen.stacks.reader import read_document
    from zen.stacks.schema import json_schema

_LAZY = {"json_schema": "zen.stacks.schema", "read_document": "zen.stacks.reader"}

__all__ = [
    "Document",
    "Place",
    "Project",
    "StackDefinition",
    "StackFile",
    "active_stack",
    "build",
    "dump",
    "find_project",
    "is_name",
    "json_schema",
    "load_stack_file",
    "name_advice",
    "name_refusal",
    "parse",
    "raise_faults",
    "read_document",
    "resolve",
    "secret_references",
    "stack_names",
    "use_stack",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
