"""Model deployers: what serves models."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from zen.interfaces.component import Component
from zen.records import Deployment, ModelVersion


class ModelDeployer(Component):
    """Serves models under names. A deployment outlives the process that made it and is found again by its name."""

    kind: ClassVar[str] = "model_deployer"
    known_capabilities: ClassVar[Mapping[str, str]] = {
        "swap": "deploying to a name that serves already loses no request",
        "scale": "honors settings['replicas']",
    }

    @abstractmethod
    def deploy(
        self, name: str, version: ModelVersion, files: Mapping[str, Path], settings: Mapping[str, Any]
    ) -> Deployment:
        """Serve a version under a name and return when it is `ready` or `failed`; `files` are the model's own, local.

        Raises:
            ComponentUnavailable: When the place where it should run cannot be reached.
        """

    @abstractmethod
    def get(self, name: str) -> Deployment | None:
        """Return a deployment as it is now, or None."""

    @abstractmethod
    def list(self) -> Sequence[Deployment]:
        """Return the deployments that zen made here, sorted by name."""

    @abstractmethod
    def predict(self, name: str, data: Any) -> Any:
        """Send plain data to a deployment and return its answer.

        Raises:
            ComponentUnavailable: When it does not serve.
        """

    @abstractmethod
    def logs(self, name: str) -> str:
        """Return what the deployment has printed lately."""

    @abstractmethod
    def stop(self, name: str) -> None:
        """Stop serving; the deployment is kept and can be deployed again."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Stop serving and forget it; nothing of it is left. Deleting what is not there is harmless."""
