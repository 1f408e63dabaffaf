"""What is recorded of a run and of its steps."""

from __future__ import annotations

import datetime as dt
from dataclasses import field
from typing import Any, Literal

from zen.records.codec import record
from zen.records.states import FINAL, PENDING, RunState, StepState


@record()
class ErrorRecord:
    """Why something failed. `traceback` shows the user's frames only; `type` is `module.qualname`."""

    type: str
    message: str
    traceback: str = ""
    hint: str = ""


@record()
class CacheDecision:
    """Whether a result was taken from an earlier run, and why.

    Attributes:
        status: `hit`, `miss`, `uncacheable` (something in the key cannot be known) or `off`.
        reason: One sentence, for people.
        key: The cache key, where there is one.
        source: The step run that produced a hit.
    """

    status: Literal["hit", "miss", "uncacheable", "off"]
    reason: str = ""
    key: str = ""
    source: str = ""


@record()
class RunRecord:
    """One run of a pipeline.

    Attributes:
        trackers: What each tracker answered at the start, by component name; may hold a `url`.
        warnings: What went wrong without failing the run; a run that has any is degraded.
        owner: The launching process: `host`, `pid`.
        resumes: How often it was resumed.
    """

    id: str
    name: str
    pipeline: str
    state: RunState = PENDING
    stack: str = "local"
    plan: str = ""
    snapshot: str = ""
    created_at: dt.datetime | None = None
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    trackers: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error: ErrorRecord | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    owner: dict[str, Any] = field(default_factory=dict)
    durability: Literal["full", "relaxed"] = "full"
    resumes: int = 0

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self.state in FINAL


@record()
class StepRunRecord:
    """One attempt of one step of a run.

    Attributes:
        inputs: Ids of the artifacts that each argument took, in order.
        outputs: Id of the artifact of each output.
        reason: Why the step was skipped, cached or cancelled, for people.
        worker: The process that ran it: `host`, `pid`.
        warnings: What went wrong without failing the step.
        counted: Whether it uses up an attempt: not when its process was ended for the sake of another step, or when an
            input was damaged.
    """

    id: str
    run_id: str
    name: str
    attempt: int = 1
    state: StepState = PENDING
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    cache: CacheDecision | None = None
    error: ErrorRecord | None = None
    reason: str = ""
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    worker: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    counted: bool = True

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self.state in FINAL


@record()
class MetricPoint:
    """One value of a metric. `step` is the author's own index (epoch, iteration), or None."""

    key: str
    value: float
    step: int | None = None
    at: dt.datetime | None = None
    step_run: str = ""


@record()
class LogLine:
    """One captured line of a step's output, without its line end."""

    stream: Literal["stdout", "stderr", "log"]
    text: str
    at: dt.datetime | None = None
