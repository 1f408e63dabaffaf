"""Figures, tables, files and models that steps log, read back through MLflow's own client."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from zen.errors import ComponentError
from zen.records import ArtifactRecord, Manifest, Plan, RunRecord, StepRunRecord
from zen_plugin_mlflow.tracker import MLflowTracker

Make = Callable[..., MLflowTracker]
PNG = b"\x89PNG\r\n\x1a\n"


class Logged:
    """One step of one run, with the client that reads it."""

    def __init__(self, tracker: MLflowTracker, run: RunRecord, plan: Plan, step_run: StepRunRecord) -> None:
        self.reference = tracker.start_run(run, plan)
        self.client = MlflowClient(self.reference["tracking_uri"])
        self.step = tracker.step(self.reference, run, step_run)
        self.run_id = ""

    def __enter__(self) -> Any:
        tracking = self.step.__enter__()
        self.run_id = tracking.native.info.run_id
        return tracking

    def __exit__(self, *facts: object) -> None:
        self.step.__exit__(*facts)  # type: ignore[arg-type]  # handed on as they are
        mlflow.set_tracking_uri(self.reference["tracking_uri"])  # some readers of MLflow's client look there

    def files(self, path: str | None = None) -> list[str]:
        return sorted(
            each
            for found in self.client.list_artifacts(self.run_id, path)
            for each in (self.files(found.path) if found.is_dir else [found.path])
        )

    def read(self, path: str) -> bytes:
        return Path(self.client.download_artifacts(self.run_id, path)).read_bytes()

    def models(self) -> list[Any]:
        return list(self.client.search_logged_models([self.reference["experiment_id"]]))


@pytest.fixture
def logged(make: Make, run: RunRecord, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Logged]]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # put back afterwards, whatever is set

    def start(**settings: Any) -> Logged:
        step_run = settings.pop("step_run", StepRunRecord(id="s1", run_id="r1", name="train"))
        return Logged(make(**settings), run, plan, step_run)

    yield start
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type,unused-ignore]  # how MLflow itself undoes it


@pytest.mark.parametrize(("steps", "folder"), [("nested", ""), ("prefixed", "train/")])
def test_files_land_in_the_run_of_the_step(
    logged: Callable[..., Logged], tmp_path: Path, steps: str, folder: str
) -> None:
    image, notes = tmp_path / "a1b2.png", tmp_path / "notes"
    image.write_bytes(PNG)
    (notes / "deep").mkdir(parents=True)
    (notes / "deep" / "one.txt").write_text("one")
    with (step := logged(steps=steps)) as tracking:
        tracking.log_figure("roc curve", image)
        tracking.log_figure("eval/again.png", image)
        tracking.log_file("data/raw.bin", image)
        tracking.log_file("notes", notes)
        mlflow.log_text("by the user", "own.txt")
    expected = ["data/raw.bin", "eval/again.png", "notes/deep/one.txt", "roc curve.png"]
    assert step.files() == sorted([*(f"{folder}{name}" for name in expected), "own.txt"])
    assert step.read(f"{folder}data/raw.bin") == PNG


def test_tables_are_those_of_mlflow(logged: Callable[..., Logged]) -> None:
    with (step := logged()) as tracking:
        tracking.log_table("worst", ["id", "text", "score"], [[1, "größe", 0.5], [None, "", float("nan")]])
        tracking.log_table("eval/best.json", ["id"], [[True]])
        tracking.log_table("worst", ["id", "text", "score"], [[1, "größe", 0.5], [None, "", float("nan")]])
    assert json.loads(step.read("worst.json")) == {
        "columns": ["id", "text", "score"],
        "data": [[1, "größe", 0.5], [None, "", None]],
    }
    tag = json.loads(step.client.get_run(step.run_id).data.tags["mlflow.loggedArtifacts"])
    assert tag == [{"path": "worst.json", "type": "table"}, {"path": "eval/best.json", "type": "table"}]


def test_tables_are_loaded_by_mlflow(logged: Callable[..., Logged]) -> None:
    pytest.importorskip("pandas")
    with (step := logged()) as tracking:
        tracking.log_table("worst", ["id", "score"], [[1, 0.5], [2, None]])
    frame = step.client.load_table(step.reference["experiment_id"], "worst.json", [step.run_id])
    assert (list(frame.columns), frame["id"].tolist()) == (["id", "score"], [1, 2])


def trained() -> Any:
    linear_model = pytest.importorskip("sklearn.linear_model")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"age": [1, 2, 3], "income": [0.5, 0.1, 0.7], "label": [0.0, 1.0, 2.0]})
    return linear_model.Ridge().fit(frame[["age", "income"]], frame["label"]), frame


@pytest.mark.parametrize(("steps", "name"), [("nested", "ridge v1-0"), ("prefixed", "train-ridge v1-0")])
def test_model_is_logged_with_what_its_data_says(
    logged: Callable[..., Logged], host: Any, monkeypatch: pytest.MonkeyPatch, steps: str, name: str
) -> None:
    model, frame = trained()
    columns = [[label, str(dtype)] for label, dtype in frame.dtypes.items()]
    manifest = Manifest(format="parquet")
    host.records.artifact_records["a1"] = ArtifactRecord(
        id="a1", name="frame", digest="", manifest=manifest, metadata={"columns": columns}
    )
    step_run = StepRunRecord(id="s1", run_id="r1", name="train", inputs={"lost": ("a0",), "data": ("a1",)})
    monkeypatch.delattr("mlflow.models.infer_pip_requirements")  # takes ten seconds, in a process of its own
    with (step := logged(steps=steps, step_run=step_run)) as tracking:
        tracking.log_params({"alpha": 1})
        tracking.log_model("ridge v1.0", model, {})
    (found,) = step.models()
    assert (found.name, found.source_run_id, str(found.status)) == (name, step.run_id, "READY")
    assert [output.model_id for output in step.client.get_run(step.run_id).outputs.model_outputs] == [found.model_id]
    loaded = mlflow.pyfunc.load_model(found.artifact_location)
    types = [(column.name, column.type.name) for column in loaded.metadata.signature.inputs.inputs]
    assert types == [("age", "long"), ("income", "double")]
    assert (loaded.metadata.model_id, loaded.metadata.run_id) == (found.model_id, step.run_id)
    assert loaded.input_example.to_dict("list") == {"age": [0], "income": [0.0]}
    assert loaded.predict(frame).tolist() == model.predict(frame[["age", "income"]]).tolist()


def test_model_without_a_flavor_is_logged_as_files(logged: Callable[..., Logged], tmp_path: Path) -> None:
    (tmp_path / "data").write_text("{}")
    with (step := logged()) as tracking:
        tracking.log_model("odd", {"a": "dict"}, {"data": tmp_path / "data", "more/x": tmp_path / "data"})
    assert (step.files(), step.models()) == (["odd/data", "odd/more/x"], [])


def test_refused_model_is_told_and_logged_as_files(logged: Callable[..., Logged], tmp_path: Path) -> None:
    base = pytest.importorskip("sklearn.base")
    pytest.importorskip("pandas")

    class Closed(base.BaseEstimator):  # type: ignore[name-defined,misc]  # scikit-learn has no types
        def __reduce__(self) -> Any:
            raise TypeError("not me")

    (tmp_path / "data").write_text("{}")
    with (step := logged()) as tracking, pytest.raises(ComponentError, match="are logged instead"):
        tracking.log_model("closed", Closed(), {"data": tmp_path / "data"})
    assert step.files() == ["closed/data"]
    assert [str(model.status) for model in step.models()] == ["FAILED"]


def test_missing_packages_are_named(logged: Callable[..., Logged], monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = trained()
    monkeypatch.setitem(__import__("sys").modules, "mlflow.sklearn", None)  # as if missing
    with logged() as tracking, pytest.raises(ComponentError, match="without mlflow.sklearn") as caught:
        tracking.log_model("ridge", model, {})
    assert "zen-plugin-mlflow[full]" in caught.value.hint


def test_server_keeps_files_and_models(logged: Callable[..., Logged], server: str, tmp_path: Path) -> None:
    model, _ = trained()
    (tmp_path / "roc.png").write_bytes(PNG)
    with (step := logged(tracking_uri=server, experiment="files")) as tracking:
        tracking.log_figure("roc", tmp_path / "roc.png")
        tracking.log_table("worst", ["id"], [[1]])
        tracking.log_model("ridge", model, {})
    assert step.files() == ["roc.png", "worst.json"]
    (found,) = [each for each in step.models() if each.source_run_id == step.run_id]
    loaded = mlflow.artifacts.download_artifacts(found.artifact_location, tracking_uri=server)
    assert "MLmodel" in {path.name for path in Path(loaded).iterdir()}


def test_attempts_keep_their_files_apart(
    make: Make, run: RunRecord, plan: Plan, step_run: StepRunRecord, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("a")
    tracker = make(steps="prefixed")
    again = dataclasses.replace(step_run, id="s3", attempt=3)
    first = Logged(tracker, run, plan, dataclasses.replace(step_run, attempt=1))
    with first as tracking:
        tracking.log_file("a.txt", tmp_path / "a.txt")
    with tracker.step(first.reference, run, again) as tracking:
        tracking.log_file("a.txt", tmp_path / "a.txt")
    assert first.files() == ["train.attempt_3/a.txt", "train/a.txt"]
