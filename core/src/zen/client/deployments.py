"""Deployments: versions of models that are served, by the stack's model deployer."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from zen.client.models import ModelVersionView, Opened
from zen.engine import new_id
from zen.errors import ArtifactNotFound, UsageError, listing, nearest
from zen.interfaces import ModelDeployer
from zen.records import Deployment, DeploymentState, Serving
from zen.stacks import is_name, name_advice, name_refusal
from zen.stacks.opening import OpenStack
from zen.stacks.trust import check_loadable
from zen.storage import Models


class Deploying(Opened, Protocol):
    """A reader that knows models: a client."""

    def model(self, ref: str, version: int | str | None = None) -> ModelVersionView: ...


class DeploymentView:
    """A deployment, as it was when it was asked for."""

    def __init__(self, record: Deployment, client: Deploying) -> None:
        self.record = record
        self._client = client

    @property
    def name(self) -> str:
        """The name of the endpoint."""
        return self.record.name

    @property
    def state(self) -> DeploymentState:
        """`starting`, `ready`, `failed` or `stopped`."""
        return self.record.state

    @property
    def url(self) -> str:
        """Where it answers, once it is ready."""
        return self.record.url

    @property
    def reason(self) -> str:
        """Why it failed."""
        return self.record.reason

    @property
    def version(self) -> ModelVersionView:
        """The version of the model that it serves."""
        return self._client.model(self.record.model, self.record.version)

    @property
    def servings(self) -> list[Serving]:
        """What it served, and when; oldest first."""
        return Models(self._client.database).servings(name=self.name)

    def predict(self, data: Any) -> Any:
        """Send plain data to it and return its answer.

        Raises:
            ComponentUnavailable: When it does not serve.
        """
        return self._deployer.predict(self.name, data)

    def logs(self) -> str:
        """Return what it has printed lately."""
        return self._deployer.logs(self.name)

    def stop(self) -> None:
        """Stop serving; it can be deployed again."""
        self._deployer.stop(self.name)
        Models(self._client.database).end_serving(self.name, "stopped")

    def delete(self) -> None:
        """Stop serving and forget it; what it served when stays known."""
        self._deployer.delete(self.name)
        Models(self._client.database).end_serving(self.name, "deleted")

    @property
    def _deployer(self) -> ModelDeployer:
        return _deployer(self._client.open_stack)

    def __repr__(self) -> str:
        return f"<deployment {self.name!r} of {self.record.model}@{self.record.version}: {self.state}>"


class DeploymentAccess:
    """The part of a client that is about deployments."""

    open_stack: OpenStack

    def deploy(self, ref: str, name: str = "", settings: Mapping[str, Any] | None = None) -> DeploymentView:
        """Serve a version of a model, and return when it is ready or has failed.

        Args:
            ref: The version: `churn@champion`.
            name: Of the endpoint; by default that of the model. One that serves already gets the new version.
            settings: For the deployer, such as `{"replicas": 2}`.

        Raises:
            UsageError: When the stack has no model deployer.
            ArtifactNotFound: When there is no such version, or it has no model.
            MaterializerError: When it may not be loaded here.
        """
        version = self._self().model(ref)
        name = name or version.model
        if not is_name(name):
            raise UsageError(name_refusal(name, "a deployment cannot have the name {}"), hint=name_advice(name))
        if not version.record.artifact:
            raise ArtifactNotFound(f"version {version.version} of model {version.model!r} holds no model to serve")
        if version.artifact.unsafe:  # whatever loads it there asks nobody
            check_loadable(version.artifact.record, self.open_stack)
        deployer = _deployer(self.open_stack)
        with tempfile.TemporaryDirectory(prefix="deploy-", dir=self.open_stack.state) as folder:
            files = version.artifact.pack(Path(folder) / "model")
            made = deployer.deploy(name, version.record, files, dict(settings or {}))
        if made.state == "ready":
            self._served(made)
        return DeploymentView(made, self._self())

    def deployments(self) -> list[DeploymentView]:
        """Return the deployments of the stack, sorted by name; what is found to serve no more is recorded."""
        found = _deployer(self.open_stack).list()
        self._reconcile(found)
        return [DeploymentView(record, self._self()) for record in found]

    def deployment(self, name: str) -> DeploymentView:
        """Return a deployment as it is now.

        Raises:
            ArtifactNotFound: With those that exist.
        """
        deployer = _deployer(self.open_stack)
        found = deployer.get(name)
        if found is None:
            names = [each.name for each in deployer.list()]
            raise ArtifactNotFound(f"no deployment {name!r}; there are: {listing(names)}", hint=nearest(name, names))
        return DeploymentView(found, self._self())

    def served(self, at: dt.datetime | None = None) -> list[Serving]:
        """Return what serves now, or what served at a time, as far as zen was told."""
        return Models(self.open_stack.database).serving(at=at)

    def _served(self, made: Deployment) -> None:
        database = self.open_stack.database
        [spec] = self.open_stack.spec.of(ModelDeployer.kind)
        Models(database).begin_serving(
            Serving(
                id=new_id(),
                name=made.name,
                model=made.model,
                version=made.version,
                deployer=spec.name,
                stack=self.open_stack.spec.name,
                url=made.url,
                started_at=database.now(),
            )
        )

    def _reconcile(self, found: Any) -> None:
        """Record that what is said to serve, and does not, has ended: a machine was restarted, a process killed."""
        ready = {(each.name, each.model, each.version) for each in found if each.state == "ready"}
        known = {spec.name for spec in self.open_stack.spec.of(ModelDeployer.kind)}
        for serving in Models(self.open_stack.database).serving():
            if serving.deployer in known and (serving.name, serving.model, serving.version) not in ready:
                Models(self.open_stack.database).end_serving(serving.name, "found not serving")

    def _self(self) -> Deploying:
        return self  # type: ignore[return-value]  # a client, whose part this is


def _deployer(stack: OpenStack) -> ModelDeployer:
    if not stack.spec.of(ModelDeployer.kind):
        raise UsageError(
            f"stack {stack.spec.name!r} has no model deployer",
            hint="`pip install zen-plugin-serve`, and add `model_deployer: serve` to the stack in zen.yaml",
        )
    return stack.one(ModelDeployer)  # type: ignore[type-abstract]  # mypy wants a concrete class
