"""The examples are reproduced from the snapshots of their runs, every step identical."""

from __future__ import annotations

import json
import shutil

import pytest


@pytest.mark.parametrize("stack", ["local", "tracked"])
def test_the_wine_example_is_reproduced_with_every_step_identical(root, tmp_path, zen, stack):
    folder = tmp_path / "wine"
    shutil.copytree(root / "examples" / "wine", folder, ignore=shutil.ignore_patterns(".zen", "__pycache__"))
    zen("run", "training.py", "--stack", stack, cwd=folder)
    file = folder / "training.py"
    file.write_text(file.read_text().replace("max_depth=depth", "max_depth=1"))
    found = json.loads(zen("reproduce", "last", "--stack", stack, "--json", cwd=folder).stdout)
    assert {step["name"]: step["verdict"] for step in found["steps"]} == dict.fromkeys(
        ("load", "train", "train_2", "train_3", "choose"), "identical"
    )
    again = json.loads(zen("show", found["run"], "--stack", stack, "--json", cwd=folder).stdout)
    assert (again["tags"][-1], again["trackers"]) == (f"reproduces:{found['of']}", {})
    zen("run", "inference.py:inference", "--stack", stack, cwd=folder)
    assert json.loads(zen("reproduce", "last", "--stack", stack, "--json", cwd=folder).stdout)["reproduced"]
