"""The life of a run in the process that launches it: freeze the plan, record, orchestrate, finish."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from zen.engine.alerts import run_ended
from zen.engine.attempt import call_hook
from zen.engine.failures import error_record
from zen.engine.ids import new_id
from zen.engine.launcher import StepLauncher
from zen.engine.liveness import forget_lock, owner, reap, run_lock
from zen.engine.models import record_model
from zen.engine.session import Session, Ticket, failed
from zen.engine.tracking import RunTrackers
from zen.errors import RunError, UsageError, ZenError, listing, nearest
from zen.identity import digest, dumps
from zen.interfaces import Change
from zen.records import ArtifactRecord, ErrorRecord, Plan, RunRecord, RunState, StepRunRecord
from zen.records.codec import to_json
from zen.records.states import CANCELLED, COMPLETED, FAILED
from zen.source import commit_of, project_name, take
from zen.stacks.materialization import reference, save_value
from zen.stacks.opening import OpenStack
from zen.storage import changes

_SETTLE_SECONDS = 10.0


@dataclass(kw_only=True)
class Draft:
    """A traced pipeline, before its plan is frozen.

    Attributes:
        plan: The plan, without a snapshot.
        literals: Values that are no plain data, by the artifact id that stands for each in the plan, with a name.
        functions: Live functions by code reference, for what other processes cannot import.
        name: The template of the run's name.
        script: The script that was started, if one was.
        progress: Shows the run to somebody; see `zen.engine.progress`.
    """

    plan: Plan
    name: str
    literals: dict[str, tuple[str, Any]] = field(default_factory=dict)
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    script: Path | None = None
    progress: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A run that is over, with the user's own exception if one ended it in this process."""

    run: RunRecord
    exception: BaseException | None = None


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM)."""


def launch(draft: Draft, stack: OpenStack) -> Finished:
    """Run a draft on an open stack and return the recorded run. A failed step raises nothing here.

    Raises:
        KeyboardInterrupt: After the run was recorded as cancelled.
        ZenError: When the run cannot start: nothing has run then.
    """
    _check(draft.plan, stack)
    reap(stack)
    run, plan, body, batch = _frozen(draft, stack)
    token = new_id()
    lock = run_lock(stack.state, run.id)
    lock.acquire()
    try:
        stack.database.write([*changes.insert_run(run, plan, body, token=token), *batch], durable=False)
        session = Session(
            _ticket(run, plan, token, stack, draft),
            stack=stack,
            run=run,
            plan=plan,
            functions=draft.functions,
            owner=True,
        )
        session.progress = draft.progress
        session.register()
        try:
            return _conducted(session, token)
        finally:
            session.unregister()
    finally:
        lock.release()
        forget_lock(stack.state, run.id)


def _check(plan: Plan, stack: OpenStack) -> None:
    """Fail before any step runs for what can be known now: plugins that do not load, secrets that nobody has."""
    for spec in plan.stack.components:
        flavor = f"{spec.flavor}@{spec.distribution}" if spec.distribution else spec.flavor
        stack.registry.component_class(stack.registry.flavor(spec.kind, flavor))
    plan.check()
    for name in plan.secrets:
        if len(stack.get(name)) < 2:
            stack.log.warning("the secret %r is empty or a single character; is that meant?", name)
    operators = [spec.name for spec in plan.stack.of("step_operator")]
    for step in plan.steps:
        if step.apart and not step.code.importable:
            raise UsageError(
                f"step {step.name!r} asks for a process of its own, and no other process can load"
                f" {step.code.qualname!r}",
                hint="move the step to the top level of a file, or drop its timeout, isolate and step_operator",
            )
        if step.operator and step.operator not in operators:
            raise UsageError(
                f"step {step.name!r} asks for the step operator {step.operator!r}, and stack {plan.stack.name!r}"
                f" has: {listing(operators)}",
                hint=nearest(step.operator, operators) or "add it to the stack in zen.yaml",
            )


def _frozen(draft: Draft, stack: OpenStack) -> tuple[RunRecord, Plan, str, list[Change]]:
    now = dt.datetime.now(dt.UTC)
    run_id = new_id()
    batch: list[Change] = []
    plan = replace(draft.plan, snapshot=_snapshot(stack, batch))
    for artifact_id, (name, value) in draft.literals.items():
        batch += _literal(artifact_id, name, value, run_id, now, stack)
    body = dumps(plan.to_json())
    run = RunRecord(
        id=run_id,
        name=_name(draft.name, plan, run_id),
        pipeline=plan.pipeline,
        state="running",
        stack=plan.stack.name,
        plan=digest("plan-body/1", body),
        snapshot=plan.snapshot,
        created_at=now,
        started_at=now,
        parameters=plan.parameters,
        tags=plan.tags,
        environment={**_environment(), **commit_of(stack.project.root)},
        owner=owner(),
        durability="full" if stack.durable else "relaxed",
    )
    return run, plan, body, batch


def _snapshot(stack: OpenStack, batch: list[Change]) -> str:
    """Keep the project's source; what is new joins the batch."""

    def put(data: bytes) -> str:
        name, kept = stack.objects.put_bytes(data)
        batch.extend(kept)
        return name

    project = stack.project
    stores = digest("stores/1", dumps(to_json([*stack.spec.of("artifact_store"), *stack.spec.of("metadata_store")])))
    # The index says what these stores were given, so each pair of stores has one; and it may outlive what they hold.
    index = stack.state / f"snapshot-{stores[7:19]}.json"
    taken = take(project.root, index=index, marked=project.marked, put=put).digest
    if not batch and not stack.objects.holds(taken):
        index.unlink(missing_ok=True)
        taken = take(project.root, index=index, marked=project.marked, put=put).digest
    return taken


def _literal(artifact_id: str, name: str, value: Any, run_id: str, now: dt.datetime, stack: OpenStack) -> list[Change]:
    saved, materializer = save_value(value, stack, rename=partial(project_name, root=stack.project.root))
    artifact = ArtifactRecord(
        id=artifact_id,
        name=name,
        digest=saved.manifest.digest(),
        manifest=saved.manifest,
        materializer=reference(materializer),
        run_id=run_id,
        created_at=now,
        metadata=saved.metadata,
    )
    return [*saved.changes, changes.insert_artifact(artifact)]


def _name(template: str, plan: Plan, run_id: str) -> str:
    now = dt.datetime.now().astimezone()
    facts = {
        "date": now.strftime("%Y-%m-%d"),
        "time": now.strftime("%H-%M-%S"),
        "pipeline": plan.pipeline,
        "stack": plan.stack.name,
        "id": run_id,
        **{name: value for name, value in plan.parameters.items() if isinstance(value, str | int | float)},
    }
    name = template
    for key, value in facts.items():
        name = name.replace("{" + key + "}", str(value))
    return name[:200]


def _environment() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.system(),
        "machine": platform.machine(),
    }


def _ticket(run: RunRecord, plan: Plan, token: str, stack: OpenStack, draft: Draft) -> Ticket:
    project = stack.project
    return Ticket(
        run_id=run.id,
        token=token,
        root=str(project.root),
        state=str(project.state),
        file=str(project.file or ""),
        stack=plan.stack,
        script=str(draft.script or ""),
        path=tuple(entry or os.getcwd() for entry in sys.path),
    )


# Conducting


def _conducted(session: Session, token: str) -> Finished:
    launcher = StepLauncher(session)
    trackers = RunTrackers(session.stack)
    interrupt: KeyboardInterrupt | None = None
    trouble: BaseException | None = None
    with _terminating():
        try:
            _start(session, trackers, token)
            session.stack.orchestrator.run(session.plan, launcher)
            _complete(session)
        except KeyboardInterrupt as error:
            interrupt = error
            session.interrupted = True
            session.stop("the run was interrupted", end_running=True)
        except BaseException as error:  # noqa: BLE001  # the orchestrator's code, or a store that failed
            trouble = error
            session.stop(f"the orchestrator failed: {error}", end_running=True)
        _settle(session)
        launcher.close()
        finished = _finish(session, trackers, token, trouble)
    if session.interrupted:
        within = [error for error in session.exceptions.values() if isinstance(error, Terminated)]
        _reraise(within[0] if within else interrupt)
    if trouble is not None and (isinstance(trouble, ZenError) or not isinstance(trouble, Exception)):
        raise trouble
    return finished


def _start(session: Session, trackers: RunTrackers, token: str) -> None:
    references = trackers.start(session.run, session.plan)
    warnings = session.observe("zen_run_started", run=session.run, plan=session.plan)
    if references or warnings or trackers.warnings:
        session.run = replace(session.run, trackers=references, warnings=(*trackers.warnings, *warnings))
        session.write([changes.update_run(session.run, token=token)], durable=False)
    session.tell("run_started", session.run, session.plan)


def _complete(session: Session) -> None:
    """See that every step has a state: an orchestrator that forgot one is reported, and the step skipped."""
    forgotten = [step.name for step in session.plan.steps if session.recorded(step.name) is None]
    if forgotten:
        raise RunError(
            f"the orchestrator {session.plan.stack.of('orchestrator')[0].flavor!r} returned before it executed"
            f" {', '.join(map(repr, forgotten))}",
            hint="it must call launcher.execute for every step of plan.steps",
        )


def _settle(session: Session) -> None:
    """Wait until nothing of this run is running in this process any more; not for ever."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while session.ending.is_set() and session.busy and time.monotonic() < deadline:
        time.sleep(0.02)


def _finish(session: Session, trackers: RunTrackers, token: str, trouble: BaseException | None) -> Finished:
    session.flush()
    if session.shared or session.interrupted or trouble:
        session.write([changes.lose_open_steps(session.run.id, at=dt.datetime.now(dt.UTC))], durable=False)
    last = _last_attempts(session)
    bad = [record for record in last.values() if failed(record)]
    state: RunState = CANCELLED if session.interrupted else FAILED if bad or trouble else COMPLETED
    exception = next((session.exceptions[record.name] for record in bad if record.name in session.exceptions), trouble)
    warnings = [warning for record in last.values() for warning in record.warnings]
    run = replace(
        session.run,
        state=state,
        finished_at=dt.datetime.now(dt.UTC),
        error=_run_error(bad, trouble),
    )
    warnings += _model(session, run, last.values())
    warnings += _pipeline_hooks(session, run, exception)
    trackers.warnings.clear()
    trackers.finish(run)
    warnings += trackers.warnings
    warnings += run_ended(session.stack, run)
    run = replace(run, warnings=tuple(dict.fromkeys((*run.warnings, *warnings))))
    left = changes.lose_open_steps(run.id, at=dt.datetime.now(dt.UTC))
    session.write([changes.update_run(run, token=token), left], durable=True)
    session.run = run
    said = session.observe("zen_run_finished", run=run)
    if said:
        run = session.run = replace(run, warnings=tuple(dict.fromkeys((*run.warnings, *said))))
        session.write([changes.amend_run(run, token=token)], durable=False)
    session.tell("run_finished", run)
    return Finished(run=run, exception=exception)


def _model(session: Session, run: RunRecord, steps: Iterable[StepRunRecord]) -> list[str]:
    """Add the version that a completed run made, if the pipeline makes one; return what went wrong."""
    spec = session.plan.model
    if spec is None or run.state != COMPLETED:
        return []
    _, warnings = record_model(session.stack, spec, run, steps)
    return warnings


def _last_attempts(session: Session) -> dict[str, StepRunRecord]:
    known = {step.name: session.recorded(step.name) for step in session.plan.steps}
    return {name: record for name, record in known.items() if record is not None}


def _run_error(bad: list[StepRunRecord], trouble: BaseException | None) -> ErrorRecord | None:
    if trouble is not None:
        return error_record(trouble)
    first = next((record for record in bad if record.error is not None), None)
    if first is None or first.error is None:
        return None
    return replace(first.error, message=f"step {first.name!r}: {first.error.message}", traceback="")


def _pipeline_hooks(session: Session, run: RunRecord, error: BaseException | None) -> list[str]:
    if run.state == "cancelled":
        return []
    hooks = session.plan.hooks
    refs = hooks.on_success if run.state == "completed" else hooks.on_failure
    return [warning for ref in refs for warning in call_hook(str(ref), session.code, ref, error)]


@contextlib.contextmanager
def _terminating() -> Iterator[None]:
    """While a run is conducted, SIGTERM ends it as Ctrl-C does, so that it is recorded."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGTERM"):
        yield
        return

    process = os.getpid()

    def terminate(number: int, frame: Any) -> None:
        if os.getpid() != process:  # a child that somebody forked: it ends as if this handler were not there
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, terminate)
    except ValueError:  # an interpreter that is not the main one
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)


def _reraise(interrupt: KeyboardInterrupt | None) -> None:
    if isinstance(interrupt, Terminated):
        signal.raise_signal(signal.SIGTERM)
    raise KeyboardInterrupt from None
