"""Models and deployments, as registries and deployers know them."""

from __future__ import annotations

import datetime as dt
from dataclasses import field
from typing import Any, Literal

from zen.records.codec import record

DeploymentState = Literal["starting", "ready", "failed", "stopped"]


@record()
class ModelSpec:
    """The model that a pipeline makes: each run that completes adds a version.

    Attributes:
        artifact: Which output is the model: the name of an artifact, of an output, or `step.output`; empty for the one
            that is called `model`, or the last one that can predict.
    """

    name: str
    artifact: str = ""
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)


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


@record()
class AliasEvent:
    """An alias that moved.

    Attributes:
        version: Which version it names from then on; None when it was taken away.
        before: Which one it named until then.
        run_id: The run that moved it; empty for a person.
        reason: Why, for people.
    """

    model: str
    alias: str
    version: int | None = None
    before: int | None = None
    at: dt.datetime | None = None
    run_id: str = ""
    reason: str = ""


@record()
class Serving:
    """The time in which a deployment served one version of a model.

    Attributes:
        name: The deployment.
        deployer: The component that serves it, by its name in the stack.
        ended_at: None while it serves.
        reason: Why it ended.
    """

    id: str
    name: str
    model: str
    version: int
    deployer: str = ""
    stack: str = ""
    url: str = ""
    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    reason: str = ""
