"""Waiting, for some time at most."""

from __future__ import annotations

import threading
from collections.abc import Callable


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
