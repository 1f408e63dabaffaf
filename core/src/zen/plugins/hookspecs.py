"""The hooks that a plugin can implement."""

from __future__ import annotations

import pluggy

from zen.plugins.flavor import Flavor
from zen.records import Plan, RunRecord, StepRunRecord

PROJECT = "zen"
API = 1

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def zen_flavors() -> list[Flavor]:  # type: ignore[empty-body]  # a specification has no body
    """Return the flavors of this plugin. Called when a stack, or a person, names one of them."""


@hookspec
def zen_run_started(run: RunRecord, plan: Plan) -> None:
    """Observe that a run has started, after that was committed. Called in the launching process."""


@hookspec
def zen_step_started(run: RunRecord, step_run: StepRunRecord) -> None:
    """Observe that an attempt of a step has started. Called in the process that executes it."""


@hookspec
def zen_step_finished(run: RunRecord, step_run: StepRunRecord) -> None:
    """Observe that a step has a final state, after that was committed. Called in the process that recorded it."""


@hookspec
def zen_run_finished(run: RunRecord) -> None:
    """Observe that a run has a final state, after that was committed. Called in the launching process."""
