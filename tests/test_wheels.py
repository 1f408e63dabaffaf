"""Each package builds to a wheel of its own and works from wheels alone, in an empty environment elsewhere."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PACKAGES = ["core", "plugins/mlflow", "plugins/numpy", "plugins/pandas", "plugins/sklearn"]

SCRIPT = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from zen import log_metrics, log_params, pipeline, step

@step
def load() -> pd.DataFrame:
    return pd.DataFrame({"x": np.arange(10.0), "y": np.arange(10.0) * 2})

@step
def train(data: pd.DataFrame, intercept: bool = True) -> LinearRegression:
    log_params({"intercept": intercept})
    model = LinearRegression(fit_intercept=intercept).fit(data[["x"]], data["y"])
    log_metrics({"slope": float(model.coef_[0])})
    return model

@step
def weights(model: LinearRegression) -> np.ndarray:
    return model.coef_

@pipeline
def training():
    return weights(train(load()))

if __name__ == "__main__":
    print("weights", training().outputs[0].load())
"""


def uv(*arguments: str | Path) -> None:
    done = subprocess.run([sys.executable, "-m", "uv", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> list[Path]:
    root = Path(__file__).resolve().parent.parent
    folder = tmp_path_factory.mktemp("wheels")
    for package in PACKAGES:
        uv("build", "--quiet", "--wheel", "--out-dir", folder, root / package)
    return sorted(folder.glob("*.whl"))


def test_every_package_builds_one_wheel_with_its_marker_and_license(wheels):
    assert len(wheels) == len(PACKAGES)
    for wheel in wheels:
        names = zipfile.ZipFile(wheel).namelist()
        assert any(name.endswith("/py.typed") for name in names), wheel.name
        assert not any("/tests/" in name for name in names), wheel.name


def test_wheels_work_together_in_an_empty_environment(wheels, tmp_path, run, mlflow_database):
    root = Path(__file__).resolve().parent.parent
    uv("venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    python = tmp_path / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    uv("pip", "install", "--quiet", "--python", python, "-c", root / "constraints.txt", *wheels)
    project = tmp_path / "project"
    (project / ".zen").mkdir(parents=True)
    shutil.copy(mlflow_database, project / ".zen" / "mlflow.db")
    (project / "zen.yaml").write_text("stacks:\n  tracked: {experiment_tracker: mlflow}\n")
    (project / "training.py").write_text(SCRIPT)
    done = run(python, "training.py", cwd=project, ZEN_STACK="tracked")
    assert "weights [2." in done.stdout
    assert "warning" not in done.stderr
    listed = run(python, "-m", "zen", "plugin", "list", cwd=project)
    assert "zen-plugin-mlflow" in listed.stdout
