"""zen: pipelines of plain Python functions, on stacks made of plugins.

    from zen import pipeline, step

Everything here is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zen.authoring import Pipeline, PipelineOptions, Retries, Step, StepOptions, pipeline, step
    from zen.authoring.models import Model
    from zen.authoring.space import choice, uniform
    from zen.authoring.within import (
        alert,
        load_artifact,
        log_figure,
        log_file,
        log_metadata,
        log_metrics,
        log_model,
        log_params,
        log_table,
        promote,
        save_artifact,
        validate,
    )
    from zen.client import ArtifactView, Client, ModelVersionView, RunView, StepView, Sweep
    from zen.client.packing import pack, unpack
    from zen.engine import ArtifactConfig, StepContext, get_step_context
    from zen.errors import RunFailed, ZenError
    from zen.records import CachePolicy
    from zen.secrets import Secret

__version__ = "0.1.0"

_HOMES = {
    "zen.authoring": ("Pipeline", "PipelineOptions", "Retries", "Step", "StepOptions", "pipeline", "step"),
    "zen.authoring.models": ("Model",),
    "zen.authoring.space": ("choice", "uniform"),
    "zen.authoring.within": (
        "alert",
        "load_artifact",
        "log_figure",
        "log_file",
        "log_metadata",
        "log_metrics",
        "log_model",
        "log_params",
        "log_table",
        "promote",
        "save_artifact",
        "validate",
    ),
    "zen.client": ("ArtifactView", "Client", "ModelVersionView", "RunView", "StepView", "Sweep"),
    "zen.client.packing": ("pack", "unpack"),
    "zen.engine": ("ArtifactConfig", "StepContext", "get_step_context"),
    "zen.errors": ("RunFailed", "ZenError"),
    "zen.records": ("CachePolicy",),
    "zen.secrets": ("Secret",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "ArtifactConfig",
    "ArtifactView",
    "CachePolicy",
    "Client",
    "Model",
    "ModelVersionView",
    "Pipeline",
    "PipelineOptions",
    "Retries",
    "RunFailed",
    "RunView",
    "Secret",
    "Step",
    "StepContext",
    "StepOptions",
    "StepView",
    "Sweep",
    "ZenError",
    "alert",
    "choice",
    "get_step_context",
    "load_artifact",
    "log_figure",
    "log_file",
    "log_metadata",
    "log_metrics",
    "log_model",
    "log_params",
    "log_table",
    "pack",
    "pipeline",
    "promote",
    "save_artifact",
    "step",
    "uniform",
    "unpack",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zen' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
