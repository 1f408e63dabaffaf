"""What the fault harnesses share: programs of their own, started in a clean environment, that print what they found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parent / "programs"
FULL = os.environ.get("ZEN_FAULTS") in ("full", "nightly")
Drive = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def drive() -> Drive:
    """Run a program of `programs/` and return the JSON object that it prints; `before` stands before the interpreter."""

    def run(program: str, *arguments: object, before: tuple[str, ...] = (), timeout: float = 0) -> dict[str, Any]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ZEN_")}
        done = subprocess.run(
            [*before, sys.executable, str(PROGRAMS / f"{program}.py"), *map(str, arguments)],
            env={**environment, "ZEN_PROGRESS": "off"},
            # Its end tells programs that clean up behind them that the tests are gone.
            stdin=subprocess.PIPE,
            capture_output=True,
            text=True,
            timeout=timeout or (3600 if FULL else 300),
        )
        assert done.returncode == 0, f"{program} failed:\n{done.stdout[-2000:]}\n{done.stderr[-5000:]}"
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return run
