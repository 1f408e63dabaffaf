"""Processes that write: what they say once something is committed, and how they are made quickly."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import zen
from zen.client import close_all
from zen.engine import use_progress

HERE = Path(__file__).parent


def add_line(file: Path, facts: dict[str, Any]) -> None:
    """Append one line in one write: it is there whole, or not at all, and survives the death of the process."""
    number = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(number, (json.dumps(facts) + "\n").encode())
    os.close(number)


def lines_of(file: Path) -> list[str]:
    """Return the whole lines of such a file."""
    return file.read_text().splitlines() if file.exists() else []


class Teller:
    """Says what is committed, the moment zen says so: a progress listener, as the command line has one."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def run_started(self, run: Any, plan: Any) -> None:
        add_line(self._file, {"what": "started", "id": run.id})

    def step_started(self, step_run: Any) -> None:
        """Nothing is promised yet."""

    def step_finished(self, step_run: Any) -> None:
        # A step that came from the cache is recorded with the next commit, so nothing is said of it.
        if step_run.state == "completed":
            facts = {"id": step_run.id, "run": step_run.run_id, "name": step_run.name, "outputs": step_run.outputs}
            add_line(self._file, {"what": "step", **facts})

    def run_finished(self, run: Any) -> None:
        """The caller of the pipeline says it, once it has returned."""


def make_project(root: Path) -> None:
    """Make a folder with the pipelines of this folder, which is a project."""
    root.mkdir(parents=True)
    (root / "pyproject.toml").touch()
    shutil.copy(HERE / "flow.py", root)


def warm_up(folder: Path) -> None:
    """Run a pipeline once, so that all that it imports is there: each process that is killed costs milliseconds then."""
    make_project(folder / "project")
    os.environ["ZEN_PROGRESS"] = "off"
    here, path, said = os.getcwd(), list(sys.path), sys.stdout
    sys.stdout = open(os.devnull, "w")
    os.environ["FAULTS_EXECUTIONS"] = str(folder / "executions")
    project(folder / "project").chain(n=0)
    close_all()
    sys.stdout.close()
    sys.stdout = said
    os.chdir(here)
    sys.path[:] = path
    del sys.modules["flow"], os.environ["FAULTS_EXECUTIONS"]


def project(root: Path) -> Any:
    """Make a folder the project of this process, and return its module of pipelines."""
    os.chdir(root)
    sys.path.insert(0, str(root))
    return importlib.import_module("flow")


def run_and_tell(root: Path, acknowledged: Path, pipeline: str, **arguments: Any) -> Any:
    """Run a pipeline of the project and say what is committed; return the run."""
    flow = project(root)
    with use_progress(Teller(acknowledged)):
        run = getattr(flow, pipeline)(**arguments)
    add_line(acknowledged, {"what": "run", "id": run.id})
    return run


def resume_and_tell(root: Path, acknowledged: Path, run_id: str) -> Any:
    """Go on with a run, as `zen resume` does, and say what is committed; return the run."""
    project(root)
    with use_progress(Teller(acknowledged)):
        run = zen.Client(root=root).resume(run_id)
    if run.state == "completed":
        add_line(acknowledged, {"what": "run", "id": run.id})
    return run


def forked(work: Callable[[], Any], errors: Path) -> int:
    """Do some work in a copy of this process and return its id; what it raises is appended to a file."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    _redirect(errors)
    try:
        work()
        code = 0
    except BaseException:
        with open(errors, "a") as file:
            file.write(traceback.format_exc() + "\n")
    finally:
        try:
            if not code:
                close_all()
        finally:
            os._exit(code)
    raise AssertionError


def _redirect(errors: Path) -> None:
    """Keep what steps print away from the answer, and what goes wrong at the very end too."""
    for number, file in ((1, os.devnull), (2, f"{errors}.said")):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)


@contextlib.contextmanager
def tidy() -> Iterator[None]:
    """Leave no process behind: not those that were stopped, nor the workers of those that were killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: orphans become children of this process
    try:
        yield
    finally:
        while children := children_of(os.getpid()):
            for pid in children:
                os.kill(pid, signal.SIGKILL)
                ended(pid)


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started, or adopted (Linux)."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def ended(pid: int) -> int:
    """Wait for a process and return how it ended: its exit code, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def answer(work: Callable[[], Any], errors: Path) -> Any:
    """Return what some work gives, as JSON data, done in a copy of this process."""
    reading, writing = os.pipe()

    def told() -> None:
        os.write(writing, json.dumps(work()).encode())

    pid = forked(told, errors)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    if ended(pid) or not text:
        raise RuntimeError(f"a process failed: {errors.read_text()[-3000:]}")
    return json.loads(text)
