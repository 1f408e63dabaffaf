"""Which flavor a name means, and what is said when it means none or two."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from zen.errors import AmbiguousFlavor, FlavorNotFound, PluginError, PluginIncompatible, PluginLoadError

if TYPE_CHECKING:
    from conftest import Site


def acme(site: Site, distribution: str, *offers: str, entry: str = "acme") -> None:
    """Install a plugin with one entry and the flavors that it offers."""
    package = distribution.replace("-", "_")
    site.install(
        distribution, plugins={entry: f"{package}.plugin"}, modules={f"{package}.plugin": site.flavors(*offers)}
    )


def test_flavor_loads_the_module_that_is_named_and_no_other(site: Site) -> None:
    acme(site, "zen-plugin-acme", "alerter:acme")
    site.install("zen-plugin-bad", plugins={"bad": "bad"}, modules={"bad": "raise SystemExit(3)"})
    loaded = site.registry().flavor("alerter", "acme")
    assert (loaded.flavor.name, loaded.distribution, loaded.version) == ("acme", "zen-plugin-acme", "1.0")
    assert "zen_plugin_acme.plugin" in sys.modules
    assert "zen_plugin_acme.parts" not in sys.modules


def test_flavor_takes_dash_and_underscore_as_equal(site: Site) -> None:
    acme(site, "zen-plugin-big", "alerter:big_acme", entry="big-acme")
    assert site.registry().flavor("alerter", "big_acme") == site.registry().flavor("alerter", "big-acme")


def test_flavors_of_several_names_may_share_a_module(site: Site) -> None:
    source = site.flavors("alerter:one", "artifact_store:two", more="import counted\ncounted.loads.append(1)")
    site.install(
        "zen-plugin-both",
        plugins={"one": "zen_plugin_both.plugin", "two": "zen_plugin_both.plugin"},
        modules={"zen_plugin_both.plugin": source, "counted": "loads = []"},
    )
    registry = site.registry()
    assert registry.flavor("alerter", "one").distribution == registry.flavor("artifact_store", "two").distribution
    assert sys.modules["counted"].loads == [1]
    assert registry.flavors()[1] == []


def test_flavor_of_two_distributions_has_no_winner(site: Site) -> None:
    acme(site, "zen-plugin-acme", "alerter:acme")
    acme(site, "other-acme", "alerter:acme")
    registry = site.registry()
    with pytest.raises(AmbiguousFlavor, match="other-acme, zen-plugin-acme") as caught:
        registry.flavor("alerter", "acme")
    assert "`flavor: acme@other-acme` or `flavor: acme@zen-plugin-acme`" in caught.value.hint
    assert registry.flavor("alerter", "acme@other_acme").distribution == "other-acme"


def test_flavor_of_two_distributions_for_two_kinds_is_clear(site: Site) -> None:
    acme(site, "zen-plugin-acme", "alerter:acme")
    acme(site, "other-acme", "artifact_store:acme")
    assert site.registry().flavor("artifact_store", "acme").distribution == "other-acme"


def test_flavor_claimed_by_a_broken_plugin_too_is_not_guessed(site: Site) -> None:
    acme(site, "zen-plugin-acme", "alerter:acme")
    site.install("zen-plugin-bad", plugins={"acme": "bad"}, modules={"bad": "1/0"})
    registry = site.registry()
    with pytest.raises(AmbiguousFlavor, match="zen-plugin-bad, which cannot be loaded") as caught:
        registry.flavor("alerter", "acme")
    assert isinstance(caught.value.__cause__, PluginLoadError)
    assert registry.flavor("alerter", "acme@zen-plugin-acme").flavor.name == "acme"


def test_flavor_of_zen_cannot_be_taken_over(site: Site) -> None:
    acme(site, "zen-plugin-acme", "artifact_store:local", "alerter:local", entry="local")
    registry = site.registry()
    assert registry.flavor("artifact_store", "local").distribution == "zen-hub"
    assert "zen_plugin_acme.plugin" not in sys.modules
    assert registry.flavor("alerter", "local").distribution == "zen-plugin-acme"
    assert registry.flavor("artifact_store", "local@zen-plugin-acme").distribution == "zen-plugin-acme"
    (error,) = registry.flavors()[1]
    assert "zen's own" in error.message


def test_flavor_not_found_names_what_is_installed_and_the_nearest(site: Site) -> None:
    acme(site, "zen-plugin-acme", "artifact_store:acme")
    with pytest.raises(FlavorNotFound, match="no artifact_store flavor 'acne'; installed: acme, local") as caught:
        site.registry().flavor("artifact_store", "acne")
    assert caught.value.hint == "did you mean 'acme'?"


@pytest.mark.parametrize("name", ["great_expectations", "great-expectations"])
def test_flavor_not_found_says_what_to_install(site: Site, name: str) -> None:
    with pytest.raises(FlavorNotFound) as caught:
        site.registry().flavor("data_validator", name)
    assert caught.value.install == "zen-plugin-great-expectations"
    assert caught.value.hint == "`pip install zen-plugin-great-expectations`"


def test_flavor_not_found_guesses_what_to_install(site: Site) -> None:
    with pytest.raises(FlavorNotFound) as caught:
        site.registry().flavor("experiment_tracker", "mlfow")
    assert caught.value.hint == "did you mean 'mlflow'? `pip install zen-plugin-mlflow`"
    assert caught.value.install is None


def test_flavor_not_found_names_the_kinds_that_it_has(site: Site) -> None:
    acme(site, "zen-plugin-acme", "alerter:acme")
    with pytest.raises(FlavorNotFound, match="'acme' is a flavor of alerter"):
        site.registry().flavor("artifact_store", "acme")
    with pytest.raises(FlavorNotFound, match="no alert flavor") as caught:
        site.registry().flavor("alert", "nothing")
    assert caught.value.hint == "did you mean 'alerter'?"


def test_flavor_of_a_distribution_that_lacks_it_says_who_has_it(site: Site) -> None:
    acme(site, "zen-plugin-acme", "alerter:acme")
    with pytest.raises(FlavorNotFound) as caught:
        site.registry().flavor("alerter", "acme@elsewhere")
    assert caught.value.hint == "elsewhere is not installed; 'acme' is in: zen-plugin-acme"


@pytest.mark.parametrize(("version", "upgrade"), [("2", "zen-hub"), ("0", "zen-plugin-acme")])
def test_flavor_for_another_api_is_incompatible_before_import(site: Site, version: str, upgrade: str) -> None:
    site.install("zen-plugin-acme", groups={f"zen.plugins.v{version}": {"acme": "missing.module"}})
    with pytest.raises(PluginIncompatible, match=f"needs the plugin API v{version}; this zen has v1") as caught:
        site.registry().flavor("alerter", "acme")
    assert f"pip install --upgrade {upgrade}" in caught.value.hint


def test_flavor_in_a_misspelt_group_is_explained(site: Site) -> None:
    site.install("zen-plugin-acme", groups={"zen.plugin.v1": {"acme": "missing.module"}})
    with pytest.raises(FlavorNotFound) as caught:
        site.registry().flavor("alerter", "acme")
    assert "'zen.plugin.v1'" in caught.value.hint
    assert "'zen.plugins.v1'" in caught.value.hint


def test_flavor_without_zen_installed_says_so(site: Site) -> None:
    (site.path / "zen_hub-1.0.dist-info" / "entry_points.txt").unlink()
    with pytest.raises(FlavorNotFound, match="installed: none") as caught:
        site.registry().flavor("orchestrator", "local")
    assert "zen-hub itself is not installed" in caught.value.hint


def test_flavors_lists_the_good_and_reports_the_bad(site: Site) -> None:
    acme(site, "zen-plugin-acme", "alerter:acme")
    acme(site, "zen-plugin-one", "alerter:twice", entry="twice")
    acme(site, "zen-plugin-two", "alerter:twice", entry="twice")
    acme(site, "zen-plugin-lost", "alerter:here", "alerter:lost", entry="here")
    acme(site, "zen-plugin-future", "dream_store:future", entry="future")
    site.install("zen-plugin-bad", plugins={"bad": "bad", "worse": "bad"}, modules={"bad": "1/0"})
    found, errors = site.registry().flavors("alerter")
    assert [loaded.flavor.name for loaded in found] == ["acme", "here", "twice", "twice"]
    said = {error.facts.get("distribution", "both"): error.message for error in errors}
    assert set(said) == {"zen-plugin-bad", "zen-plugin-lost", "zen-plugin-future", "both"}
    assert len(errors) == len(said)
    assert "without an entry point" in said["zen-plugin-lost"]
    assert "no such kind" in said["zen-plugin-future"]
    assert "zen-plugin-one, zen-plugin-two" in said["both"]


def test_flavors_accepts_a_plugin_that_only_observes(site: Site) -> None:
    source = "from zen.plugins import hookimpl\n@hookimpl\ndef zen_run_finished(run): pass"
    site.install("zen-plugin-eye", plugins={"eye": "eye"}, modules={"eye": source})
    assert site.registry().flavors("alerter") == ([], [])


@pytest.mark.parametrize(
    ("options", "variable"),
    [
        ({"disabled": ["zen_plugin_acme"]}, ""),
        ({"disabled": ["acme"]}, ""),
        ({"allowed": ["zen-plugin-other"]}, ""),
        ({}, "1"),
        ({}, "all"),
        ({}, "zen-plugin-other, Zen.Plugin.Acme"),
    ],
)
def test_disabled_plugins_are_not_imported(
    site: Site, monkeypatch: pytest.MonkeyPatch, options: dict[str, list[str]], variable: str
) -> None:
    site.install("zen-plugin-acme", plugins={"acme": "acme"}, modules={"acme": "raise SystemExit"})
    monkeypatch.setenv("ZEN_DISABLE_PLUGINS", variable)
    registry = site.registry(**options)
    with pytest.raises(FlavorNotFound) as caught:
        registry.flavor("alerter", "acme")
    assert "zen-plugin-acme has it and is disabled" in caught.value.hint
    assert registry.flavor("orchestrator", "local").distribution == "zen-hub"
    assert [(report.distribution, report.disabled) for report in registry.reports()] == [
        ("zen-hub", False),
        ("zen-plugin-acme", True),
    ]


def test_disabled_names_that_answer_to_nothing_are_told(site: Site) -> None:
    acme(site, "zen-plugin-acme", "alerter:acme")
    assert site.registry(disabled=["acme", "zen-plugin-acne"]).idle_names() == ["zen-plugin-acne"]


PARTS = """
    import dataclasses
    from zen.interfaces import SecretStore

    @dataclasses.dataclass(frozen=True)
    class Config:
        region: str = ""

    class Part(SecretStore):
        def get(self, name): return ""
        def list(self): return []
"""


def test_classes_of_a_flavor_are_loaded_on_demand(site: Site) -> None:
    acme(site, "zen-plugin-acme", "secret_store:acme")
    site.module("zen_plugin_acme.parts", PARTS)
    registry = site.registry()
    loaded = registry.flavor("secret_store", "acme")
    config = registry.config_class(loaded)
    assert config is not None
    assert registry.component_class(loaded)(config()).config.region == ""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nosuchtool", "needs the module 'nosuchtool', which is not installed"),
        ("Part = 3", "is no class but int"),
        ("", "has no 'Part'"),
        ("class Part: pass", "not derived from zen.interfaces.SecretStore"),
        ("from zen.interfaces import SecretStore as Base\nclass Part(Base): pass", "which lacks: "),
        (f"{PARTS}\n        api = 2", "implements v2 of SecretStore; this zen has v1"),
    ],
)
def test_component_class_refuses_what_is_no_component(site: Site, source: str, message: str) -> None:
    acme(site, "zen-plugin-acme", "secret_store:acme")
    site.module("zen_plugin_acme.parts", source)
    registry = site.registry()
    with pytest.raises(PluginError, match=message) as caught:
        registry.component_class(registry.flavor("secret_store", "acme"))
    assert "zen-plugin-acme 1.0" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("source", ["Config = dict", "def Config(): pass", "1/0"])
def test_config_class_refuses_what_is_no_config(site: Site, source: str) -> None:
    acme(site, "zen-plugin-acme", "secret_store:acme")
    site.module("zen_plugin_acme.parts", source)
    registry = site.registry()
    with pytest.raises(PluginLoadError, match="the configuration of 'acme' of zen-plugin-acme 1.0"):
        registry.config_class(registry.flavor("secret_store", "acme"))
