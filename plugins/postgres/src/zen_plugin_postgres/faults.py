"""What PostgreSQL and its driver say, as zen's errors: what is wrong, where, and what to do. Never with a password."""

from __future__ import annotations

import psycopg
from psycopg import errors

from zen.errors import (
    ComponentUnavailable,
    PermissionDenied,
    SchemaTooNew,
    StorageError,
    StoreBusy,
    UsageError,
    WriteConflict,
    ZenError,
)
from zen_plugin_postgres.statements import UNEXPECTED

_REFUSED = (errors.InvalidPassword, errors.InvalidAuthorizationSpecification, errors.InsufficientPrivilege)
AGAIN = (errors.SerializationFailure, errors.DeadlockDetected)
"""What a transaction meets that got in another one's way: it did nothing, and may be tried again."""
_BUSY = (*AGAIN, errors.LockNotAvailable, errors.QueryCanceled)


def explained(error: psycopg.Error, where: str, *, waited: float) -> ZenError:
    """Return what to raise for an error of the driver."""
    said = _first_line(error)
    if isinstance(error, _REFUSED) or "authentication failed" in said:
        return PermissionDenied(f"the metadata store {where} refuses: {said}", hint="check user, password and rights")
    if isinstance(error, _BUSY):
        return StoreBusy(
            f"the metadata store {where} was busy for {waited:g} s: {said}",
            hint="try again; if it stays so, look for a transaction that was left open (pg_stat_activity)",
        )
    if isinstance(error, errors.InvalidCatalogName):
        return ComponentUnavailable(f"the metadata store {where} is not there: {said}", hint="createdb makes it")
    if isinstance(error, psycopg.OperationalError) or is_lost(error):
        return ComponentUnavailable(
            f"the metadata store {where} cannot be reached: {said}", hint="see that the server runs, and the url"
        )
    if isinstance(error, psycopg.DataError) and "NUL" in said:
        return UsageError("a text with a NUL character cannot be recorded", hint="use another name")
    return StorageError(f"the metadata store {where} refuses a statement: {said}")


def conflict(error: psycopg.Error, batch: list[str], index: int) -> WriteConflict | None:
    """Return the conflict that an error is, if it is one: another count of rows, or a key that is there already."""
    if error.sqlstate == UNEXPECTED:
        place, touched, wanted = (int(part) for part in _first_line(error).split()[:3])
        return _conflict(batch, place, f"touched {touched} rows instead of {wanted}")
    if isinstance(error, errors.UniqueViolation):
        return _conflict(batch, index, f"adds what is there already ({_first_line(error)})")
    return None


def too_new(where: str, held: int, known: int) -> SchemaTooNew:
    """Return the error for a database that a newer zen has migrated."""
    return SchemaTooNew(
        f"the metadata store {where} has schema {held}, this zen knows schemas up to {known}",
        hint="upgrade zen: pip install --upgrade zen-hub",
        held=held,
        known=known,
    )


def is_lost(error: psycopg.Error) -> bool:
    """Say whether the connection is gone, so that nobody knows what became of the transaction."""
    return isinstance(error, errors.AdminShutdown | errors.CrashShutdown | errors.ConnectionException) or (
        isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    )


def _conflict(batch: list[str], index: int, what: str) -> WriteConflict:
    statement = " ".join(batch[index].split()) if index < len(batch) else ""
    return WriteConflict(
        f"change {index + 1} of {len(batch)} {what}: {statement[:80]}; nothing of the batch was kept", index=index
    )


def _first_line(error: psycopg.Error) -> str:
    text = error.diag.message_primary or str(error)
    return text.strip().splitlines()[0] if text.strip() else type(error).__name__
