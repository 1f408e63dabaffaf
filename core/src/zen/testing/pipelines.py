"""Real pipelines for checks: run by the engine in a process of its own, on a stack that names the component."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zen.secrets import Secret
from zen.testing.checks import NotVerified

if TYPE_CHECKING:
    from zen.testing.kit import Kit

_HEAD = "import os, platform, sys\nfrom zen import pipeline, step\n\n"
_TAIL = """

if __name__ == "__main__":
    import json
    from zen import Client, ZenError

    try:
        flow()
    except (ZenError, RuntimeError) as error:
        print(f"the run failed: {error}", file=sys.stderr)
    with Client() as client:
        run = client.run("last")
        steps = {
            name: {
                "state": step.state,
                "error": step.error.message if step.error else "",
                "outputs": {key: value.load() for key, value in step.outputs.items()},
            }
            for name, step in run.steps.items()
        }
    print("\\n" + json.dumps({"state": run.state, "steps": steps}))
"""


def run_pipeline(kit: Kit, source: str, *, seconds: float, **entry: Any) -> dict[str, Any]:
    """Run the pipeline `flow` of some source on a stack with the suite's component; return state and steps.

    Args:
        kit: Whose flavor and settings the stack names.
        source: Steps and the pipeline; what it returns has to be plain data.
        seconds: How long it may take.
        entry: More for the component's entry in the stack file, such as its `name`.

    Raises:
        NotVerified: When a class was handed in: the engine knows installed flavors only.
        AssertionError: When the process fails or does not end in time.
    """
    if not kit.is_installed:
        raise NotVerified("a class was handed in; a stack needs the installed plugin")
    folder = kit.tmp_path / "project"
    folder.mkdir()
    settings = {name: _written(value) for name, value in kit.settings.items()}
    named = {kit.suite.kind: {"flavor": kit.suite.flavor, **entry, **settings}}
    stacks = {"default_stack": "kit", "stacks": {"kit": named}}
    (folder / "zen.yaml").write_text(json.dumps(stacks), encoding="utf-8")
    (folder / "flow.py").write_text(_HEAD + source + _TAIL, encoding="utf-8")
    found: dict[str, Any] = json.loads(_said(kit, folder, seconds).splitlines()[-1])
    return found


def _said(kit: Kit, folder: Path, seconds: float) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ZEN_")}
    secrets = {
        name.removeprefix("env/"): value for name, value in kit.host.secrets.values.items() if name.startswith("env/")
    }
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    environment = {**inherited, **secrets, "PYTHONPATH": path, "ZEN_PROGRESS": "off"}
    command = [sys.executable, str(folder / "flow.py")]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"a pipeline on a stack with this component did not end in {seconds:g} s") from error
    if done.returncode:
        raise AssertionError(f"a pipeline on a stack with this component failed:\n{done.stderr[-3000:]}")
    return done.stdout


def _written(value: Any) -> Any:
    """Return a recorded setting as a stack file has it."""
    if isinstance(value, dict):
        if set(value) == {"$secret"}:
            return Secret.from_json(value).template
        return {name: _written(item) for name, item in value.items()}
    return [_written(item) for item in value] if isinstance(value, list) else value
