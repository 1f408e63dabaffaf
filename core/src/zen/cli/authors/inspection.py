"""Loading a plugin at both levels in a process of its own, and what that shows. Imports little: it watches imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from zen.cli.settings import settings_of
from zen.errors import PluginError
from zen.registry import Catalog, PluginEntry, Registry
from zen.registry.catalog import PLUGINS
from zen.registry.loading import Subject, load

__all__ = ["FlavorReport", "Inspection", "inspect_entries"]

SECONDS = 60.0
"""How long the tools of a plugin may take to be imported."""

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from zen.cli.authors.inspection import answer; answer(*sys.argv[2:])"
)


@dataclass(frozen=True, kw_only=True)
class FlavorReport:
    """One flavor: its kind, its settings without a help text, and why its classes cannot be loaded."""

    kind: str
    name: str
    silent: list[str] = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What loading showed.

    Attributes:
        foreign: Top-level packages, neither Python's, zen's nor its own, that the light modules import.
        flavors: What it offers.
        problems: What is wrong with it as a whole.
        example: What is wrong with its example of a stack file.
    """

    foreign: list[str] = field(default_factory=list)
    flavors: list[FlavorReport] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    example: list[str] = field(default_factory=list)


def inspect_entries(
    entries: Sequence[PluginEntry], *, seconds: float = SECONDS, example: Path | None = None
) -> Inspection:
    """Load the entries of one distribution in another process, light modules first, then what they name.

    Args:
        entries: What it registers.
        seconds: How long that may take.
        example: A stack file to try with what is installed.
    """
    path = json.dumps([os.path.abspath(place) for place in sys.path])
    request = json.dumps([asdict(entry) for entry in entries])
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, path, request, *([str(example)] if example else [])],
            capture_output=True,
            timeout=seconds,
            check=False,
            env={name: value for name, value in os.environ.items() if name != "ZEN_DISABLE_PLUGINS"},
        )
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return Inspection(problems=[f"what it names cannot be loaded: it did not finish in {seconds:g} s"])
    except (IndexError, ValueError):
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"code {done.returncode}"]
        return Inspection(problems=[f"what it names cannot be loaded: its process ended with {last[0]}"])
    flavors = [FlavorReport(**each) for each in said.pop("flavors")]
    return Inspection(flavors=flavors, **said)


def answer(request: str, example: str = "") -> None:
    """Inspect the entries that are given as JSON and print the result as the last line. The other process."""
    entries = tuple(PluginEntry(**each) for each in json.loads(request))
    result = _inspect(entries)
    if example:
        from zen.cli.authors.example import faults_of

        flavors = [(each.kind, each.name) for each in result.flavors]
        result = replace(result, example=faults_of(Path(example), Registry(), flavors))
    print("\n" + json.dumps(asdict(result)), flush=True)
    # A thread that the plugin has started must not keep this process.
    os._exit(0)


def _inspect(entries: tuple[PluginEntry, ...]) -> Inspection:
    foreign = _foreign([entry for entry in entries if entry.group == PLUGINS])
    registry = Registry(Catalog(entries=entries))
    found, errors = registry.flavors()
    problems = [error.message for error in errors]
    for entry in entries:
        error = registry.check(entry)
        if error is not None and error.message not in problems:
            problems.append(error.message)
    flavors = []
    for loaded in found:
        kind, name = loaded.flavor.kind, loaded.flavor.name
        try:
            settings = settings_of(registry.config_class(loaded))
            registry.component_class(loaded)
        except PluginError as error:
            flavors.append(FlavorReport(kind=kind, name=name, problem=error.message))
            continue
        silent = [setting["name"] for setting in settings if not setting["summary"]]
        flavors.append(FlavorReport(kind=kind, name=name, silent=silent))
    return Inspection(foreign=foreign, flavors=flavors, problems=problems)


def _foreign(entries: Iterable[PluginEntry]) -> list[str]:
    """Return what the light modules import that a light module should not."""
    import pluggy  # noqa: F401  # zen's own, so that it is not counted

    import zen.interfaces
    import zen.plugins.hookspecs  # noqa: F401  # as above

    known, own = set(sys.modules), {"zen"}
    for entry in entries:
        own.add(entry.value.partition(".")[0])
        try:
            load(entry.value, Subject.of(entry, "the plugin"), light=True)
        except PluginError:  # told as a problem by the registry
            continue
    new = {name.partition(".")[0] for name in set(sys.modules) - known}
    return sorted(name for name in new - own - sys.stdlib_module_names if not name.startswith("_"))
