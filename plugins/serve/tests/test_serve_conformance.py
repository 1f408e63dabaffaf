"""The conformance kit on the deployer, with real servers."""

from __future__ import annotations

import importlib
import json
import os
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

import zen
from zen.records import ModelVersion
from zen.testing import Kit, ModelDeployerSuite

pytestmark = pytest.mark.slow

ROWS = [[1.0, 2.0], [3.0, 1.0], [0.0, 5.0], [2.0, 2.0]]
# A model of the project itself: its server starts in a third of the time that one with scikit-learn takes.
LINE = """
from dataclasses import dataclass

@dataclass
class Line:
    factors: list[float]

    def predict(self, rows):
        return [sum(f * x for f, x in zip(self.factors, row)) for row in rows]
"""


class TestServe(ModelDeployerSuite):
    flavor: ClassVar[str] = "serve"
    lacks: ClassVar[Mapping[str, str]] = {"unreachable": "it runs on this machine"}

    line: Any

    @pytest.fixture(autouse=True)
    def of_the_project(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "serve_line.py").write_text(LINE)
        monkeypatch.syspath_prepend(tmp_path)
        self.line = importlib.import_module("serve_line").Line([0.5, 2.0])

    def model(self, kit: Kit) -> tuple[Mapping[str, Path], Any, Any]:
        return self._packed(kit, self.line), ROWS, self.line.predict(ROWS)

    def broken(self, kit: Kit) -> Mapping[str, Path]:
        return self._packed(kit, {"predict": "not this way"})

    def replicas(self, kit: Kit, component: Any, name: str) -> int | None:
        with urllib.request.urlopen(f"{component.get(name).url}/metadata", timeout=10) as answer:
            processes = json.load(answer)["processes"]
        for process in processes:
            os.kill(process, 0)
        return len(processes)

    def provoke(self, component: Any) -> None:
        version = ModelVersion(model="zen-testing", version=1)
        component.deploy("zen-testing-provoked", version, {"data": Path("/there/is/no/such/file")}, {})

    def _packed(self, kit: Kit, value: Any) -> Mapping[str, Path]:
        folder = kit.tmp_path / "packed" / type(value).__name__
        return {p.name: p for p in folder.iterdir()} if folder.exists() else zen.pack(value, folder)
