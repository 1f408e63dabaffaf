"""What the tests of the built-in components share."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def host(tmp_path: Path) -> Any:
    """A host that lends folders and a log."""
    state = tmp_path / ".zen"
    state.mkdir()
    return SimpleNamespace(root=tmp_path, state=state, log=logging.getLogger("test"))


@pytest.fixture
def ordinary() -> Iterator[Path]:
    """A folder in which the modes of files count: root obeys none, so it acts as somebody else for the test."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0
        if is_root:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if is_root:
                os.seteuid(0)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("only root on Linux can mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
