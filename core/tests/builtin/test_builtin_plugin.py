"""The built-in flavors: their names, and that naming them loads none of them."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from zen.builtin import plugin
from zen.interfaces import KINDS

FLAVORS = {(flavor.kind, flavor.name): flavor for flavor in plugin.zen_flavors()}
WRITTEN = list(FLAVORS.values())


def test_flavors_are_the_embedded_default() -> None:
    assert set(FLAVORS) == {
        ("orchestrator", "local"),
        ("artifact_store", "local"),
        ("metadata_store", "sqlite"),
        ("secret_store", "local"),
        ("alerter", "console"),
    }


@pytest.mark.parametrize("flavor", WRITTEN, ids=lambda flavor: flavor.kind)
def test_flavor_points_to_a_component_that_its_config_can_configure(flavor) -> None:
    def load(reference: str):
        module, _, name = reference.partition(":")
        return getattr(importlib.import_module(module), name)

    component = load(flavor.implementation)(load(flavor.config)() if flavor.config else None)
    assert isinstance(component, KINDS[flavor.kind])
    assert type(component).capabilities <= set(component.known_capabilities)


def test_plugin_module_loads_no_component() -> None:
    code = (
        "import sys, zen.builtin.plugin\n"
        "print(*(name for name in sys.modules if name.startswith('zen.builtin.') or name == 'sqlite3'))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == ["zen.builtin.plugin"]


def test_components_load_nothing_heavy() -> None:
    code = (
        "import sys, zen.builtin.sqlite, zen.builtin.local_files, zen.builtin.secret_files\n"
        "print(*({'pydantic', 'click', 'rich', 'yaml', 'ctypes', 'multiprocessing', 'asyncio'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
