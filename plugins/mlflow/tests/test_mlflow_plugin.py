from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from pydantic import ValidationError

from zen.interfaces import ExperimentTracker
from zen.secrets import Secret
from zen_plugin_mlflow.config import MLflowConfig
from zen_plugin_mlflow.plugin import zen_flavors


def test_entry_point_names_the_light_module() -> None:
    (entry,) = entry_points(group="zen.plugins.v1", name="mlflow")
    assert entry.load().zen_flavors() == zen_flavors()


def test_flavor_resolves_to_a_tracker() -> None:
    (flavor,) = zen_flavors()
    module, _, name = flavor.implementation.partition(":")
    cls = getattr(__import__(module, fromlist=[name]), name)
    assert issubclass(cls, ExperimentTracker)
    assert not cls.__abstractmethods__
    assert flavor.kind == cls.kind


def test_import_stays_light() -> None:
    code = (
        "import sys, zen_plugin_mlflow.plugin; assert not {'pydantic', 'mlflow'} & set(sys.modules);"
        "import zen_plugin_mlflow.config, zen_plugin_mlflow.tracker; assert 'mlflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_config_describes_every_field() -> None:
    assert all(field.description for field in MLflowConfig.model_fields.values())
    assert MLflowConfig.model_json_schema()["properties"].keys() == {"tracking_uri", "experiment", "nested"}


def test_config_dumps_secrets_as_references() -> None:
    config = MLflowConfig(tracking_uri=Secret("https://zen:${secret:env/PW}@host"), nested=False)
    dumped = config.model_dump(mode="json", exclude_defaults=True)
    assert dumped == {"tracking_uri": {"$secret": "https://zen:${secret:env/PW}@host"}, "nested": False}
    assert MLflowConfig(**dumped) == config


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"tracking_url": "x"}, "tracking_url"),
        ({"tracking_uri": "./mlruns"}, "sqlite:///./mlruns"),
        ({"tracking_uri": "sqlite:///:memory:"}, "one process"),
        ({"tracking_uri": "sqlite://"}, "one process"),
        ({"experiment": ""}, "experiment"),
        ({"nested": "perhaps"}, "nested"),
    ],
)
def test_config_refuses(settings: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        MLflowConfig(**settings)
