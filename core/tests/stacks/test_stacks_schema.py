"""The JSON Schema of zen.yaml: what the reader takes it takes, and what it refuses is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zen.errors import StackFileError
from zen.registry import Registry
from zen.stacks import Project, json_schema, resolve

NewProject = Callable[..., Project]


def test_the_schema_says_what_the_configurations_say(registry: Registry) -> None:
    definitions = json_schema(registry)["$defs"]
    acme = definitions["orchestrator.acme"]
    assert acme["required"] == ["project"]
    assert acme["additionalProperties"] is False
    assert acme["properties"]["workers"]["anyOf"][0] == {"type": "integer"}
    assert acme["properties"]["mode"]["anyOf"][0] == {"enum": ["fast", "safe"]}
    modelled = definitions["experiment_tracker.modelled"]
    assert {"flavor", "name", "on_error", "uri", "retries", "token", "nested"} == set(modelled["properties"])
    assert modelled["properties"]["nested"]["$ref"] == "#/$defs/experiment_tracker.modelled.Nested"
    assert "experiment_tracker.modelled.Nested" in definitions


def test_every_kind_stands_in_the_schema_of_a_stack(registry: Registry) -> None:
    properties = json_schema(registry)["$defs"]["stack"]["properties"]
    assert {"extends", "settings", "orchestrator", "feature_store", "alerter"} <= set(properties)
    assert properties["alerter"]["else"]["else"]["anyOf"][0] == {"enum": ["acme", "bare"]}


TEXTS = [
    "stacks: {a: {orchestrator: local, alerter: [bare]}}",
    "stacks: {a: {orchestrator: {flavor: local, workers: 3}}}",
    "stacks: {a: {orchestrator: {flavor: local, workers: three}}}",
    "stacks: {a: {orchestrator: {flavor: local, wrokers: 3}}}",
    'stacks: {a: {orchestrator: {flavor: local, workers: "${env:TEN}"}}}',
    "stacks: {a: {orchestrator: {workers: 3}}}",
    "stacks: {a: {orchestrator: [local, local]}}",
    "stacks: {a: {orchestrator: nowhere}}",
    "stacks: {a: {alerter: [bare, {flavor: acme, name: b, project: p}], settings: {pickle: forbid}}}",
    "stacks: {a: {alerter: [bare, {flavor: acme}]}}",
    "stacks: {a: {experiment_tracker: {flavor: modelled, nested: {depth: 2}}}}",
    "stacks: {a: {experiment_tracker: {flavor: modelled, retries: [1]}}}",
    "stacks: {a: {settings: {pickle: never}}}",
    "stacks: {a: {}, B: {}}",
    "stacks: {a: {}}\nplugins: {disable: [x]}",
    "stacks: {a: {}}\nplugin: {disable: [x]}",
    "stacks: {a: {metadata_store: {flavor: acme, url: 'sqlite:///x'}}}",
    "stacks: {a: {alerter: {flavor: acme@zen-plugin-acme, project: p}}}",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_schema_agrees_with_the_reader(new_project: NewProject, registry: Registry, text: str) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the validator is a tool of development")
    project = new_project(text)
    schema: dict[str, Any] = json_schema(registry)
    jsonschema.Draft202012Validator.check_schema(schema)
    import yaml

    agreed = jsonschema.Draft202012Validator(schema).is_valid(yaml.safe_load(text))
    try:
        resolve(project, registry, "a", variables={"TEN": "10"})
    except StackFileError:
        assert not agreed
    else:
        assert agreed
