"""Where an attempt runs: in this process, in a warm worker, or wherever a step operator takes it."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import threading
from dataclasses import replace
from typing import Literal

from zen.engine.attempt import Attempt, call_hook
from zen.engine.failures import error_record
from zen.engine.session import Session
from zen.engine.steplog import Elsewhere, StepLog
from zen.engine.workers import WorkerPool, show
from zen.errors import ComponentError, RunCancelled, StepTimeout, StorageError, WorkerDied, WriteConflict, ZenError
from zen.interfaces import Command, StepOperator
from zen.records import ErrorRecord, StepExit, StepRunRecord, StepSpec, StepState, to_json
from zen.records.states import CANCELLED, FAILED
from zen.storage import changes

TICKET = "ZEN_TICKET"
ATTEMPT = "ZEN_ATTEMPT"


def program(step: str) -> tuple[str, ...]:
    """Return the program that executes a step in another process; what it needs stands in its environment."""
    return (sys.executable, "-m", "zen.engine.step", step)


class Places:
    """Runs the claimed attempts of one run, each where it belongs."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._workers = WorkerPool(session.ticket)

    def close(self) -> None:
        """End the worker processes; the run says of what its steps left running."""
        run = self._session.run
        self._session.run = replace(run, warnings=(*run.warnings, *self._workers.close()))

    def is_here(self, step: StepSpec) -> bool:
        """Say whether a step runs in this process; launching has seen that others can load the steps that do not."""
        is_main = threading.current_thread() is threading.main_thread()
        return not step.code.importable or (is_main and not step.apart)

    def run(self, step: StepSpec, record: StepRunRecord, token: str, *, last: bool) -> StepRunRecord:
        """Run a claimed attempt to its end and return its recorded state."""
        if self.is_here(step):
            return self._noted(Attempt(self._session, step, record, token, last=last).run())
        log = Elsewhere(self._session.stack, record) if step.operator else self._log(record)
        try:
            if isinstance(log, Elsewhere):
                return self._noted(self._by_operator(step, record, token, log, last=last))
            done = self._workers.use(
                lambda worker: worker.run(
                    step.name,
                    record,
                    token,
                    last=last,
                    timeout=step.timeout,
                    ending=self._session.ending,
                    log=log,
                )
            )
            return self._noted(self._with_log(done, log))
        except KeyboardInterrupt:
            stopped = RunCancelled(f"step {step.name!r} was ended because the run was interrupted")
            self._ended(replace(record, state=CANCELLED), token, stopped, log)
            raise
        except (ComponentError, RunCancelled, WorkerDied, StepTimeout) as error:
            cancelled = isinstance(error, RunCancelled)
            hooks = step.hooks.on_failure if last and not cancelled else ()
            warnings = [text for ref in hooks for text in call_hook(str(ref), self._session.code, ref, error)]
            state: StepState = CANCELLED if cancelled else FAILED
            return self._ended(replace(record, state=state, warnings=tuple(warnings)), token, error, log)

    def _log(self, record: StepRunRecord) -> StepLog:
        return StepLog(self._session.stack.database, self._session.stack.state, record)

    def _with_log(self, done: StepRunRecord, log: StepLog) -> StepRunRecord:
        """Store the rest of what a worker wrote, whose attempt is recorded by now."""
        try:
            if rest := log.rest():
                self._session.stack.database.write(rest, durable=False)
        except StorageError as error:  # its spool stays, for a later command
            told = f"the last lines of step {done.name!r} could not be stored: {error.message}"
            return replace(done, warnings=(*done.warnings, told))
        log.finish()
        return done

    def _noted(self, done: StepRunRecord) -> StepRunRecord:
        """Stop the run where a step ended by an interrupt, wherever that arrived."""
        if done.state == CANCELLED:
            self._session.interrupted = True
            self._session.stop("the run was interrupted", end_running=True)
        return done

    def _by_operator(
        self, step: StepSpec, record: StepRunRecord, token: str, log: Elsewhere, *, last: bool
    ) -> StepRunRecord:
        session = self._session
        claim = json.dumps({"record": to_json(record), "token": token, "last": last})
        environment = {TICKET: json.dumps(session.ticket.to_json()), ATTEMPT: claim}
        job = Job(session, step, Command(argv=program(step.name), env=environment, cwd=os.getcwd()), log)
        operator = _operator_of(session, step)
        try:
            ended = operator.run(job)
        except ZenError:
            raise
        except Exception as error:  # a plugin's code
            raise ComponentError(f"the step operator {step.operator!r} failed: {error}") from error
        found = session.stack.database.step_run(record.id)
        if found.finished:
            return found
        if session.ending.is_set():
            raise RunCancelled(f"step {step.name!r} was ended because the run stops")
        if job.timed_out:
            raise StepTimeout(f"step {step.name!r} ran longer than its timeout of {step.timeout:g} s")
        raise _vanished(step, ended)

    def _ended(self, record: StepRunRecord, token: str, error: ZenError, log: StepLog | Elsewhere) -> StepRunRecord:
        """Record the end of an attempt whose process cannot do it itself any more."""
        session = self._session
        what: ErrorRecord = error_record(error)
        told = error.facts.get("told", "")
        done = replace(
            record, finished_at=dt.datetime.now(dt.UTC), error=replace(what, traceback=told) if told else what
        )
        batch = [changes.finish_step(done, token=token, run_token=session.ticket.token)]
        batch += [*changes.edges(done), *log.rest()]
        try:
            session.write(batch, durable=True)
        except WriteConflict:  # it committed before it ended
            log.finish()
            return session.stack.database.step_run(record.id)
        log.finish()
        session.exceptions.setdefault(record.name, error)
        said = session.observe("zen_step_finished", run=session.run, step_run=done)
        return replace(done, warnings=(*done.warnings, *said)) if said else done


class Job:
    """One attempt of one step, as a step operator gets it."""

    def __init__(self, session: Session, step: StepSpec, command: Command, log: Elsewhere) -> None:
        self.step = step
        self.command = command
        self._session = session
        self._log = log
        self._started = dt.datetime.now(dt.UTC)

    def output(self, stream: str, text: str) -> None:
        """Show and keep what the process prints."""
        kept: Literal["stdout", "stderr"] = "stdout" if stream == "stdout" else "stderr"
        self._log.add(kept, text)
        show(kept, text)

    @property
    def timed_out(self) -> bool:
        """Whether the step has had its time."""
        limit = self.step.timeout
        return limit is not None and (dt.datetime.now(dt.UTC) - self._started).total_seconds() > limit

    def ending(self) -> bool:
        """Say whether the process has to be ended: the run stops, or the step has had its time."""
        return self._session.ending.is_set() or self.timed_out


def _operator_of(session: Session, step: StepSpec) -> StepOperator:
    """Return the step operator that a step asks for; launching has seen that the stack has it."""
    [spec] = [spec for spec in session.plan.stack.of(StepOperator.kind) if spec.name == step.operator]
    component = session.stack.component(spec)
    assert isinstance(component, StepOperator)
    return component


def _vanished(step: StepSpec, ended: StepExit) -> WorkerDied:
    what = {
        "exited": f"ended with exit code {ended.code} before it recorded a result",
        "killed": "was killed",
        "out-of-memory": "ran out of memory",
        "never-started": "never started",
    }[ended.cause]
    return WorkerDied(
        f"the process of step {step.name!r} {what}" + (f": {ended.message}" if ended.message else ""),
        hint=f"it ran on the step operator {step.operator!r}; `zen logs` shows what it printed",
        cause=ended.cause,
        code=ended.code,
    )
