"""Waiting, for some time at most, and telling what was raised meanwhile."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from pathlib import Path

_KIT = str(Path(__file__).parent)


def within(seconds: float, action: Callable[[], object]) -> tuple[bool, BaseException | None]:
    """Run an action on a thread, given up after some seconds; return whether it ended, and what it raised."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001  # told by the check
            errors.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive(), errors[0] if errors else None


def where(error: BaseException) -> str:
    """Return an error as text, with the places where it was raised; those of the kit itself are left out."""
    told = traceback.TracebackException.from_exception(error)
    frames = traceback.StackSummary.from_list([each for each in told.stack if not each.filename.startswith(_KIT)])
    return f"{type(error).__name__}: {error}\n{''.join(frames.format())}".rstrip()
