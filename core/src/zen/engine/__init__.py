"""The life of a run: launch, execute one step, decide about the cache, commit; and the context of a step."""

from zen.engine.alerts import send
from zen.engine.annotations import annotations_of, connects, fits, name_of, plain_type
from zen.engine.conducting import Finished, reraise, terminating
from zen.engine.context import StepContext, current_context, find_artifact, get_step_context
from zen.engine.failures import without_our_frames
from zen.engine.foreseeing import foresee
from zen.engine.ids import new_id
from zen.engine.launch import Draft, launch
from zen.engine.launcher import StepLauncher
from zen.engine.liveness import reap
from zen.engine.models import STAGES, promote, unalias
from zen.engine.progress import Progress, current_progress, use_progress
from zen.engine.resuming import resume
from zen.engine.session import interrupt
from zen.engine.signature import ArtifactConfig, Signature, check_artifact_name, signature_of
from zen.engine.snapshots import file_content, files_of
from zen.engine.validating import CHECKS, checked, expectations_of, failure
from zen.engine.workers import workers_kept

__all__ = [
    "CHECKS",
    "STAGES",
    "ArtifactConfig",
    "Draft",
    "Finished",
    "Progress",
    "Signature",
    "StepContext",
    "StepLauncher",
    "annotations_of",
    "check_artifact_name",
    "checked",
    "connects",
    "current_context",
    "current_progress",
    "expectations_of",
    "failure",
    "file_content",
    "files_of",
    "find_artifact",
    "fits",
    "foresee",
    "get_step_context",
    "interrupt",
    "launch",
    "name_of",
    "new_id",
    "plain_type",
    "promote",
    "reap",
    "reraise",
    "resume",
    "send",
    "signature_of",
    "terminating",
    "unalias",
    "use_progress",
    "without_our_frames",
    "workers_kept",
]
