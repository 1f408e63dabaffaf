"""Reproducing a run from here: rebuild its source, start the process that repeats it, and hear how it goes."""

from __future__ import annotations

import builtins
import contextlib
import json
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import zen.errors
from zen.client.reproduction import Reproduction
from zen.engine import current_progress
from zen.engine.environment import distributions_of
from zen.engine.reproducing import Rebuilt, Repetition, repeatable, repetition, variables, working_folder
from zen.engine.snapshots import omitted_of
from zen.engine.virtual import Made, make_environment
from zen.errors import RunError, ZenError
from zen.records import Plan, RunRecord, StepRunRecord, to_json
from zen.records.codec import from_json
from zen.stacks.opening import OpenStack

_PROGRAM = "zen.client.repeater"
_LINES = 40  # of what the process printed last, for the case that it dies
_MOST_TOLD = 5
_GRACE = 20.0  # seconds that an interrupted process has for recording that


def reproduce(stack: OpenStack, run: RunRecord, *, folder: Path | None, fresh_environment: bool) -> Reproduction:
    """Repeat a run from its snapshot, and compare; see `Client.reproduce`."""
    repeatable(stack, run)
    rebuilt = Rebuilt(stack, run, folder)
    try:
        order = repetition(stack, run, rebuilt.folder, fresh=fresh_environment)
        python, place, notes = sys.executable, "", _notes(stack, run)
        if fresh_environment:
            made = _fresh(stack, run, rebuilt.folder)
            python, place, notes = str(made.python), str(made.python.parents[1]), [*notes, *made.notes]
        found = _ordered(
            order,
            python,
            working_folder(run, rebuilt.folder),
            variables(order, os.environ, fresh=fresh_environment),
        )
        return replace(found, environment=place, notes=tuple(notes))
    finally:
        rebuilt.close()


def _fresh(stack: OpenStack, run: RunRecord, folder: Path) -> Made:
    recorded = distributions_of(stack, run)
    python = str(run.environment.get("python", ""))
    return make_environment(folder / ".venv", python, recorded, root=stack.project.root, source=folder)


def _notes(stack: OpenStack, run: RunRecord) -> list[str]:
    """Return what of the source the snapshot does not have."""
    omitted = omitted_of(stack, run)
    if not omitted:
        return []
    more = f", and {len(omitted) - _MOST_TOLD} more" if len(omitted) > _MOST_TOLD else ""
    return [f"the snapshot lacks {'; '.join(omitted[:_MOST_TOLD])}{more}"]


def _ordered(order: Repetition, python: str, here: Path, environment: Mapping[str, str]) -> Reproduction:
    import subprocess

    process = subprocess.Popen(
        [python, "-m", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=here,
        env=environment,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
    )
    assert process.stdin is not None  # all three were asked for
    assert process.stdout is not None
    assert process.stderr is not None
    printed: deque[str] = deque(maxlen=_LINES)
    shown = threading.Thread(target=_show, args=(process.stderr, printed), daemon=True)
    shown.start()
    with _ended(process), contextlib.suppress(BrokenPipeError):  # one that dies at once is noticed below
        process.stdin.write(json.dumps(to_json(order)) + "\n")
        process.stdin.close()
    with _ended(process):
        last = _heard(process.stdout)
        code = process.wait()
    shown.join(timeout=1)
    if "reproduction" in last:
        return Reproduction.from_json(last["reproduction"])
    if "error" in last:
        raise _error(**last["error"])
    if code == 130:
        raise KeyboardInterrupt
    raise RunError(
        f"the process that repeats the run ended with exit code {code} before it said how the run compares",
        hint="what it printed is above",
        traceback="".join(printed),
    )


@contextlib.contextmanager
def _ended(process: Any) -> Iterator[None]:
    """Leave no process behind: one that is interrupted gets the time to record it."""
    try:
        yield
    except BaseException:
        import subprocess

        process.terminate()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise


def _heard(messages: IO[str]) -> dict[str, Any]:
    """Pass on how the run goes, and return the last message."""
    progress: Any = current_progress()
    last: dict[str, Any] = {}
    for line in messages:
        last = json.loads(line)
        if "event" in last and progress is not None:
            facts = [_KINDS[name](value) for name, value in last.items() if name in _KINDS]
            getattr(progress, last["event"])(*facts)
    return last


_KINDS: dict[str, Callable[[Any], Any]] = {
    "run": lambda data: from_json(RunRecord, data),
    "plan": Plan.from_json,
    "step_run": lambda data: from_json(StepRunRecord, data),
}


def _show(lines: IO[str], printed: deque[str]) -> None:
    for line in lines:
        printed.append(line)
        with contextlib.suppress(OSError, ValueError):  # a closed terminal fails nothing
            sys.stderr.write(line)
            sys.stderr.flush()


def _error(type: str, message: str, hint: str) -> ZenError:
    """Return the error that the other process reported; one that says more than others as a plain one."""
    cls: Any = getattr(zen.errors, type, RunError)
    found: ZenError = RunError(message, hint=hint)
    if isinstance(cls, builtins.type) and issubclass(cls, ZenError) and "__init__" not in vars(cls):
        found = cls(message, hint=hint)
    return found
