"""A project in a temporary folder, and the command line called in this process or as one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from zen.cli.main import main
from zen.client.workspaces import close_all

FLOW = """
import sys
from typing import Annotated, Literal
from zen import log_metrics, pipeline, step

@step
def load(rows: int) -> Annotated[list[int], "numbers"]:
    print("loading", rows)
    print("to stderr", file=sys.stderr)
    return list(range(rows))

@step
def train(numbers: list[int], kind: str) -> Annotated[float, "model"]:
    log_metrics({"loss": 0.25})
    if kind == "bad":
        raise ValueError("kind is bad")
    return sum(numbers) / 2

@pipeline
def flow(rows: int, kind: Literal["good", "bad"] = "good", name: str = "x"):
    return train(load(rows), kind)
"""


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed as JSON."""
        return json.loads(self.out)


Zen = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty project, which is the current folder; nothing from outside chooses a stack.

    What runs load and open in this process is gone afterwards: the next test may have a file of the same name.
    """
    for name in [name for name in os.environ if name.startswith("ZEN_")]:
        monkeypatch.delenv(name)
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    close_all()
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def pipelines(project: Path) -> Path:
    """Return the project with a file `flow.py`."""
    (project / "flow.py").write_text(FLOW, encoding="utf-8")
    return project


@pytest.fixture
def zen(project: Path, capfd: pytest.CaptureFixture[str]) -> Zen:
    """Return what runs a command line in this process, in the project."""

    def call(*arguments: object) -> Result:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def zen_process(project: Path) -> Zen:
    """Return what runs a command line in a process of its own, in the project."""

    def call(*arguments: object, **environment: str) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "zen.cli.main", *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=project,
            env={**os.environ, **environment},
            timeout=60,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return call
