"""Records with the secrets in their texts masked.

Ids, states, digests, times and what zen reads again by its exact words stay as they are: a record must not lose what it
refers to. So does the plan: other processes execute from it, and launching refuses one that holds a secret.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from zen.records import (
    Alert,
    AliasEvent,
    ArtifactRecord,
    CacheDecision,
    CheckResult,
    Deployment,
    ErrorRecord,
    LogLine,
    MetricPoint,
    ModelVersion,
    RunRecord,
    Serving,
    StepExit,
    StepRunRecord,
    ValidationResult,
)
from zen.secrets.redaction import redactor

R = TypeVar("R")

# Left out on purpose: `owner` and `worker` (a host and a process id, by which the living are told from the dead).
_TEXTS: dict[type, tuple[str, ...]] = {
    Alert: ("title", "text", "facts", "url"),
    AliasEvent: ("reason",),
    ArtifactRecord: ("metadata", "tags"),
    CacheDecision: ("reason",),
    CheckResult: ("sample", "message"),
    Deployment: ("url", "reason", "metadata"),
    ErrorRecord: ("message", "traceback", "hint"),
    LogLine: ("text",),
    MetricPoint: ("key",),
    ModelVersion: ("uri", "description", "tags", "metadata"),
    RunRecord: ("name", "parameters", "tags", "trackers", "warnings", "error", "environment"),
    Serving: ("url", "reason"),
    StepExit: ("message",),
    StepRunRecord: ("cache", "error", "reason", "warnings"),
    ValidationResult: ("results", "statistics"),
}


def masked(value: R) -> R:
    """Return a record, or several in a list or tuple, with the secrets in its texts masked; other values pass."""
    return _masked(value) if redactor.active else value


def _masked(value: Any) -> Any:
    if isinstance(value, list | tuple) and value and type(value[0]) in _TEXTS:
        return type(value)(map(_masked, value))
    names = _TEXTS.get(type(value), ())
    changed = {name: new for name in names if (new := _text(old := getattr(value, name))) != old}
    return dataclasses.replace(value, **changed) if changed else value


def _text(value: Any) -> Any:
    first = value[0] if isinstance(value, tuple) and value else value
    return _masked(value) if type(first) in _TEXTS else redactor.data(value)
