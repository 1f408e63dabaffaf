from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from typing import Any

import pytest
from pydantic import ValidationError

from zen.interfaces import ExperimentTracker, Materializer, ModelDeployer, ModelRegistry
from zen.secrets import Secret
from zen_plugin_mlflow.config import MLflowConfig, MLflowDeployerConfig, MLflowRegistryConfig
from zen_plugin_mlflow.plugin import zen_flavors


def test_entry_point_names_the_light_module() -> None:
    (entry,) = entry_points(group="zen.plugins.v1", name="mlflow")
    assert entry.load().zen_flavors() == zen_flavors()


KINDS = {"experiment_tracker": ExperimentTracker, "model_registry": ModelRegistry, "model_deployer": ModelDeployer}
CONFIGS = (MLflowConfig, MLflowRegistryConfig, MLflowDeployerConfig)


def resolved(reference: str | None) -> Any:
    module, _, name = (reference or "").partition(":")
    return getattr(__import__(module, fromlist=[name]), name)


def test_flavors_resolve_to_components() -> None:
    flavors = {str(flavor.kind): flavor for flavor in zen_flavors()}
    assert flavors.keys() == KINDS.keys()
    for kind, interface in KINDS.items():
        cls = resolved(flavors[kind].implementation)
        assert issubclass(cls, interface)
        assert not cls.__abstractmethods__
        assert resolved(flavors[kind].config) in CONFIGS


def test_types_resolve_to_materializers() -> None:
    entries = {entry.name: entry.load() for entry in entry_points(group="zen.types.v1") if "mlflow" in entry.value}
    assert entries.keys() == {"mlflow.pyfunc.PyFuncModel", "mlflow.pyfunc.model.PythonModel"}
    assert all(issubclass(cls, Materializer) and cls.unsafe for cls in entries.values())


def test_import_stays_light() -> None:
    code = (
        "import sys, zen_plugin_mlflow.plugin; assert not {'pydantic', 'mlflow'} & set(sys.modules);"
        "import zen_plugin_mlflow.config, zen_plugin_mlflow.tracker, zen_plugin_mlflow.registry;"
        "import zen_plugin_mlflow.deployer, zen_plugin_mlflow.materializer; assert 'mlflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_config_describes_every_field() -> None:
    assert all(field.description for config in CONFIGS for field in config.model_fields.values())
    assert MLflowConfig.model_json_schema()["properties"].keys() == {"tracking_uri", "experiment", "steps"}


def test_config_dumps_secrets_as_references() -> None:
    config = MLflowConfig(tracking_uri=Secret("https://zen:${secret:env/PW}@host"), steps="prefixed")
    dumped = config.model_dump(mode="json", exclude_defaults=True)
    assert dumped == {"tracking_uri": {"$secret": "https://zen:${secret:env/PW}@host"}, "steps": "prefixed"}
    assert MLflowConfig(**dumped) == config


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"tracking_url": "x"}, "tracking_url"),
        ({"tracking_uri": "./mlruns"}, "sqlite:///./mlruns"),
        ({"tracking_uri": "sqlite:///:memory:"}, "one process"),
        ({"tracking_uri": "sqlite://"}, "one process"),
        ({"experiment": ""}, "experiment"),
        ({"steps": "perhaps"}, "nested"),
    ],
)
def test_config_refuses(settings: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        MLflowConfig(**settings)
