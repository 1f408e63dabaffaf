"""The budgets of start-up, in modules: what a command does not import cannot make it slow."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

HEAVY = ("pydantic", "click", "rich", "yaml", "importlib.metadata", "numpy", "pandas", "sklearn", "mlflow", "pluggy")

SCRIPT = """
from zen import pipeline, step

@step
def one() -> int:
    return 1

@step
def add(x: int, y: int = 1) -> int:
    return x + y

@pipeline
def training():
    return add(add(one()))

training()
"""


def modules(run, code: str, cwd: Path | None = None) -> list[str]:
    """Return the modules that a program imports, beyond those of bare Python."""
    text = f"import sys\nbefore = set(sys.modules)\n{code}\nimport json\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    done = run(sys.executable, "-c", text, cwd=cwd, ZEN_PROGRESS="off")
    return json.loads(done.stdout.splitlines()[-1])


def command(*arguments: str) -> str:
    return f"from zen.cli.main import main\nassert main({list(arguments)!r}) == 0"


def heavy(names: list[str], *allowed: str) -> list[str]:
    return [name for name in HEAVY if name in names and name not in allowed]


def test_importing_the_pipeline_api_loads_few_modules(run):
    names = modules(run, "from zen import pipeline, step")
    assert len(names) < 120
    assert heavy(names) == []


def test_importing_zen_loads_nothing_of_it(run):
    assert [name for name in modules(run, "import zen") if name.startswith("zen.")] == []


def test_a_run_on_built_ins_imports_no_heavy_module(run, tmp_path):
    (tmp_path / "training.py").write_text(SCRIPT)
    names = modules(run, "sys.path.insert(0, '.'); import training", cwd=tmp_path)
    assert "zen.engine.launch" in names
    assert heavy(names, "pluggy") == []


@pytest.mark.parametrize("arguments", [("--help",), ("stack", "list"), ("--version",)])
def test_a_command_of_level_zero_imports_no_plugin(run, tmp_path, arguments):
    (tmp_path / "zen.yaml").write_text("stacks:\n  tracked: {experiment_tracker: mlflow}\n")
    names = modules(run, command(*arguments), cwd=tmp_path)
    assert [name for name in names if name.startswith(("zen_plugin_", "zen.builtin", "zen.engine"))] == []
    assert heavy(names, "click", "yaml") == []
