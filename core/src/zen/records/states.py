"""The states of runs and step runs, and which of them are final."""

from __future__ import annotations

from typing import Final, Literal

RunState = Literal["pending", "running", "completed", "failed", "cancelled", "lost"]
StepState = Literal["pending", "running", "completed", "failed", "cancelled", "lost", "cached", "skipped"]

PENDING: Final = "pending"
RUNNING: Final = "running"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
LOST: Final = "lost"
CACHED: Final = "cached"
SKIPPED: Final = "skipped"

RUN_STATES = (PENDING, RUNNING, COMPLETED, FAILED, CANCELLED, LOST)
STEP_STATES = (*RUN_STATES, CACHED, SKIPPED)
FINAL = frozenset({COMPLETED, FAILED, CANCELLED, LOST, CACHED, SKIPPED})
SUCCEEDED = frozenset({COMPLETED, CACHED})
