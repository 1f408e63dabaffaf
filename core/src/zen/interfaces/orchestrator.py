"""Orchestrators: what decides when and where the steps of a plan run."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from zen.interfaces.component import Component
from zen.records import Plan, StepRunRecord
from zen.records.codec import record


@record()
class Command:
    """How to execute one step in another process. Nothing secret stands in `argv`.

    Attributes:
        argv: Program and arguments.
        env: Variables to add to the environment.
        cwd: The folder to start in.
    """

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str


class Launcher(Protocol):
    """What an orchestrator is lent for one run. It pickles; a copy in another process does the same work.

    Each process that takes part opens the stack's components for itself. A forked one finds the modules and functions
    of its parent, so it also runs steps that nobody can import (in a function, in a notebook); one that was spawned, or
    started with `command`, imports the steps by name.
    """

    @property
    def run_id(self) -> str:
        """The run."""

    def execute(self, name: str) -> StepRunRecord:
        """Run a step and return its recorded state.

        Conditions, caching, skipping, retries and commits happen in here. It never raises for a failure of the user's
        code. Calling it again, from anywhere, is harmless: a step that has a final state is not run again; one whose
        process died is, as another attempt, as often as its `retries` allow. On the main thread of a process the step
        runs right there, on other threads in a worker process of zen's own.
        """

    def died(self, name: str, *, message: str = "", exit_code: int | None = None, blame: bool = True) -> StepRunRecord:
        """Record that the process that was to execute a step is gone, which only its engine can know.

        Args:
            name: The step.
            message: The engine's own words on why.
            exit_code: The exit code of the process, negative for a signal.
            blame: Whether the step may have done it. False for the steps whose processes the engine ended because
                another one died: such an attempt is `lost` and uses up no retry, up to ten times.

        Returns:
            How the step stands now. `pending` (it had not begun) and `lost` (a retry is left): call `execute` again.
            `failed`: that was its last attempt. Any other state: it was recorded before the process died.
        """

    def items(self, name: str) -> list[str]:
        """Return the items of a mapped step, to be executed before the step itself; empty for others."""

    def command(self, name: str) -> Command:
        """Return how to execute a step in another process, for engines that start their own."""


class Orchestrator(Component):
    """Runs every step of a plan, each after the steps it waits for."""

    kind: ClassVar[str] = "orchestrator"
    known_capabilities: ClassVar[Mapping[str, str]] = {
        "map": "runs the items of a mapped step itself",
        "detached": "submits a run and lets go of it: submit, status, cancel",
    }

    @abstractmethod
    def run(self, plan: Plan, launcher: Launcher) -> None:
        """Call `launcher.execute(step.name)` at least once for every step of the plan.

        A step is executed after all of `step.upstream()` returned, whatever their state: whether it then runs or is
        skipped is decided inside. Return when every step has a state. `plan.steps` stand in a valid order, and
        `plan.graph()` is what `graphlib.TopologicalSorter` takes.

        What `execute` raises (a store that failed, Ctrl-C) is to be let through: the run is over then, and zen ends the
        steps that are still under way. An engine with processes of its own tells `launcher.died` of those that vanish.
        """

    def submit(self, plan: Plan, launcher: Launcher) -> dict[str, Any]:
        """Capability `detached`: start the run elsewhere and return a JSON reference to it.

        The launcher is good for as long as the run goes on, in whatever process: hand it on pickled, or its commands.
        """
        raise _undeclared(self, "detached")

    def status(self, reference: dict[str, Any]) -> str:
        """Capability `detached`: return the engine's own word on the run, as a run state."""
        raise _undeclared(self, "detached")

    def cancel(self, reference: dict[str, Any]) -> None:
        """Capability `detached`: stop the run."""
        raise _undeclared(self, "detached")


def _undeclared(component: Component, capability: str) -> TypeError:
    return TypeError(f"{type(component).__qualname__} does not declare the capability {capability!r}")
