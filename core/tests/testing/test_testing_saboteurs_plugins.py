"""The law of the checks of installed plugins: a distribution with one defect fails exactly the check of that defect."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from zen.registry import Registry
from zen.testing import ComponentSuite, run_checks
from zen.testing.plugin_checks import FlavorChecks

FILES = {
    "PACKAGE/__init__.py": "",
    "PACKAGE/py.typed": "",
    "PACKAGE/plugin.py": """
        from zen.plugins import Flavor, hookimpl

        @hookimpl
        def zen_flavors() -> list[Flavor]:
            return [Flavor(kind="secret_store", name="FLAVOR", summary="Nothing at all",
                           config="PACKAGE.config:Config", implementation="PACKAGE.store:Store")]
        """,
    "PACKAGE/config.py": """
        from dataclasses import dataclass

        import pydantic

        @dataclass(frozen=True)
        class Config:
            url: str = ""
        """,
    "PACKAGE/store.py": """
        import heavytool

        from zen.errors import SecretNotFound
        from zen.interfaces import SecretStore

        class Store(SecretStore):
            def get(self, name: str) -> str:
                raise SecretNotFound(name)

            def list(self) -> list[str]:
                return []
        """,
    "PACKAGE-1.0.dist-info/METADATA": "Name: PACKAGE\nVersion: 1.0\nRequires-Dist: heavy-tool>=1\n\nA plugin.\n",
    "PACKAGE-1.0.dist-info/entry_points.txt": "[zen.plugins.v1]\nFLAVOR = PACKAGE.plugin\n",
}
TOOLS = {
    "heavytool.py": "import os\nos.environ['HEAVY'] = '1'\n",
    "heavy_tool-1.0.dist-info/METADATA": "Name: heavy-tool\nVersion: 1.0\n",
    "heavy_tool-1.0.dist-info/top_level.txt": "heavytool\n",
    "lighttool.py": "",
    "light_tool-1.0.dist-info/METADATA": "Name: light-tool\nVersion: 1.0\n",
    "light_tool-1.0.dist-info/top_level.txt": "lighttool\n",
}
LIGHT, CONFIG, STORE, METADATA = (
    "PACKAGE/plugin.py",
    "PACKAGE/config.py",
    "PACKAGE/store.py",
    "PACKAGE-1.0.dist-info/METADATA",
)
# The file, what is replaced in it, and by what; None removes the file.
SABOTEURS: dict[str, tuple[str, str | None, str, str]] = {
    "no summary": (LIGHT, "Nothing at all", "", "entry_point_resolves_to_a_flavor"),
    "a heavy light module": (LIGHT, "from zen", "import heavytool\nfrom zen", "light_module_imports_no_tool"),
    "a heavy configuration": (CONFIG, "import pydantic", "import heavytool", "configuration_imports_no_tool"),
    "an abstract component": (STORE, "def list", "def names", "implementation_is_a_component_of_its_kind"),
    "another kind": (
        STORE,
        "import SecretStore",
        "import Component as SecretStore",
        "implementation_is_a_component_of_its_kind",
    ),
    "another version": (STORE, "def get", "api = 2\n    def get", "implementation_is_a_component_of_its_kind"),
    "inner parts of zen": (
        STORE,
        "def get",
        "def use(self):\n        import zen.storage\n    def get",
        "only_the_public_surface_of_zen_is_imported",
    ),
    "changes the environment": (
        STORE,
        "import heavytool",
        "import heavytool, os\nos.environ['ACME'] = '1'",
        "importing_changes_no_global_state",
    ),
    "changes logging": (
        LIGHT,
        "from zen",
        "import logging\nlogging.basicConfig()\nfrom zen",
        "importing_changes_no_global_state",
    ),
    "changes warnings": (
        CONFIG,
        "import pydantic",
        "import warnings\nwarnings.simplefilter('ignore')",
        "importing_changes_no_global_state",
    ),
    "changes signals": (
        STORE,
        "import heavytool",
        "import heavytool, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "importing_changes_no_global_state",
    ),
    "an undeclared requirement": (
        STORE,
        "def get",
        "def use(self):\n        import lighttool\n    def get",
        "requirements_cover_what_is_imported",
    ),
    "no type marker": ("PACKAGE/py.typed", None, "", "distribution_has_a_type_marker"),
    "no readme": (METADATA, "A plugin.", "", "distribution_has_a_readme"),
}
CHECKS = list(FlavorChecks.names())


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install the plugin, with one change, as a package that no other test has imported."""

    def install(number: int, file: str = "", old: str | None = "", new: str = "") -> type[ComponentSuite]:
        site, package = tmp_path / "site", f"zen_saboteur_{number}"
        for name, source in {**TOOLS, **FILES}.items():
            text = dedent(source)
            if name == file:
                if old is None:
                    continue
                assert old in text
                text = text.replace(old, new)
            path = site / name.replace("PACKAGE", package)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_named(text, package))
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delenv("HEAVY", raising=False)
        return type("Suite", (ComponentSuite,), {"kind": "secret_store", "flavor": package.replace("_", "-")})

    yield install
    for name in [name for name in sys.modules if name.startswith(("zen_saboteur_", "heavytool", "lighttool"))]:
        del sys.modules[name]


def _named(text: str, package: str) -> str:
    return text.replace("PACKAGE", package).replace("FLAVOR", package.replace("_", "-"))


def _outcomes(suite: type[ComponentSuite], tmp_path: Path):
    return run_checks(suite, tmp_path=tmp_path, only=CHECKS, registry=Registry())


def test_a_correct_plugin_passes_all(installed, tmp_path):
    outcomes = _outcomes(installed(0), tmp_path)
    assert {name: outcome.message for name, outcome in outcomes.items() if not outcome.passed} == {}


@pytest.mark.parametrize("defect", SABOTEURS)
def test_a_broken_plugin_fails_its_check_only(defect, installed, tmp_path):
    file, old, new, check = SABOTEURS[defect]
    outcomes = _outcomes(installed(1 + list(SABOTEURS).index(defect), file, old, new), tmp_path)
    assert {name for name, outcome in outcomes.items() if outcome.failed} == {f"test_{check}"}


def test_each_check_has_a_saboteur():
    assert {check for _, _, _, check in SABOTEURS.values()} == {name.removeprefix("test_") for name in CHECKS}


def test_a_flavor_that_is_not_installed_says_what_to_do(tmp_path):
    suite = type("Suite", (ComponentSuite,), {"kind": "secret_store", "flavor": "zen-no-such"})
    [outcome] = run_checks(suite, tmp_path=tmp_path, only=["test_entry_point_resolves_to_a_flavor"]).values()
    assert outcome.failed
    assert "zen-no-such" in outcome.message
