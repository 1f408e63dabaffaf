"""The cache decision: a key from everything that counts, and a value that says why.

Pure but for the look-up, which is passed in.
"""

from __future__ import annotations

import datetime as dt
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from zen.identity import digest
from zen.records import ArtifactRecord, CacheDecision, Input, StepRunRecord, StepSpec
from zen.storage.rows import micros

Find = Callable[[str], tuple[StepRunRecord, int] | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What counts for a key beside the plan and the inputs.

    Attributes:
        types: Fingerprints of the project's classes among the inputs, by type name.
        depends_on: Digests of the files and variables that the policy names.
        opaque: What of that cannot be known, one sentence each.
    """

    types: Mapping[str, str] = field(default_factory=dict)
    depends_on: Mapping[str, str] = field(default_factory=dict)
    opaque: tuple[str, ...] = ()


def key(step: StepSpec, inputs: Mapping[str, ArtifactRecord], around: Surroundings) -> str:
    """Return the cache key of a step whose input artifacts are known (`inputs` by `step.output` or artifact id).

    The invocation's name is not part of it: two invocations with the same code and inputs share a result.
    """
    return digest(
        "cache-key/2",
        {
            "code": (step.code.module, step.code.qualname, step.code.fingerprint or step.code.seen),
            "depends_on": dict(around.depends_on),
            "distributions": dict(step.code.distributions),
            "expectations": step.expectations,
            "inputs": {
                name: _identity(argument, inputs)
                for name, argument in step.inputs.items()
                if name not in step.cache.ignore
            },
            "outputs": [(output.name, output.type, output.materializer) for output in step.outputs],
            "python": (platform.python_implementation(), *sys.version_info[:2]),
            "types": dict(around.types),
            "version": step.cache.version,
        },
    )


def decide(
    step: StepSpec,
    inputs: Mapping[str, ArtifactRecord],
    *,
    find: Find,
    present: Callable[[StepRunRecord], str],
    now: dt.datetime,
    around: Surroundings,
) -> tuple[CacheDecision, StepRunRecord | None]:
    """Return whether an earlier result can be taken, with the step run that made it.

    Args:
        step: The step.
        inputs: The artifacts that its inputs name.
        find: Looks a key up.
        present: Says what is missing of a step run's outputs, or an empty string.
        now: The time, for entries that expire.
        around: What else counts.
    """
    if not step.cache.enabled:
        return CacheDecision(status="off", reason="the cache is off for this step"), None
    opaque = (*step.code.opaque, *around.opaque)
    if opaque and not (step.cache.trust or step.cache.depends_on):
        return CacheDecision(status="uncacheable", reason="; ".join(opaque)), None
    wanted = key(step, inputs, around)
    found = find(wanted)
    if found is None:
        return CacheDecision(status="miss", reason="no earlier run of this code with these inputs", key=wanted), None
    producer, remembered = found
    age = ((micros(now) or 0) - remembered) / 1e6
    if step.cache.expires is not None and age > step.cache.expires:
        return CacheDecision(status="miss", reason=f"the earlier result is {age:.0f} s old", key=wanted), None
    if missing := present(producer):
        return CacheDecision(status="miss", reason=f"the earlier result is not complete: {missing}", key=wanted), None
    reason = f"same code and inputs as in run {producer.run_id}"
    return CacheDecision(status="hit", reason=reason, key=wanted, source=producer.id), producer


def _identity(argument: Input, inputs: Mapping[str, ArtifactRecord]) -> Any:
    if argument.kind == "value":
        return ("value", argument.value)
    if argument.kind == "output":
        return ("artifact", inputs[f"{argument.step}.{argument.output}"].digest)
    if argument.kind == "artifact":
        return ("artifact", inputs[argument.artifact].digest)
    return (argument.kind, argument.keys, tuple(_identity(item, inputs) for item in argument.items))
