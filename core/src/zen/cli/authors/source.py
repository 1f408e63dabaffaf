"""The project that a plugin is made from: what its pyproject.toml and its folders say, without building it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zen.errors import UsageError
from zen.registry import BUILTIN
from zen.registry.catalog import canonical

__all__ = ["Source", "bound_problem", "installed_requirements"]

_REQUIREMENT = re.compile(r"\s*([\w.-]+)\s*(?:\[[^\]]*\])?\s*\(?\s*([^;)]*)")
_CLAUSE = re.compile(r"\s*(===|==|~=|!=|<=|>=|<|>)")
_LOWER = {">=", ">", "~=", "==", "==="}
_FOREIGN = {"__pycache__", "build", "dist", "node_modules", "site-packages"}
_UPPER = {"<=", "<", "~=", "==", "==="}


@dataclass(frozen=True, kw_only=True)
class Source:
    """A folder with a pyproject.toml that names a project.

    Attributes:
        project: The table `project`.
        reports: Whether its pytest writes a conformance report by itself.
    """

    folder: Path
    project: dict[str, Any]
    reports: bool = False

    @classmethod
    def read(cls, folder: Path) -> Source | None:
        """Return the project in a folder, or None where there is none.

        Raises:
            UsageError: When its pyproject.toml cannot be read.
        """
        file = folder / "pyproject.toml"
        if not file.is_file():
            return None
        try:
            data = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{file} cannot be read: {error}") from error
        project, pytest = data.get("project", {}), data.get("tool", {}).get("pytest", {})
        reports = "--zen-report" in str(pytest.get("ini_options", pytest).get("addopts", ""))
        return cls(folder=folder, project=project, reports=reports) if isinstance(project.get("name"), str) else None

    @property
    def distribution(self) -> str:
        """Its name in the canonical spelling."""
        return canonical(self.project["name"])

    @property
    def entry_points(self) -> list[tuple[str, str, str]]:
        """Group, name and value of the entry points that are meant for zen."""
        tables = self.project.get("entry-points", {})
        return [
            (group, name, value)
            for group, table in tables.items()
            if group.startswith("zen.")
            for name, value in table.items()
        ]

    @property
    def has_dynamic_entry_points(self) -> bool:
        """Whether the build backend makes them."""
        return "entry-points" in self.project.get("dynamic", [])

    @property
    def requirements(self) -> list[str]:
        """What it depends on."""
        return list(self.project.get("dependencies", []))

    def python_files(self) -> list[Path]:
        """Return its Python files, tests too, sorted; not those of environments, builds and hidden folders."""
        found: list[Path] = []
        for place, folders, files in os.walk(self.folder):
            here = Path(place)
            folders[:] = [name for name in folders if not _is_foreign(here / name)]
            found += [here / name for name in files if name.endswith(".py")]
        return sorted(found)

    def files(self) -> list[Path]:
        """Return what its tests depend on: its Python files and its pyproject.toml."""
        return [*self.python_files(), self.folder / "pyproject.toml"]

    def tests(self) -> str:
        """Return the text of all of its tests."""
        files = [file for name in ("tests", "test", "testing") for file in sorted((self.folder / name).rglob("*.py"))]
        return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)

    def missing_files(self) -> list[str]:
        """Return which of the files that everybody expects are not there."""
        wanted = {"README": "README*", "LICENSE": "LICEN[CS]E*", "py.typed": "**/py.typed"}
        places = {"py.typed": self.folder / "src" if (self.folder / "src").is_dir() else self.folder}
        return [
            name for name, pattern in wanted.items() if next(places.get(name, self.folder).glob(pattern), None) is None
        ]


def _is_foreign(folder: Path) -> bool:
    name = folder.name
    return name.startswith(".") or name in _FOREIGN or (folder / "pyvenv.cfg").exists()


def installed_requirements(distribution: str) -> list[str]:
    """Return what an installed distribution depends on, its extras apart."""
    import importlib.metadata

    try:
        found = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [each for each in found if "extra ==" not in each]


def bound_problem(requirements: Iterable[str]) -> str:
    """Return what is wrong with the bounds on zen-hub; empty for a lower one and no upper one."""
    for requirement in requirements:
        found = _REQUIREMENT.match(requirement)
        if not found or canonical(found[1]) != BUILTIN:
            continue
        clauses = [_CLAUSE.match(clause) for clause in found[2].split(",")]
        signs = {clause[1] for clause in clauses if clause}
        if signs & _UPPER:
            return f"{requirement!r} has an upper bound: what reads zen.plugins.v1 works with the plugin, however new"
        if not signs & _LOWER:
            return f"{requirement!r} has no lower bound: say with which version it was written"
        return ""
    return f"it does not depend on {BUILTIN}"
