"""Executing one step of a run: claim it, decide, run, retry, commit. The one thing that every orchestrator calls."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zen.engine import caching
from zen.engine.attempt import call_hook
from zen.engine.failures import error_record, vanished
from zen.engine.ids import new_id
from zen.engine.liveness import may_live, reap
from zen.engine.mending import is_for_damage, mended
from zen.engine.placing import TICKET, Places, program
from zen.engine.session import Session, Ticket, failed
from zen.engine.spool import recover
from zen.errors import ArtifactDamaged, UnknownStep, WriteConflict, listing, nearest
from zen.interfaces import Command
from zen.records import CacheDecision, StepRunRecord, StepSpec, StepState
from zen.storage import changes

_POLL = 0.05
_LOOK_SECONDS = 1.0  # how often to see whether those that are waited for are still alive
_UNBEGUN = 2  # how often the process of a step may die before the step begins: it may not be the step's doing
_INNOCENT = (
    10  # how often it may die for the sake of another step: an engine that always says so must not go on for ever
)


_SPARED = "its process ended for another step's sake; the attempt does not count"
Inputs = Mapping[str, tuple[str, ...]]


class _Awaited(Exception):
    """Another attempt is making the result of a cache key."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class StepLauncher:
    """Executes the steps of one run. Pickles as a ticket: a copy in another process takes part in the same run."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._places = Places(session)
        self._unbegun: dict[str, int] = {}

    @property
    def run_id(self) -> str:
        """The run."""
        return self._session.ticket.run_id

    def execute(self, name: str) -> StepRunRecord:
        """Run a step and return its recorded state; see `zen.interfaces.Launcher`."""
        session = self._session
        step = self._step(name)
        while True:
            earlier = session.recorded(name)
            if earlier is not None and earlier.finished and not self._again(earlier):
                return earlier
            if earlier is not None and not earlier.finished:
                if may_live(earlier.worker):
                    time.sleep(_POLL)
                elif (buried := self._buried(step, earlier)).state != "lost":
                    return buried
                continue
            try:
                record = self._settled(step, first=earlier.attempt + 1 if earlier else 1)
            except _Awaited as other:  # its result will be ours
                self._wait_for(other.key)
                continue
            except WriteConflict:  # another process claimed the step first: its record holds
                session.shared = True
                session.check_ours()
                continue
            session.tell("step_finished", record)
            if session.made_before(record):  # an input was made again, so it is, too
                continue
            if failed(record):
                self._after_failure(record)
            return record

    def _again(self, record: StepRunRecord) -> bool:
        return record.state == "lost" or self._session.made_before(record)

    def _last(self, step: StepSpec, attempt: int) -> int:
        """Return the number of the last attempt that a step may have; this one is the newest, or comes next."""
        first = self._session.ticket.base.get(step.name, 0) + 1
        return first + step.retries.count + (self._uncounted(step) if attempt > first else 0)

    def _uncounted(self, step: StepSpec) -> int:
        """Return how many attempts of a step have used up none of its retries."""
        base = self._session.ticket.base.get(step.name, 0)
        attempts = self._session.stack.database.attempts(self.run_id, step.name)
        return sum(1 for each in attempts if each.attempt > base and (not each.counted or each.state == "cached"))

    def died(self, name: str, *, message: str = "", exit_code: int | None = None, blame: bool = True) -> StepRunRecord:
        """Record that the process that was to execute a step is gone; see `zen.interfaces.Launcher`."""
        step = self._step(name)
        self._session.share()
        earlier = self._session.stack.database.last_attempt(self.run_id, name)
        if earlier is not None and not earlier.finished:
            return self._buried(step, earlier, message=message, exit_code=exit_code, blame=blame)
        if earlier is not None and not self._session.made_before(earlier):
            return earlier
        self._unbegun[name] = self._unbegun.get(name, 0) + 1
        if self._unbegun[name] <= _UNBEGUN + step.retries.count + (0 if blame else _INNOCENT):
            return StepRunRecord(id="", run_id=self.run_id, name=name)
        never = self._new_record(
            step,
            earlier.attempt + 1 if earlier else 1,
            "failed",
            error=error_record(vanished(name, exit_code, message=message)),
        )
        self._session.settle_later(never)
        self._after_failure(never)
        return never

    def items(self, name: str) -> list[str]:
        """Return the items of a mapped step; no step of this plan is mapped."""
        self._step(name)
        return []

    def command(self, name: str) -> Command:
        """Return how to execute a step in another process."""
        self._step(name)
        self._session.share()
        return Command(argv=program(name), env={TICKET: json.dumps(self._session.ticket.to_json())}, cwd=os.getcwd())

    def close(self) -> None:
        """End the worker processes."""
        self._places.close()

    def __reduce__(self) -> tuple[Any, ...]:
        self._session.share()
        return join, (self._session.ticket.to_json(),)

    def _step(self, name: str) -> StepSpec:
        if name not in self._session.steps:
            names = list(self._session.steps)
            raise UnknownStep(f"no step {name!r} in this plan; it has: {listing(names)}", hint=nearest(name, names))
        return self._session.steps[name]

    # Deciding

    def _settled(self, step: StepSpec, *, first: int) -> StepRunRecord:
        session = self._session
        blocked = [up for up in step.upstream() if session.settled(up).state not in step.accepts]
        if blocked:
            reason = f"{blocked[0]!r} {_ended(session.settled(blocked[0]).state)}"
            return self._not_run(step, first, "skipped", reason=reason)
        if reason := session.stopping():
            return self._not_run(step, first, "skipped", reason=reason)
        inputs = session.inputs(step)
        artifacts = session.input_artifacts(step, inputs)
        now = dt.datetime.now(dt.UTC)
        database = session.stack.database
        around = session.surroundings(step, artifacts.values())
        seen: list[str] = []

        def find(key: str) -> tuple[StepRunRecord, int] | None:
            found = database.cached(key)
            seen.extend([found[0].id] if found else [])
            return found

        decision, producer = caching.decide(
            step, artifacts, find=find, present=session.missing_of, now=now, around=around
        )
        if decision.status == "miss" and (why := session.why_again(step.name)):
            decision = replace(decision, reason=why)
        if producer is not None:
            record = self._new_record(step, first, "cached", cache=decision, reason=decision.reason)
            return session.settle_later(replace(record, inputs=inputs, outputs=producer.outputs))
        return self._attempts(step, first, decision, inputs, stale=seen[0] if seen else "")

    def _not_run(self, step: StepSpec, attempt: int, state: Any, *, reason: str) -> StepRunRecord:
        return self._session.settle_later(self._new_record(step, attempt, state, reason=reason))

    def _new_record(self, step: StepSpec, attempt: int, state: Any, **facts: Any) -> StepRunRecord:
        now = dt.datetime.now(dt.UTC)
        return StepRunRecord(
            id=new_id(),
            run_id=self.run_id,
            name=step.name,
            attempt=attempt,
            state=state,
            started_at=now,
            finished_at=None if state == "running" else now,
            **facts,
        )

    # Running

    def _attempts(
        self, step: StepSpec, first: int, decision: CacheDecision, inputs: Inputs, *, stale: str
    ) -> StepRunRecord:
        session = self._session
        delay = step.retries.delay
        attempt, final = first, max(first, self._last(step, first))
        while True:
            record = self._attempt(step, attempt, decision, inputs, last=attempt == final, stale=stale)
            damaged = is_for_damage(record)
            if damaged and mended(step, record, session, self.execute):
                session.spoil(record)
                return record
            if record.state != "failed" or attempt == final or session.stopping():
                return self._failed_for_damage(step, record) if damaged else record
            session.ending.wait(delay)
            delay *= step.retries.backoff
            session.tell("step_finished", record)
            attempt += 1

    def _failed_for_damage(self, step: StepSpec, record: StepRunRecord) -> StepRunRecord:
        """Call the hooks of a step whose input is damaged and cannot be made again."""
        error = self._session.exceptions.get(step.name) or ArtifactDamaged(record.error.message if record.error else "")
        hooks = [text for ref in step.hooks.on_failure for text in call_hook(str(ref), self._session.code, ref, error)]
        record = replace(record, warnings=(*record.warnings, *hooks))
        self._session.know(record)  # the step run is recorded; these warnings are recorded with the run
        return record

    def _attempt(
        self, step: StepSpec, attempt: int, decision: CacheDecision, inputs: Inputs, *, last: bool, stale: str
    ) -> StepRunRecord:
        session = self._session
        if not self._places.is_here(step):
            session.share()
        token = new_id()
        worker = {"host": platform.node(), "pid": os.getpid()}
        record = self._new_record(step, attempt, "running", cache=decision, inputs=inputs, worker=worker)
        claim = changes.claim_step(record, token=token, run_token=session.ticket.token, stale=stale)
        try:
            session.write([claim], durable=False)
        except WriteConflict:
            newest = session.stack.database.last_attempt(self.run_id, step.name)
            if decision.key and (newest is None or newest.attempt < attempt):  # nobody has taken this step itself
                raise _Awaited(decision.key) from None
            raise
        session.tell("step_started", record)
        with session.working():
            done = self._places.run(step, record, token, last=last)
        if done.id != record.id or done.state in ("running", "lost"):  # it is not what this attempt recorded
            session.check_ours()
        session.know(done)
        return done

    def _wait_for(self, key: str) -> None:
        """Wait while another attempt, of this run or another, makes the result of a cache key; not for a dead one."""
        self._session.check_ours()
        looked = time.monotonic()
        while not self._session.stopping() and self._session.stack.database.running_with_key(key) is not None:
            time.sleep(_POLL)
            if time.monotonic() - looked > _LOOK_SECONDS:
                reap(self._session.stack)
                looked = time.monotonic()

    def _buried(
        self,
        step: StepSpec,
        record: StepRunRecord,
        *,
        message: str = "",
        exit_code: int | None = None,
        blame: bool = True,
    ) -> StepRunRecord:
        """Record that the process of an open attempt is gone: `lost` while another one is left, else `failed`."""
        session = self._session
        spared = not blame and self._uncounted(step) < _INNOCENT
        state: StepState = "lost" if spared or record.attempt < self._last(step, record.attempt) else "failed"
        error = vanished(step.name, exit_code, message=message)
        done = replace(record, state=state, finished_at=dt.datetime.now(dt.UTC), error=error_record(error))
        if spared:
            done = replace(done, counted=False, reason=_SPARED)
        if state == "failed":
            hooks = [text for ref in step.hooks.on_failure for text in call_hook(str(ref), session.code, ref, error)]
            done = replace(done, warnings=(*done.warnings, *hooks))
        try:
            session.write([changes.bury_step(done, run_token=session.ticket.token)], durable=True)
        except WriteConflict:  # it committed after all, or somebody else has buried it
            session.check_ours()
            return session.stack.database.step_run(record.id)
        recover(session.stack, record.id)
        session.know(done)
        if state == "failed":
            session.exceptions.setdefault(step.name, error)
            self._after_failure(done)
        session.observe("zen_step_finished", run=session.run, step_run=done)
        session.tell("step_finished", done)
        return done

    def _after_failure(self, record: StepRunRecord) -> None:
        mode = self._session.plan.execution_mode
        if mode != "continue-on-failure" and record.state in ("failed", "lost"):
            reason = f"{record.name!r} {_ended(record.state)}, and the run is {mode}"
            self._session.stop(reason, end_running=mode == "fail-fast")


def join(ticket: Any) -> StepLauncher:
    """Return a launcher for a run that another process launched."""
    return StepLauncher(Session.join(Ticket.from_json(ticket)))


def _ended(state: str) -> str:
    return {"failed": "failed", "skipped": "was skipped", "cancelled": "was cancelled"}.get(state, f"is {state}")
