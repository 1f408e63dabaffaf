"""Processes that are killed while they write: what is left must be whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zen.testing.checks import NotVerified

if TYPE_CHECKING:
    from zen.testing.kit import Kit


def killed(kit: Kit, function: Callable[..., Any], *arguments: Any, between: Callable[[], object], kills: int) -> None:
    """Let a process write without end, kill it in the midst of that, look at what is left.

    Args:
        kit: Whose component the process opens.
        function: Called there as `function(component, beat, *arguments)`; it touches the file `beat` after each write.
        arguments: Plain data.
        between: Looks at what is left after each kill.
        kills: How often.
    """
    from zen.testing.processes import start_component

    for number in range(kills):
        beat = kit.tmp_path / f"beat-{number}"
        process = start_component(kit, function, (str(beat), *arguments))
        try:
            _wait(process, beat)
            # Another moment of the write each time.
            time.sleep(0.003 * number)
        finally:
            process.kill()
            _, said = process.communicate()
        if not beat.exists():
            raise AssertionError(f"the process that writes has failed by itself:\n{said[-3000:]}")
        between()


def _wait(process: Any, beat: Path, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not beat.exists() and process.poll() is None:
        if time.monotonic() > deadline:
            reason = f"the process that writes did not get to it in {seconds:g} s"
            raise NotVerified(reason, give="run it on a machine that is less busy")
        pause.wait(0.005)
