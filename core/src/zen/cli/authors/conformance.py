"""Whether a plugin's tests use the conformance kit, and how the kit ended when it was run last."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zen.cli.authors.source import Source
from zen.cli.findings import Finding
from zen.errors import listing

__all__ = ["REPORT", "Subject", "kit_finding"]

REPORT = "conformance.json"
_NAME = "conformance kit"
_RUN = f"`pytest --zen-report={REPORT}` writes it"
_VALUES = "MaterializerSuite"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """Something that has a suite: a flavor of a kind; or types, which have neither."""

    kind: str = ""
    flavor: str = ""

    @property
    def suite(self) -> str:
        """The name of its suite."""
        from zen.interfaces import KINDS

        return f"{KINDS[self.kind].__name__}Suite" if self.kind else _VALUES

    @property
    def shown(self) -> str:
        """What people call it."""
        return f"{self.kind} {self.flavor}" if self.kind else "materializers"


def kit_finding(source: Source, subjects: Sequence[Subject]) -> Finding:
    """Return what is known of a project's conformance, without running anything."""
    missing = _unused(source, subjects)
    if missing:
        return Finding(
            name=_NAME,
            state="broken",
            detail=f"no test uses {listing(missing)}",
            hint=f"from zen.testing import {missing[0]}; derive a class Test… from it that names the flavor",
        )
    file = source.folder / REPORT
    why = _unread(source, file)
    if why:
        command = "pytest" if source.reports else f"pytest --zen-report={REPORT}"
        detail = f"the conformance kit was not run{why}; run `{command}`"
        return Finding(name=_NAME, state="warning", detail=detail, hint=f"its report, {REPORT}, is what is looked at")
    try:
        suites: list[Mapping[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["suites"]
        outcomes = {subject.shown: _outcomes(subject, suites) for subject in subjects}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        detail = f"{REPORT} cannot be read: {type(error).__name__}: {error}"
        return Finding(name=_NAME, state="broken", detail=detail, hint=_RUN)
    return _judged(outcomes)


def _unused(source: Source, subjects: Sequence[Subject]) -> list[str]:
    """Return the suites that no test of the project names."""
    tests = source.tests()
    wanted = sorted({subject.suite for subject in subjects})
    return [name for name in wanted if name not in tests and not (name == _VALUES and "round_trip" in tests)]


def _unread(source: Source, file: Path) -> str:
    """Return why the report says nothing about the project as it is; empty when it does."""
    if not file.is_file():
        return " yet"
    written = file.stat().st_mtime_ns
    newer = [path for path in source.files() if path.stat().st_mtime_ns > written]
    return f" since {newer[0].relative_to(source.folder).as_posix()} was changed" if newer else ""


def _outcomes(subject: Subject, suites: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return how each check of a subject ended by its name; `missing` for one that the report does not have."""
    found: dict[str, str] = {}
    for suite in suites:
        if suite.get("kind", "") == subject.kind and _flavor(suite) == subject.flavor:
            found |= {name: str(check["outcome"]).replace(" ", "-") for name, check in suite["checks"].items()}
    made = {name.partition("[")[0] for name in found}
    return found | {name: "missing" for name in _checks(subject) if name not in made}


def _flavor(suite: Mapping[str, Any]) -> str:
    return str(suite.get("flavor", "")).partition("@")[0]


def _checks(subject: Subject) -> Iterator[str]:
    """Return the names of a suite's checks. By its name: the kit and the command line stand side by side."""
    names: Iterator[str] = getattr(importlib.import_module("zen.testing"), subject.suite).names()
    return names


_WORDS = {
    "failed": "failed",
    "missing": "were not run",
    "not-verified": "could not be verified",
    "warned": "will fail with a later zen",
}


def _judged(outcomes: Mapping[str, Mapping[str, str]]) -> Finding:
    """Return the finding for how the checks of each subject ended."""
    lines = []
    for outcome, words in _WORDS.items():
        for subject, checks in outcomes.items():
            names = [name for name, ended in checks.items() if ended == outcome]
            if names:
                lines.append(f"{subject}: {len(names)} of {len(checks)} checks {words}: {listing(names)}")
    if not lines:
        counted = [f"{name}: {list(checks.values()).count('passed')} passed" for name, checks in outcomes.items()]
        return Finding(name=_NAME, detail="; ".join(counted))
    if len(lines) > 1:
        lines = ["not all of it passed", *lines]
    has_failed = any("failed" in checks.values() for checks in outcomes.values())
    return Finding(
        name=_NAME,
        state="broken" if has_failed else "warning",
        detail="\n".join(lines),
        hint="run `pytest`: its messages say what to do",
    )
