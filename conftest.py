"""What holds for all tests of the repository: Ctrl-C, their order, and what a session makes once for all processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

# A shell that starts tests in the background ignores Ctrl-C, for all that they start as well.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let slow tests begin first: one that begins last runs on while the other processes have nothing to do."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Return a file or folder that the first process of the session makes, for all of them to read."""
    from zen.storage.filelock import FileLock

    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent  # that of the session; without xdist, the parent holds earlier sessions as well

    def made(name: str, make: Callable[[Path], object]) -> Path:
        target, draft = folder / "once" / name, folder / "once" / f"{name}.part"
        (folder / "once").mkdir(exist_ok=True)
        with FileLock(folder / "once" / f"{name}.lock"):
            if not target.exists():
                make(draft)
                draft.rename(target)
        return target

    return made
