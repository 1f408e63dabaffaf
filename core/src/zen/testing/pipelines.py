"""Real pipelines for checks: run by the engine in a process of its own, on a stack that names the component."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zen.secrets import Secret
from zen.testing.checks import NotVerified

if TYPE_CHECKING:
    from zen.testing.kit import Kit

_HEAD = "import os, platform, sys\nfrom zen import pipeline, step\n\n"
_TAIL = """

if __name__ == "__main__":
    import json, signal, traceback
    from zen import Client

    # A shell that starts tests in the background ignores Ctrl-C, for all that they start as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def told(error):
        lines = (f"{error.type}: {error.message}", error.hint, error.traceback) if error else ()
        return "\\n".join(filter(None, lines))

    raised = ""
    try:
        flow()
    except (Exception, KeyboardInterrupt):
        raised = traceback.format_exc()
        print(raised, file=sys.stderr)
    with Client() as client:
        run = client.run("last")
        steps = {
            name: {
                "state": step.state,
                "error": told(step.error),
                "outputs": {key: value.load() for key, value in step.outputs.items()},
            }
            for name, step in run.steps.items()
        }
    found = {"state": run.state, "error": told(run.error), "raised": raised, "steps": steps, "pid": os.getpid()}
    print("\\n" + json.dumps(found))
"""


def run_pipeline(kit: Kit, source: str, *, seconds: float, **entry: Any) -> dict[str, Any]:
    """Run the pipeline `flow` of some source on a stack with the suite's component.

    Returns the state of the run, its steps with their states and outputs, the recorded errors of all of them (type,
    message and the user's traceback, as text), and what was `raised` by the run; `as_text` makes a text of it.

    Args:
        kit: Whose flavor and settings the stack names.
        source: Steps and the pipeline; what it returns has to be plain data.
        seconds: How long it may take.
        entry: More for the component's entry in the stack file, such as its `name`.

    Raises:
        NotVerified: When a class was handed in: the engine knows installed flavors only.
        AssertionError: When the process fails or does not end in time.
    """
    folder = _project(kit, source, entry)
    found: dict[str, Any] = json.loads(_said(kit, folder, seconds).splitlines()[-1])
    return found


def interrupt_pipeline(kit: Kit, source: str, *, seconds: float, **entry: Any) -> tuple[dict[str, Any], list[str]]:
    """Run the pipeline `flow` as `run_pipeline` does, and press Ctrl-C once a step has made the file `started`.

    Returns:
        State and steps of the run, and what is left: processes of the launching process's group that still run.
    """
    folder = _project(kit, source, entry)
    with _started(kit, folder) as process:
        deadline = time.monotonic() + seconds
        while not (folder / "started").exists() and process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"no step of a pipeline on a stack with this component began in {seconds:g} s")
            time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: every process of the group is told
        try:
            said, complained = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"after Ctrl-C a pipeline did not end in {seconds:g} s{_stacks(process)}") from error
        left = ["a process of the run"] if _has_members(process.pid) else []
    try:
        return json.loads(said.splitlines()[-1]), left
    except (IndexError, ValueError) as error:
        raise AssertionError(f"after Ctrl-C the process said no more:\n{complained[-3000:]}") from error


def as_text(found: Mapping[str, Any]) -> str:
    """Return what `run_pipeline` found as text: all states, and why the run and its steps have failed."""
    steps: Mapping[str, Any] = found["steps"]
    shown = [f"{name} {step['state']} {_short(list(step['outputs'].values()))}" for name, step in steps.items()]
    lines = [f"the run is {found['state']}; its steps: {', '.join(shown) or 'no step has a state'}"]
    lines += [f"step {name}: {step['error']}" for name, step in steps.items() if step["error"]]
    # What the orchestrator raised is recorded with the run; what came out of the run itself says no more than that.
    why = found["error"] or found["raised"]
    lines += [f"the run: {why}"] if why and not any(step["error"] == why for step in steps.values()) else []
    return "\n".join(line.rstrip() for line in lines)


def _short(outputs: list[Any]) -> str:
    text = repr(outputs)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _project(kit: Kit, source: str, entry: dict[str, Any]) -> Path:
    if not kit.is_installed:
        raise NotVerified("a class was handed in, and a stack needs the plugin", give="install it")
    folder = kit.tmp_path / "project"
    folder.mkdir()
    settings = {name: _written(value) for name, value in kit.settings.items()}
    named = {kit.suite.kind: {"flavor": kit.suite.flavor, **entry, **settings}}
    stacks = {"default_stack": "kit", "stacks": {"kit": named}}
    (folder / "zen.yaml").write_text(json.dumps(stacks), encoding="utf-8")
    (folder / "flow.py").write_text(_HEAD + source + _TAIL, encoding="utf-8")
    return folder


@contextlib.contextmanager
def _started(kit: Kit, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a pipeline in a process group of its own; nothing of it is left when the context ends."""
    process = subprocess.Popen(
        [sys.executable, str(folder / "flow.py")],
        cwd=folder,
        env=_environment(kit),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _stacks(process: subprocess.Popen[str]) -> str:
    """End the processes of a pipeline, and return what each of them was doing."""
    if sys.platform == "win32":
        return ""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGABRT)
    try:
        return ":\n" + process.communicate(timeout=10)[1][-3000:]
    except subprocess.TimeoutExpired:  # somebody who left the group holds the pipe open
        return ""


def _has_members(group: int) -> bool:
    for _ in range(20):  # what was just told to end may take a moment
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return False
        time.sleep(0.05)
    return True


def _said(kit: Kit, folder: Path, seconds: float) -> str:
    with _started(kit, folder) as process:
        try:
            said, complained = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            late = f"a pipeline on a stack with this component did not end in {seconds:g} s{_stacks(process)}"
            raise AssertionError(late) from error
    if process.returncode:
        do = "raise errors out of the component, so that they are recorded, and do not end the process"
        tried = "a pipeline on a stack with this component"
        raise AssertionError(f"tried: {tried}\n came: its process failed:\n{complained[-3000:]}\n   do: {do}")
    return said


def _environment(kit: Kit) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ZEN_")}
    secrets = {
        name.removeprefix("env/"): value for name, value in kit.host.secrets.values.items() if name.startswith("env/")
    }
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return {**inherited, **secrets, "PYTHONPATH": path, "PYTHONFAULTHANDLER": "1", "ZEN_PROGRESS": "off"}


def _written(value: Any) -> Any:
    """Return a recorded setting as a stack file has it."""
    if isinstance(value, dict):
        if set(value) == {"$secret"}:
            return Secret.from_json(value).template
        return {name: _written(item) for name, item in value.items()}
    return [_written(item) for item in value] if isinstance(value, list) else value
