"""Step operators: where single steps run that need another machine, more memory, a GPU, or another image."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Protocol

from zen.interfaces.component import Component
from zen.interfaces.orchestrator import Command
from zen.records import StepExit, StepSpec


class StepJob(Protocol):
    """One attempt of one step, to be run elsewhere."""

    @property
    def step(self) -> StepSpec:
        """The step, with its `resources` and its `settings`."""

    @property
    def command(self) -> Command:
        """What to run: it loads the inputs, calls the step and records the result by itself."""

    def output(self, stream: str, text: str) -> None:
        """Hand on what the process prints, to `stdout` or `stderr`, in order."""

    def ending(self) -> bool:
        """Say whether the run stops, so that the process has to be ended."""


class StepOperator(Component):
    """Runs the steps that name it: `@step(step_operator="gpu")`."""

    kind: ClassVar[str] = "step_operator"
    known_capabilities: ClassVar[Mapping[str, str]] = {
        "resources": "honors step.resources: cpu, memory (bytes), gpu",
    }

    @abstractmethod
    def run(self, job: StepJob) -> StepExit:
        """Run a job to its end and say how its process ended. What the step did is recorded by the process itself.

        Raises:
            ComponentUnavailable: When the place where it should run cannot be reached.
        """
