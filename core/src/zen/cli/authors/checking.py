"""What an author should know about a plugin before others install it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from zen.cli.authors.conformance import Subject, kit_finding
from zen.cli.authors.example import FILE
from zen.cli.authors.inspection import Inspection, inspect_entries
from zen.cli.authors.installed import distribution_of, source_folder
from zen.cli.authors.placeholders import left_to_do
from zen.cli.authors.source import Source
from zen.cli.authors.trial import try_entries
from zen.cli.findings import Finding
from zen.errors import listing
from zen.interfaces import KINDS
from zen.registry import Catalog, PluginEntry, scan
from zen.registry.catalog import PLUGINS, TYPES

__all__ = ["check_plugin", "project_around"]

_GENEROUS = 60.0


def project_around(folder: Path) -> Path | None:
    """Return the project of a plugin that a folder is, or is in, from there; None when the nearest one is no plugin's.

    Raises:
        UsageError: When a pyproject.toml cannot be read.
    """
    here = folder.resolve()
    for place in (here, *here.parents):
        source = Source.read(place)
        if source is not None:
            return Path(os.path.relpath(place, folder.resolve())) if source.entry_points else None
    return None


def check_plugin(subject: str, *, seconds: float) -> list[Finding]:
    """Return what is found about a plugin.

    Args:
        subject: The folder of its project, or the name of what is installed.
        seconds: How long one of its light modules may take.

    Raises:
        FlavorNotFound: When it is neither a project nor installed.
        UsageError: When its pyproject.toml cannot be read.
    """
    catalog = scan()
    source = Source.read(Path(subject))
    if source is None:
        distribution = distribution_of(catalog.entries, subject)
        folder = source_folder(distribution)
        source = Source.read(folder) if folder else None
    else:
        distribution = source.distribution
    return list(_findings(distribution, source, catalog, seconds))


def _findings(distribution: str, source: Source | None, catalog: Catalog, seconds: float) -> Iterator[Finding]:
    entries = [entry for entry in catalog.entries if entry.distribution == distribution]
    strays = [entry for entry in catalog.strays if entry.distribution == distribution]
    where = f" in {source.folder.resolve()}" if source else ""
    yield Finding(name="plugin", detail=f"{distribution}{where}")
    if source:
        yield _installed(source, entries, strays)
    yield from _metadata(distribution, strays)
    loads = Inspection()
    if entries:
        example = source.folder.resolve() / FILE if source else None
        loads = inspect_entries(
            entries, seconds=max(seconds, _GENEROUS), example=example if example and example.is_file() else None
        )
        yield _light(entries, loads, seconds)
        yield _classes(loads)
        yield _help_texts(loads)
    yield _bounds(source, distribution)
    if source:
        if loads.flavors and not any(flavor.problem for flavor in loads.flavors):
            yield _example(source, loads)
        if entries:
            yield kit_finding(source, _subjects(entries, loads))
        yield from left_to_do(source)
        yield _files(source)
    else:
        yield Finding(
            name="conformance kit",
            state="warning",
            detail="not looked at: its source is not here",
            hint="name its folder",
        )


def _installed(source: Source, entries: Sequence[PluginEntry], strays: Sequence[PluginEntry]) -> Finding:
    """Compare the entry points of pyproject.toml with those that are installed."""
    name, install = "entry points", f"`pip install -e {source.folder}`"
    if source.has_dynamic_entry_points:
        return Finding(name=name, state="warning", detail="not compared: pyproject.toml calls them dynamic")
    if not source.entry_points:
        return Finding(
            name=name,
            state="broken",
            detail="pyproject.toml declares none that zen reads",
            hint=f'add [project.entry-points."{PLUGINS}"]',
        )
    installed = {(entry.group, entry.name, entry.value) for entry in (*entries, *strays)}
    if not installed:
        return Finding(name=name, state="broken", detail=f"{source.distribution} is not installed", hint=install)
    declared = set(source.entry_points)
    lacking, stale = sorted(declared - installed), sorted(installed - declared)
    if not lacking and not stale:
        return Finding(name=name, detail=f"{len(declared)}, installed as declared")
    lines = [f"declared, not installed: {group}: {key} = {value}" for group, key, value in lacking]
    lines += [f"installed, not declared: {group}: {key} = {value}" for group, key, value in stale]
    return Finding(
        name=name,
        state="broken",
        detail="\n".join(["the installation is stale: reinstall", *lines]),
        hint=f"reinstall it: {install}",
    )


def _metadata(distribution: str, strays: Sequence[PluginEntry]) -> Iterator[Finding]:
    from zen.registry import Registry

    for report in Registry().reports():
        if report.distribution == distribution and report.problems:
            yield Finding(
                name="metadata", state="broken" if strays else "warning", detail="\n".join(map(str, report.problems))
            )


def _light(entries: Sequence[PluginEntry], loads: Inspection, seconds: float) -> Finding:
    light = list({entry.value: entry for entry in entries if entry.group == PLUGINS}.values())
    failures = [error for _, error in try_entries(light, seconds=seconds) if error is not None]
    if failures:
        return Finding(name="light import", state="broken", detail="\n".join(error.message for error in failures))
    if loads.foreign:
        return Finding(
            name="light import",
            state="broken",
            detail=f"listing it imports {listing(loads.foreign)}",
            hint="import the standard library and zen.plugins only there; flavors name the rest as 'module:Class'",
        )
    return Finding(name="light import", detail=listing((entry.value for entry in light), none="no light module"))


def _classes(loads: Inspection) -> Finding:
    problems = [*loads.problems, *(flavor.problem for flavor in loads.flavors if flavor.problem)]
    if problems:
        return Finding(name="classes", state="broken", detail="\n".join(problems))
    return Finding(
        name="classes", detail=listing((f"{each.kind} {each.name}" for each in loads.flavors), none="loaded")
    )


def _help_texts(loads: Inspection) -> Finding:
    silent = [f"{each.kind} {each.name}: {listing(each.silent)}" for each in loads.flavors if each.silent]
    if not silent:
        return Finding(name="help texts")
    return Finding(
        name="help texts",
        state="broken",
        detail="\n".join(["settings without one", *silent]),
        hint='field(metadata={"help": "…"}) in a dataclass, Field(description="…") in a pydantic model',
    )


def _bounds(source: Source | None, distribution: str) -> Finding:
    from zen.cli.authors.source import bound_problem, installed_requirements

    needed = source.requirements if source else installed_requirements(distribution)
    problem = bound_problem(needed)
    if problem:
        return Finding(name="bounds", state="broken", detail=problem, hint='dependencies = ["zen-hub>=0.1"]')
    return Finding(name="bounds", detail="a lower bound on zen-hub and no upper one")


def _example(source: Source, loads: Inspection) -> Finding:
    if not (source.folder / FILE).is_file():
        return Finding(
            name="stack example",
            state="warning",
            detail=f"there is no {FILE}",
            hint="people copy one: a zen.yaml with a stack that uses the plugin",
        )
    if loads.example:
        first = f"{len(loads.example)} wrong in {FILE}"
        return Finding(name="stack example", state="broken", detail="\n".join([first, *loads.example]))
    return Finding(name="stack example", detail=FILE)


def _subjects(entries: Sequence[PluginEntry], loads: Inspection) -> list[Subject]:
    """Return what the conformance kit has to be run on."""
    flavors = [Subject(kind=each.kind, flavor=each.name) for each in loads.flavors if each.kind in KINDS]
    return flavors + ([Subject()] if any(entry.group == TYPES for entry in entries) else [])


def _files(source: Source) -> Finding:
    missing = source.missing_files()
    if missing:
        return Finding(name="files", state="broken", detail=f"missing: {listing(missing)}")
    return Finding(name="files", detail="README, LICENSE, py.typed")
