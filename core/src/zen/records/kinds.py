"""The kinds of components that a stack can have."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "orchestrator",
    "artifact_store",
    "metadata_store",
    "secret_store",
    "experiment_tracker",
    "data_validator",
    "model_registry",
    "model_deployer",
    "step_operator",
    "alerter",
    "feature_store",
]
