"""The catalog in PLUGINS.md, and the names that error messages recommend, are what the plugins say of themselves."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from zen.registry.known import KNOWN_FLAVORS, KNOWN_TYPES, PREFIX, plugin_for

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = sorted(ROOT.glob("plugins/*/pyproject.toml"))

LISTED = """
name = "zen-plugin-acme"
summary = "Alerts to Acme"
repository = "https://example.org/acme"
owner = "Jo Doe"
version = "1.2.0"
api = "v1"
reviewed = 2026-11-01
flavors = [{ kind = "alerter", name = "acme", capabilities = ["ask"] }]
types = ["acme.Frame"]
"""
PROJECT = """
[project]
name = "zen-plugin-beta"
version = "0.3"
[project.entry-points."zen.plugins.v1"]
beta = "zen_plugin_beta_catalog"
"""
LIGHT = """
from zen.plugins import Flavor, hookimpl

@hookimpl
def zen_flavors():
    return [Flavor(kind="orchestrator", name="beta", summary="", implementation="zen_beta_catalog.parts:Beta")]
"""
PARTS = """
import a_tool_that_is_not_installed
from zen.interfaces import Orchestrator

class Base(Orchestrator):
    capabilities = frozenset({"map", "detached"})

class Beta(Base):
    pass
"""


def test_the_catalog_is_as_the_plugins_say(tool):
    document = (ROOT / "PLUGINS.md").read_text(encoding="utf-8")
    assert tool("catalog").text(document) == document, "python tools/catalog.py --write"


def test_every_plugin_of_the_repository_stands_in_the_catalog(tool):
    packages = {row.package for row in tool("catalog").rows()}
    assert {tomllib.loads(path.read_text())["project"]["name"] for path in PROJECTS} <= packages


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a small repository: a core without plugins, and one plugin whose tool is not installed."""
    source = tmp_path / "plugins" / "beta" / "src"
    (source / "zen_beta_catalog").mkdir(parents=True)
    (source / "zen_plugin_beta_catalog.py").write_text(LIGHT)
    (source / "zen_beta_catalog" / "parts.py").write_text(PARTS)
    (source.parent / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "pyproject.toml").write_text('[project]\nname = "zen-hub"\nversion = "1"\n')
    (tmp_path / "contrib" / "listed").mkdir(parents=True)
    return tmp_path


def test_capabilities_are_read_without_the_tool(tool, repository):
    [row] = tool("catalog").rows(repository)
    assert (row.kind, row.name, row.version, row.api, row.tier) == ("orchestrator", "`beta`", "0.3", "v1", "core")
    assert row.capabilities == ("detached", "map")
    assert row.cells()[-2] == "not verified"


def test_the_result_of_the_kit_is_told_and_what_was_not_verified_does_not_count(tool, repository):
    outcomes = ["passed", "passed", "not-verified", "does-not-apply", "failed", "warned"]
    checks = {f"test_{number}": {"outcome": outcome} for number, outcome in enumerate(outcomes)}
    suite = {"kind": "orchestrator", "flavor": "beta@zen-plugin-beta", "checks": checks}
    (repository / "plugins" / "beta" / "conformance.json").write_text(json.dumps({"format": 2, "suites": [suite]}))
    [row] = tool("catalog").rows(repository)
    assert row.kit == "2 of 5 passed, 1 failed, 1 warned, 1 not verified"


def test_a_report_of_another_format_is_refused(tool, repository):
    (repository / "plugins" / "beta" / "conformance.json").write_text(json.dumps({"format": 1, "suites": []}))
    with pytest.raises(ValueError, match=r"plugins/beta/conformance.json.* --zen-report="):
        tool("catalog").rows(repository)


def test_a_listed_plugin_has_a_row_for_each_flavor_and_for_its_types(tool, repository):
    (repository / "contrib" / "listed" / "zen-plugin-acme.toml").write_text(LISTED)
    rows = [row for row in tool("catalog").rows(repository) if row.tier == "listed"]
    assert [(row.kind, row.name) for row in rows] == [("alerter", "`acme`"), ("materializer", "`acme.Frame`")]
    assert rows[0].capabilities == ("ask",)


def test_the_file_that_the_readme_shows_can_be_listed(tool, repository):
    [example] = re.findall(r"^```toml\n(.*?)^```", (ROOT / "contrib" / "README.md").read_text(), flags=re.S | re.M)
    (repository / "contrib" / "listed" / "zen-plugin-acme.toml").write_text(example)
    assert "listed" in [row.tier for row in tool("catalog").rows(repository)]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('owner = "Jo Doe"', "", "lacks 'owner'"),
        ('owner = "Jo Doe"', 'ovner = "Jo"', "unknown key 'ovner'"),
        ('"zen-plugin-acme"', '"zen-plugin-other"', "called zen-plugin-other.toml"),
        ('"alerter"', '"alarm"', "'alarm'"),
        ("https://example.org", "http://example.org", "http://example.org"),
        ("2026-11-01", '"yesterday"', "'reviewed' is a str"),
    ],
)
def test_a_listed_file_with_a_fault_is_refused(tool, repository, old, new, fault):
    (repository / "contrib" / "listed" / "zen-plugin-acme.toml").write_text(LISTED.replace(old, new))
    with pytest.raises(ValueError, match=f"zen-plugin-acme.toml: .*{fault}"):
        tool("catalog").rows(repository)


def test_a_document_without_markers_is_refused(tool):
    with pytest.raises(ValueError, match="once each"):
        tool("catalog").text("nothing")


# What messages recommend


def offered(tool) -> set[tuple[str, str, str]]:
    """Return kind, flavor and distribution of all that the repository's plugins offer."""
    rows = [row for row in tool("catalog").rows() if row.package != "zen-hub"]
    return {(row.kind, row.name.strip("`"), row.package) for row in rows if row.kind not in ("materializer", "command")}


def test_every_flavor_of_a_plugin_of_the_repository_is_known_to_messages(tool):
    unknown = {each for each in offered(tool) if plugin_for(each[0], each[1]) != each[2]}
    assert unknown == set(), "add them to KNOWN_FLAVORS of zen/registry/known.py"


def test_messages_recommend_only_flavors_that_exist(tool):
    there = {(kind, flavor) for kind, flavor, _ in offered(tool)}
    known = {(kind, flavor) for flavor, kinds in KNOWN_FLAVORS.items() for kind in kinds}
    assert known <= there, "a plugin has lost a flavor: take it out of KNOWN_FLAVORS"


def test_messages_recommend_the_plugins_that_save_types():
    for path in PROJECTS:
        project = tomllib.loads(path.read_text())["project"]
        for name in project.get("entry-points", {}).get("zen.types.v1", {}):
            tool_name = KNOWN_TYPES.get(name.partition(".")[0])
            if tool_name or not name.startswith(("builtins.", "scipy.")):
                assert tool_name is not None, f"add the package of {name} to KNOWN_TYPES of zen/registry/known.py"
    there = {tomllib.loads(path.read_text())["project"]["name"] for path in PROJECTS}
    recommended = {PREFIX + tool for tool in KNOWN_TYPES.values()}
    assert recommended <= there
