"""Conducting a run: the orchestrator at work, Ctrl-C, and the end, whatever it is."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from zen.engine.alerts import run_ended
from zen.engine.attempt import call_hook
from zen.engine.failures import error_record, shown
from zen.engine.launcher import StepLauncher
from zen.engine.liveness import leases
from zen.engine.models import record_model
from zen.engine.session import Session, failed
from zen.engine.tracking import RunTrackers
from zen.errors import RunError, WriteConflict, ZenError
from zen.records import ErrorRecord, RunRecord, RunState, StepRunRecord
from zen.records.states import CANCELLED, COMPLETED, FAILED
from zen.storage import changes

_SETTLE_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A run that is over, with the user's own exception if one ended it in this process."""

    run: RunRecord
    exception: BaseException | None = None


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM)."""


def conducted(session: Session) -> Finished:
    """Run the plan of a session on its orchestrator, and record the end.

    Raises:
        KeyboardInterrupt: After the run was recorded as cancelled.
        ZenError: When a store or the orchestrator failed.
    """
    session.register()
    try:
        with _beating(session):
            return _conducted(session, session.ticket.token)
    finally:
        session.unregister()


def _beating(session: Session) -> contextlib.AbstractContextManager[None]:
    if not leases(session.stack):
        return contextlib.nullcontext()
    from zen.engine.beating import beating  # most runs need none, and it costs as much as the rest of the engine

    return beating(session)


def _conducted(session: Session, token: str) -> Finished:
    launcher = StepLauncher(session)
    trackers = RunTrackers(session.stack)
    interrupt: KeyboardInterrupt | None = None
    trouble: BaseException | None = None
    with terminating():
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
        finished = _finish_ours(session, trackers, token, trouble)
    if session.interrupted:
        within = [error for error in session.exceptions.values() if isinstance(error, Terminated)]
        reraise(within[0] if within else interrupt)
    if trouble is not None and (isinstance(trouble, ZenError) or not isinstance(trouble, Exception)):
        raise shown(trouble)
    return finished


def _start(session: Session, trackers: RunTrackers, token: str) -> None:
    references = trackers.start(session.run, session.plan)
    warnings = session.observe("zen_run_started", run=session.run, plan=session.plan)
    if references or warnings or trackers.warnings:
        told = (*session.run.warnings, *trackers.warnings, *warnings)
        session.run = replace(session.run, trackers=references, warnings=told)
        session.write([changes.update_run(session.run, token=token)], durable=False)
    session.tell("run_started", session.run, session.plan)


def _complete(session: Session) -> None:
    """See that every step has a state: an orchestrator that forgot one is reported, and the step skipped."""
    records = {step.name: session.recorded(step.name) for step in session.plan.steps}
    forgotten = [name for name, record in records.items() if record is None or session.made_before(record)]
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


def _finish_ours(session: Session, trackers: RunTrackers, token: str, trouble: BaseException | None) -> Finished:
    """Record the end, and tell everybody, unless somebody else has taken the run over: then it is theirs to end."""
    session.check_ours()
    try:
        return _finish(session, trackers, token, trouble)
    except WriteConflict:
        session.check_ours()
        raise


def _finish(session: Session, trackers: RunTrackers, token: str, trouble: BaseException | None) -> Finished:
    session.flush()
    if session.shared or session.interrupted or trouble:
        left = changes.lose_open_steps(session.run.id, at=dt.datetime.now(dt.UTC), run_token=token)
        session.write([left], durable=False)
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
    left = changes.lose_open_steps(run.id, at=dt.datetime.now(dt.UTC), run_token=token)
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
    if spec is None or run.state != COMPLETED or session.repeats:
        return []
    guard = [changes.ours(run.id, token=session.ticket.token)]
    return record_model(session.stack, spec, run, steps, guard=guard)[1]


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
def terminating() -> Iterator[None]:
    """While a run is conducted, SIGTERM ends it as Ctrl-C does, so that it is recorded; see `reraise`."""
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


def reraise(interrupt: KeyboardInterrupt | None) -> NoReturn:
    """Go on with what interrupted a run, once it is recorded."""
    if isinstance(interrupt, Terminated):
        signal.raise_signal(signal.SIGTERM)
    raise KeyboardInterrupt from None
