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
        """Serve a version under a name and return when it is `ready` or `failed`.

        Args:
            name: Of the deployment. If it serves already, the version is swapped in. Should that fail, the old one goes
                on: what is returned is `failed` and has the reason, while `get` goes on to return what serves.
            version: What to serve. `version.metadata` may hold `signature`: `{"columns": [{"name": …, "type": …}]}` of
                the table that the model was trained with, or `{"features": n}` for one without names.
            files: The model's own files, local and read-only, for as long as the call takes. Together in one folder
                they are what `zen.unpack` loads: the server needs neither the project's stores nor their secrets.
            settings: What the person who deploys asks for.

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
