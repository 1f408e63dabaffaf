"""Records: frozen values, add-only, without I/O. What crosses every boundary of zen."""

from zen.records.artifact import ArtifactRecord, FileEntry, Manifest
from zen.records.codec import from_json, to_json
from zen.records.events import Alert, AlertLevel, CheckResult, StepExit, ValidationResult
from zen.records.kinds import Kind
from zen.records.model import AliasEvent, Deployment, DeploymentState, ModelSpec, ModelVersion, Serving
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
    "Alert",
    "AlertLevel",
    "AliasEvent",
    "ArtifactRecord",
    "CacheDecision",
    "CachePolicy",
    "CheckResult",
    "CodeRef",
    "ComponentSpec",
    "Deployment",
    "DeploymentState",
    "ErrorRecord",
    "ExecutionMode",
    "FileEntry",
    "Hooks",
    "Input",
    "Kind",
    "LogLine",
    "Manifest",
    "MetricPoint",
    "ModelSpec",
    "ModelVersion",
    "OutputSpec",
    "Plan",
    "RetryPolicy",
    "RunRecord",
    "RunState",
    "Serving",
    "StackSpec",
    "StepExit",
    "StepRunRecord",
    "StepSpec",
    "StepState",
    "ValidationResult",
    "from_json",
    "to_json",
]
