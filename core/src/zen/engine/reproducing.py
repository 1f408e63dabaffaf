"""Repeating a run: its plan once more, with the code of its snapshot, in a folder and a process of its own.

The process is a fresh one, because this one may have imported the project as it is now. It writes to the stores of the
recorded run, so that the records of both stand beside each other; it tells no tracker and no alerter, calls no hook,
and adds no version of a model.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from zen.engine.conducting import Finished, conducted
from zen.engine.environment import OF_THE_SOURCE, environment
from zen.engine.ids import new_id
from zen.engine.keeping import Kept
from zen.engine.launch import check, new_run
from zen.engine.liveness import held, lease
from zen.engine.resuming import check_importable
from zen.engine.session import Session, Ticket
from zen.engine.snapshots import files_of, unpack_source
from zen.errors import RunError, RunNotFound, UsageError, WriteConflict
from zen.identity import dumps
from zen.interfaces import Alerter, ExperimentTracker
from zen.records import Hooks, Plan, RunRecord, StackSpec
from zen.records.codec import record
from zen.stacks.opening import OpenStack, registry_of
from zen.stacks.project import REPRODUCTIONS, Project
from zen.storage import FileLock, changes
from zen.storage.groups import REPRODUCES
from zen.storage.private import private_folder

_OF_ENVIRONMENTS = ("PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX")
_SILENT = (ExperimentTracker.kind, Alerter.kind)


@record()
class Repetition:
    """All that another process needs to repeat a run. JSON; secrets are references.

    Attributes:
        run_id: The recorded run.
        root: The root of the project, which has the stores.
        stack: The stack of the recorded run, without what would tell others.
        folder: Where the source of the run was put.
        path: What comes first on `sys.path`: the folders of the project as they are in `folder`, and others.
    """

    run_id: str
    root: str
    state: str
    stack: StackSpec
    folder: str
    file: str = ""
    path: tuple[str, ...] = ()

    def project(self) -> Project:
        """Return the project that has the stores."""
        return Project(root=Path(self.root), file=Path(self.file) if self.file else None, state=Path(self.state))


class Rebuilt:
    """A folder with the source of a run as it was; nobody else works in it until it is closed.

    Args:
        stack: The stack of the run.
        run: The run.
        folder: An empty or new folder; by default one in the state folder, which is emptied first.

    Raises:
        UsageError: When the folder that was given holds something, or the source is not to be had.
        RunError: When the default folder is in use.
    """

    def __init__(self, stack: OpenStack, run: RunRecord, folder: Path | None) -> None:
        self._lock: FileLock | None = None
        files = files_of(stack, run)
        place = stack.state / REPRODUCTIONS / run.id
        if folder is None:
            self._lock = self._taken(place, run)
            shutil.rmtree(place, ignore_errors=True)
        self.folder = (folder or place).resolve()
        try:
            unpack_source(files, self.folder, stack)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let others use the folder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @staticmethod
    def _taken(place: Path, run: RunRecord) -> FileLock:
        private_folder(place.parent)
        lock = FileLock(place.with_suffix(".lock"))
        if not lock.try_acquire():
            raise RunError(
                f"run {run.name!r} is being reproduced by another process in {place}", hint="give --folder another one"
            )
        return lock


def repetition(stack: OpenStack, run: RunRecord, folder: Path, *, fresh: bool = False) -> Repetition:
    """Return how to repeat a run in a folder that holds its source.

    Args:
        stack: A stack with the stores of the run.
        run: The run; it is over.
        folder: Where its source is.
        fresh: Whether the environment is another one: then only the project's own folders go onto `sys.path`.
    """
    plan = stack.database.plan(run.plan)
    project = stack.project
    return Repetition(
        run_id=run.id,
        root=str(project.root),
        state=str(project.state),
        file=str(project.file or ""),
        stack=replace(plan.stack, components=tuple(c for c in plan.stack.components if c.kind not in _SILENT)),
        folder=str(folder),
        path=tuple(moved(sys.path, project.root, folder, others=not fresh)),
    )


def repeatable(stack: OpenStack, run: RunRecord) -> None:
    """See that a run can be repeated.

    Raises:
        UsageError: When it is not over, has steps that nobody else can load, or other cases of that kind.
    """
    if not run.finished:
        raise UsageError(f"run {run.name!r} is {run.state}", hint="wait for its end")
    check_importable(stack.database.plan(run.plan).steps, "reproduced")


def moved(path: Iterable[str], root: Path, folder: Path, *, others: bool = True) -> list[str]:
    """Return a module path on which the folders of the project are those of its copy; those without one are left out.

    Args:
        path: Entries as of `sys.path`.
        root: The project.
        folder: The copy.
        others: Whether to keep entries that are no part of the project.
    """
    found = []
    root, folder = root.resolve(), folder.resolve()
    for entry in path:
        place = Path(entry or ".").resolve()
        if place.is_relative_to(folder):
            found.append(entry or str(place))
        elif _is_of_project(place, root):
            copy = folder / place.relative_to(root)
            if copy.is_dir():
                found.append(str(copy))
        elif others:
            found.append(entry or str(place))
    return list(dict.fromkeys(found))


def _is_of_project(place: Path, root: Path) -> bool:
    """Say whether a folder holds the project's own code, not what was installed into an environment that lies in it."""
    if not place.is_relative_to(root):
        return False
    inner = [place, *place.parents][: len(place.parts) - len(root.parts)]  # below the root
    return not any(each.name in ("site-packages", "dist-packages") or (each / "pyvenv.cfg").is_file() for each in inner)


def variables(order: Repetition, given: Mapping[str, str], *, fresh: bool = False) -> dict[str, str]:
    """Return the environment variables of the process that repeats a run; nothing of ours for a fresh environment."""
    root, folder = Path(order.root), Path(order.folder)
    found = {**given, "ZEN_HOME": order.state, "ZEN_STACK": order.stack.name}
    if path := given.get("PYTHONPATH"):
        found["PYTHONPATH"] = os.pathsep.join(moved(path.split(os.pathsep), root, folder, others=not fresh))
    for name in _OF_ENVIRONMENTS if fresh else ():
        found.pop(name, None)
    return found


def working_folder(run: RunRecord, folder: Path) -> Path:
    """Return where in the copy the run was started, made if there was nothing in it that is source."""
    place = folder / str(run.environment.get("folder", ""))
    place.mkdir(parents=True, exist_ok=True)
    return place


# In the process that repeats


def settle_in(order: Repetition) -> None:
    """Let this process find the project's modules in the copy alone, those of editable installs as well."""
    root, folder = Path(order.root), Path(order.folder)
    sys.path[:] = list(dict.fromkeys([*order.path, *moved(sys.path, root, folder)]))
    for name, module in list(sys.modules.items()):
        mapping = getattr(module, "MAPPING", None) if name.startswith("__editable__") else None
        if isinstance(mapping, dict):  # setuptools' finders of editable installs
            mapping.update({key: _moved_place(place, root, folder) for key, place in mapping.items()})


def _moved_place(place: str, root: Path, folder: Path) -> str:
    path, root = Path(place).resolve(), root.resolve()
    return str(folder / path.relative_to(root)) if _is_of_project(path, root) else place


def repeat(order: Repetition, *, progress: Any = None) -> tuple[Finished, Session]:
    """Repeat a run in this process; return the new run, and its session, with an open stack, for reading values.

    Raises:
        ZenError: When it cannot start.
    """
    project = order.project()
    stack = OpenStack(order.stack, project, registry_of(project))
    recorded = stack.database.run(order.run_id)
    plan = silent(stack.database.plan(recorded.plan), order.stack, recorded.id)
    check(plan, stack)
    run_id, token = new_id(), new_id()
    with held(stack.state, run_id):
        run = _recorded(recorded, plan, stack, run_id, token)
        script = Path(order.folder, str(run.environment.get("script", "")))
        ticket = Ticket.of(run_id, token, order.stack, project, script if script.is_file() else None, code=order.folder)
        session = Session(ticket, stack=stack, run=run, plan=plan, owner=True)
        session.repeats = True
        session.progress = progress
        return conducted(session), session


def _recorded(recorded: RunRecord, plan: Plan, stack: OpenStack, run_id: str, token: str) -> RunRecord:
    """Record the new run, which names the snapshot of the recorded one."""
    body = dumps(plan.to_json())
    source = {name: recorded.environment[name] for name in OF_THE_SOURCE if name in recorded.environment}
    name = f"{recorded.name[:188]}-reproduced"
    with Kept(stack, run_id, anew=True) as kept:
        run = new_run(run_id, plan, body, stack, name=name, environment={**environment(kept), **source})
        first = [changes.while_recorded(recorded.id), *changes.insert_run(run, plan, body, token=token)]
        try:
            kept.record([*first, *lease(stack, run_id, token)])
        except WriteConflict as error:
            raise RunNotFound(f"run {recorded.name!r} has just been deleted") from error
    return run


def silent(plan: Plan, stack: StackSpec, run_id: str) -> Plan:
    """Return a plan that executes every step, and tells nobody."""
    steps = [replace(step, cache=replace(step.cache, enabled=False), hooks=Hooks()) for step in plan.steps]
    return replace(plan, steps=tuple(steps), stack=stack, hooks=Hooks(), tags=_tags(plan.tags, run_id))


def _tags(tags: Sequence[str], run_id: str) -> tuple[str, ...]:
    return (*(tag for tag in tags if not tag.startswith(REPRODUCES)), f"{REPRODUCES}{run_id}")
