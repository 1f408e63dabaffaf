"""The conformance kit on all three kinds, with MLflow's own client as the witness."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import pytest
from mlflow import MlflowClient

from zen import pack
from zen.records import ModelVersion
from zen.testing import ExperimentTrackerSuite, Kit, ModelDeployerSuite, ModelRegistrySuite

pytestmark = pytest.mark.slow

STATES = {"FINISHED": "completed", "FAILED": "failed", "KILLED": "cancelled", "RUNNING": "running"}
NOWHERE = {"tracking_uri": "http://127.0.0.1:9"}
# mlflow-skinny brings nothing that models want; zen-plugin-sklearn packs the one that is deployed.
MODELS = all(find_spec(name) is not None for name in ("pandas", "sklearn", "zen_plugin_sklearn"))


def fitted() -> Any:
    from sklearn.linear_model import Ridge

    return Ridge().fit([[0.0, 1.0], [1.0, 3.0], [2.0, 1.0]], [0.0, 1.0, 2.0])


class OnFile:
    """A store in a SQLite file."""

    @pytest.fixture(autouse=True)
    def database(self, tmp_path: Path, template: Path) -> None:
        shutil.copy(template, tmp_path / "mlflow.db")

    def config(self, kit: Kit) -> Mapping[str, Any]:
        return {"tracking_uri": f"sqlite:///{kit.tmp_path.as_posix()}/mlflow.db"}


class OnServer:
    """A store behind a real server, which all checks share."""

    address: str

    @pytest.fixture(autouse=True)
    def served(self, server: str) -> None:
        self.address = server

    def config(self, kit: Kit) -> Mapping[str, Any]:
        return {"tracking_uri": self.address}


class Tracker(ExperimentTrackerSuite):
    flavor: ClassVar[str] = "mlflow"
    unreachable: ClassVar[Mapping[str, Any]] = NOWHERE

    def read(self, kit: Kit, component: Any, reference: Mapping[str, Any]) -> Mapping[str, Any] | None:
        client = MlflowClient(self.config(kit)["tracking_uri"])
        parent = f"tags.`mlflow.parentRunId` = '{reference['run_id']}'"
        steps = client.search_runs([reference["experiment_id"]], parent)
        return {
            "state": STATES[client.get_run(reference["run_id"]).info.status],
            "steps": {run.info.run_name: self._step(client, run) for run in steps},
        }

    def _step(self, client: MlflowClient, run: Any) -> Mapping[str, Any]:
        history = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
        kept = {} if client.list_artifacts(run.info.run_id) == [] else self._files(client, run.info.run_id)
        tables = [entry["path"] for entry in json.loads(run.data.tags.get("mlflow.loggedArtifacts", "[]"))]
        return {
            "state": STATES[run.info.status],
            "params": run.data.params,
            "metrics": {name: [(point.value, point.step) for point in points] for name, points in history.items()},
            "files": kept,
            "tables": {path.removesuffix(".json"): self._table(kept[path]) for path in tables},
        }

    def _files(self, client: MlflowClient, run_id: str) -> dict[str, bytes]:
        folder = Path(client.download_artifacts(run_id, ""))
        files = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    def _table(self, content: bytes) -> Mapping[str, Any]:
        table = json.loads(content)
        return {"columns": table["columns"], "rows": table["data"]}


class TestMLflow(OnFile, Tracker):
    pass


class TestMLflowServer(OnServer, Tracker):
    pass


class Registry(ModelRegistrySuite):
    flavor: ClassVar[str] = "mlflow"
    unreachable: ClassVar[Mapping[str, Any]] = NOWHERE

    def version(self, kit: Kit, model: str) -> ModelVersion:
        given = super().version(kit, model)
        kit.host.artifacts.values[given.artifact] = fitted() if MODELS else {"not": "a model"}
        return replace(given, metadata={**given.metadata, "signature": {"features": 2}})


class TestMLflowRegistry(OnFile, Registry):
    pass


class TestMLflowRegistryServer(OnServer, Registry):
    pass


@pytest.mark.skipif(not MODELS, reason="needs [full]")
class TestMLflowDeployer(OnFile, ModelDeployerSuite):
    flavor: ClassVar[str] = "mlflow"
    lacks: ClassVar[Mapping[str, str]] = {
        "scale": "a deployment is one process",
        "unreachable": "deployments run on this machine, and need no service",
    }

    served: Any

    @pytest.fixture(autouse=True)
    def of_the_project(self, line: Any) -> None:
        self.served = line

    def model(self, kit: Kit) -> tuple[Mapping[str, Path], Any, Any]:
        data = [[0.5, 1.0], [3, 2]]
        folder = kit.tmp_path / "packed"
        if not folder.exists():
            pack(self.served, folder)
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        return files, data, self.served.predict(data)

    def broken(self, kit: Kit) -> Mapping[str, Path]:
        files = dict(self.model(kit)[0])
        broken = kit.tmp_path / "broken"
        broken.write_bytes(b"no model")
        return {name: broken if name == "data" else path for name, path in files.items()}

    def same(self, answer: Any, expected: Any) -> bool:
        return bool(answer == pytest.approx(expected))
