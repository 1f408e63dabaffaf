"""Locks that a fork frees in the child, where the thread that held them does not exist."""

from __future__ import annotations

import os
from typing import Any, TypeVar

L = TypeVar("L", bound=Any)


def freed_by_fork(lock: L) -> L:
    """Return a lock of `threading`, which is free in every process that is forked from here on.

    For locks that live as long as the process and guard what is whole after each single operation: a thread of the
    parent may have been in the midst of what the lock guards.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)
    return lock
