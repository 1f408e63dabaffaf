"""The suites of what runs steps: orchestrators and step operators.

Rows of the field's usual list that are left out:

| kind | row | why it is no check |
|---|---|---|
| orchestrator | independent steps may overlap | they may: one after the other is right too |
| orchestrator | retries, timeout, exit code, traceback, logs, environment, secrets | they happen inside of |
| | | `launcher.execute`, and are tested with the engine |
| orchestrator | same idempotency key twice, schedules | the interface has neither |
| orchestrator | same code in every step | the engine's snapshot sees to it |
| step operator | inputs and outputs travel by URI | the command does that itself, through the artifact store |
| step operator | an image that cannot be pulled | is `never-started`, as a program that does not exist |
| step operator | environment lists the plugins of role `step` | there are no roles |
"""

from zen.testing.orchestrator_suite import OrchestratorSuite
from zen.testing.step_operator_suite import StepOperatorSuite

__all__ = ["OrchestratorSuite", "StepOperatorSuite"]
