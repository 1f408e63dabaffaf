"""A whole pipeline, started as people start it, on a stack with this validator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import great_expectations as gx
import great_expectations.expectations as gxe
import pytest

pytest.importorskip("zen_plugin_pandas", reason="steps hand on data frames with zen-plugin-pandas")

STACK = "default_stack: checked\nstacks: {checked: {data_validator: {flavor: great_expectations, context: file}}}\n"
SCRIPT = """
import sys
from typing import Annotated

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd

from zen import expect, pipeline, step, validate

@step
def load(moved: float) -> Annotated[pd.DataFrame, "people"]:
    ages = np.arange(1000.0) % 60 + 20 + moved
    return pd.DataFrame({"age": ages, "size": np.where(np.arange(1000) % 4 == 0, "L", "M")})

@step
def check(people: pd.DataFrame) -> int:
    validate(people, [expect.in_range("age", 0, 120), expect.not_null("size")], name="portable")
    validate(people, gxe.ExpectColumnValuesToBeInSet(column="size", value_set=["L", "M"]), name="native")
    validate(people, "ages", name="named")
    validate(people, [expect.no_drift("age", "people@1"), expect.no_drift("size", "people@1")], name="drift")
    return len(people)

@pipeline
def checking(moved: float = 0.0):
    check(load(moved))

if __name__ == "__main__":
    checking(moved=float(sys.argv[1]))
"""
READ = """
import json
from zen import Client
with Client() as client:
    page = client.artifact("checking.check.drift.html").load()
    told = client.artifact("checking.check.drift").load()
print(json.dumps([page.read_text(encoding="utf-8") if hasattr(page, "read_text") else str(page), told]))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "zen.yaml").write_text(STACK)
    (tmp_path / "checking.py").write_text(SCRIPT)
    suite = gx.ExpectationSuite(
        name="ages", expectations=[gxe.ExpectColumnValuesToBeBetween(column="age", min_value=18, max_value=120)]
    )
    gx.get_context(mode="file", project_root_dir=tmp_path).suites.add(suite)
    gx.data_context.data_context.context_factory.project_manager.set_project(None)
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
    assert "column 'age': the mean is 54.1, not between 47.3755 and 50.8245" in moved.stdout + moved.stderr
    kept = run(project, "-c", READ)
    assert kept.returncode == 0, kept.stderr
    page, told = json.loads(kept.stdout.splitlines()[-1])
    assert "the mean is 54.1" in page
    assert "Data Docs" in page
    assert told["statistics"]["rows"] == 1000
    assert {each["rule"] for each in told["results"]} == {"mean_in_range", "quantile_in_range", "shares_near"}
