"""`zen plugin describe --interface`: what an author must write, and never less than the interface asks for."""

from __future__ import annotations

import inspect

import pytest

from zen.cli.authors.contract import contract
from zen.cli.authors.scaffold import kinds
from zen.interfaces import KINDS, Materializer

INTERFACES = {**KINDS, "materializer": Materializer}


@pytest.mark.parametrize("kind", kinds())
def test_every_method_is_there_with_its_docstring(kind: str) -> None:
    interface, found = INTERFACES[kind], contract(kind)
    written = {method["name"]: method for method in found["methods"]}
    assert set(written) == set(getattr(interface, "__abstractmethods__", ()))
    optional = [*found["optional"], *(method for each in found["capabilities"] for method in each["methods"])]
    for method in (*written.values(), *optional):
        assert method["doc"] == inspect.getdoc(inspect.getattr_static(interface, method["name"]))
        assert f"def {method['name']}(self" in method["signature"]
    public = {
        name for name in vars(interface) if not name.startswith("_") and inspect.isfunction(vars(interface)[name])
    }
    assert public <= {method["name"] for method in (*written.values(), *optional)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_capability_is_there_with_what_it_means(kind: str) -> None:
    found = contract(kind)["capabilities"]
    assert {each["name"]: each["meaning"] for each in found} == dict(KINDS[kind].known_capabilities)


def test_methods_of_a_capability_stand_with_it() -> None:
    found = {
        each["name"]: [method["name"] for method in each["methods"]]
        for each in contract("orchestrator")["capabilities"]
    }
    assert found == {"map": [], "detached": ["submit", "status", "cancel"]}


def test_what_goes_over_the_boundary_is_told_with_its_fields_and_methods() -> None:
    found = {each["name"]: each for each in contract("orchestrator")["boundary"]}
    assert [method["name"] for method in found["zen.interfaces.Launcher"]["methods"]][:2] == ["run_id", "execute"]
    steps = {field["name"]: field for field in found["zen.records.StepSpec"]["fields"]}  # which only a Plan names
    assert steps["timeout"] == {
        "name": "timeout",
        "type": "float | None",
        "default": "None",
        "doc": "Seconds for one attempt.",
    }
    [alert] = contract("alerter")["boundary"]
    assert {field["name"]: field["doc"] for field in alert["fields"]}["level"] == "One of info, warning, error."


def test_what_an_implementation_says_of_itself_is_told() -> None:
    assert [each["name"] for each in contract("data_validator")["attributes"]] == ["rules"]
    assert "format" in [each["name"] for each in contract("materializer")["attributes"]]
    assert "zen.interfaces.Host" in [each["name"] for each in contract("alerter")["host"]]
    assert contract("materializer")["config"] == contract("materializer")["host"] == []


def test_describe_prints_it_for_people_and_for_programs(zen) -> None:
    said = zen("plugin", "describe", "--interface", "alerter").out
    for part in ("def send(self, alert: Alert) -> str", "PermissionDenied: When", "ask: asks people", "title: str"):
        assert part in said
    assert max(map(len, said.splitlines())) <= 160
    assert zen("plugin", "describe", "--interface", "model-registry", "--json").json["kind"] == "model_registry"


def test_describe_wants_a_plugin_or_an_interface(zen) -> None:
    assert zen("plugin", "describe").code == zen("plugin", "describe", "x", "--interface", "alerter").code == 2
    result = zen("plugin", "describe", "--interface", "alertr")
    assert result.code == 2 and "did you mean 'alerter'?" in result.err


def test_every_command_for_authors_has_an_example(zen) -> None:
    for name in ("list", "describe", "doctor", "disable", "enable", "new", "check"):
        assert f"  zen plugin {name}" in zen("plugin", name, "--help").out.partition("Example")[2]
