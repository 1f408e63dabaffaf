"""Real Great Expectations; the host is a fake of three attributes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zen_plugin_great_expectations.config import GreatExpectationsConfig
from zen_plugin_great_expectations.validator import GreatExpectationsValidator

Make = Callable[..., GreatExpectationsValidator]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Open validators, each with its settings; close them in the end."""
    opened = []

    def validator(**settings: Any) -> GreatExpectationsValidator:
        opened.append(GreatExpectationsValidator(GreatExpectationsConfig(**settings)))
        host: Any = SimpleNamespace(root=tmp_path, state=tmp_path / ".zen", log=logging.getLogger("zen.test"))
        opened[-1].open(host)
        return opened[-1]

    yield validator
    for component in opened:
        component.close()


@pytest.fixture
def validator(make: Make) -> GreatExpectationsValidator:
    return make()
