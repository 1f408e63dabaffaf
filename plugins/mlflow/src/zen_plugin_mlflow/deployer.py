"""The model deployer: MLflow's scoring server as a process of this machine, one for each deployment."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from zen.errors import ComponentError, ComponentUnavailable, UsageError, ZenError, listing
from zen.interfaces import Host, ModelDeployer
from zen.records import Deployment, ModelVersion
from zen_plugin_mlflow import processes, served_model
from zen_plugin_mlflow.config import MLflowDeployerConfig
from zen_plugin_mlflow.connection import Connection
from zen_plugin_mlflow.deployments import Folder, Served, current, last_line, tail
from zen_plugin_mlflow.flavors import FULL
from zen_plugin_mlflow.place import locate
from zen_plugin_mlflow.scoring import ask, body
from zen_plugin_mlflow.signatures import columns_of

_NEEDED = ("mlflow", "fastapi", "uvicorn", "numpy", "pandas")
_SETTINGS = frozenset({"port", "environment"})
_LEAVING = 30.0  # seconds for what a server that was replaced still has to answer
_STOPPING = 10.0


class MLflowDeployer(ModelDeployer):
    """Serves models with the server of `mlflow models serve`, in processes that outlive the one that starts them."""

    config: MLflowDeployerConfig
    capabilities: ClassVar[frozenset[str]] = frozenset({"swap"})

    def open(self, host: Host) -> None:
        """Take the folder of the deployments; the store of models is asked when a model is wanted from it."""
        super().open(host)
        self._folders = host.state / "mlflow-deployments"

    def check(self) -> None:
        """See that everything is installed that the server needs, and that it can work here."""
        if not hasattr(os, "fork"):
            raise ComponentUnavailable("MLflow's server cannot be run by this system", hint="use Linux or macOS")
        missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise ComponentError(f"MLflow cannot serve models without {listing(missing)}", hint=FULL)

    def deploy(
        self, name: str, version: ModelVersion, files: Mapping[str, Path], settings: Mapping[str, Any]
    ) -> Deployment:
        """Start a server for a version; one that serves goes on until the new one is ready, and hands its place over.

        Args:
            name: Of the deployment.
            version: Its model is taken from MLflow's registry if it is there, else it is made of the files.
            files: The model's own files.
            settings: `port`, by default the one that the deployment had, or any that is free; `environment`, variables
                for the server.
        """
        folder = Folder.of(self._folders, name)
        self._check_settings(settings)
        self.check()
        with folder.locked():
            before = folder.read()
            number, place = folder.new_instance()
            try:
                model = self._model(version, files, place / "model")
                made = self._started(folder, number, before, settings)
            except (ZenError, OSError) as err:
                return self._failed(folder, number, before, self._deployment(name, version, reason=_told(err)))
            made = replace(made, deployment=self._ready(name, version, made, model))
            folder.write(made)
            self._retire(folder, made.number)
            return made.deployment

    def _check_settings(self, settings: Mapping[str, Any]) -> None:
        unknown = sorted(settings.keys() - _SETTINGS)
        if unknown:
            self.host.log.warning("MLflow's server has no setting %s; it has: %s", listing(unknown), listing(_SETTINGS))
        port = settings.get("port", 0)
        if not isinstance(port, int) or not 0 <= port < 65536:
            raise UsageError(f"the port {port!r} is no number from 1 to 65535")

    def _model(self, version: ModelVersion, files: Mapping[str, Path], target: Path) -> str:
        """Put the model into a folder and return where it is from."""
        if served_model.registered(version):
            connection = Connection(locate(self.config.tracking_uri, self.host), self.host.log)
            found = served_model.fetch(version, target, connection, can_wait=bool(files))
            if found:
                return found
        served_model.make(version, files, target, self.host, allow_pickle=self.config.allow_pickle)
        return "files"

    def _started(self, folder: Folder, number: int, before: Served | None, settings: Mapping[str, Any]) -> Served:
        """Start a server and wait until it is ready.

        Raises:
            ComponentError: When it ends, or is not ready in time.
        """
        place = folder.instance(number)
        options = ["--model", "model", "--host", self.config.host, *self._where(before, settings)]
        process = processes.start(
            [sys.executable, "-P", "-m", "zen_plugin_mlflow.serving", *options],
            folder=place,
            log=place / "log",
            environment=self._environment(settings),
        )
        folder.note_process(number, process)
        port = self._await(place, process)
        blank = Deployment(name="", model="", version=0, state="starting")
        return Served(deployment=blank, number=number, process=process, port=port)

    def _where(self, before: Served | None, settings: Mapping[str, Any]) -> Sequence[str]:
        """Say where a server listens: at the socket of the one before it, at its port, or at any that is free."""
        port = settings.get("port") or (before.port if before else 0)
        if before and before.serves and before.deployment.url == self._url(port):
            return ["--after", f"../{before.number}"]
        return ["--port", str(port if settings.get("port") or _is_free(self.config.host, port) else 0)]

    def _url(self, port: int) -> str:
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        return f"http://{host}:{port}/invocations"

    def _environment(self, settings: Mapping[str, Any]) -> dict[str, str]:
        # The server needs no store, so it does not learn how to reach ours.
        own = {key: value for key, value in os.environ.items() if not key.startswith(("ZEN_", "MLFLOW_TRACKING_"))}
        path = os.pathsep.join(part for part in (own.get("PYTHONPATH", ""), str(self.host.root)) if part)
        given = {str(key): str(value) for key, value in dict(settings.get("environment") or {}).items()}
        return {**own, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **given}

    def _await(self, place: Path, process: processes.Process) -> int:
        end = time.monotonic() + self.config.start_timeout
        while time.monotonic() < end:
            if (place / "ready.json").exists():
                return int(json.loads((place / "ready.json").read_text())["port"])
            if not processes.is_alive(process):
                said = last_line(tail(place / "log"))
                raise ComponentError(f"the server ended before it was ready: {said or 'it has printed nothing'}")
            time.sleep(0.05)
        raise ComponentError(f"the server was not ready within {self.config.start_timeout:g} seconds")

    def _deployment(self, name: str, version: ModelVersion, *, reason: str = "") -> Deployment:
        now = dt.datetime.now(dt.UTC)
        return Deployment(
            name=name, model=version.model, version=version.version, state="failed", reason=reason, created_at=now
        )

    def _ready(self, name: str, version: ModelVersion, made: Served, model: str) -> Deployment:
        columns = columns_of(version.metadata.get("signature") or {}) or []
        facts = {
            "pid": made.process.pid if made.process else 0,
            "source": model,
            "columns": [column for column, _ in columns],
        }
        return replace(self._deployment(name, version), state="ready", url=self._url(made.port), metadata=facts)

    def _failed(self, folder: Folder, number: int, before: Served | None, failed: Deployment) -> Deployment:
        """End a server that did not become ready, and record that, unless another one goes on."""
        place = folder.instance(number)
        for process in [each for key, each in folder.processes().items() if key == number]:
            processes.end(process, _STOPPING)
        (folder.path / "failed.log").write_text(tail(place / "log") or f"{failed.reason}\n")
        shutil.rmtree(place, ignore_errors=True)
        if before is None or not before.serves:
            folder.write(Served(deployment=failed, port=before.port if before else 0))
        return failed

    def _retire(self, folder: Folder, number: int) -> None:
        """Let the servers before this one answer what they have accepted, and end."""
        old = {each: process for each, process in folder.processes().items() if each != number}
        for process in old.values():
            processes.leave(process)
        end = time.monotonic() + _LEAVING
        for process in old.values():
            processes.await_end(process, max(0.0, end - time.monotonic()))
        (folder.path / "failed.log").unlink(missing_ok=True)
        folder.tidy(number)

    def get(self, name: str) -> Deployment | None:
        """Return a deployment as it is now; one whose process is gone has failed. None for an unknown name."""
        folder = Folder.of(self._folders, name)
        served = folder.read()
        return current(served, folder.log(served.number)) if served else None

    def list(self) -> Sequence[Deployment]:
        """Return the deployments of this project, sorted by name."""
        names = sorted(path.parent.name for path in self._folders.glob("*/deployment.json"))
        return [found for name in names if (found := self.get(name)) is not None]

    def predict(self, name: str, data: Any) -> Any:
        """Send data to the scoring endpoint: rows, rows with names, columns, or one of MLflow's own forms."""
        found = self.get(name)
        if found is None or found.state != "ready":
            state = f"it is {found.state}: {found.reason}".rstrip(": ") if found else f"there are: {self._names()}"
            raise ComponentUnavailable(
                f"no deployment {name!r} serves; {state}", hint="deploy a version to it", deployment=name
            )
        return ask(name, found.url, body(data, found.metadata.get("columns", ())), timeout=self.config.request_timeout)

    def logs(self, name: str) -> str:
        """Return the end of what the server has printed, and of what the last one did that never became ready."""
        folder, served = self._known(name)
        failed = tail(folder.path / "failed.log")
        log = folder.log(served.number)
        return log + (f"\n--- the last server that did not become ready ---\n{failed}" if log and failed else failed)

    def stop(self, name: str) -> None:
        """End the server; what it is answering is answered, for ten seconds."""
        folder, _ = self._known(name)
        with folder.locked():
            served = folder.read()
            for process in folder.processes().values():
                processes.end(process, _STOPPING)
            if served is not None:
                folder.write(replace(served, deployment=replace(served.deployment, state="stopped", url="")))

    def delete(self, name: str) -> None:
        """End the server and remove its folder."""
        folder = Folder.of(self._folders, name)
        if not folder.path.exists():
            return
        with folder.locked():
            for process in folder.processes().values():
                processes.end(process, _STOPPING)
            folder.remove()

    def _known(self, name: str) -> tuple[Folder, Served]:
        folder = Folder.of(self._folders, name)
        served = folder.read()
        if served is None:
            raise ComponentError(f"there is no deployment {name!r}; there are: {self._names()}", deployment=name)
        return folder, served

    def _names(self) -> str:
        return listing(each.name for each in self.list())


def _is_free(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return True
    except OSError:
        return False


def _told(err: BaseException) -> str:
    return err.message if isinstance(err, ZenError) else f"{type(err).__name__}: {err}"
