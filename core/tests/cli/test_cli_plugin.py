"""`zen plugin`, `zen flavor` and commands of plugins, on installed plugins that work and that do not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

LIGHT = """
print("noise at import")
from zen.plugins import Flavor, hookimpl

@hookimpl
def zen_flavors():
    flavor = Flavor(
        kind="alerter", name="acme", summary="Send alerts", implementation="acme:Nothing", config="acme_config:Config"
    )
    return [flavor]
"""
CONFIG = """
from dataclasses import dataclass, field

@dataclass(frozen=True)
class Config:
    channel: str = field(metadata={"help": "Where to"})
    level: int = 3
"""
COMMAND = """
import click

@click.command()
def acme():
    "Acme's own."
    click.echo("hello from acme")

not_a_command = len
"""
ENTRIES = """
[zen.plugins.v1]
acme = acme_light
[zen.commands.v1]
acme = acme_cli:acme
odd = acme_cli:not_a_command
broken = acme_broken:command
run = acme_cli:acme
"""

Install = Callable[..., None]


@pytest.fixture
def acme(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the plugin zen-plugin-acme."""
    site = tmp_path_factory.mktemp("site")
    files = {"acme_light": LIGHT, "acme_config": CONFIG, "acme_cli": COMMAND, "acme_broken": "import missing_tool"}
    for name, text in files.items():
        (site / f"{name}.py").write_text(text, encoding="utf-8")
    info = site / "zen_plugin_acme-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zen-plugin-acme\nVersion: 1.2\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(ENTRIES, encoding="utf-8")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    for name in files:
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.usefixtures("acme")
def test_plugin_list_imports_none(zen) -> None:
    result = zen("plugin", "list", "--json")
    [found] = [plugin for plugin in result.json if plugin["distribution"] == "zen-plugin-acme"]
    assert (found["version"], found["flavors"]) == ("1.2", ["acme"])
    assert "acme_light" not in sys.modules


@pytest.mark.usefixtures("acme")
def test_plugin_list_shows_what_is_disabled(zen, project: Path) -> None:
    (project / "zen.yaml").write_text("plugins: {disable: [zen-plugin-acme]}\n", encoding="utf-8")
    assert "disabled" in zen("plugin", "list").out


@pytest.mark.usefixtures("acme")
def test_flavor_list_is_json_although_a_plugin_prints(zen) -> None:
    result = zen("flavor", "list", "alerter", "--json")
    assert [flavor["name"] for flavor in result.json] == ["acme", "console"]


@pytest.mark.usefixtures("acme")
def test_flavor_describe_shows_the_settings(zen) -> None:
    result = zen("flavor", "describe", "alerter", "acme")
    assert result.code == 0
    assert "channel  str   required  Where to" in result.out and "level    int   3" in result.out


def test_flavor_describe_names_the_nearest(zen) -> None:
    assert "did you mean 'sqlite'?" in zen("flavor", "describe", "metadata_store", "sqlit").err
    assert "did you mean 'orchestrator'?" in zen("flavor", "list", "orchestrater").err


@pytest.mark.usefixtures("acme")
def test_help_names_commands_of_plugins_without_import(zen) -> None:
    result = zen("--help")
    assert "From plugins" in result.out and "acme" in result.out
    assert "acme_cli" not in sys.modules


@pytest.mark.usefixtures("acme")
def test_command_of_a_plugin_runs(zen) -> None:
    assert zen("acme").out == "hello from acme\n"


@pytest.mark.usefixtures("acme")
def test_broken_command_of_a_plugin_is_named_with_its_cause(zen) -> None:
    result = zen("broken")
    assert result.code == 4
    assert "zen-plugin-acme" in result.err and "missing_tool" in result.err


@pytest.mark.usefixtures("acme")
def test_command_that_is_none_is_refused(zen) -> None:
    result = zen("odd")
    assert result.code == 4 and "not a click command" in result.err


@pytest.mark.usefixtures("acme")
def test_plugin_cannot_replace_a_command_of_ours(zen) -> None:
    assert "Acme's own" not in zen("run", "--help").out


@pytest.mark.usefixtures("acme")
def test_disabled_plugin_has_no_command(zen, monkeypatch, project: Path) -> None:
    (project / "zen.yaml").write_text("plugins: {disable: [zen-plugin-acme]}\n", encoding="utf-8")
    assert zen("acme").code == 4
    monkeypatch.setenv("ZEN_DISABLE_PLUGINS", "1")
    assert zen("acme").code == 2
