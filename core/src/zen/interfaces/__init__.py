"""The interfaces of stack components: one per kind, and what the host lends to them."""

from zen.interfaces.artifact_store import ArtifactStore, ObjectInfo, Reach
from zen.interfaces.component import Component
from zen.interfaces.experiment_tracker import ExperimentTracker, StepTracking
from zen.interfaces.host import Artifacts, Host, Records, Secrets
from zen.interfaces.materializer import ArtifactReader, ArtifactWriter, Materializer
from zen.interfaces.metadata_store import Change, MetadataStore, Migration, Row
from zen.interfaces.orchestrator import Command, Launcher, Orchestrator
from zen.interfaces.secret_store import SecretStore

KINDS: dict[str, type[Component]] = {
    cls.kind: cls for cls in (Orchestrator, ArtifactStore, MetadataStore, SecretStore, ExperimentTracker)
}

__all__ = [
    "KINDS",
    "ArtifactReader",
    "ArtifactStore",
    "ArtifactWriter",
    "Artifacts",
    "Change",
    "Command",
    "Component",
    "ExperimentTracker",
    "Host",
    "Launcher",
    "Materializer",
    "MetadataStore",
    "Migration",
    "ObjectInfo",
    "Orchestrator",
    "Reach",
    "Records",
    "Row",
    "SecretStore",
    "Secrets",
    "StepTracking",
]
