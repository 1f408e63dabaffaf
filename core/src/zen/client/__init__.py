"""The read side: runs, steps, artifacts."""

from zen.client.client import Client, open_client
from zen.client.deployments import DeploymentView
from zen.client.lineage import Lineage
from zen.client.models import ModelVersionView
from zen.client.views import ArtifactView, RunView, StepView
from zen.client.workspaces import close_all, open_workspace

__all__ = [
    "ArtifactView",
    "Client",
    "DeploymentView",
    "Lineage",
    "ModelVersionView",
    "RunView",
    "StepView",
    "close_all",
    "open_client",
    "open_workspace",
]
