"""The law of the suite of metadata stores: a fake with one defect fails exactly the check of that defect."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
import uuid

import pytest

from zen.errors import (
    ComponentError,
    StoreBusy,
    UsageError,
    WriteConflict,
)
from zen.interfaces import Change, RecoveredTable, Recovery
from zen.testing.fakes import TemporaryMetadataStore
from zen.testing.stores import MetadataStoreSuite


class Metadata(MetadataStoreSuite):
    lacks = {"backup": "it is for tests", "recover": "as above"}
    kills = 1


class MetadataKilled(Metadata):
    kills = 4


class WithBackup(MetadataStoreSuite):
    lacks = {"recover": "it is for tests"}

    def backups(self, component):
        return sorted(component.path.parent.glob("*.backup"))


class Copying(TemporaryMetadataStore):
    """A correct store that copies itself."""

    capabilities = frozenset({"backup"})

    def migrate(self, migrations):
        if self.path.exists():
            self.path.with_name(f"{uuid.uuid4().hex}.backup").write_bytes(self.path.read_bytes())
        super().migrate(migrations)


class WithRecovery(MetadataStoreSuite):
    lacks = {"backup": "it is for tests"}

    def damage(self, component):
        content = bytearray(component.path.read_bytes())
        content[: len(content) // 2] = bytes(len(content) // 2)
        component.path.write_bytes(content)
        return component.path

    def reading(self, target):
        RECOVERED.append(target)
        return {}


RECOVERED = []


class Rescuing(TemporaryMetadataStore):
    """A correct store that saves what looks like one of its rows."""

    capabilities = frozenset({"recover"})

    def open(self, host):
        super().open(host)
        if RECOVERED:
            self.path = RECOVERED.pop()

    def rows(self, content):
        return {(match[0].decode(), int(match[1])) for match in re.findall(rb"((\d{4}) x{400})", content)}

    def recover(self, host, target, migrations, mending=()):
        if target.exists():
            raise UsageError("it is there")
        saved = TemporaryMetadataStore(None)
        saved.open(host)
        damaged, saved.path = saved.path, target
        saved.migrate(migrations)
        rows = self.rows(damaged.read_bytes())
        sql = "INSERT INTO zen_testing (name, number) VALUES (?, ?)"
        saved.write([Change(sql=sql, parameters=row) for row in rows])
        return Recovery(schema=1, tables=(RecoveredTable(name="zen_testing", saved=len(rows)),))


class Inventing(Rescuing):
    def rows(self, content):
        return super().rows(content) | {("nobody wrote it", 1)}


class Boasting(TemporaryMetadataStore):
    capabilities = frozenset({"backup"})


class Unreachable(TemporaryMetadataStore):
    reach = "galaxy"  # type: ignore[assignment]  # the defect


class Stripping(TemporaryMetadataStore):
    def read(self, sql, parameters=()):
        return [
            tuple(item.strip() if isinstance(item, str) else item for item in row)
            for row in super().read(sql, parameters)
        ]


class Lists(TemporaryMetadataStore):
    def read(self, sql, parameters=()):
        return [list(row) for row in super().read(sql, parameters)]


class Translating(TemporaryMetadataStore):
    def read(self, sql, parameters=()):
        for number in range(1, sql.count("?") + 1):
            sql = re.sub(r"\?(?!\d)", f"?{number}", sql, count=1)
        return super().read(sql, parameters)


class WrongIndex(TemporaryMetadataStore):
    def _apply(self, connection, change, index):
        super()._apply(connection, change, 0)


class KeepsConflicts(TemporaryMetadataStore):
    """Commits what a batch did before the conflict."""

    def write(self, batch, *, durable=True):
        with self._transaction() as connection:
            for index, change in enumerate(batch):
                try:
                    self._apply(connection, change, index)
                except WriteConflict as error:
                    conflict = error
                    break
            else:
                return
        raise conflict


class KeepsFailures(TemporaryMetadataStore):
    """Commits what a batch did before the statement that was refused."""

    def write(self, batch, *, durable=True):
        with self._transaction() as connection:
            for index, change in enumerate(batch):
                try:
                    self._apply(connection, change, index)
                except sqlite3.OperationalError as error:
                    failure = error
                    break
            else:
                return
        raise ComponentError("SQLite refused") from failure


class AnyError(TemporaryMetadataStore):
    def _apply(self, connection, change, index):
        try:
            super()._apply(connection, change, index)
        except WriteConflict as error:
            if error.__cause__ is not None:
                raise ComponentError("a row is there already") from error.__cause__
            raise


class Sorting(TemporaryMetadataStore):
    def write(self, batch, *, durable=True):
        super().write(sorted(batch, key=lambda change: change.sql.replace("number * 10", "number !")), durable=durable)


class Unsorted(TemporaryMetadataStore):
    def migrate(self, migrations):
        with self._transaction() as connection:
            (held,) = connection.execute("PRAGMA user_version").fetchone()
        if held == 0 and migrations[0].number > 1:
            with self._transaction() as connection:
                connection.execute(f"PRAGMA user_version = {migrations[0].number}")
        super().migrate(migrations)


class HalfMigrated(TemporaryMetadataStore):
    def migrate(self, migrations):
        try:
            super().migrate(migrations)
        except ComponentError as error:
            if isinstance(error, StoreBusy):
                raise
            with self._transaction() as connection:
                connection.execute(migrations[-1].statements[0])
            raise


class Old(TemporaryMetadataStore):
    def migrate(self, migrations):
        with self._connection() as connection:
            (held,) = connection.execute("PRAGMA user_version").fetchone()
        if held <= max(each.number for each in migrations):
            super().migrate(migrations)


class Twice(TemporaryMetadataStore):
    """Looks what is missing before it takes the lock."""

    def migrate(self, migrations):
        with self._connection() as connection:
            (held,) = connection.execute("PRAGMA user_version").fetchone()
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.05)
            with self._transaction() as connection:
                for migration in migrations[held:]:
                    for statement in migration.statements:
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {len(migrations)}")
        super().migrate(migrations)


class Losing(TemporaryMetadataStore):
    calls = 0

    def write(self, batch, *, durable=True):
        self.calls += not durable
        if durable or self.calls % 10:
            super().write(batch, durable=durable)


class Trusting(TemporaryMetadataStore):
    """Does not look how many rows the only change of a batch has touched."""

    def write(self, batch, *, durable=True):
        try:
            super().write(batch, durable=durable)
        except WriteConflict as error:
            if len(batch) > 1 or error.__cause__ is not None:
                raise


class Piecemeal(TemporaryMetadataStore):
    """Commits each change by itself, where others look on."""

    def write(self, batch, *, durable=True):
        if durable or threading.active_count() < 2:
            super().write(batch, durable=durable)
            return
        for change in batch:
            super().write([change], durable=durable)
            time.sleep(0.001)


class Interruptible(TemporaryMetadataStore):
    """Commits each change by itself, where nobody looks on."""

    def write(self, batch, *, durable=True):
        if durable or threading.active_count() > 1:
            super().write(batch, durable=durable)
            return
        for change in batch:
            super().write([change], durable=durable)
            time.sleep(0.05)


class Delaying(TemporaryMetadataStore):
    """Keeps rows that need not be durable until it is used again."""

    def open(self, host):
        super().open(host)
        self.later = []

    def write(self, batch, *, durable=True):
        later, self.later = self.later, []
        super().write([*later, *batch], durable=durable)

    def read(self, sql, parameters=()):
        if self.later:
            self.write([])
        return super().read(sql, parameters)


class DelayingRows(Delaying):
    def write(self, batch, *, durable=True):
        if not durable and "INSERT" in batch[0].sql:
            self.later += batch
        else:
            super().write(batch, durable=durable)


class Naive(TemporaryMetadataStore):
    def now(self):
        return super().now().replace(tzinfo=None)


class Backwards(TemporaryMetadataStore):
    def now(self):
        import datetime as dt

        return dt.datetime(2030, 1, 1, tzinfo=dt.UTC) - dt.timedelta(seconds=time.monotonic())


class Unwrapped(TemporaryMetadataStore):
    def read(self, sql, parameters=()):
        try:
            return super().read(sql, parameters)
        except ComponentError as error:
            raise error.__cause__ from None


METADATA = {
    "an unknown reach": (Metadata, Unreachable, "dialect_and_reach_are_declared"),
    "strips texts": (Metadata, Stripping, "values_come_back"),
    "gives lists": (Metadata, Lists, "values_come_back"),
    "translates every question mark": (Metadata, Translating, "question_marks_are_parameters"),
    "says the wrong index": (Metadata, WrongIndex, "expected_count_is_enforced"),
    "keeps the beginning of a conflict": (Metadata, KeepsConflicts, "expected_count_is_enforced"),
    "keeps the beginning of a failure": (Metadata, KeepsFailures, "failing_batch_leaves_nothing"),
    "a second row is some error": (Metadata, AnyError, "second_row_under_a_key_is_a_conflict"),
    "sorts the changes": (Metadata, Sorting, "changes_run_in_order"),
    "takes migrations as they come": (Metadata, Unsorted, "migrations_are_applied_once"),
    "keeps half a migration": (Metadata, HalfMigrated, "failing_migration_leaves_nothing"),
    "works with any schema": (Metadata, Old, "newer_schema_is_refused"),
    "looks before it locks": (Metadata, Twice, "concurrent_migrations_migrate_once"),
    "loses writes": (Metadata, Losing, "concurrent_updates_lose_nothing"),
    "does not count": (Metadata, Trusting, "one_of_two_claims_wins"),
    "shows halves": (Metadata, Piecemeal, "readers_see_whole_batches"),
    "writes later": (Metadata, DelayingRows, "acknowledged_writes_are_seen_everywhere"),
    "can be interrupted": (MetadataKilled, Interruptible, "killed_process_leaves_whole_batches"),
    "no time zone": (Metadata, Naive, "clock_has_a_time_zone"),
    "a clock that goes back": (Metadata, Backwards, "clock_has_a_time_zone"),
    "no backup": (WithBackup, Boasting, "backup_is_made_before_a_migration"),
    "saves what was not there": (WithRecovery, Inventing, "damaged_store_is_recovered"),
    "the words of the tool": (Metadata, Unwrapped, "errors_of_the_tool_are_wrapped"),
}

CORRECT = [(Metadata, TemporaryMetadataStore), (WithBackup, Copying), (WithRecovery, Rescuing)]


@pytest.mark.parametrize(("suite", "component"), CORRECT)
def test_a_correct_store_passes_all(suite, component, stores):
    stores.passes(suite, component)


@pytest.mark.parametrize("defect", METADATA)
def test_a_saboteur_fails_its_check_only(defect, stores):
    stores.fails_only(*METADATA[defect])


def test_each_check_has_a_saboteur(stores):
    assert {f"test_{check}" for _, _, check in METADATA.values()} == set(stores.own(Metadata))
