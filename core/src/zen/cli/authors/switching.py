"""Disabling and enabling plugins in a project's `zen.yaml`. No plugin is imported."""

from __future__ import annotations

import os
from pathlib import Path

from zen.cli.authors.blocklist import blocked, with_name, without_names
from zen.errors import ConfigError, PluginError, UsageError
from zen.registry import BUILTIN, Registry, scan
from zen.registry.blocking import VARIABLE
from zen.registry.catalog import canonical
from zen.stacks import Project
from zen.stacks.project import FILE

__all__ = ["disable", "enable"]


def disable(project: Project, name: str) -> str:
    """Write a plugin into the list of those that the project disables, and return what was done, in a sentence.

    Raises:
        UsageError: When it is zen itself, or nothing installed answers to the name.
        ConfigError: When the file cannot be changed safely; the hint is what to write.
    """
    from zen.cli.authors.installed import distribution_of

    entries = scan().entries
    distribution = distribution_of(entries, name)
    if distribution == BUILTIN:
        raise UsageError(f"{name!r} is of {BUILTIN}, whose own components cannot be disabled")
    text = _read(project)
    names = {canonical(each) for each in blocked(text)}
    if distribution in names:
        return f"{distribution} is disabled already"
    changed = with_name(text, distribution)
    if changed is None:
        raise _by_hand(project, f"add this to it:\nplugins:\n  disable: [{distribution}]")
    _write(project, changed)
    return f"{distribution} is disabled in {_file(project)}; nothing of it is imported here"


def enable(project: Project, name: str) -> list[str]:
    """Take a plugin out of the list of those that the project disables; return what was done, and what is in the way.

    Raises:
        ConfigError: When the file cannot be changed safely; the hint is what to write.
    """
    from zen.cli.authors.installed import distribution_of

    entries = scan().entries
    try:
        distribution = distribution_of(entries, name)
    except PluginError:  # what is not installed can still be on the list
        distribution = canonical(name)
    answers = {canonical(name), distribution}
    answers |= {canonical(entry.name) for entry in entries if entry.distribution == distribution}
    text = _read(project)
    found = [each for each in blocked(text) if canonical(each) in answers]
    if not found:
        return [f"{distribution} is not disabled in {_file(project)}", *_obstacles(project, distribution)]
    changed = without_names(text, found)
    if changed is None:
        raise _by_hand(project, f"take {', '.join(found)} out of `plugins: {{disable: …}}` in it")
    _write(project, changed)
    return [f"{distribution} is no longer disabled in {_file(project)}", *_obstacles(project, distribution)]


def _obstacles(project: Project, distribution: str) -> list[str]:
    """Return what else keeps a plugin from being loaded."""
    from zen.stacks import load_stack_file

    file = load_stack_file(project)
    if all(entry.distribution != distribution for entry in scan().entries):
        return [f"it is not installed: `pip install {distribution}`"]
    if all(entry.distribution != distribution for entry in Registry(disabled=file.disabled).usable()):
        return [f"the variable {VARIABLE}={os.environ.get(VARIABLE, '')} disables it"]
    if all(entry.distribution != distribution for entry in Registry(allowed=file.allowed).usable()):
        return [f"`plugins: {{allow: …}}` in {_file(project)} does not name it"]
    return []


def _file(project: Project) -> Path:
    return project.file or project.root / FILE


def _read(project: Project) -> str:
    file = _file(project)
    try:
        return file.read_bytes().decode() if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error


def _write(project: Project, text: str) -> None:
    """Replace the file as a whole, with the rights that it had; a link stays one."""
    file = _file(project).resolve()
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        partial.write_bytes(text.encode())
        if file.exists():
            partial.chmod(file.stat().st_mode & 0o7777)
        os.replace(partial, file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error


def _by_hand(project: Project, what: str) -> ConfigError:
    return ConfigError(f"{_file(project)} is written in a way that is not safe to change here", hint=what)
