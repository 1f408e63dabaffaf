"""What the journeys across packages share: a clean environment for the processes that they start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def root() -> Path:
    """Return the repository."""
    return ROOT


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment without settings of zen or MLflow, and with the interpreter's own programs first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZEN_", "MLFLOW_", "PYTEST_"))}
    kept |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")]),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "HOME": str(tmp_path),
    }
    return kept


@pytest.fixture
def run(tmp_path: Path, environment: dict[str, str]) -> Run:
    """Run a command in the temporary folder; it must succeed unless `code` says otherwise."""

    def call(
        *command: str | Path, cwd: Path | None = None, code: int = 0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd or tmp_path,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    return call


@pytest.fixture
def zen(run: Run) -> Run:
    """Run a `zen` command."""
    program = shutil.which("zen", path=str(Path(sys.executable).parent))
    assert program, "the tests run in an environment with zen-hub installed: python3 dev.py test"
    return lambda *arguments, **settings: run(program, *arguments, **settings)
