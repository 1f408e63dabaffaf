"""Damage that shows when a cached result is read: which results it is in."""

from __future__ import annotations

from collections.abc import Callable

from zen.engine.session import Session
from zen.errors import ArtifactDamaged, ArtifactNotFound
from zen.records import SUCCEEDED, StepRunRecord, StepSpec
from zen.source import fingerprint
from zen.storage import changes

_OFTEN = 3  # how often inputs are made again for one step of a run: storage that damages them is no help
Execute = Callable[[str], StepRunRecord]


def is_for_damage(record: StepRunRecord) -> bool:
    """Say whether an attempt failed because stored bytes of an input are gone, or are not the recorded ones."""
    return record.state == "failed" and not record.counted


def mended(step: StepSpec, record: StepRunRecord, session: Session, execute: Execute) -> bool:
    """Make cached results anew that an attempt took and that are damaged; say whether there is reason to try again.

    Args:
        step: The step.
        record: The attempt, which failed because of an input.
        session: The run.
        execute: Executes a step that has to be made again.
    """
    before = [each for each in session.stack.database.attempts(record.run_id, step.name) if is_for_damage(each)]
    if len(before) > _OFTEN:
        return False
    for name in step.upstream():
        taken = session.settled(name)
        problem = damage_of(taken, session) if taken.state == "cached" and taken.cache is not None else ""
        if problem and taken.cache is not None:
            if _is_other_code(session.steps[name], session):
                session.stack.log.warning("the damaged result of %r is not made again: its code has changed", name)
                return False
            session.stack.log.warning("the cached result of %r is made again: %s", name, problem)
            session.write([changes.forget(taken.cache.key, taken.cache.source)], durable=False)
            session.spoil(taken, f"the earlier result is damaged: {problem}")
            if execute(name).state not in SUCCEEDED:
                return False
    return session.inputs(step) != record.inputs  # or somebody else has made one again


def _is_other_code(step: StepSpec, session: Session) -> bool:
    """Say whether the code of a step is not that of the plan: resuming has looked at the open steps only."""
    if not session.run.resumes:
        return False
    found = fingerprint(session.function(step), session.root)
    return (found.digest or found.seen) != (step.code.fingerprint or step.code.seen)


def damage_of(record: StepRunRecord, session: Session) -> str:
    """Return what is wrong with the stored outputs of a step run, every byte of them read; nothing if all is well."""
    for artifact in session.artifacts(record.outputs.values()).values():
        for entry in artifact.manifest.files:
            try:
                session.stack.objects.open(entry).close()
            except (ArtifactDamaged, ArtifactNotFound) as error:
                return error.message
    return ""
