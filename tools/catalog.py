#!/usr/bin/env python3
"""The catalog in PLUGINS.md: a table of all plugins, made from what they say about themselves.

    python tools/catalog.py            show what differs
    python tools/catalog.py --write    write the table anew

What is read: each plugin's pyproject.toml, the flavors of its light module, the capabilities that its components
declare (read from the source, so that no tool has to be installed), and its conformance report when there is one:
`conformance.json` beside its pyproject.toml, as `pytest --zen-report` writes it. Plugins elsewhere have one reviewed
file each, contrib/listed/<distribution>.toml; contrib/README.md tells what stands in it. Package indexes are not asked:
a name there proves nothing.
"""

from __future__ import annotations

import ast
import datetime as dt
import difflib
import importlib
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zen.interfaces import KINDS
from zen.plugins import Flavor

ROOT = Path(__file__).resolve().parent.parent
START, END = "<!-- catalog -->", "<!-- /catalog -->"
COLUMNS = ("kind", "flavor", "package", "version", "API", "capabilities", "conformance", "tier")
ORDER = (*KINDS, "materializer", "command")
FIELDS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "summary": str,
    "repository": str,
    "owner": str,
    "version": str,
    "api": str,
    "reviewed": dt.date,
    "flavors": list,
}
OPTIONAL: dict[str, type | tuple[type, ...]] = {"types": list, "report": str}
MOST = 4
REPORT = 2
"""The format of `zen.testing.report` that is understood."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the catalog: a flavor of a kind, the types of a plugin, or its commands."""

    kind: str
    name: str
    package: str
    link: str
    version: str
    api: str
    tier: str
    capabilities: tuple[str, ...] = ()
    kit: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the texts of its cells."""
        return (
            self.kind,
            self.name,
            f"[{self.package}]({self.link})",
            self.version,
            self.api,
            ", ".join(self.capabilities),
            self.kit or "not verified",
            self.tier,
        )


def rows(root: Path = ROOT) -> list[Row]:
    """Return the rows of all plugins of the repository and of those that are listed."""
    found = list(plugin(root / "core", root, "core"))
    for tier, folder in (("core", "plugins"), ("contrib", "contrib")):
        for file in sorted((root / folder).glob("*/pyproject.toml")):
            found += plugin(file.parent, root, tier)
    for file in sorted((root / "contrib" / "listed").glob("*.toml")):
        found += listed(file)
    return sorted(found, key=lambda row: (ORDER.index(row.kind), row.name, row.package))


def plugin(folder: Path, root: Path, tier: str) -> Iterator[Row]:
    """Yield the rows of a plugin of this repository."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups: Mapping[str, Mapping[str, str]] = project.get("entry-points", {})
    same: dict[str, Any] = {
        "package": project["name"],
        "link": f"{folder.relative_to(root).as_posix()}/",
        "version": project["version"],
        "tier": tier,
    }
    results = report(folder / "conformance.json")
    for group, entries in groups.items():
        row = Row(kind="", name="", api=group.rpartition(".")[2], **same)
        if group.startswith("zen.plugins."):
            for each in flavors(folder / "src", set(entries.values())):
                row = replace(row, kind=each.kind, name=f"`{each.name}`", kit=results.get((each.kind, each.name), ""))
                yield replace(row, capabilities=capabilities(folder / "src", each.implementation))
        elif group.startswith("zen.types."):
            yield replace(row, kind="materializer", name=several(entries), kit=results.get(("", ""), ""))
        elif group.startswith("zen.commands."):
            yield replace(row, kind="command", name=several(f"zen {name}" for name in entries), kit="–")


def several(names: Any) -> str:
    """Return some of these names and how many more there are, in the order of the plugin."""
    shown = list(dict.fromkeys(names))
    more = f" and {len(shown) - MOST} more" if len(shown) > MOST + 1 else ""
    return ", ".join(f"`{name}`" for name in (shown[:MOST] if more else shown)) + more


def flavors(source: Path, modules: set[str]) -> list[Flavor]:
    """Return what the light modules of a plugin offer; they import nothing but the standard library and zen.plugins."""
    sys.path.insert(0, str(source))
    try:
        importlib.invalidate_caches()
        return [flavor for name in sorted(modules) for flavor in importlib.import_module(name).zen_flavors()]
    finally:
        sys.path.remove(str(source))


def capabilities(source: Path, implementation: str) -> tuple[str, ...]:
    """Return the capabilities that a component's class declares, or a base of it in the same package; from source."""
    module, _, name = implementation.partition(":")
    file = source.joinpath(*module.split("."))
    file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
    if not file.exists():
        return ()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return _declared(node) or _inherited(node, tree, source, module)
        if isinstance(node, ast.ImportFrom) and any((alias.asname or alias.name) == name for alias in node.names):
            return capabilities(source, f"{_absolute(node, module)}:{name}")
    return ()


def _declared(node: ast.ClassDef) -> tuple[str, ...]:
    for statement in node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "capabilities" for target in targets):
            constants = [each.value for each in ast.walk(statement) if isinstance(each, ast.Constant)]
            return tuple(sorted(each for each in constants if isinstance(each, str)))
    return ()


def _inherited(node: ast.ClassDef, tree: ast.Module, source: Path, module: str) -> tuple[str, ...]:
    for base in node.bases:
        if isinstance(base, ast.Name):
            found = capabilities(source, f"{module}:{base.id}")
            if found:
                return found
    return ()


def _absolute(node: ast.ImportFrom, module: str) -> str:
    if not node.level:
        return node.module or ""
    parent = ".".join(module.split(".")[: -node.level])
    return f"{parent}.{node.module}" if node.module else parent


def report(file: Path) -> dict[tuple[str, str], str]:
    """Return what a conformance report says of each kind and flavor, in a few words; nothing without a report.

    Raises:
        ValueError: Naming the file, when another version of the kit wrote it.
    """
    if not file.exists():
        return {}
    data = json.loads(file.read_text(encoding="utf-8"))
    if data.get("format") != REPORT:
        raise ValueError(
            f"{file.as_posix()} is not of format {REPORT}: write it anew with `pytest … --zen-report={file.name}`"
        )
    found: dict[tuple[str, str], list[str]] = {}
    for suite in data["suites"]:
        flavor = suite.get("flavor", "").partition("@")[0]
        key = (suite.get("kind", ""), flavor) if flavor else ("", "")
        found.setdefault(key, []).extend(check["outcome"] for check in suite["checks"].values())
    return {key: in_words(outcomes) for key, outcomes in found.items()}


def in_words(outcomes: list[str]) -> str:
    """Return how checks ended; what was not verified is never counted as passed."""
    wanted = [outcome for outcome in outcomes if outcome != "does-not-apply"]
    texts = [f"{wanted.count('passed')} of {len(wanted)} passed"]
    others = ("failed", "warned", "not-verified")
    texts += [f"{count} {word.replace('-', ' ')}" for word in others if (count := wanted.count(word))]
    return ", ".join(texts)


def listed(file: Path) -> Iterator[Row]:
    """Yield the rows of a plugin that lives elsewhere.

    Raises:
        ValueError: Naming the file, when it is not as contrib/README.md says.
    """
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    _check(file, data)
    row = Row(
        kind="",
        name="",
        package=data["name"],
        link=data["repository"],
        version=data["version"],
        api=data["api"],
        tier="listed",
        kit=f"[report]({data['report']})" if data.get("report") else "",
    )
    for flavor in data["flavors"]:
        found = tuple(sorted(flavor.get("capabilities", ())))
        yield replace(row, kind=flavor["kind"], name=f"`{flavor['name']}`", capabilities=found)
    if data.get("types"):
        yield replace(row, kind="materializer", name=several(data["types"]))


def _check(file: Path, data: Mapping[str, Any]) -> None:
    faults = [f"lacks {key!r}" for key in FIELDS if key not in data]
    faults += [f"has the unknown key {key!r}" for key in data if key not in (FIELDS | OPTIONAL)]
    faults += [
        f"{key!r} is a {type(value).__name__}"
        for key, value in data.items()
        if key in FIELDS | OPTIONAL and not isinstance(value, (FIELDS | OPTIONAL)[key])
    ]
    if not faults:
        if data["name"] != file.stem:
            faults.append(f"is about {data['name']!r}, so it is called {data['name']}.toml")
        faults += [
            f"has a flavor that is {flavor!r}"
            for flavor in data["flavors"]
            if not isinstance(flavor, dict) or not {"kind", "name"} <= set(flavor) or flavor["kind"] not in KINDS
        ]
        links = [data["repository"], data.get("report", "https://")]
        faults += [f"has the address {link!r}" for link in links if not link.startswith("https://")]
    if faults:
        raise ValueError(f"{file.name}: {'; '.join(faults)}")


def table(found: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [COLUMNS, tuple("---" for _ in COLUMNS), *(row.cells() for row in found)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def text(document: str, root: Path = ROOT) -> str:
    """Return a document with the table between its markers.

    Raises:
        ValueError: When the markers are not there once each, in order.
    """
    before, start, rest = document.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end) or START in after or END in after:
        raise ValueError(f"PLUGINS.md needs {START} and {END} once each")
    return f"{before}{START}\n{table(rows(root))}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Write the table, or show what differs; the exit code says whether something does."""
    file = ROOT / "PLUGINS.md"
    reviewed = file.read_text(encoding="utf-8")
    found = text(reviewed)
    if arguments == ["--write"]:
        file.write_text(found, encoding="utf-8")
        return 0
    if arguments:
        print(__doc__)
        return 2
    lines = list(
        difflib.unified_diff(reviewed.splitlines(), found.splitlines(), "PLUGINS.md", "found", lineterm="", n=0)
    )
    print("\n".join(lines) or "no difference")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
