"""What `zen plugin list` and `zen --help` know, with nothing imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from zen.errors import AmbiguousFlavor, PluginLoadError
from zen.registry.known import KNOWN_FLAVORS, pip_install, plugin_for, plugin_for_type
from zen.registry.reports import PluginReport

if TYPE_CHECKING:
    from conftest import Site

V1 = "zen.plugins.v1"


def report(site: Site, distribution: str) -> PluginReport:
    return next(one for one in site.registry().reports() if one.distribution == distribution)


def problems(site: Site, distribution: str) -> str:
    return "\n".join(report(site, distribution).problems)


def test_reports_tell_what_each_distribution_has(site: Site) -> None:
    site.install(
        "zen-plugin-acme",
        version="1.2",
        plugins={"b": "missing.module", "a": "missing.module"},
        groups={"zen.types.v1": {"acme.Frame": "missing:F"}, "zen.commands.v1": {"acme": "missing:acme"}},
    )
    (hub, acme) = site.registry().reports()
    assert (hub.distribution, hub.flavors, hub.problems) == ("zen-hub", ("local",), ())
    assert acme == PluginReport(
        distribution="zen-plugin-acme",
        version="1.2",
        flavors=("a", "b"),
        types=("acme.Frame",),
        commands=("acme",),
    )
    assert "fakehub" not in sys.modules


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({V1: {"acme": "m"}}, "the flavor 'acme' is also claimed by other"),
        ({V1: {"local": "m"}}, "'local' is also claimed by zen-hub; zen's own counts where both offer"),
        ({"zen.types.v1": {"a.B": "m:C"}}, "the type 'a.B' is also claimed by other; using it is an error"),
        ({"zen.commands.v1": {"acme": "m:c"}}, "the command 'acme' is also claimed by other; using it is an error"),
        ({"zen.commands.v1": {"here": "m"}}, "names the module 'm', not 'module:attribute'"),
        ({"zen.types.v1": {"builtins.object": "m:C"}}, "claims every type"),
        (
            {"zen.plugin.v1": {"acme": "m"}},
            "group 'zen.plugin.v1', which zen does not read; did you mean 'zen.plugins.v1'",
        ),
        (
            {"zen.plugins.v3": {"acme": "m"}},
            "needs the plugin API v3; this zen has v1: `pip install --upgrade zen-hub`",
        ),
        ({V1: {"раndas": "m"}}, "'р' (U+0440)"),
        ({V1: {"acme": "m n"}}, "is not 'name = module:attribute'"),
    ],
)
def test_reports_tell_what_is_wrong(site: Site, groups: dict[str, dict[str, str]], said: str) -> None:
    site.install(
        "other",
        plugins={"acme": "m"},
        groups={"zen.types.v1": {"a.B": "m:C"}, "zen.commands.v1": {"acme": "m:c"}},
    )
    site.install("zen-plugin-acme", groups={V1: {}, **groups})
    assert said in problems(site, "zen-plugin-acme")


@pytest.mark.parametrize(
    "name", ["zen-plugln-ray", "zen-plugin-rny", "zen-plugin-mlfow", "zen-plugin-wandbb", "zen-p1ugin-s3"]
)
def test_reports_tell_names_that_look_like_known_ones(site: Site, name: str) -> None:
    site.install(name, plugins={"x": "m"})
    assert ("is easily taken for zen-plugin-" in problems(site, name)) is (name != "zen-plugin-rny")


def test_known_plugins_do_not_look_like_each_other(site: Site) -> None:
    for name in sorted(KNOWN_FLAVORS):
        site.install(f"zen-plugin-{name}", plugins={name: "m"})
    assert [one.problems for one in site.registry().reports() if one.problems] == []


def test_commands_are_found_without_import_and_loaded_under_guard(site: Site) -> None:
    commands = {"fine": "acme.cli:fine", "data": "acme.cli:data", "gone": "acme.gone:cli"}
    site.install(
        "zen-plugin-acme",
        groups={"zen.commands.v1": commands},
        modules={"acme.cli": "print('noise')\ndef fine(): return 'ran'\ndata = 3"},
    )
    registry = site.registry()
    found = registry.commands()
    assert list(found) == ["data", "fine", "gone"]
    assert "acme" not in sys.modules
    assert registry.load_command(found["fine"])() == "ran"
    for name in ("data", "gone"):
        with pytest.raises(PluginLoadError, match=f"the command '{name}' of zen-plugin-acme 1.0"):
            registry.load_command(found[name])
    assert registry.check(found["fine"]) is None
    assert isinstance(registry.check(found["gone"]), PluginLoadError)


def test_command_of_two_distributions_has_no_winner(site: Site) -> None:
    for name in ("one", "two"):
        site.install(name, groups={"zen.commands.v1": {"acme": f"{name}:main"}}, modules={name: "def main(): pass"})
    registry = site.registry()
    with pytest.raises(AmbiguousFlavor, match="the command 'acme' is claimed by more than one distribution: one, two"):
        registry.load_command(registry.commands()["acme"])
    alone = site.registry(disabled=["two"])
    assert alone.load_command(alone.commands()["acme"]).__module__ == "one"


def test_known_plugins_make_one_line() -> None:
    assert plugin_for("artifact_store", "s3") == "zen-plugin-s3"
    assert plugin_for("alerter", "s3") is None
    assert (
        pip_install(["zen-plugin-s3", "zen-plugin-ray", "zen-plugin-s3"])
        == "`pip install zen-plugin-ray zen-plugin-s3`"
    )
    assert pip_install([]) == ""


def test_known_types_go_by_package_along_the_bases() -> None:
    frame = type("Frame", (), {"__module__": "pandas.core.frame"})
    assert plugin_for_type(type("Mine", (frame,), {})) == "zen-plugin-pandas"
    assert plugin_for_type(dict) is None
