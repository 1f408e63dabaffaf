"""`zen doctor`: is everything there that a run needs, and does it work?"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zen.cli.doctor_stores import stores
from zen.cli.findings import Finding, of_error, report
from zen.cli.group import Command, json_option
from zen.cli.session import open_project, open_registry, zen_version

if TYPE_CHECKING:
    from zen.registry import Registry
    from zen.stacks import Project


_STORES = ("metadata_store", "artifact_store")


@click.command(cls=Command, name="doctor", example=["zen doctor", "zen doctor --recover rescued.db"])
@click.option(
    "--recover",
    "target",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Save what can be read of damaged metadata into a new file.",
)
@json_option
def command(target: Path | None, as_json: bool) -> int:
    """Check the installation, the project and its stores.

    Nothing is repaired or made. Exits with 1 when something is broken. With --recover, the damaged metadata are only
    read, and what can be read of them is written to a file that is not there yet.
    """
    if target is not None:
        from zen.cli.recovering import recover

        return recover(target, as_json=as_json)
    return report(list(diagnose()), as_json=as_json)


def diagnose() -> Iterator[Finding]:
    """Yield what is found, from the ground up; a fault of one thing does not hide the others."""
    yield Finding(name="python", detail=f"{platform.python_version()} at {sys.executable}")
    yield Finding(name="zen", detail=zen_version())
    project = open_project()
    yield _project(project)
    yield _state(project)
    registry = yield from _plugins(project)
    if registry is not None:
        yield from _stack(project, registry)


def _project(project: Project) -> Finding:
    file = f"with {project.file.name}" if project.file else "without a zen.yaml"
    return Finding(name="project", detail=f"{project.root} ({file})")


def _state(project: Project) -> Finding:
    folder = project.state
    if not folder.exists():
        return Finding(name="state folder", detail=f"{folder} (the first run makes it)")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding(
            name="state folder",
            state="broken",
            detail=f"{folder} cannot be written to",
            hint=f"give yourself the right to write to {folder}, or set ZEN_HOME to another folder",
        )
    return Finding(name="state folder", detail=str(folder))


def _plugins(project: Project) -> Generator[Finding, None, Registry | None]:
    try:
        registry = open_registry(project)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what the doctor tells
        yield of_error("zen.yaml", error)
        return None
    reports = registry.reports()
    yield Finding(name="plugins", detail=f"{len(reports)} installed")
    for each in reports:
        if each.problems:
            yield Finding(
                name=f"plugin {each.distribution}",
                state="warning",
                detail="; ".join(str(problem) for problem in each.problems),
                hint="zen plugin list shows all",
            )
    return registry


def _stack(project: Project, registry: Registry) -> Iterator[Finding]:
    from zen.cli.stack import check_component
    from zen.stacks import active_stack, resolve
    from zen.stacks.opening import OpenStack

    try:
        spec = resolve(project, registry, active_stack(project, None))
    except Exception as error:  # noqa: BLE001  # as above
        yield of_error("active stack", error)
        return
    yield Finding(name="active stack", detail=spec.name)
    if not project.state.exists():
        return  # opening the stores would make the folder; zen stack check does that on demand
    opens = True
    with OpenStack(spec, project, registry) as opened:
        for component in spec.components:
            result = check_component(opened, component)
            opens = opens and (result["ok"] or component.kind not in _STORES)
            name = component.kind if component.name == component.flavor else f"{component.kind} {component.name}"
            yield Finding(
                name=name.replace("_", " "),
                state="ok" if result["ok"] else "broken",
                detail=component.flavor if result["ok"] else result["message"],
                hint=result["hint"],
            )
        if opens:
            yield from stores(opened)
