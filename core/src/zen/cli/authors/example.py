"""The example of a stack file that a plugin brings: people copy it, so it has to be valid."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zen.errors import StackFileError, ZenError, listing
from zen.registry import Registry
from zen.stacks import Project, StackFile, load_stack_file, resolve

__all__ = ["FILE", "faults_of"]

FILE = "stack.example.yaml"


class _Anything(dict[str, str]):
    """Stands for an environment in which every variable is set, to what a number, a flag and a text can be."""

    def get(self, name: str, default: Any = None) -> Any:
        return "1"


def faults_of(file: Path, registry: Registry, flavors: Iterable[tuple[str, str]]) -> list[str]:
    """Return what is wrong with an example: its structure, flavors and settings. Secrets are not asked for.

    Args:
        file: The example.
        registry: What is installed.
        flavors: Kind and name of the plugin's own, of which it has to name one.
    """
    with tempfile.TemporaryDirectory() as folder:
        project = Project(root=Path(folder), file=file, state=Path(folder), marked=True)
        read = load_stack_file(project)
        found: list[str] = []
        for name in read.stacks:  # each has the faults of the file beside its own
            try:
                resolve(project, registry, name, variables=_Anything())
            except StackFileError as error:
                found += map(str, error.facts["faults"])
            except ZenError as error:
                found.append(error.message)
    found = [text.replace(str(file), file.name) for text in found]
    return list(dict.fromkeys(found)) or _unused(read, set(flavors))


def _unused(read: StackFile, flavors: set[tuple[str, str]]) -> list[str]:
    named = {
        (kind, entry.flavor.partition("@")[0].replace("_", "-"))
        for name in read.stacks
        for kind, entries in read.complete(name).entries.items()
        for entry in entries
    }
    own = {(kind, name.replace("_", "-")) for kind, name in flavors}
    if not own or named & own:
        return []
    return [f"no stack in it names a flavor of the plugin: {listing(f'{kind} {name}' for kind, name in sorted(own))}"]
