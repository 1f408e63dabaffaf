"""What a run would do: which steps would come from the cache, and which would run, and why. Nothing is recorded."""

from __future__ import annotations

import datetime as dt

from zen.engine import caching
from zen.engine.ids import new_id
from zen.engine.launch import Draft
from zen.engine.session import Session, Ticket
from zen.records import CacheDecision, RunRecord, StepRunRecord, StepSpec
from zen.stacks.opening import OpenStack


def foresee(draft: Draft, stack: OpenStack) -> dict[str, CacheDecision]:
    """Return the cache decision of each step, as it would be if the run began now."""
    plan = draft.plan
    run = RunRecord(id=new_id(), name="", pipeline=plan.pipeline)
    ticket = Ticket.of(run.id, "", plan.stack, stack.project, draft.script)
    session = Session(ticket, stack=stack, run=run, plan=plan, functions=draft.functions, owner=True)
    return {step.name: _decision(session, step, draft) for step in plan.steps}


def _decision(session: Session, step: StepSpec, draft: Draft) -> CacheDecision:
    running = [name for name in step.upstream() if session.recorded(name) is None]
    if running:
        return CacheDecision(status="miss", reason=f"needs {running[0]!r}, which runs")
    leaves = [leaf for argument in step.inputs.values() for leaf in argument.leaves() if leaf.kind == "artifact"]
    if any(leaf.artifact in draft.literals for leaf in leaves):
        return CacheDecision(status="miss", reason="takes a value that is only stored when the run begins")
    artifacts = session.input_artifacts(step, session.inputs(step))
    decision, producer = caching.decide(
        step,
        artifacts,
        find=session.stack.database.cached,
        present=session.missing_of,
        now=dt.datetime.now(dt.UTC),
        around=session.surroundings(step, artifacts.values()),
    )
    if producer is not None:
        record = StepRunRecord(
            id=producer.id, run_id=session.run.id, name=step.name, state="cached", outputs=producer.outputs
        )
        session.know(record)
    return decision
