"""The interfaces of stack components: one per kind, and what the host lends to them."""

from zen.interfaces.alerter import Alerter
from zen.interfaces.artifact_store import ArtifactStore, ObjectInfo, Reach
from zen.interfaces.component import Component
from zen.interfaces.data_validator import DataValidator
from zen.interfaces.experiment_tracker import ExperimentTracker, StepTracking
from zen.interfaces.feature_store import FeatureStore
from zen.interfaces.host import Artifacts, Host, Records, Secrets
from zen.interfaces.materializer import ArtifactReader, ArtifactWriter, Materializer
from zen.interfaces.metadata_store import Change, MetadataStore, Migration, RecoveredTable, Recovery, Row
from zen.interfaces.model_deployer import ModelDeployer
from zen.interfaces.model_registry import ModelRegistry
from zen.interfaces.orchestrator import Command, Launcher, Orchestrator
from zen.interfaces.secret_store import SecretStore
from zen.interfaces.step_operator import StepJob, StepOperator

KINDS: dict[str, type[Component]] = {
    cls.kind: cls
    for cls in (
        Orchestrator,
        ArtifactStore,
        MetadataStore,
        SecretStore,
        ExperimentTracker,
        DataValidator,
        ModelRegistry,
        ModelDeployer,
        StepOperator,
        Alerter,
        FeatureStore,
    )
}

__all__ = [
    "KINDS",
    "Alerter",
    "ArtifactReader",
    "ArtifactStore",
    "ArtifactWriter",
    "Artifacts",
    "Change",
    "Command",
    "Component",
    "DataValidator",
    "ExperimentTracker",
    "FeatureStore",
    "Host",
    "Launcher",
    "Materializer",
    "MetadataStore",
    "Migration",
    "ModelDeployer",
    "ModelRegistry",
    "ObjectInfo",
    "Orchestrator",
    "Reach",
    "Records",
    "RecoveredTable",
    "Recovery",
    "Row",
    "SecretStore",
    "Secrets",
    "StepJob",
    "StepOperator",
    "StepTracking",
]
