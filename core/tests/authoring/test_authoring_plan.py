"""The plan of a pipeline: a value that says all, made without running anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from zen.errors import UsageError
from zen.records import Plan

FLOW = """
calls = []

def note(error=None):
    pass

@step(retries=Retries(2, delay=1.0), timeout=5.0, on_failure=note, tags=["a"])
def load(path: Path = Path("a/b"), limits: tuple = (1, float("nan"))) -> tuple[Annotated[list[int], "x"], Annotated[str, "y"]]:
    calls.append("load")
    return [1], "a"

@step
def use(parts: list, options: dict) -> float:
    return 1.0

@pipeline(tags=["t"], on_success=note, execution_mode="fail-fast", settings={"local": {"a": [1]}})
def training(lr: float = 0.5, when: object = None):
    x, y = load()
    return use([x, {"y": y}], {1: lr}, after="load")
"""


@pytest.fixture
def plan(define, home):
    flow = define(FLOW)
    plan = flow.training.plan(when=b"\\x00")
    assert flow.calls == []
    assert not (home / ".zen").exists()
    return plan


def test_a_plan_survives_json(plan) -> None:
    text = json.dumps(plan.to_json(), allow_nan=False)
    again = Plan.from_json(json.loads(text))
    assert again == plan
    assert again.digest() == plan.digest()
    assert again.digest().startswith("sha256:")


def test_a_plan_says_all(plan) -> None:
    load, use = plan.steps
    assert (plan.pipeline, plan.code.module, plan.code.qualname) == ("training", "flow", "training")
    assert (load.code.module, load.code.qualname) == ("flow", "load")
    assert [(output.name, output.type) for output in load.outputs] == [("x", "builtins.list"), ("y", "builtins.str")]
    assert [str(hook) for hook in load.hooks.on_failure] == ["flow:note"]
    assert [str(hook) for hook in plan.hooks.on_success] == ["flow:note"]
    assert (use.after, use.upstream()) == (("load",), ("load",))
    assert plan.settings == {"local": {"a": [1]}}
    assert plan.stack.of("orchestrator")[0].flavor == "local"


def test_a_plan_of_another_version_is_refused(plan) -> None:
    with pytest.raises(UsageError, match="version 99"):
        Plan.from_json({**plan.to_json(), "version": 99})


def test_unknown_fields_of_a_newer_plan_are_read_over(plan) -> None:
    assert Plan.from_json({**plan.to_json(), "later": 1}) == plan


def test_the_digest_depends_on_what_runs(define) -> None:
    flow = define(FLOW)
    base = flow.training.plan().digest()
    assert flow.training.plan().digest() == base
    others = {
        flow.training.plan(0.25).digest(),
        flow.training.with_options(tags=["u"]).plan().digest(),
        flow.training.with_options(execution_mode="stop-on-failure").plan().digest(),
        define(FLOW.replace("return 1.0", "return 2.0")).training.plan().digest(),
    }
    assert len(others) == 4
    assert base not in others


def test_the_digest_is_the_same_in_every_folder_and_however_it_is_started(tmp_path) -> None:
    text = (
        "from pathlib import Path\nfrom typing import Annotated\nfrom zen import *\n"
        + FLOW
        + '\nif __name__ == "__main__":\n    print(training.plan(when=1).digest())\n'
    )
    found = set()
    environment = {**os.environ, "ZEN_PROGRESS": "off"}
    for number, name in enumerate(("one", "two/deep")):
        folder = tmp_path / name
        (folder / "src").mkdir(parents=True)
        (folder / "pyproject.toml").touch()
        (folder / "src" / "flow.py").write_text(text)
        command = [sys.executable, "src/flow.py"] if number else [sys.executable, "-m", "src.flow"]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, env={**environment, "PYTHONHASHSEED": str(number)}
        )
        assert done.stdout, done.stderr
        found.add(done.stdout.strip())
    assert len(found) == 1


def test_pipelines_show_themselves(define) -> None:
    flow = define(FLOW)
    assert repr(flow.training) == "<pipeline 'training' of flow>"
    assert repr(flow.load) == "<step 'load' of flow.load>"


def test_the_project_of_a_pipeline_is_that_of_its_file(define, home) -> None:
    assert define(FLOW).training.project().root == home
