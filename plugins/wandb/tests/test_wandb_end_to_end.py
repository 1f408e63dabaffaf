"""Whole pipelines, started as people start them, on a stack with this tracker."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

Offline = Callable[..., list[Any]]
STACK = """
default_stack: tracked
stacks:
  tracked:
    experiment_tracker: {flavor: wandb, project: churn, steps: STEPS}
"""
SCRIPT = """
import pathlib
import wandb
from zen import get_step_context, log_metadata, log_metrics, log_params, pipeline, step
from zen import log_figure, log_file, log_model, log_table

@step
def load() -> int:
    log_metadata({"rows": 3})
    pathlib.Path("notes.txt").write_text("some notes")
    log_file("notes.txt")
    pathlib.Path("curve.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    log_figure("curve.svg", "curve")
    log_table([{"a": 1, "b": "x"}, {"a": 2, "b": None}], "scores")
    log_model({"weights": [1, 2]}, "churn")
    return 3

@step
def train(data: int, lr: float, name: str) -> float:
    log_params({"name": name})
    for epoch in range(20):
        log_metrics({"loss": lr / (epoch + 1)}, step=epoch)
        wandb.log({f"native_{name}": epoch})
    assert get_step_context().tracker("wandb") is wandb.run is wandb.init(project="other")
    return data * lr

@step(isolate=True)
def alone(data: int) -> None:
    with wandb.init(config={"own": 1}):
        wandb.log({"alone": 1})

@step(retries=1)
def publish(models: list) -> None:
    attempt = get_step_context().step_run.attempt
    wandb.log({"published": attempt})
    if attempt == 1 or pathlib.Path("closed").exists():
        raise RuntimeError("closed today")

@pipeline
def training(lr: float = 0.1):
    data = load()
    alone(data)
    publish([train(data, lr, "a"), train(data, lr * 2, "b"), train(data, lr * 3, "c")])

if __name__ == "__main__":
    training(lr=0.2)
    assert wandb.run is None
"""


PLAIN = """
from zen import log_metrics, pipeline, step

@step
def train() -> None:
    log_metrics({"loss": 1.0})

@pipeline
def training():
    train()

if __name__ == "__main__":
    training()
"""


LAYOUTS = ["grouped", "single"]


def new_project(folder: Path, steps: str, script: str = SCRIPT) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "zen.yaml").write_text(STACK.replace("STEPS", steps))
    (folder / "training.py").write_text(script)
    return folder


@pytest.fixture(params=LAYOUTS)
def steps(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def project(tmp_path: Path, steps: str) -> Path:
    return new_project(tmp_path, steps)


@dataclass(frozen=True)
class Twice:
    """A project whose pipeline ran twice in one process: how that ended, and W&B's runs of each, the first one first."""

    project: Path
    steps: str
    done: subprocess.CompletedProcess[str]
    runs: list[list[Any]]


@pytest.fixture(scope="module", params=LAYOUTS)
def twice(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, read_runs: Offline) -> Twice:
    script = SCRIPT.replace("training(lr=0.2)", "training(lr=0.2)\n    training(lr=0.5)")
    project = new_project(tmp_path_factory.mktemp(request.param), request.param, script)
    done, groups = zen(project, "training.py"), {}
    for each in read_runs(project / ".zen"):
        groups.setdefault(each.group, []).append(each)
    runs = sorted(
        groups.values(), key=lambda group: [each.config["lr"] for each in group if each.job_type == "pipeline"]
    )
    return Twice(project, request.param, done, runs)


def zen(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZEN_")}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=project, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def parts(runs: list[Any], steps: str) -> tuple[Any, dict[str, tuple[Any, str]]]:
    """Return the run of the pipeline, and for each step by name the run that holds it, and the prefix of its names."""
    (parent,) = [run for run in runs if run.job_type == "pipeline"]
    if steps == "grouped":
        return parent, {run.name: (run, "") for run in runs if run is not parent}
    names = [name.removesuffix("/zen_state") for name in parent.summary if name.endswith("/zen_state")]
    return parent, {name: (parent, f"{name}/") for name in names}


def test_pipeline_is_tracked(twice: Twice) -> None:
    assert twice.done.returncode == 0, twice.done.stderr
    assert "tracker" not in twice.done.stderr
    steps = twice.steps
    parent, found = parts(twice.runs[0], steps)
    again = "publish (attempt 2)" if steps == "grouped" else "publish.attempt_2"
    assert set(found) == {"load", "alone", "train", "train_2", "train_3", "publish", again}
    assert (parent.exit_code, parent.project, parent.config["lr"]) == (0, "churn", 0.2)
    for step, name, lr in (("train", "a", 0.2), ("train_2", "b", 0.4), ("train_3", "c", 0.6)):
        run, prefix = found[step]
        assert run.config[f"{prefix}name"] == name
        assert run.values(f"{prefix}loss", f"{prefix}zen_step") == [
            (pytest.approx(lr / (epoch + 1)), epoch) for epoch in range(20)
        ]
        assert [value for value, _ in run.values(f"native_{name}")] == list(range(20))
    run, prefix = found["load"]
    assert run.summary[f"{prefix}metadata/rows"] == 3
    assert run.files("file", "load") == {"notes.txt": {"notes.txt": b"some notes"}}
    assert b"<svg" in run.shown("html-file")[f"{prefix}curve"]
    assert run.tables()[f"{prefix}scores"] == {"columns": ["a", "b"], "rows": [[1, "x"], [2, None]]}
    assert list(run.files("model", "load")) == ["churn"]
    run, _ = found["alone"]
    assert (run.config["own"], [value for value, _ in run.values("alone")]) == (1, [1])
    assert [value for name in ("publish", again) for value, _ in found[name][0].values("published")][-1] == 2
    if steps == "grouped":
        codes = {name: run.exit_code for name, (run, _) in found.items()}
        assert codes == {**dict.fromkeys(found, 0), "publish": 1}
        assert {run.group for run, _ in found.values()} == {parent.group}


def test_failed_pipeline_is_tracked(project: Path, steps: str, offline: Offline) -> None:
    (project / "closed").touch()
    done = zen(project, "training.py")
    assert done.returncode != 0
    assert done.stderr.count("RuntimeError: closed today") <= 2  # wandb prints no traceback of its own
    parent, found = parts(offline(), steps)
    assert (parent.exit_code, parent.summary["zen_state"]) == (1, "failed")
    assert "closed today" in parent.summary["zen_error"]
    if steps == "grouped":
        assert [found[name][0].exit_code for name in ("publish", "publish (attempt 2)")] == [1, 1]


def test_two_runs_in_one_process_stay_apart(twice: Twice) -> None:
    assert len(twice.runs) == 2
    for runs, lr in zip(twice.runs, (0.2, 0.5), strict=True):
        parent, found = parts(runs, twice.steps)
        assert parent.config["lr"] == lr
        run, prefix = found["train_2"]
        assert run.values(f"{prefix}loss", f"{prefix}zen_step")[0] == (pytest.approx(lr * 2), 0)


def test_run_knows_where_it_is_tracked(twice: Twice) -> None:
    code = "from zen.client import Client; print(Client().run('last').trackers['wandb']['run_id'])"
    told = zen(twice.project, "-c", code)
    (parent,) = [run for run in twice.runs[1] if run.job_type == "pipeline"]
    assert told.stdout.strip() == parent.id, told.stderr


@pytest.mark.parametrize("steps", ["grouped"], indirect=True)
def test_tracker_that_is_away_fails_no_run(project: Path, closed_port: int, monkeypatch: Any) -> None:
    away = f"mode: online, base_url: 'http://127.0.0.1:{closed_port}', api_key: '${{secret:env/KEY}}'"
    (project / "zen.yaml").write_text(STACK.replace("project: churn, steps: STEPS", away))
    (project / "training.py").write_text(PLAIN)
    monkeypatch.setenv("KEY", "k" * 40)
    done = zen(project, "training.py")
    assert done.returncode == 0, done.stderr
    assert "no W&B server answers at http://127.0.0.1" in done.stderr
    assert "k" * 40 not in done.stderr + done.stdout


@pytest.mark.skipif(importlib.util.find_spec("zen_plugin_mlflow") is None, reason="zen-plugin-mlflow is not installed")
@pytest.mark.parametrize("steps", ["grouped"], indirect=True)
def test_two_trackers_at_once_both_get_everything(
    project: Path, offline: Offline, monkeypatch: Any, made_once: Callable[..., Path]
) -> None:
    from zen_plugin_mlflow.connection import create_database

    database = made_once("mlflow.db", lambda path: create_database(path, str(path.parent)))
    (project / ".zen").mkdir()
    shutil.copy(database, project / ".zen" / "mlflow.db")
    stack = STACK.replace("{flavor: wandb, project: churn, steps: STEPS}", "[{flavor: wandb, project: churn}, mlflow]")
    (project / "zen.yaml").write_text(stack)
    script = SCRIPT.replace("import wandb", "import mlflow\nimport wandb", 1)
    script = script.replace(
        '    log_params({"name": name})', '    log_params({"name": name})\n    mlflow.log_metric("m", 1)'
    )
    (project / "training.py").write_text(script)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    done = zen(project, "training.py")
    assert done.returncode == 0, done.stderr
    assert "tracker" not in done.stderr
    _, found = parts(offline(), "grouped")
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project}/.zen/mlflow.db")
    experiment = client.get_experiment_by_name("training")
    steps = [run for run in client.search_runs([experiment.experiment_id]) if "zen.step" in run.data.tags]
    assert len(steps) == len(found) == 7
    for name in ("train", "train_2", "train_3"):
        (run,) = [run for run in steps if run.info.run_name == name]
        assert run.data.params["name"] == found[name][0].config["name"]
        history = [(point.value, point.step) for point in client.get_metric_history(run.info.run_id, "loss")]
        assert history == found[name][0].values("loss")
        assert run.data.metrics["m"] == 1
        assert not found[name][0].values("m")
