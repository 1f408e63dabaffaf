"""Going on with a run that failed, was cancelled or was lost: what succeeded stays, the rest is tried again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from zen.engine.conducting import Finished, conducted
from zen.engine.ids import new_id
from zen.engine.liveness import held, lease, owner, reap
from zen.engine.session import Session, Ticket
from zen.engine.snapshots import code_folder, files_of
from zen.errors import CodeChanged, RunError, UsageError, WriteConflict, listing
from zen.identity import digest_bytes
from zen.records import SUCCEEDED, Plan, RunRecord, StepSpec
from zen.source import fingerprint, load_object
from zen.stacks.opening import OpenStack
from zen.storage import changes

RESUMABLE = ("failed", "cancelled", "lost")


def resume(stack: OpenStack, run_id: str, *, from_snapshot: bool = False, progress: Any = None) -> Finished:
    """Go on with a run on its own plan and its own stack, as the same run.

    Args:
        stack: A stack with the stores of the run.
        run_id: The run.
        from_snapshot: Run the code as it was when the run began, instead of what the project holds now.
        progress: Shows the run to somebody.

    Raises:
        UsageError: When the run is not over, or has completed.
        CodeChanged: When steps that are still to run have other code than the plan says.
    """
    reap(stack)
    run = stack.database.run(run_id)
    _check_state(run)
    plan = stack.database.plan(run.plan)
    with OpenStack(plan.stack, stack.project, stack.registry) as own:
        return _resumed(own, run, plan, from_snapshot=from_snapshot, progress=progress)


def _resumed(stack: OpenStack, run: RunRecord, plan: Plan, *, from_snapshot: bool, progress: Any) -> Finished:
    attempts = {record.name: record for record in stack.database.step_runs(run.id)}  # the newest of each comes last
    open_steps = [
        step for step in plan.steps if step.name not in attempts or attempts[step.name].state not in SUCCEEDED
    ]
    root = code_folder(stack, run) if from_snapshot else stack.project.root
    script = _script(run, root)
    _check_code(open_steps, root, script, stack, run, from_snapshot=from_snapshot)
    ticket = Ticket.of(
        run.id,
        new_id(),
        plan.stack,
        stack.project,
        script,
        code=str(root) if from_snapshot else "",
        base={step.name: attempts[step.name].attempt for step in open_steps if step.name in attempts},
    )
    again = replace(
        run,
        state="running",
        finished_at=None,
        error=None,
        owner=owner(stack.state, run.id),
        resumes=run.resumes + 1,
    )
    session = Session(ticket, stack=stack, run=again, plan=plan, owner=True)
    session.shared = True  # what is known of the steps stands in the store
    session.progress = progress
    with held(stack.state, run.id, repr(run.name)):
        try:
            goes_on = changes.reopen_run(again, token=ticket.token)
            stack.database.write([goes_on, *lease(stack, run.id, ticket.token)])
        except WriteConflict as error:
            raise RunError(f"run {run.name!r} has just been resumed by another process") from error
        return conducted(session)


def _check_state(run: RunRecord) -> None:
    if run.state == "completed":
        raise UsageError(f"run {run.name!r} is completed: nothing is left to resume", hint="start it anew")
    if run.state not in RESUMABLE:
        where = f"process {run.owner.get('pid')} on {run.owner.get('host')}"
        raise UsageError(f"run {run.name!r} is {run.state}, in {where}", hint="wait for its end, or stop it")


def _script(run: RunRecord, root: Path) -> Path | None:
    started = run.environment.get("script")
    path = root / str(started) if started else None
    return path if path is not None and path.is_file() else None


def _check_code(
    steps: Iterable[StepSpec], root: Path, script: Path | None, stack: OpenStack, run: RunRecord, *, from_snapshot: bool
) -> None:
    """See that the code of the steps can be loaded, and is the code that the plan was made of."""
    check_importable(steps, "resumed")
    if from_snapshot:
        return
    then = {entry.name: entry.digest for entry in files_of(stack, run)}
    changed = [step.name for step in steps if _has_changed(step, root, script, then)]
    if changed:
        raise CodeChanged(
            f"the code of {listing(changed)} has changed since the run began",
            hint="--from-snapshot goes on with the code as it was; or start a new run, which takes what is unchanged"
            " from the cache",
            steps=tuple(changed),
        )


def check_importable(steps: Iterable[StepSpec], done: str) -> None:
    """See that other processes find the code of steps.

    Args:
        steps: The steps.
        done: What is to be done with their runs: `resumed`.

    Raises:
        UsageError: When some are defined where nobody else can look.
    """
    lone = [step.name for step in steps if not step.code.importable]
    if lone:
        raise UsageError(
            f"steps {listing(lone)} stand in a notebook or inside a function, where nobody else finds their code",
            hint=f"move them to the top level of a file; then their runs can be {done}",
        )


def _has_changed(step: StepSpec, root: Path, script: Path | None, then: Mapping[str, str]) -> bool:
    """Say whether the code of a step is another one: by its fingerprint, or where it has none, by its file."""
    found = load_object(step.code, root, script=script)
    function = getattr(found, "function", found)
    if step.code.fingerprint:
        return fingerprint(function, root).digest != step.code.fingerprint
    file = Path(function.__code__.co_filename).resolve()
    if not file.is_relative_to(root.resolve()):
        return False
    return then.get(file.relative_to(root.resolve()).as_posix()) != digest_bytes(file.read_bytes())
