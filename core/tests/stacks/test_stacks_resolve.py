"""From a stack file and installed plugins to a resolved stack, all faults at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from zen.errors import ConfigError, FlavorNotFound, PluginLoadError, StackFileError, StackNotFound
from zen.records import StackSpec, from_json, to_json
from zen.registry import Catalog, Registry
from zen.stacks import Project, active_stack, resolve, secret_references, stack_names, use_stack

NewProject = Callable[..., Project]
FaultsOf = Callable[..., list[str]]

GOOD = """
    default_stack: tracked
    stacks:
      tracked:
        experiment_tracker: {flavor: acme, project: churn}
      prod:
        extends: tracked
        orchestrator: {flavor: acme, project: p, workers: "${env:WORKERS}", limits: {seconds: 2}}
        metadata_store: {flavor: acme, url: "postgresql://zen:${secret:env/PGPASSWORD}@${env:HOST:-db}/zen"}
        experiment_tracker:
          - {flavor: acme, name: first, project: churn, token: "${secret:vault-token}"}
          - {flavor: modelled, token: "${secret:file/run/token}"}
        alerter: [bare]
        settings: {durability: relaxed}
"""


def test_without_a_file_there_is_the_embedded_stack(new_project: NewProject, registry: Registry) -> None:
    project = new_project()
    assert (stack_names(project), active_stack(project)) == (["local"], "local")
    spec = resolve(project, registry, "local")
    assert [(each.kind, each.flavor, each.name, each.distribution, each.config) for each in spec.components] == [
        ("orchestrator", "local", "local", "zen-hub", {}),
        ("artifact_store", "local", "local", "zen-hub", {}),
        ("metadata_store", "sqlite", "sqlite", "zen-hub", {}),
        ("secret_store", "local", "local", "zen-hub", {}),
    ]


def test_a_stack_is_resolved_to_a_value(new_project: NewProject, registry: Registry) -> None:
    spec = resolve(new_project(GOOD), registry, "prod", variables={"WORKERS": "8"})
    [orchestrator] = spec.of("orchestrator")
    assert orchestrator.config == {"project": "p", "workers": 8, "limits": {"seconds": 2.0}}
    assert (orchestrator.distribution, orchestrator.version) == ("zen-plugin-acme", "1.0")
    [store] = spec.of("metadata_store")
    assert store.config == {"url": {"$secret": "postgresql://zen:${secret:env/PGPASSWORD}@db/zen"}}
    assert [tracker.name for tracker in spec.of("experiment_tracker")] == ["first", "modelled"]
    assert spec.settings == {"durability": "relaxed"}
    assert secret_references(spec) == ("env/PGPASSWORD", "vault-token", "file/run/token")
    assert from_json(StackSpec, to_json(spec)) == spec


def test_inherited_components_are_resolved(new_project: NewProject, registry: Registry) -> None:
    [tracker] = resolve(new_project(GOOD), registry, "tracked").of("experiment_tracker")
    assert tracker.config == {"project": "churn"}


def test_every_fault_is_told_at_once_with_its_place(
    new_project: NewProject, registry: Registry, faults_of: FaultsOf
) -> None:
    project = new_project(
        """\
        stacks:
          prod:
            orchestrator: {flavor: acme, wrokers: 2}
            artifact_sotre: local
            experiment_tracker:
              - {flavor: acme, project: 012, workers: "${env:NOT_SET}", token: hunter2}
              - {flavor: modelled, retries: many, tokne: x, nested: "${env:NOT_SET}"}
              - {flavor: mlfow, uri: "${env:NOT_SET}"}
            alerter: {flavor: bare, channel: x}
        """
    )
    faults = faults_of(resolve, project, registry, "prod", variables={})
    assert [fault.partition(" |")[0].partition(";")[0] for fault in faults] == [
        "zen.yaml:3:19: stacks.prod.orchestrator: 'project' is missing (a text)",
        "zen.yaml:3:34: stacks.prod.orchestrator: unknown key 'wrokers'",
        "zen.yaml:4:5: stacks.prod: unknown key 'artifact_sotre'",
        "zen.yaml:6:33: stacks.prod.experiment_tracker[0].project: expected a text, found the number 012",
        "zen.yaml:6:47: stacks.prod.experiment_tracker[0].workers: the environment variable NOT_SET is not set",
        "zen.yaml:6:72: stacks.prod.experiment_tracker[0].token: a secret is given by reference, found a literal"
        " (not shown)",
        "zen.yaml:7:37: stacks.prod.experiment_tracker[1].retries: input should be a valid integer, unable to parse"
        " string as an integer, found the text 'many'",
        "zen.yaml:7:43: stacks.prod.experiment_tracker[1]: unknown key 'tokne'",
        "zen.yaml:7:61: stacks.prod.experiment_tracker[1].nested: the environment variable NOT_SET is not set",
        "zen.yaml:8:18: stacks.prod.experiment_tracker[2]: no experiment_tracker flavor 'mlfow'",
        "zen.yaml:8:30: stacks.prod.experiment_tracker[2].uri: the environment variable NOT_SET is not set",
        "zen.yaml:9:29: stacks.prod.alerter: unknown key 'channel'",
    ]
    assert 'put it in quotes: "012"' in faults[3]
    assert "did you mean 'token'?" in faults[7]


def test_the_value_of_a_variable_is_not_shown(new_project: NewProject, registry: Registry, faults_of: FaultsOf) -> None:
    project = new_project('stacks: {a: {orchestrator: {flavor: acme, project: p, workers: "${env:X}"}}}')
    [fault] = faults_of(resolve, project, registry, "a", variables={"X": "hunter2"})
    assert "found the text '${env:X}'" in fault
    assert "hunter2" not in fault


def test_faults_of_an_inherited_component_stand_where_it_is_written(
    new_project: NewProject, registry: Registry, faults_of: FaultsOf
) -> None:
    project = new_project("stacks:\n  a: {orchestrator: {flavor: acme, project: 1}}\n  b: {extends: a}\n")
    [fault] = faults_of(resolve, project, registry, "b")
    assert fault.startswith("zen.yaml:2:45: stacks.a.orchestrator.project")


def test_plugins_that_are_not_installed_get_one_install_line(new_project: NewProject, registry: Registry) -> None:
    project = new_project("stacks: {a: {experiment_tracker: [mlflow, {flavor: wandb, project: x}]}}")
    with pytest.raises(StackFileError) as caught:
        resolve(project, registry, "a")
    assert caught.value.hint == "install what is missing: `pip install zen-plugin-mlflow zen-plugin-wandb`"
    assert isinstance(caught.value.__cause__, FlavorNotFound)


def test_a_broken_plugin_is_a_fault_of_what_names_it_only(
    new_project: NewProject, registry: Registry, faults_of: FaultsOf
) -> None:
    project = new_project("stacks: {a: {alerter: {flavor: broken}}, b: {alerter: bare}}")
    [fault] = faults_of(resolve, project, registry, "a")
    assert fault.startswith("zen.yaml:1:32: stacks.a.alerter: ")
    assert "zen-plugin-broken" in fault
    assert "a_tool_that_is_not_there" in fault
    assert resolve(project, registry, "b").of("alerter")


def test_an_embedded_default_that_is_missing_is_an_error_of_its_own(new_project: NewProject) -> None:
    with pytest.raises(FlavorNotFound):
        resolve(new_project(), Registry(Catalog()), "local")


def test_nothing_is_imported_for_a_dotted_path(
    new_project: NewProject, registry: Registry, faults_of: FaultsOf
) -> None:
    project = new_project(
        "stacks: {a: {orchestrator: {flavor: local, _target_: antigravity.open}, alerter: antigravity.open}}"
    )
    assert len(faults_of(resolve, project, registry, "a")) == 2
    assert "antigravity" not in sys.modules


def test_no_plugin_is_imported_while_the_file_hides_what_it_blocks(
    new_project: NewProject, registry: Registry, faults_of: FaultsOf
) -> None:
    project = new_project("plugin: {disable: [zen-plugin-broken]}\nstacks: {a: {alerter: broken}}")
    [fault] = faults_of(resolve, project, registry, "a")
    assert "unknown key 'plugin'" in fault


def test_listing_stacks_imports_no_plugin(new_project: NewProject, plugin_site: Path) -> None:
    for name in [name for name in sys.modules if name.startswith("stacktest_")]:
        del sys.modules[name]
    assert stack_names(new_project(GOOD)) == ["local", "tracked", "prod"]
    assert not [name for name in sys.modules if name.startswith("stacktest_")]


@pytest.mark.parametrize("path", ["/", ".", "..", "artifacts", "loop"])
def test_a_store_in_a_folder_of_somebody_else_is_refused(
    new_project: NewProject, registry: Registry, faults_of: FaultsOf, path: str
) -> None:
    project = new_project(f"stacks: {{a: {{artifact_store: {{flavor: local, path: {path}}}}}}}")
    (project.root / "loop").symlink_to("loop")
    [fault] = faults_of(resolve, project, registry, "a")
    assert "cannot be where a store keeps things" in fault


@pytest.mark.parametrize("path", [".zen/objects", ".store", "~/somewhere", "/nowhere/at/all"])
def test_a_store_in_a_folder_of_its_own_is_taken(new_project: NewProject, registry: Registry, path: str) -> None:
    project = new_project(f"stacks: {{a: {{artifact_store: {{flavor: local, path: {path}}}}}}}")
    [store] = resolve(project, registry, "a").of("artifact_store")
    assert store.config == {"path": path}


def test_a_database_may_stand_among_sources_but_not_be_the_project(
    new_project: NewProject, registry: Registry, faults_of: FaultsOf
) -> None:
    text = "stacks: {a: {metadata_store: {flavor: sqlite, path: %s}}}"
    assert resolve(new_project(text % "zen.db"), registry, "a")
    assert "the project's own folder" in faults_of(resolve, new_project(text % "."), registry, "a")[0]


def test_an_unknown_stack_is_told_with_the_nearest(new_project: NewProject, registry: Registry) -> None:
    with pytest.raises(StackNotFound, match=r"no stack 'prd'; zen.yaml has: local, prod, tracked\n.*'prod'"):
        resolve(new_project(GOOD), registry, "prd")
    with pytest.raises(StackNotFound, match=r"U\+0440"):
        resolve(new_project(GOOD), registry, "\u0440rod")


def test_the_active_stack_is_the_most_deliberate_choice(
    new_project: NewProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project(GOOD)
    assert active_stack(project) == "tracked"
    use_stack(project, "local")
    assert active_stack(project) == "local"
    monkeypatch.setenv("ZEN_STACK", "prod")
    assert active_stack(project) == "prod"
    assert active_stack(project, "tracked") == "tracked"


def test_a_choice_that_is_no_stack_names_its_source(new_project: NewProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project = new_project(GOOD)
    use_stack(project, "prod")
    new_project("stacks: {dev: {}}")
    with pytest.raises(StackNotFound, match="chosen by `zen stack use`"):
        active_stack(project)
    monkeypatch.setenv("ZEN_STACK", "prd")
    with pytest.raises(StackNotFound, match="from the variable ZEN_STACK"):
        active_stack(project)
    with pytest.raises(StackNotFound, match=r"no stack 'x'; zen\.yaml has: dev, local"):
        use_stack(project, "x")


def test_a_choice_that_cannot_be_kept_is_told(new_project: NewProject) -> None:
    project = new_project(GOOD)
    project.state.write_text("a file in the way")
    with pytest.raises(ConfigError, match="cannot be kept"):
        use_stack(project, "prod")


def test_a_faulty_file_stops_everything_that_reads_it(new_project: NewProject, registry: Registry) -> None:
    project = new_project("stacks: [")
    for call in (
        lambda: stack_names(project),
        lambda: active_stack(project, "local"),
        lambda: resolve(project, registry, "local"),
    ):
        with pytest.raises(StackFileError, match=r"zen\.yaml:2:1: not YAML"):
            call()


def test_a_broken_configuration_module_is_a_fault(
    new_project: NewProject, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "stacktest_acme_config", None)
    project = new_project("stacks: {a: {alerter: {flavor: acme, project: p}}}")
    with pytest.raises(StackFileError) as caught:
        resolve(project, registry, "a")
    assert isinstance(caught.value.__cause__, PluginLoadError)
