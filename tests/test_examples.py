"""The examples and the demo, run as their readers run them, and read back through the tools' own clients."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def copied(folder, example, database=None):
    """Copy an example, with an empty MLflow database for those that want none made."""
    shutil.copytree(example, folder, ignore=shutil.ignore_patterns(".zen", "__pycache__"))
    (folder / ".zen").mkdir()
    if database is not None:
        shutil.copy(database, folder / ".zen" / "mlflow.db")
    return folder


def shown(zen, ref, cwd):
    return json.loads(zen("show", ref, "--json", cwd=cwd).stdout)


@pytest.fixture
def in_mlflow(tmp_path, monkeypatch):
    """Read what MLflow has of a run, by its own client."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)  # its defaults write to the current folder
    from mlflow import MlflowClient

    def read(reference):
        client = MlflowClient(reference["tracking_uri"])
        run = client.get_run(reference["run_id"])
        steps = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
        return run, {step.data.tags["zen.step"]: step.data for step in steps}

    return read


@pytest.fixture(scope="module")
def wine(root, new_run, new_zen, mlflow_database, tmp_path_factory):
    """Return the wine example after a run on each of its stacks: its folder, `zen`, and what is shown of the runs."""
    home = tmp_path_factory.mktemp("wine")
    zen, folder = new_zen(new_run(home)), copied(home / "wine", root / "examples" / "wine", mlflow_database)
    runs = {}
    for stack in ("local", "tracked"):
        zen("run", "training.py", "--trees", "4", "--stack", stack, "--no-cache", cwd=folder)
        runs[stack] = shown(zen, "last", folder)
    return folder, zen, runs


def test_one_file_runs_unchanged_on_two_stacks(wine, in_mlflow):
    _, _, runs = wine
    local, tracked = runs["local"], runs["tracked"]
    assert tracked["metrics"] == local["metrics"]
    assert {step["name"] for step in tracked["steps"]} == {"load", "train", "train_2", "train_3", "choose"}
    run, steps = in_mlflow(tracked["trackers"]["mlflow"])
    assert run.info.status == "FINISHED"
    assert run.data.tags["zen.run_id"] == tracked["id"]
    assert run.data.params["trees"] == "4"
    assert steps["train_2"].params == {"depth": "2", "trees": "4"}
    assert steps["choose"].metrics["accuracy"] == tracked["metrics"]["accuracy"]


@pytest.mark.parametrize("stack", ["local", "tracked"])
def test_the_wine_example_is_reproduced_with_every_step_identical(wine, stack):
    folder, zen, runs = wine
    file = folder / "training.py"
    text = file.read_text()
    assert "max_depth=depth" in text
    file.write_text(text.replace("max_depth=depth", "max_depth=1"))
    try:
        found = json.loads(zen("reproduce", runs[stack]["id"], "--stack", stack, "--json", cwd=folder).stdout)
    finally:
        file.write_text(text)
    assert {step["name"]: step["verdict"] for step in found["steps"]} == dict.fromkeys(
        ("load", "train", "train_2", "train_3", "choose"), "identical"
    )
    again = shown(zen, found["run"], folder)
    assert (again["tags"][-1], again["trackers"]) == (f"reproduces:{found['of']}", {})


@pytest.mark.parametrize("stack", ["local", "tracked"])
def test_inference_uses_the_model_and_is_reproduced(wine, stack):
    folder, zen, _ = wine
    zen("run", "inference.py:inference", "--rows", "12", "--stack", stack, cwd=folder)
    inference = shown(zen, "last", folder)
    [predict] = [step for step in inference["steps"] if step["name"] == "predict"]
    assert any(item["name"] == "wine_model" for item in predict["inputs"]["model"])
    artifact = json.loads(zen("artifact", "show", "wine_predictions", "--json", cwd=folder).stdout)
    assert artifact["metadata"] == {"kind": "file"} or artifact["name"] == "wine_predictions"
    assert json.loads(zen("reproduce", "last", "--stack", stack, "--json", cwd=folder).stdout)["reproduced"]


def test_the_demo_shows_the_run_its_metrics_and_its_artifacts(zen, in_mlflow, tmp_path):
    done = zen("demo", cwd=tmp_path)
    for word in ("completed", "accuracy", "roc_auc", "tumor_classifier", "regularization", "mlflow ui"):
        assert word in done.stdout, done.stdout
    details = shown(zen, "last", tmp_path / "zen-demo")
    assert details["metrics"]["accuracy"] > 0.95
    _, steps = in_mlflow(details["trackers"]["mlflow"])
    assert steps["evaluate"].metrics["accuracy"] == details["metrics"]["accuracy"]
    assert steps["train"].params == {"regularization": "1.0"}

    again = zen("demo", cwd=tmp_path)
    assert "cached" in again.stdout


def test_the_demo_without_its_plugins_says_what_to_install(tmp_path, environment):
    hidden = "zen-plugin-mlflow,zen-plugin-pandas,zen-plugin-sklearn"
    code = f"""
import sys, zen.registry.scanning as scanning
found = scanning.scan()
import zen.registry, dataclasses
kept = tuple(entry for entry in found.entries if entry.distribution not in {hidden.split(",")!r})
zen.registry.scan = lambda paths=None: dataclasses.replace(found, entries=kept)
from zen.cli.main import main
sys.exit(main(["demo"]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 4
    assert "pip install zen-plugin-mlflow zen-plugin-pandas zen-plugin-sklearn" in done.stderr
    assert not (tmp_path / "zen-demo").exists()


TOOLS = """
import json, sys
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
version = mlflow.MlflowClient().get_model_version_by_alias("tumors", "champion")
model = mlflow.sklearn.load_model(f"models:/tumors/{version.version}")
rows = pd.DataFrame(json.loads(sys.argv[2]))
print(json.dumps({"tags": version.tags, "version": version.version, "answer": model.predict(rows).tolist()}))
"""
ROWS = [
    {"mean radius": 12.0, "mean texture": 18.0, "mean smoothness": 0.1, "mean concavity": 0.05, "worst area": 500.0},
    {"mean radius": 21.0, "mean texture": 24.0, "mean smoothness": 0.11, "mean concavity": 0.2, "worst area": 1900.0},
]


@pytest.fixture
def tumors(root, tmp_path, mlflow_database):
    """Return a copy of the example from data to endpoint."""
    return copied(tmp_path / "tumors", root / "examples" / "tumors", mlflow_database)


def test_checked_data_becomes_an_endpoint_and_the_endpoint_leads_back(tumors, zen, run, in_mlflow):
    zen("run", "training.py", cwd=tumors)
    trained = shown(zen, "last", tumors)
    assert (trained["state"], trained["warnings"]) == ("completed", [])
    steps = {step["name"]: step for step in trained["steps"]}

    # Both trackers have it, read back by their own means.
    _, seen = in_mlflow(trained["trackers"]["mlflow"])
    assert seen["judge"].metrics["roc_auc"] == trained["metrics"]["roc_auc"]
    offline = list((tumors / ".zen" / "wandb").glob("offline-run-*/*.wandb"))
    assert len(offline) == 5  # the run, and a run for each step

    # The checks are kept, as data and as a page that stands alone.
    assert {"tumors.checks", "tumors.checks.html"} <= set(steps["load"]["outputs"])
    assert steps["load"]["metadata"]["checks:tumors.checks"]["passed"] is True

    # The version is the same thing in zen, in MLflow's registry and behind the endpoint.
    version = json.loads(zen("model", "show", "tumors@champion", "--json", cwd=tumors).stdout)
    made = run(sys.executable, "-c", TOOLS, trained["trackers"]["mlflow"]["tracking_uri"], json.dumps(ROWS), cwd=tumors)
    registered = json.loads(made.stdout.splitlines()[-1])
    assert registered["tags"]["zen.run_id"] == trained["id"] == version["run_id"]
    zen("model", "deploy", "tumors@champion", cwd=tumors)
    try:
        answer = json.loads(zen("deployment", "predict", "tumors", "--data", json.dumps(ROWS), cwd=tumors).stdout)
        code = (
            "import json, sys, pandas as pd; from zen import Client;"
            " model = Client().model('tumors@champion').load();"
            " print(model.predict(pd.DataFrame(json.loads(sys.argv[1]))).tolist())"
        )
        inside = json.loads(run(sys.executable, "-c", code, json.dumps(ROWS), cwd=tumors).stdout.splitlines()[-1])
        assert answer == inside == registered["answer"] == [1, 0]
        lineage = json.loads(zen("lineage", "deployment:tumors", "--json", cwd=tumors).stdout)
    finally:
        zen("deployment", "delete", "tumors", cwd=tumors)
    kinds = [(node["kind"], node["label"].split(" ")[0]) for node in lineage["nodes"]]
    assert kinds[:4] == [
        ("deployment", "tumors"),
        ("model", "tumors@1"),
        ("artifact", "tumor_model"),
        ("step", "train"),
    ]
    assert {label for kind, label in kinds if kind == "step"} == {"train", "split", "load"}

    # Another tracker and another validator are a change of zen.yaml alone.
    zen("run", "training.py", "--stack", "other-tools", "--no-cache", cwd=tumors)
    other = shown(zen, "last", tumors)
    assert (other["state"], other["metrics"], set(other["trackers"])) == ("completed", trained["metrics"], {"mlflow"})
    again = {step["name"]: step for step in other["steps"]}
    for step, output in (("load", "tumors"), ("train", "tumor_model")):
        assert again[step]["outputs"][output]["digest"] == steps[step]["outputs"][output]["digest"]


def test_the_sweep_finds_the_best_parameters_and_loads_its_data_once(root, zen, run, tmp_path):
    folder = copied(tmp_path / "sweep", root / "examples" / "sweep")
    done = run(sys.executable, "training.py", cwd=folder)
    assert "best of 6: {'gamma': 0.001, 'penalty': 10.0" in done.stdout

    options = (
        "--gamma",
        "0.0001..0.01:log",
        "--penalty",
        "1,10",
        "--random",
        "4",
        "--parallel",
        "2",
        "--name",
        "random",
    )
    zen("sweep", "run", "training.py", *options, cwd=folder)
    rows = json.loads(zen("sweep", "show", "random", "--sort", "-accuracy", "--json", cwd=folder).stdout)["runs"]
    assert len(rows) == 4 and rows[0]["accuracy"] == max(row["accuracy"] for row in rows) > 0.9
    assert all(0.0001 <= row["gamma"] <= 0.01 and row["penalty"] in (1.0, 10.0) for row in rows)
    assert {step["state"] for row in rows for step in shown(zen, row["id"], folder)["steps"][:1]} == {"cached"}
