from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from pydantic import ValidationError

from zen.interfaces import DataValidator
from zen_plugin_great_expectations.config import GreatExpectationsConfig
from zen_plugin_great_expectations.plugin import zen_flavors


def test_entry_point_names_the_light_module() -> None:
    (entry,) = entry_points(group="zen.plugins.v1", name="great_expectations")
    assert entry.load().zen_flavors() == zen_flavors()


def test_flavor_resolves_to_a_validator() -> None:
    (flavor,) = zen_flavors()
    module, _, name = flavor.implementation.partition(":")
    cls = getattr(__import__(module, fromlist=[name]), name)
    assert issubclass(cls, DataValidator)
    assert not cls.__abstractmethods__
    assert flavor.kind == cls.kind


def test_the_tool_is_imported_by_the_first_check_only() -> None:
    code = """
import sys
from pathlib import Path
from types import SimpleNamespace
from zen_plugin_great_expectations.config import GreatExpectationsConfig
from zen_plugin_great_expectations.validator import GreatExpectationsValidator
validator = GreatExpectationsValidator(GreatExpectationsConfig())
validator.open(SimpleNamespace(root=Path(".")))
validator.check()
class Frame: ...
assert validator.accepts([{"a": 1}]) and not validator.accepts(Frame()) and not validator.accepts("a")
assert not validator.accepts_suite("a") and not validator.accepts_suite(Frame())
assert not {"great_expectations", "pandas"} & set(sys.modules)
assert validator.validate([{"a": 1}], []).passed and validator.profile([{"a": 1}])["rows"] == 1
assert "great_expectations" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_tool_sends_nothing_home() -> None:
    code = """
import os, sys
from pathlib import Path
from types import SimpleNamespace
from zen import expect
from zen_plugin_great_expectations.config import GreatExpectationsConfig
from zen_plugin_great_expectations.validator import GreatExpectationsValidator
told, sockets = [], []
def watch(event, arguments):
    if event == "import" and arguments[0] == "great_expectations":
        told.append(os.environ.get("GX_ANALYTICS_ENABLED"))
    if event in ("socket.connect", "socket.getaddrinfo"):
        sockets.append(arguments)
sys.addaudithook(watch)
validator = GreatExpectationsValidator(GreatExpectationsConfig())
validator.open(SimpleNamespace(root=Path(".")))
assert validator.validate([{"a": 1}], [expect.unique("a")]).passed
assert told == ["false"] and not sockets, (told, sockets)
assert "GX_ANALYTICS_ENABLED" not in os.environ
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_config_describes_every_field() -> None:
    assert all(field.description for field in GreatExpectationsConfig.model_fields.values())
    assert GreatExpectationsConfig.model_fields.keys() == {"context", "project", "sample"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"contxt": "file"}, "contxt"),
        ({"context": "cloud"}, "ephemeral"),
        ({"project": "quality"}, "context: file"),
        ({"sample": -1}, "sample"),
    ],
)
def test_config_refuses(settings: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        GreatExpectationsConfig(**settings)
