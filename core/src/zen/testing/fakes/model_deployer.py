"""A model deployer in a folder: its models are JSON files with numbers, and predicting multiplies."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from zen.errors import ComponentUnavailable
from zen.interfaces import ModelDeployer
from zen.records import Deployment, ModelVersion, to_json
from zen.records.codec import from_json


class MemoryModelDeployer(ModelDeployer):
    """Serves a model that is one file, `data`, with a number in it: `predict` multiplies each number by it."""

    capabilities: ClassVar[frozenset[str]] = frozenset({"scale", "swap"})

    def deploy(
        self, name: str, version: ModelVersion, files: Mapping[str, Path], settings: Mapping[str, Any]
    ) -> Deployment:
        """Keep the model; one that is no number fails."""
        folder = self._folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        made = Deployment(
            name=name,
            model=version.model,
            version=version.version,
            state="ready",
            url=f"memory://{name}",
            created_at=dt.datetime.now(dt.UTC),
            metadata={"replicas": settings.get("replicas", 1)},
        )
        try:
            factor = float(files["data"].read_text())
        except (KeyError, ValueError) as error:
            made = Deployment(
                name=name, model=version.model, version=version.version, state="failed", reason=f"no number: {error}"
            )
        else:
            _replace(folder / "factor", str(factor))
        found = self.get(name)
        if made.state == "ready" or found is None or found.state != "ready":  # else the old one goes on
            self._keep(made)
        return made

    def get(self, name: str) -> Deployment | None:
        """Return a deployment, or None."""
        path = self._folder(name) / "deployment.json"
        return from_json(Deployment, json.loads(path.read_text())) if path.is_file() else None

    def list(self) -> Sequence[Deployment]:
        """Return all deployments, sorted by name."""
        names = sorted(path.parent.name for path in self._folder("").glob("*/deployment.json"))
        return [found for name in names if (found := self.get(name)) is not None]

    def predict(self, name: str, data: Any) -> Any:
        """Multiply each number."""
        found = self.get(name)
        if found is None or found.state != "ready":
            raise ComponentUnavailable(f"deployment {name!r} does not serve", hint="deploy it first")
        with (self._folder(name) / "log").open("a") as log:
            log.write(f"predict {data}\n")
        return [float((self._folder(name) / "factor").read_text()) * value for value in data]

    def logs(self, name: str) -> str:
        """Return a line for each prediction, and the reason of a failure."""
        log = self._folder(name) / "log"
        found = self.get(name)
        return (log.read_text() if log.is_file() else "") + (found.reason if found else "")

    def stop(self, name: str) -> None:
        """Stop serving."""
        found = self.get(name)
        if found is not None:
            self._keep(from_json(Deployment, {**to_json(found), "state": "stopped", "url": ""}))

    def delete(self, name: str) -> None:
        """Forget the deployment."""
        shutil.rmtree(self._folder(name), ignore_errors=True)

    def _keep(self, deployment: Deployment) -> None:
        _replace(self._folder(deployment.name) / "deployment.json", json.dumps(to_json(deployment)))

    def _folder(self, name: str) -> Path:
        return Path(self.host.state) / "memory-deployments" / name


def _replace(path: Path, text: str) -> None:
    """Write a file at once, so that whoever predicts meanwhile reads the old one or the new one."""
    part = path.with_name(f".{path.name}")
    part.write_text(text)
    part.replace(path)
