"""The conformance kit on the built-in orchestrator and the built-in alerter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from zen.testing import AlerterSuite, Kit, OrchestratorSuite


class TestLocalOrchestrator(OrchestratorSuite):
    flavor: ClassVar[str] = "local"
    lacks: ClassVar[Mapping[str, str]] = {
        "map": "the launcher runs the items of a mapped step",
        "detached": "a run ends with the process that launched it",
        "unreachable": "it runs here",
    }

    def config(self, kit: Kit) -> Mapping[str, Any]:
        return {"max_parallel": 4}


class TestConsoleAlerter(AlerterSuite):
    flavor: ClassVar[str] = "console"
    lacks: ClassVar[Mapping[str, str]] = {"ask": "nobody may sit at the terminal", "unreachable": "it prints"}

    @pytest.fixture(autouse=True)
    def terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def received(self, kit: Kit, component: Any) -> Sequence[str] | None:
        return [self._capsys.readouterr().err]
