from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb

from zen.errors import ComponentError
from zen.records import Plan, RunRecord, StepRunRecord

Make = Callable[..., Any]
AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Logging:
    """A step to log in; leaving the context gives what W&B has of it."""

    def __init__(self, enter: Make, read: Make) -> None:
        self._enter, self._read = enter, read

    def __call__(self, **settings: Any) -> Logging:
        self._context = self._enter(settings)
        return self

    def __enter__(self) -> Any:
        return self._context.__enter__()

    def __exit__(self, *facts: object) -> None:
        self._context.__exit__(*facts)
        self.run = self._read()


@pytest.fixture
def step(
    make: Make, trackers: list[Any], offline: Make, run: RunRecord, plan: Plan, step_run: StepRunRecord
) -> Iterator[Logging]:
    def enter(settings: dict[str, Any]) -> Any:
        tracker = make(**settings)
        return tracker.step(tracker.start_run(run, plan), run, step_run)

    def read() -> Any:
        for tracker in trackers:
            tracker.close()
        (found,) = [found for found in offline() if found.job_type == "train"]
        return found

    return Logging(enter, read)


def test_last_value_of_a_parameter_counts(step: Logging) -> None:
    with step() as tracking:
        tracking.log_params({"depth": 3, "layers": [64, 8], "optimizer": {"name": "adam"}, "none": None})
        tracking.log_params({"depth": 4})
    assert {name: step.run.config[name] for name in ("depth", "layers", "optimizer", "none")} == {
        "depth": 4,
        "layers": [64, 8],
        "optimizer": {"name": "adam"},
        "none": None,
    }


def test_every_value_of_a_metric_is_kept_with_index_and_time(step: Logging) -> None:
    with step() as tracking:
        for index in (0, 1, 1, 0):  # an index may stand still, and go back
            tracking.log_metrics({"loss": 1 / (index + 1), "val.loss": index}, step=index, at=AT)
        tracking.log_metrics({"accuracy": 0.9, "loss": 1.0}, step=None, at=AT)
    assert step.run.values("loss") == [(1.0, 0), (0.5, 1), (0.5, 1), (1.0, 0), (1.0, None)]
    assert step.run.values("val.loss") == [(0, 0), (1, 1), (1, 1), (0, 0)]
    assert step.run.values("accuracy") == [(0.9, None)]
    assert {row["_timestamp"] for row in step.run.history} == {AT.timestamp()}
    assert step.run.axes == {"zen_step": "", "loss": "zen_step", "val.loss": "zen_step"}
    assert step.run.summary["loss"] == 1.0


def test_odd_metrics_are_taken(step: Logging) -> None:
    with step() as tracking:
        tracking.log_metrics({"nan": math.nan, "inf": -math.inf, "a*b": 1, "größe ü": 2}, step=0, at=AT)
    (row,) = step.run.history
    assert math.isnan(row["nan"])
    assert (row["inf"], row["a*b"], row["größe ü"]) == (-math.inf, 1, 2)


def test_metadata_is_in_the_summary(step: Logging) -> None:
    with step() as tracking:
        tracking.log_metadata({"rows": 3, "note": "größe", "shape": {"a": [1, 2]}})
    found = {name: value for name, value in step.run.summary.items() if name.startswith("metadata/")}
    assert found == {"metadata/rows": 3, "metadata/note": "größe", "metadata/shape": {"a": [1, 2]}}


def test_images_and_drawings_are_shown(step: Logging, tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(PNG)
    (tmp_path / "2.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    with step() as tracking:
        tracking.log_figure("curve", tmp_path / "1.png")
        tracking.log_figure("plan", tmp_path / "2.svg")
        (tmp_path / "1.png").unlink()
    assert step.run.shown("image-file") == {"curve": PNG}
    assert b"<svg" in step.run.shown("html-file")["plan"]


def test_figures_that_cannot_be_shown_are_files(step: Logging, tmp_path: Path) -> None:
    (tmp_path / "1.pdf").write_bytes(b"%PDF")
    with step() as tracking:
        tracking.log_figure("paper", tmp_path / "1.pdf")
    assert step.run.files("file") == {"paper": {"1.pdf": b"%PDF"}}


def test_table_keeps_its_cells(step: Logging) -> None:
    rows = [["a", 1, None], ["b", 0.5, True], [None, "x", -2]]
    with step() as tracking:
        tracking.log_table("scores", ["name", "score", "note"], rows)
        tracking.log_table("empty", ["name"], [])
    assert step.run.tables() == {
        "scores": {"columns": ["name", "score", "note"], "rows": rows},
        "empty": {"columns": ["name"], "rows": []},
    }


def test_long_table_is_cut_and_says_so(step: Logging, host: Any) -> None:
    with step() as tracking:
        tracking.log_table("long", ["n"], [[number] for number in range(10_001)])
    assert len(step.run.tables()["long"]["rows"]) == 10_000
    assert "W&B takes 10000 rows of the table 'long', which has 10001" in host.messages


def test_files_are_artifacts_of_the_step(step: Logging, tmp_path: Path) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "part.txt").write_text("part")
    (tmp_path / "a.txt").write_text("größe")
    with step() as tracking:
        tracking.log_file("reports/a b.txt", tmp_path / "a.txt")
        tracking.log_file("data", tmp_path / "data")
        (tmp_path / "a.txt").unlink()
    assert step.run.files("file") == {
        "reports/a b.txt": {"a b.txt": "größe".encode()},
        "data": {"deep/part.txt": b"part"},
    }
    kind, name, facts, _ = step.run.artifacts[0]
    assert (kind, name) == ("file", "training.train.reports-a-b.txt")
    assert facts["zen"] == {
        "run_id": "r1",
        "run": "brave-fox",
        "pipeline": "training",
        "stack": "local",
        "step": "train",
        "step_run_id": "s1",
        "attempt": 1,
    }


def test_model_is_an_artifact_of_its_own_name(step: Logging, tmp_path: Path) -> None:
    (tmp_path / "1").write_text("{}")
    with step() as tracking:
        tracking.log_model("churn", dt.timedelta(), {"model.json": tmp_path / "1", "deep/model.json": tmp_path / "1"})
    ((kind, name, facts, files),) = step.run.artifacts
    assert (kind, name, facts["class"]) == ("model", "churn", "datetime.timedelta")
    assert files == {"model.json": b"{}", "deep/model.json": b"{}"}


def test_what_wandb_refuses_is_an_error_of_ours(step: Logging, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    with step() as tracking:
        with pytest.raises(ComponentError, match="could not log a figure") as caught:
            tracking.log_figure("broken", tmp_path / "broken.png")
        assert caught.value.__cause__ is not None
        tracking.log_params({"depth": 3})
    assert step.run.config["depth"] == 3


def test_native_calls_land_in_the_same_run(step: Logging, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with step() as tracking:
        wandb.log({"native": 1})
        wandb.config.update({"mine": 2})
        wandb.summary["best"] = 3
        artifact = wandb.Artifact("dataset", type="dataset", metadata={"name": "dataset"})
        artifact.add_file(str(tmp_path / "a.txt"))
        wandb.log_artifact(artifact)
        wandb.define_metric("native", summary="max")
        tracking.log_metrics({"ours": 1}, step=0, at=AT)
    assert [set(row) & {"native", "ours"} for row in step.run.history] == [{"native"}, {"ours"}]
    assert (step.run.config["mine"], step.run.summary["best"]) == (2, 3)
    assert step.run.files("dataset") == {"dataset": {"a.txt": b"a"}}


def test_values_of_numpy_are_taken(step: Logging) -> None:
    numpy = pytest.importorskip("numpy")
    with step() as tracking:
        tracking.log_params({"lr": numpy.float64(0.5), "n": numpy.int64(3)})
        tracking.log_metadata({"mean": numpy.float32(2)})
    assert (step.run.config["lr"], step.run.config["n"], step.run.summary["metadata/mean"]) == (0.5, 3, 2)


def test_nothing_is_logged_in_disabled_mode(step: Logging, tmp_path: Path, make: Make, run: Any, plan: Any) -> None:
    (tmp_path / "1.png").write_bytes(PNG)
    tracker = make(mode="disabled")
    reference = tracker.start_run(run, plan)
    assert json.loads(json.dumps(reference)) == reference
    with tracker.step(reference, run, StepRunRecord(id="s1", run_id="r1", name="train")) as tracking:
        tracking.log_params({"depth": 3})
        tracking.log_metrics({"loss": 1}, step=0, at=AT)
        tracking.log_metadata({"rows": 3})
        tracking.log_figure("curve", tmp_path / "1.png")
        tracking.log_table("t", ["a"], [[1]])
        tracking.log_file("f", tmp_path / "1.png")
        tracking.log_model("m", object(), {"m": tmp_path / "1.png"})
        with wandb.init(config={"x": 1}):
            wandb.log({"x": 1})
    tracker.finish_run(reference, run)
    tracker.check()
    assert not (tmp_path / ".zen" / "wandb").exists()
