"""Damage that shows when a cached result is read: which results it is in."""

from __future__ import annotations

from zen.engine.session import Session
from zen.errors import ArtifactDamaged, ArtifactNotFound
from zen.records import StepRunRecord

_DAMAGE = tuple(f"{cls.__module__}.{cls.__qualname__}" for cls in (ArtifactDamaged, ArtifactNotFound))


def is_for_damage(record: StepRunRecord) -> bool:
    """Say whether an attempt failed because stored bytes are gone, or are not the recorded ones."""
    return record.state == "failed" and record.error is not None and record.error.type in _DAMAGE


def damage_of(record: StepRunRecord, session: Session) -> str:
    """Return what is wrong with the stored outputs of a step run, every byte of them read; nothing if all is well."""
    for artifact in session.artifacts(record.outputs.values()).values():
        for entry in artifact.manifest.files:
            try:
                session.stack.objects.open(entry).close()
            except (ArtifactDamaged, ArtifactNotFound) as error:
                return error.message
    return ""
