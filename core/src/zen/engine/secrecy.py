"""A plan holds no secret: other processes execute from it, so it cannot be masked, and is refused instead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zen.errors import UsageError
from zen.records import Plan, StackSpec, StepSpec, to_json
from zen.secrets.redaction import redactor

_CERTAIN = 16
"""Characters from which on a text of a configuration that is a secret is no coincidence, as `postgres` may be."""


def check_secrecy(plan: Plan) -> None:
    """See that no secret that this process has resolved stands in a plan.

    Raises:
        UsageError: Saying where it stands and which one it is, never its value.
    """
    for place, data in _places(plan):
        reference = redactor.found(data)
        if reference:
            raise UsageError(
                f"{place} holds the value of the secret {reference!r} (not shown), and plans are recorded as they are",
                hint=_hint(reference),
                reference=reference,
            )
    _check_stack(plan.stack)


def _places(plan: Plan) -> Iterator[tuple[str, Any]]:
    for name, value in plan.parameters.items():
        yield f"parameter {name!r} of pipeline {plan.pipeline!r}", value
    for step in plan.steps:
        yield from _of_step(step)
    yield f"a tag of pipeline {plan.pipeline!r}", plan.tags
    yield f"the settings of pipeline {plan.pipeline!r}", plan.settings
    if plan.model is not None:
        yield f"the model of pipeline {plan.pipeline!r}", to_json(plan.model)


def _of_step(step: StepSpec) -> Iterator[tuple[str, Any]]:
    for name, argument in step.inputs.items():
        yield f"argument {name!r} of step {step.name!r}", [*argument.keys, *(leaf.value for leaf in argument.leaves())]
    yield f"a tag of step {step.name!r}", [*step.tags, *(tag for output in step.outputs for tag in output.tags)]
    yield f"an expectation of step {step.name!r}", to_json(step.expectations)
    yield f"the settings of step {step.name!r}", [step.settings, step.resources]
    yield f"the cache policy of step {step.name!r}", to_json(step.cache)


def _check_stack(stack: StackSpec) -> None:
    for spec in stack.components:
        for text in _texts(spec.config):
            reference = redactor.found(text) if len(text) >= _CERTAIN else ""
            if reference:
                raise UsageError(
                    f"the {spec.kind} {spec.name!r} of stack {stack.name!r} is configured with the value of the secret"
                    f" {reference!r} (not shown)",
                    hint=f"write ${{secret:{reference}}} in its place, in a field for secrets",
                    reference=reference,
                )


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict) and "$secret" not in data:
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, list):
        for value in data:
            yield from _texts(value)


def _hint(reference: str) -> str:
    source, _, name = reference.partition("/")
    where = {"env": f"os.environ[{name!r}]", "file": f"the file {name}"}.get(source, "where it is kept")
    return f"leave it out, and let the step read it from {where} where it is used"
