"""The registry against SQLite and a real server, read back through MLflow's own client."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from zen.errors import ArtifactNotFound, ComponentError, ComponentUnavailable
from zen.records import ArtifactRecord, Manifest, ModelVersion, Plan, RunRecord, StepRunRecord
from zen_plugin_mlflow.config import MLflowRegistryConfig
from zen_plugin_mlflow.registry import MLflowRegistry
from zen_plugin_mlflow.tracker import MLflowTracker

SIGNATURE = {"columns": [{"name": "age", "type": "int64"}, {"name": "city", "type": "object"}]}


@pytest.fixture
def registry(host: Any) -> Iterator[Callable[..., MLflowRegistry]]:
    opened = []

    def make(**settings: Any) -> MLflowRegistry:
        opened.append(MLflowRegistry(MLflowRegistryConfig(**settings)))
        opened[-1].open(host)
        return opened[-1]

    yield make
    for component in opened:
        component.close()


@pytest.fixture(params=["file", "server"])
def address(request: pytest.FixtureRequest, host: Any) -> str:
    """The stores that a registry is tried on."""
    return f"sqlite:///{host.state}/mlflow.db" if request.param == "file" else request.getfixturevalue("server")


def trained() -> Any:
    linear_model = pytest.importorskip("sklearn.linear_model")
    pytest.importorskip("pandas")
    return linear_model.Ridge().fit([[0.0, 1.0], [1.0, 3.0], [2.0, 1.0]], [0.0, 1.0, 2.0])


def loaded(address: str, uri: str) -> Any:
    """Load a model as a user of MLflow does."""
    code = """
        import sys, mlflow, numpy
        mlflow.set_tracking_uri(sys.argv[1])
        model = mlflow.pyfunc.load_model(sys.argv[2])
        print(model.predict(numpy.array([[0.5, 1.0]])).tolist(), model.metadata.signature)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), address, uri]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def test_model_is_one_of_mlflow(registry: Callable[..., MLflowRegistry], host: Any, address: str) -> None:
    model = trained()
    np = pytest.importorskip("numpy")
    host.artifacts.values["a1"] = model
    given = ModelVersion(
        model="churn-of-mlflow",
        version=7,
        artifact="a1",
        run_id="r0",
        description="first",
        tags={"team": "risk"},
        metadata={"accuracy": 0.9, "signature": {"features": 2}},
    )
    added = registry(tracking_uri=address).register(given)
    assert (added.version, added.uri) == (1, "models:/churn-of-mlflow/1")
    client = MlflowClient(address, address)
    found = client.get_model_version("churn-of-mlflow", "1")
    assert found.description == "first"
    links = {"team": "risk", "zen.run_id": "r0", "zen.artifact": "a1", "zen.model_version": "churn-of-mlflow/7"}
    assert links.items() <= found.tags.items()
    experiment = client.get_experiment_by_name("models")
    (logged,) = [
        each
        for each in client.search_logged_models([experiment.experiment_id])
        if each.tags.get("zen.model_version") == "churn-of-mlflow/7"
    ]
    assert '"churn-of-mlflow"' in logged.tags["mlflow.modelVersions"]
    text = loaded(address, added.uri)
    assert str(model.predict(np.array([[0.5, 1.0]])).tolist()) in text
    assert "double (required), double (required)" in text


def test_version_is_linked_to_the_tracked_run_of_its_step(
    registry: Callable[..., MLflowRegistry], host: Any, address: str, run: RunRecord, plan: Plan
) -> None:
    from zen_plugin_mlflow.config import MLflowConfig

    tracker = MLflowTracker(MLflowConfig(tracking_uri=address, experiment="linked"))
    tracker.open(host)
    reference = tracker.start_run(run, plan)
    with tracker.step(reference, run, StepRunRecord(id="s9", run_id="r1", name="train")) as tracking:
        tracking.log_params({"depth": 3})
        step_id = tracking.native.info.run_id
    host.records.runs["r1"] = RunRecord(id="r1", name="x", pipeline="p", trackers={"mlflow": reference})
    host.records.artifact_records["a1"] = ArtifactRecord(
        id="a1", name="model", digest="", manifest=Manifest(format="skops"), step_run="s9"
    )
    host.artifacts.values["a1"] = trained()
    registry(tracking_uri=address).register(ModelVersion(model="linked", version=1, artifact="a1", run_id="r1"))
    client = MlflowClient(address, address)
    newest = client.search_model_versions("name = 'linked'")[0]
    assert newest.run_id == step_id
    (output,) = client.get_run(step_id).outputs.model_outputs
    logged = client.get_logged_model(output.model_id)
    assert (logged.source_run_id, logged.experiment_id) == (step_id, reference["experiment_id"])
    assert logged.params == {"depth": "3"}


def test_version_without_a_model_has_no_files(registry: Callable[..., MLflowRegistry], address: str) -> None:
    added = registry(tracking_uri=address).register(ModelVersion(model="bare", version=0, run_id="r1"))
    found = MlflowClient(address, address).get_model_version("bare", str(added.version))
    assert found.source == "zen:/r1"
    assert "zen.model_version" not in found.tags


def test_long_metadata_comes_back(registry: Callable[..., MLflowRegistry], address: str) -> None:
    made = registry(tracking_uri=address)
    metadata = {"größe": "x" * 9000, "nested": {"a": [1, None, 0.5]}, "empty": ""}
    added = made.register(ModelVersion(model="wordy", version=1, metadata=metadata))
    assert made.get("wordy", added.version).metadata == metadata


def test_versions_of_others_are_read(registry: Callable[..., MLflowRegistry], address: str) -> None:
    client = MlflowClient(address, address)
    client.create_registered_model("theirs")
    client.create_model_version("theirs", "s3://bucket/model", tags={"a": "b"})
    (found,) = registry(tracking_uri=address).versions("theirs")
    assert (found.version, found.artifact, found.tags, found.metadata) == (1, "", {"a": "b"}, {})


def test_messages_say_what_exists(registry: Callable[..., MLflowRegistry]) -> None:
    made = registry()
    made.register(ModelVersion(model="churn", version=1))
    made.set_alias("churn", "champion", 1)
    with pytest.raises(ArtifactNotFound, match="it has: 1, champion"):
        made.get("churn", "challenger")
    with pytest.raises(ArtifactNotFound, match="no model 'chrun'; it has: churn"):
        made.get("chrun", 1)
    with pytest.raises(ComponentError, match="named by champion"):
        made.delete("churn", 1)
    assert made.get("churn", "1") == made.get("churn", 1) == made.get("churn", "champion")


def test_refused_names_are_told(registry: Callable[..., MLflowRegistry]) -> None:
    with pytest.raises(ComponentError, match="could not register a version of model ''"):
        registry().register(ModelVersion(model="", version=1))
    assert registry().versions("it's") == []


def test_model_that_cannot_be_saved_registers_nothing(registry: Callable[..., MLflowRegistry], host: Any) -> None:
    base = pytest.importorskip("sklearn.base")
    pytest.importorskip("pandas")

    class Closed(base.BaseEstimator):  # type: ignore[name-defined,misc]  # scikit-learn has no types
        def __reduce__(self) -> Any:
            raise TypeError("not me")

    host.artifacts.values["a1"] = Closed()
    with pytest.raises(ComponentError, match=r"mlflow.sklearn could not save a .*Closed"):
        registry().register(ModelVersion(model="closed", version=1, artifact="a1"))
    assert registry().models() == []


def test_model_without_a_flavor_is_loaded_with_zen(
    registry: Callable[..., MLflowRegistry], host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pandas")
    (host.root / "zen.yaml").write_text("{}")
    (host.root / "scorecards.py").write_text(
        "from dataclasses import dataclass\n@dataclass\nclass Card:\n    points: int\n"
        "    def predict(self, data):\n        return data * self.points\n"
    )
    monkeypatch.syspath_prepend(host.root)
    import scorecards  # type: ignore[import-not-found]  # written above

    host.artifacts.values["a1"] = scorecards.Card(3)
    added = registry().register(ModelVersion(model="card", version=1, artifact="a1"))
    code = """
        import sys, mlflow, numpy
        mlflow.set_tracking_uri(sys.argv[1])
        print(mlflow.pyfunc.load_model(sys.argv[2]).predict(numpy.array([1, 2])).tolist())
    """
    command = [sys.executable, "-c", textwrap.dedent(code), f"sqlite:///{host.state}/mlflow.db", added.uri]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=host.root)
    assert done.stdout.strip() == "[3, 6]"


def test_users_own_registry_address_does_not_matter(
    registry: Callable[..., MLflowRegistry], host: Any, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(template, host.root / "users.db")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"sqlite:///{host.root}/users.db")
    registry().register(ModelVersion(model="churn", version=1))
    ours = f"sqlite:///{host.state}/mlflow.db"
    assert [model.name for model in MlflowClient(ours, ours).search_registered_models()] == ["churn"]
    assert mlflow.active_run() is None


def test_open_says_that_nobody_listens(registry: Callable[..., MLflowRegistry], closed_port: int) -> None:
    with pytest.raises(ComponentUnavailable, match="no MLflow answers"):
        registry(tracking_uri=f"http://127.0.0.1:{closed_port}")
