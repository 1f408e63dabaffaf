"""Records: frozen values, add-only, without I/O. What crosses every boundary of zen."""

from zen.records.artifact import ArtifactRecord, FileEntry, Manifest
from zen.records.codec import from_json, to_json
from zen.records.plan import (
    PLAN_VERSION,
    CachePolicy,
    CodeRef,
    ComponentSpec,
    ExecutionMode,
    Hooks,
    Input,
    OutputSpec,
    Plan,
    RetryPolicy,
    StackSpec,
    StepSpec,
)
from zen.records.run import CacheDecision, ErrorRecord, LogLine, MetricPoint, RunRecord, StepRunRecord
from zen.records.states import FINAL, RUN_STATES, STEP_STATES, SUCCEEDED, RunState, StepState

__all__ = [
    "FINAL",
    "PLAN_VERSION",
    "RUN_STATES",
    "STEP_STATES",
    "SUCCEEDED",
    "ArtifactRecord",
    "CacheDecision",
    "CachePolicy",
    "CodeRef",
    "ComponentSpec",
    "ErrorRecord",
    "ExecutionMode",
    "FileEntry",
    "Hooks",
    "Input",
    "LogLine",
    "Manifest",
    "MetricPoint",
    "OutputSpec",
    "Plan",
    "RetryPolicy",
    "RunRecord",
    "RunState",
    "StackSpec",
    "StepRunRecord",
    "StepSpec",
    "StepState",
    "from_json",
    "to_json",
]
