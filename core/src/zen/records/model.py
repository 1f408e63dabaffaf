"""Models and deployments, as registries and deployers know them."""

from __future__ import annotations

import datetime as dt
from dataclasses import field
from typing import Any, Literal

from zen.records.codec import record

DeploymentState = Literal["starting", "ready", "failed", "stopped"]


@record()
class ModelVersion:
    """A version of a registered model.

    Attributes:
        version: 1, 2, … for each model.
        artifact: Id of the artifact that holds the model; empty for one that zen did not make.
        run_id: The run that produced it.
        uri: Where the registry keeps it, for its own tools.
        aliases: Names such as `champion`; each names one version of a model at a time.
    """

    model: str
    version: int
    artifact: str = ""
    run_id: str = ""
    uri: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    created_at: dt.datetime | None = None


@record()
class Deployment:
    """A model that is served.

    Attributes:
        name: Names the endpoint; deploying to it again swaps the model.
        url: Where it answers, once it is `ready`.
        reason: Why it failed.
    """

    name: str
    model: str
    version: int
    state: DeploymentState
    url: str = ""
    reason: str = ""
    created_at: dt.datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
