"""Saving what can be read of damaged metadata into a new file."""

from __future__ import annotations

from pathlib import Path

from zen.interfaces import Change, Host, MetadataStore, Recovery
from zen.storage import schema

# An artifact whose origin is lost is still worth having: it becomes one that no step made.
_MENDING = (
    "UPDATE artifact SET run = '', step_run = '' WHERE run <> '' AND run NOT IN (SELECT id FROM run)",
    "UPDATE artifact SET step_run = '' WHERE step_run <> '' AND step_run NOT IN (SELECT id FROM step_run)",
    "DELETE FROM cache_entry WHERE step_run NOT IN (SELECT id FROM step_run WHERE state = 'completed')",
)


def recover(store: MetadataStore, host: Host, target: Path) -> Recovery:
    """Save what can be read of a store, which was not opened, into a new file.

    Raises:
        UsageError: When `target` is there already.
        StorageError: When the store does not offer it, or the file cannot be written.
    """
    mending = [Change(sql=sql) for sql in _MENDING]
    return store.recover(host, target, schema.migrations(store.dialect), mending)
