"""Saving what can be read of damaged metadata into a new file."""

from __future__ import annotations

from pathlib import Path

from zen.identity import dumps
from zen.interfaces import Change, Host, MetadataStore, Recovery
from zen.records import CodeRef, Plan, StackSpec
from zen.storage import schema

# An artifact whose origin is lost is still worth having: it becomes one that no step made.
_ORIGINS = (
    "UPDATE artifact SET run = '', step_run = '' WHERE run <> '' AND run NOT IN (SELECT id FROM run)",
    "UPDATE artifact SET step_run = '' WHERE step_run <> '' AND step_run NOT IN (SELECT id FROM step_run)",
)
# So is a run whose plan is lost. Plans are long, and the first to be hit. Nobody can resume the run: its code is
# nowhere.
_PLANS = "INSERT INTO plan (digest, body) SELECT DISTINCT plan, ? FROM run WHERE plan NOT IN (SELECT digest FROM plan)"
_LOST = Plan(pipeline="lost", code=CodeRef(module="lost", qualname="lost"), stack=StackSpec(name="lost"))


def recover(store: MetadataStore, host: Host, target: Path) -> Recovery:
    """Save what can be read of a store, which was not opened, into a new file.

    Raises:
        UsageError: When `target` is there already.
        StorageError: When the store does not offer it, or the file cannot be written.
    """
    plans = Change(sql=_PLANS, parameters=(dumps(_LOST.to_json()),))
    mending = [plans, *(Change(sql=sql) for sql in _ORIGINS)]
    return store.recover(host, target, schema.migrations(store.dialect), mending)
