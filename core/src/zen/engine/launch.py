"""The beginning of a run, in the process that launches it: freeze the plan, record it, conduct it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from zen.engine.conducting import Finished, conducted
from zen.engine.environment import environment, started
from zen.engine.ids import new_id
from zen.engine.keeping import Kept
from zen.engine.liveness import held, lease, owner, reap
from zen.engine.session import Session, Ticket
from zen.errors import UsageError, WriteConflict, listing, nearest
from zen.identity import digest, dumps
from zen.interfaces import Change
from zen.records import ArtifactRecord, Plan, RunRecord
from zen.secrets.redaction import redactor
from zen.source import Snapshot, commit_of, project_name
from zen.stacks.materialization import reference, save_value
from zen.stacks.opening import OpenStack
from zen.storage import changes

_MOST_TOLD = 5


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


def launch(draft: Draft, stack: OpenStack) -> Finished:
    """Run a draft on an open stack and return the recorded run. A failed step raises nothing here.

    Raises:
        KeyboardInterrupt: After the run was recorded as cancelled.
        ZenError: When the run cannot start: nothing has run then.
    """
    check(draft.plan, stack)
    reap(stack)
    run_id, token = new_id(), new_id()
    with held(stack.state, run_id):
        run, plan = _recorded(draft, stack, run_id, token)
        session = Session(
            Ticket.of(run_id, token, plan.stack, stack.project, draft.script),
            stack=stack,
            run=run,
            plan=plan,
            functions=draft.functions,
            owner=True,
        )
        session.progress = draft.progress
        return conducted(session)


def check(plan: Plan, stack: OpenStack) -> None:
    """Fail before any step runs for what can be known now: plugins that do not load, secrets that nobody has."""
    for spec in plan.stack.components:
        flavor = f"{spec.flavor}@{spec.distribution}" if spec.distribution else spec.flavor
        stack.registry.component_class(stack.registry.flavor(spec.kind, flavor))
    plan.check()
    for name in plan.secrets:
        value = stack.get(name)
        if len(value) < 2:
            stack.log.warning("the secret %r is empty or a single character; is that meant?", name)
        elif not redactor.register(name, value):
            stack.log.warning("the secret %r is too short to be masked in logs and records", name)
    if redactor.active:
        from zen.engine.secrecy import check_secrecy

        check_secrecy(plan)
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


def _recorded(draft: Draft, stack: OpenStack, run_id: str, token: str) -> tuple[RunRecord, Plan]:
    """Record the run with all that it names."""
    for anew in (False, True):
        with Kept(stack, run_id, anew=anew) as kept:
            run, plan, body = _frozen(draft, stack, run_id, kept)
            try:
                kept.record([*changes.insert_run(run, plan, body, token=token), *lease(stack, run_id, token)])
            except WriteConflict:  # objects were collected meanwhile
                if anew:
                    raise
            else:
                return run, plan
    raise AssertionError("unreachable")


def _frozen(draft: Draft, stack: OpenStack, run_id: str, kept: Kept) -> tuple[RunRecord, Plan, str]:
    taken = kept.snapshot()
    plan = replace(draft.plan, snapshot=taken.digest)
    body = dumps(plan.to_json())
    facts = environment(kept)
    run = new_run(
        run_id,
        plan,
        body,
        stack,
        name=_name(draft.name, plan, run_id),
        warnings=tuple(f"the snapshot of the source lacks {each}" for each in taken.missing_code()[:_MOST_TOLD]),
        environment={**facts, **_commit(stack, taken), **started(draft.script, stack.project.root)},
    )
    for artifact_id, (name, value) in draft.literals.items():
        kept.changes += _literal(artifact_id, name, value, run, stack, kept)
    return run, plan, body


def new_run(run_id: str, plan: Plan, body: str, stack: OpenStack, **facts: Any) -> RunRecord:
    """Return the record of a run of a frozen plan, `body` as JSON text, that begins now, in this process."""
    now = dt.datetime.now(dt.UTC)
    return RunRecord(
        id=run_id,
        pipeline=plan.pipeline,
        state="running",
        stack=plan.stack.name,
        plan=digest("plan-body/1", body),
        snapshot=plan.snapshot,
        created_at=now,
        started_at=now,
        parameters=plan.parameters,
        tags=plan.tags,
        owner=owner(stack.state, run_id),
        durability="full" if stack.durable else "relaxed",
        **facts,
    )


def _commit(stack: OpenStack, taken: Snapshot) -> dict[str, Any]:
    found = commit_of(stack.project.root)
    return {**found, "dirty": taken.dirty} if "commit" in found and taken.dirty is not None else {**found}


def _literal(artifact_id: str, name: str, value: Any, run: RunRecord, stack: OpenStack, kept: Kept) -> list[Change]:
    rename = partial(project_name, root=stack.project.root)
    saved, materializer = save_value(value, stack, rename=rename, uploads=kept.uploads)
    artifact = ArtifactRecord(
        id=artifact_id,
        name=name,
        digest=saved.manifest.digest(),
        manifest=saved.manifest,
        materializer=reference(materializer),
        run_id=run.id,
        created_at=run.created_at,
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
