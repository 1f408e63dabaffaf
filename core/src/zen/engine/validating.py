"""Data checks: which validator of the stack makes them, against what, and what is kept of the outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zen.errors import ArtifactNotFound, UsageError, ValidationFailed, listing, nearest
from zen.expect import COMPARISONS, RULES, Expectation, mean_in_range, quantile_in_range, shares_near
from zen.interfaces import DataValidator
from zen.records import ArtifactRecord, CheckResult, ValidationResult
from zen.registry import Registry
from zen.stacks.materialization import candidates
from zen.stacks.opening import OpenStack

STATISTICS = "statistics"
"""The fact about a table's artifact that comparisons read: `{"rows": …, "columns": {name: {"mean": …, …}}}`."""
CHECKS = "checks:"
"""What keys of a step's metadata begin with that tell of data checks; the name of the checks follows."""
_TOLD = 5


def checked(stack: OpenStack, data: Any, wanted: Any, *, validator: str = "") -> tuple[ValidationResult, str]:
    """Check a table and return the result, and the report as an HTML page where the validator makes one.

    Args:
        stack: Whose validators.
        data: The table.
        wanted: Expectations, or a suite of the validator's own tool.
        validator: Its name in the stack; by default the first one that can.

    Raises:
        UsageError: When no validator of the stack can.
    """
    portable = expectations_of(wanted)
    rules = [] if portable is None else [*resolved(portable, stack)]
    component = _chosen(stack, data, wanted if portable is None else None, rules, validator)
    result = component.validate_suite(data, wanted) if portable is None else component.validate(data, rules)
    page = component.report(result) if "report" in component.capabilities else ""
    return result, page


def expectations_of(wanted: Any) -> list[Expectation] | None:
    """Return portable expectations as a list; None for anything else, such as a tool's own suite."""
    if isinstance(wanted, Expectation):
        return [wanted]
    if isinstance(wanted, list | tuple) and all(isinstance(each, Expectation) for each in wanted):
        return list(wanted)
    return None


def unfixed(wanted: Any) -> list[str]:
    """Return the names of tables that checks compare with, and that mean another version tomorrow."""
    rules = [each for each in expectations_of(wanted) or [] if each.rule in COMPARISONS]
    names = [each.arguments["reference"] for each in rules if isinstance(each.arguments["reference"], str)]
    return [name for name in dict.fromkeys(names) if not name.rpartition("@")[2].isdigit()]


def failure(result: ValidationResult, name: str) -> ValidationFailed | None:
    """Return the error of a result with failed checks, or None."""
    broken = [each for each in result.results if not each.passed]
    if not broken:
        return None
    said = [_said(each) for each in broken]
    more = f"; and {len(broken) - _TOLD} more" if len(broken) > _TOLD else ""
    return ValidationFailed(
        f"{len(broken)} of {len(result.results)} checks of {name!r} failed: {'; '.join(said[:_TOLD])}{more}",
        hint="the result is kept with the step; on_failure='warn' lets the step go on",
        result=result,
    )


def _said(check: CheckResult) -> str:
    """Return what a failed check says, with a few of the values that break it."""
    text = check.message or f"{check.rule} of {check.column or 'the table'} is broken"
    values = [str(value) for value in check.sample[:_TOLD] if value is not None]
    return text if not values or any(value in text for value in values) else f"{text} ({', '.join(values)})"


# Comparisons


def resolved(expectations: Sequence[Expectation], stack: OpenStack) -> Iterator[Expectation]:
    """Yield the rules that expectations mean: a comparison becomes rules with the numbers of its reference.

    Raises:
        UsageError: For a rule that does not exist; for a reference without statistics, or without the column.
    """
    for each in expectations:
        if each.rule in RULES:
            yield each
        elif each.rule in COMPARISONS:
            yield from _compared(each, statistics_of(each.arguments["reference"], stack))
        else:
            known = [*RULES, *COMPARISONS]
            raise UsageError(f"no rule {each.rule!r}; there are: {listing(known)}", hint=nearest(each.rule, known))


def statistics_of(reference: Any, stack: OpenStack) -> Mapping[str, Any]:
    """Return what is known of the columns of a table: of a stored one by name, of an artifact, of a value."""
    if isinstance(reference, Mapping) and "columns" in reference:
        return reference
    record = _artifact(reference, stack)
    facts = record.metadata if record is not None else _described(reference, stack.registry)
    found = facts.get(STATISTICS)
    if not isinstance(found, Mapping):
        what = f"artifact {record.name!r}" if record is not None else f"a {type(reference).__qualname__}"
        raise UsageError(
            f"{what} tells no statistics of its columns, so nothing can be compared with it",
            hint="zen-plugin-pandas keeps them with every data frame",
        )
    return found


def _artifact(reference: Any, stack: OpenStack) -> ArtifactRecord | None:
    if isinstance(reference, str):
        name, _, number = reference.partition("@")
        found = stack.database.artifact_version(name, int(number) if number.isdigit() else None)
        if found is None:
            names = stack.database.artifact_names()
            raise ArtifactNotFound(f"no artifact {reference!r} to compare with", hint=nearest(name, names))
        return found
    record = getattr(reference, "record", None)
    return record if isinstance(record, ArtifactRecord) else None


def _described(value: Any, registry: Registry) -> Mapping[str, Any]:
    for materializer in candidates(type(value), registry):
        return materializer.describe(value)
    return {}


def _compared(comparison: Expectation, statistics: Mapping[str, Any]) -> Iterator[Expectation]:
    column, most = comparison.column, float(comparison.arguments["most"])
    columns = statistics.get("columns") or {}
    if column not in columns:
        raise UsageError(
            f"the reference has no column {column!r}; it has: {listing(columns)}", hint=nearest(column, columns)
        )
    facts = columns[column]
    if facts.get("mean") is not None:
        yield from _like_numbers(column, facts, most)
    elif facts.get("top"):
        yield shares_near(column, {str(text): float(share) for text, share in facts["top"]}, most=most)
    else:
        raise UsageError(
            f"nothing is known of how the values of column {column!r} are distributed in the reference",
            hint="check it with in_range, in_set or of_type",
        )


def _like_numbers(column: str, facts: Mapping[str, Any], most: float) -> Iterator[Expectation]:
    mean = float(facts["mean"])
    margin = most * (float(facts.get("std") or 0.0) or abs(mean) or 1.0)
    yield mean_in_range(column, mean - margin, mean + margin)
    for quantile, value in (facts.get("quantiles") or {}).items():
        yield quantile_in_range(column, float(quantile), float(value) - margin, float(value) + margin)


# Choosing


def _chosen(stack: OpenStack, data: Any, suite: Any, rules: Sequence[Expectation], name: str) -> DataValidator:
    specs = stack.spec.of(DataValidator.kind)
    if name and name not in [spec.name for spec in specs]:
        known = [spec.name for spec in specs]
        raise UsageError(
            f"stack {stack.spec.name!r} has no data validator {name!r}; it has: {listing(known)}",
            hint=nearest(name, known),
        )
    refusals = []
    for spec in specs:
        if name and spec.name != name:
            continue
        component = stack.component(spec)
        assert isinstance(component, DataValidator)
        refusal = _refusal(component, data, suite, rules)
        if not refusal:
            return component
        refusals.append(f"{spec.name!r} {refusal}")
    if not specs:
        raise UsageError(
            f"stack {stack.spec.name!r} has no data validator",
            hint="`pip install zen-plugin-pandera`, and add `data_validator: pandera` to the stack in zen.yaml",
        )
    raise UsageError(f"no data validator of stack {stack.spec.name!r} can check this: {'; '.join(refusals)}")


def _refusal(component: DataValidator, data: Any, suite: Any, rules: Sequence[Expectation]) -> str:
    if suite is not None and ("native" not in component.capabilities or not component.accepts_suite(suite)):
        return f"takes no {type(suite).__qualname__}"
    unknown = sorted({rule.rule for rule in rules} - component.rules)
    if unknown:
        return f"does not know {listing(unknown)}"
    return "" if component.accepts(data) else f"checks no {type(data).__qualname__}"
