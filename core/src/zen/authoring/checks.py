"""Data checks of a step's outputs, as the plan holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zen.authoring.options import StepOptions
from zen.engine import Signature, expectations_of
from zen.errors import UsageError, listing, nearest
from zen.identity import is_plain
from zen.records import to_json


def expectations(options: StepOptions, signature: Signature, step: str) -> dict[str, Any]:
    """Return what a step expects of its outputs, by output, as plain data.

    Raises:
        UsageError: For an output that the step does not have, and for checks that are none of `zen.expect`.
    """
    names = [output.name for output in signature.outputs]
    given = options.expect if isinstance(options.expect, Mapping) else _of_one(options.expect, names, step)
    found: dict[str, Any] = {}
    for name, checks in given.items():
        if name not in names:
            raise UsageError(
                f"step {step!r} expects something of {name!r}, and its outputs are: {listing(names)}",
                hint=nearest(name, names),
            )
        rules = expectations_of(checks)
        if rules is None or not all(is_plain(rule.arguments) for rule in rules):
            raise UsageError(
                f"step {step!r} expects {checks!r} of {name!r}",
                hint="give checks of zen.expect, that compare with stored tables by name; call zen.validate for others",
            )
        found[name] = {"rules": [to_json(rule) for rule in rules], "on_failure": options.on_failed_check}
    return found


def _of_one(checks: Any, names: list[str], step: str) -> Mapping[str, Any]:
    if not checks:
        return {}
    if len(names) != 1:
        raise UsageError(
            f"step {step!r} has {len(names)} outputs ({listing(names)}), and expects something of one",
            hint="say of which: expect={'train': [...]}",
        )
    return {names[0]: checks}
