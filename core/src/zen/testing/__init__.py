"""What plugin authors test with: a conformance suite for each kind of component, fakes, and artifacts in a folder.

    from zen.testing import ArtifactStoreSuite

    class TestAcme(ArtifactStoreSuite):
        flavor = "acme"

Everything here is loaded when it is first used; only the fixtures need pytest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zen.testing.alerting import AlerterSuite
    from zen.testing.artifacts import FolderReader, FolderWriter, round_trip, save
    from zen.testing.checks import Checks, DoesNotApply, NotVerified, refusal, require
    from zen.testing.data import DataValidatorSuite, FeatureStoreSuite
    from zen.testing.fakes import (
        DetachedOrchestrator,
        FakeJob,
        FakeLauncher,
        MemoryAlerter,
        MemoryArtifactStore,
        MemoryFeatureStore,
        MemoryModelDeployer,
        MemoryModelRegistry,
        MemorySecretStore,
        MemoryTracker,
        MemoryValidator,
        SequentialOrchestrator,
        SubprocessStepOperator,
        TemporaryMetadataStore,
    )
    from zen.testing.hosts import FakeArtifacts, FakeHost, FakeRecords, FakeSecrets
    from zen.testing.kit import Kit
    from zen.testing.materializers import MaterializerSuite
    from zen.testing.models import ModelDeployerSuite, ModelRegistrySuite
    from zen.testing.runs import OrchestratorSuite, StepOperatorSuite
    from zen.testing.stores import ArtifactStoreSuite, MetadataStoreSuite, SecretStoreSuite
    from zen.testing.suite import ComponentSuite, Outcome, run_checks
    from zen.testing.tracking import ExperimentTrackerSuite

_HOMES = {
    "zen.testing.alerting": ("AlerterSuite",),
    "zen.testing.artifacts": ("FolderReader", "FolderWriter", "round_trip", "save"),
    "zen.testing.checks": ("Checks", "DoesNotApply", "NotVerified", "refusal", "require"),
    "zen.testing.data": ("DataValidatorSuite", "FeatureStoreSuite"),
    "zen.testing.fakes": (
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
    ),
    "zen.testing.hosts": ("FakeArtifacts", "FakeHost", "FakeRecords", "FakeSecrets"),
    "zen.testing.kit": ("Kit",),
    "zen.testing.materializers": ("MaterializerSuite",),
    "zen.testing.models": ("ModelDeployerSuite", "ModelRegistrySuite"),
    "zen.testing.runs": ("OrchestratorSuite", "StepOperatorSuite"),
    "zen.testing.stores": ("ArtifactStoreSuite", "MetadataStoreSuite", "SecretStoreSuite"),
    "zen.testing.suite": ("ComponentSuite", "Outcome", "run_checks"),
    "zen.testing.tracking": ("ExperimentTrackerSuite",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AlerterSuite",
    "ArtifactStoreSuite",
    "Checks",
    "ComponentSuite",
    "DataValidatorSuite",
    "DetachedOrchestrator",
    "DoesNotApply",
    "ExperimentTrackerSuite",
    "FakeArtifacts",
    "FakeHost",
    "FakeJob",
    "FakeLauncher",
    "FakeRecords",
    "FakeSecrets",
    "FeatureStoreSuite",
    "FolderReader",
    "FolderWriter",
    "Kit",
    "MaterializerSuite",
    "MemoryAlerter",
    "MemoryArtifactStore",
    "MemoryFeatureStore",
    "MemoryModelDeployer",
    "MemoryModelRegistry",
    "MemorySecretStore",
    "MemoryTracker",
    "MemoryValidator",
    "MetadataStoreSuite",
    "ModelDeployerSuite",
    "ModelRegistrySuite",
    "NotVerified",
    "OrchestratorSuite",
    "Outcome",
    "SecretStoreSuite",
    "SequentialOrchestrator",
    "StepOperatorSuite",
    "SubprocessStepOperator",
    "TemporaryMetadataStore",
    "refusal",
    "require",
    "round_trip",
    "run_checks",
    "save",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zen.testing' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
