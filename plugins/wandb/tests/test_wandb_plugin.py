from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from pydantic import ValidationError

from zen.interfaces import ExperimentTracker
from zen.secrets import Secret
from zen_plugin_wandb.config import WandbConfig
from zen_plugin_wandb.plugin import zen_flavors


def test_entry_point_names_the_light_module() -> None:
    (entry,) = entry_points(group="zen.plugins.v1", name="wandb")
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
        "import sys, zen_plugin_wandb.plugin; assert not {'pydantic', 'wandb'} & set(sys.modules);"
        "import zen_plugin_wandb.config, zen_plugin_wandb.tracker; assert 'wandb' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_has_to_be_configured() -> None:
    config = WandbConfig()
    assert (config.mode, config.steps, config.system_metrics, config.code) == ("offline", "grouped", False, False)


def test_config_describes_every_field() -> None:
    assert all(field.description for field in WandbConfig.model_fields.values())


def test_config_dumps_secrets_as_references() -> None:
    config = WandbConfig(mode="online", api_key=Secret("${secret:env/KEY}"), tags=("a",))
    dumped = config.model_dump(mode="json", exclude_defaults=True)
    assert dumped == {"mode": "online", "api_key": {"$secret": "env/KEY"}, "tags": ["a"]}
    assert WandbConfig(**dumped) == config


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"projekt": "x"}, "projekt"),
        ({"mode": "shared"}, "offline"),
        ({"steps": "nested"}, "grouped"),
        ({"base_url": "wandb.example.com"}, "https://wandb.example.com"),
        ({"project": "a/b"}, "no name for W&B"),
        ({"project": ""}, "project"),
        ({"api_key": "0123456789"}, "by reference"),
        ({"tags": ["x" * 65]}, "64 characters"),
        ({"init_timeout": 0}, "init_timeout"),
        ({"finish_timeout": -1}, "finish_timeout"),
    ],
)
def test_config_refuses(settings: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        WandbConfig(**settings)
