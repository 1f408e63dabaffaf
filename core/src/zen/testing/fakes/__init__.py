"""A correct implementation of each kind of component, in memory: what a suite is tried on, and what tests use."""

from zen.testing.fakes.alerter import MemoryAlerter
from zen.testing.fakes.artifact_store import MemoryArtifactStore
from zen.testing.fakes.data_validator import MemoryValidator
from zen.testing.fakes.experiment_tracker import MemoryTracker
from zen.testing.fakes.feature_store import MemoryFeatureStore
from zen.testing.fakes.job import FakeJob
from zen.testing.fakes.launcher import FakeLauncher
from zen.testing.fakes.metadata_store import TemporaryMetadataStore
from zen.testing.fakes.model_deployer import MemoryModelDeployer
from zen.testing.fakes.model_registry import MemoryModelRegistry
from zen.testing.fakes.orchestrator import DetachedOrchestrator, SequentialOrchestrator
from zen.testing.fakes.secret_store import MemorySecretStore
from zen.testing.fakes.step_operator import SubprocessStepOperator

__all__ = [
    "DetachedOrchestrator",
    "FakeJob",
    "FakeLauncher",
    "MemoryAlerter",
    "MemoryArtifactStore",
    "MemoryFeatureStore",
    "MemoryModelDeployer",
    "MemoryModelRegistry",
    "MemorySecretStore",
    "MemoryTracker",
    "MemoryValidator",
    "SequentialOrchestrator",
    "SubprocessStepOperator",
    "TemporaryMetadataStore",
]
