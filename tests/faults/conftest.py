"""What the fault harnesses share: programs of their own, started in a clean environment, that print what they found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
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
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout or (3600 if FULL else 300),
        )
        assert done.returncode == 0, f"{program} failed:\n{done.stdout[-2000:]}\n{done.stderr[-5000:]}"
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return run


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """Return an empty folder in memory where there is such a place: a kill does not ask for a disk."""
    memory = Path("/dev/shm")  # a folder of its own is made in it
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="zen-faults-", dir=memory, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
