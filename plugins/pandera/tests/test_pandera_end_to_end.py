"""Whole pipelines, started as people start them, on a stack with this validator."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("zen_plugin_pandas", reason="steps hand on data frames with zen-plugin-pandas")

STACK = "default_stack: checked\nstacks: {checked: {data_validator: pandera}}\n"
SCRIPT = """
import sys
from typing import Annotated

import numpy as np
import pandas as pd
import pandera.pandas as pa

from zen import expect, pipeline, step, validate

@step
def load(moved: float) -> Annotated[pd.DataFrame, "people"]:
    ages = np.arange(1000.0) % 60 + 20 + moved
    return pd.DataFrame({"age": ages, "size": np.where(np.arange(1000) % 4 == 0, "L", "M")})

@step
def check(people: pd.DataFrame) -> int:
    validate(people, [expect.in_range("age", 0, 120), expect.not_null("size")], name="portable")
    validate(people, pa.DataFrameSchema({"size": pa.Column(checks=pa.Check.isin(["L", "M"]))}), name="native")
    validate(people, [expect.no_drift("age", "people@1"), expect.no_drift("size", "people@1")], name="drift")
    return len(people)

@pipeline
def checking(moved: float = 0.0):
    check(load(moved))

if __name__ == "__main__":
    checking(moved=float(sys.argv[1]))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "zen.yaml").write_text(STACK)
    (tmp_path / "checking.py").write_text(SCRIPT)
    return tmp_path


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZEN_")}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_checks_of_all_kinds_pass_and_drift_is_found(project: Path) -> None:
    first = run(project, "checking.py", "0")
    assert first.returncode == 0, first.stderr
    moved = run(project, "checking.py", "5")
    assert moved.returncode != 0
    assert "column 'age': the mean 54.1 is not between 47.3755 and 50.8245" in moved.stdout + moved.stderr
    assert "'size'" not in moved.stdout + moved.stderr
    shown = run(project, "-m", "zen", "artifact", "list")
    assert "native" in shown.stdout, shown.stdout + shown.stderr
