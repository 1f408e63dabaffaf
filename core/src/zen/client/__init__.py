"""The read side: runs, steps, artifacts."""

from zen.client.client import Client, open_client
from zen.client.deployments import DeploymentView
from zen.client.lineage import Lineage
from zen.client.models import ModelVersionView
from zen.client.sweeps import NotStarted, Sweep, group_tag, varied
from zen.client.views import ArtifactView, RunView, StepView
from zen.client.workspaces import close_all, open_workspace

__all__ = [
    "ArtifactView",
    "Client",
    "DeploymentView",
    "Lineage",
    "ModelVersionView",
    "NotStarted",
    "RunView",
    "StepView",
    "Sweep",
    "close_all",
    "group_tag",
    "open_client",
    "open_workspace",
    "varied",
]
