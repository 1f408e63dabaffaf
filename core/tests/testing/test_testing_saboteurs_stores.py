"""The law of the suites of stores and materializers: a fake with one defect fails exactly the check of that defect."""

from __future__ import annotations

import base64
import collections
import io
import json
import pickle
import re
import sqlite3
import tempfile
import threading
import time
import uuid

import pytest

from zen.errors import (
    ArtifactNotFound,
    ComponentError,
    PermissionDenied,
    SecretNotFound,
    StoreBusy,
    UsageError,
    WriteConflict,
)
from zen.interfaces import ArtifactStore, Materializer, ObjectInfo
from zen.registry import Registry
from zen.registry.catalog import TYPES, Catalog, PluginEntry
from zen.testing import MaterializerSuite, run_checks
from zen.testing.fakes import MemoryArtifactStore, MemorySecretStore, TemporaryMetadataStore
from zen.testing.plugin_checks import DistributionChecks, FlavorChecks
from zen.testing.stores import ArtifactStoreSuite, MetadataStoreSuite, SecretStoreSuite
from zen.testing.suite import ComponentSuite

OF_EVERY_KIND = set(ComponentSuite.names()) - {"test_errors_of_the_tool_are_wrapped"}


# Artifact stores


class Artifacts(ArtifactStoreSuite):
    lacks = {"local_files": "they are in memory"}
    large = (1 << 20) + 1
    many = 20


class Many(Artifacts):
    many = 1001


class Cutting(MemoryArtifactStore):
    def read(self, key):
        return io.BytesIO(super().read(key).read(1 << 20))


class Miscounting(MemoryArtifactStore):
    def stat(self, key):
        found = super().stat(key)
        return found and ObjectInfo(key=key, size=found.size + 1)


class Empty(MemoryArtifactStore):
    def read(self, key):
        try:
            return super().read(key)
        except ArtifactNotFound:
            return io.BytesIO(b"")


class FirstWins(MemoryArtifactStore):
    def put(self, key, source, *, durable=True):
        data = source.read_bytes()
        with self._lock:
            self.objects.setdefault(self._checked(key), data)


class Overlaying(MemoryArtifactStore):
    def put(self, key, source, *, durable=True):
        data = source.read_bytes()
        with self._lock:
            self.objects[self._checked(key)] = data + self.objects.get(key, b"")[len(data) :]


class Hasty(MemoryArtifactStore):
    def put(self, key, source, *, durable=True):
        if not source.exists():
            self.objects.pop(key, None)
        super().put(key, source, durable=durable)


class Forgiving(MemoryArtifactStore):
    def put(self, key, source, *, durable=True):
        if source.exists():
            super().put(key, source, durable=durable)


class DeletesOnce(MemoryArtifactStore):
    def delete(self, key):
        del self.objects[self._checked(key)]


class DeletesNothing(MemoryArtifactStore):
    def delete(self, key):
        self._checked(key)


class OnePage(MemoryArtifactStore):
    def list(self, prefix):
        yield from list(super().list(prefix))[:1000]


class Folders(MemoryArtifactStore):
    def list(self, prefix):
        folder = prefix.rpartition("/")[0] + "/" if prefix.count("/") > 2 else prefix
        yield from super().list(folder)


class Sizeless(MemoryArtifactStore):
    def list(self, prefix):
        for found in super().list(prefix):
            yield ObjectInfo(key=found.key, size=0)


class ShortKeys(MemoryArtifactStore):
    def _checked(self, key):
        if len(key) > 255:
            raise UsageError(f"{key} is too long")
        return super()._checked(key)


class Climbing(MemoryArtifactStore):
    def _checked(self, key):
        return key


class Tearing(MemoryArtifactStore):
    def put(self, key, source, *, durable=True):
        data = source.read_bytes()
        self.objects[self._checked(key)] = data[: len(data) // 2]
        time.sleep(0.001)
        self.objects[key] = data


class Unstaged(MemoryArtifactStore):
    def staging(self):
        return self.host.state / "nowhere"


class InFolder(Artifacts):
    lacks = {}
    kills = 1

    def read_only(self, kit):
        kit.component.read_only = kit.component.folder / "read-only"
        kit.component.read_only.touch()
        return {}


class FolderStore(ArtifactStore):
    """A correct store of files, for the checks that need other processes."""

    capabilities = frozenset({"local_files"})

    def open(self, host):
        super().open(host)
        self.folder = host.root / "objects"
        self.folder.mkdir(exist_ok=True)

    def path(self, key):
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", key) or ".." in key.split("/"):
            raise UsageError(f"{key!r} is no key")
        return self.folder / key

    def put(self, key, source, *, durable=True):
        target = self.path(key)
        if (self.folder / "read-only").exists():
            self.refuse(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.place(source, target)

    def refuse(self, key):
        raise PermissionDenied(f"may not write {key}")

    def place(self, source, target):
        draft = self.folder / f"draft-{uuid.uuid4().hex}"
        draft.write_bytes(source.read_bytes())
        draft.replace(target)

    def read(self, key):
        try:
            return self.path(key).open("rb")
        except OSError as error:
            raise ArtifactNotFound(f"no {key}") from error

    def stat(self, key):
        path = self.path(key)
        return ObjectInfo(key=key, size=path.stat().st_size) if path.is_file() else None

    def delete(self, key):
        self.path(key).unlink(missing_ok=True)

    def list(self, prefix):
        for path in self.folder.rglob("*"):
            key = path.relative_to(self.folder).as_posix()
            if path.is_file() and key.startswith(prefix):
                yield ObjectInfo(key=key, size=path.stat().st_size)

    def local_path(self, key):
        if not self.stat(key):
            raise ArtifactNotFound(f"no {key}")
        return self.path(key)


class Reachless(FolderStore):
    reach = "galaxy"  # type: ignore[assignment]  # the defect


class Killed(InFolder):
    kills = 4


class InPlace(FolderStore):
    """Writes in place, under a lock that hides it from threads."""

    guard = threading.RLock()

    def place(self, source, target):
        data = source.read_bytes()
        with self.guard, target.open("wb") as stream:
            for start in range(0, len(data), 1 << 16):
                stream.write(data[start : start + (1 << 16)])
                stream.flush()
                time.sleep(0.0005 if len(data) > 1 << 21 else 0)

    def read(self, key):
        with self.guard:
            return io.BytesIO(super().read(key).read())


class Private(FolderStore):
    """Finds only what this process has put, unless another one is to be killed."""

    put_here: set[str] = set()

    def put(self, key, source, *, durable=True):
        super().put(key, source, durable=durable)
        self.put_here.add(key)

    def read(self, key):
        if key not in self.put_here and not list(self.host.root.glob("beat-*")):
            raise ArtifactNotFound(f"no {key}")
        return super().read(key)


class Raw(FolderStore):
    def refuse(self, key):
        raise PermissionError(f"may not write {key}")


class Elsewhere(FolderStore):
    def local_path(self, key):
        super().local_path(key)
        copy = self.folder.parent / "copy"
        copy.write_bytes(b"another")
        return copy


ARTIFACTS = {
    "the end is cut off": (Artifacts, Cutting, "bytes_come_back"),
    "wrong size": (Artifacts, Miscounting, "stat_tells_key_and_size"),
    "nothing for what is missing": (Artifacts, Empty, "missing_object_is_not_found"),
    "the first put wins": (Artifacts, FirstWins, "put_replaces"),
    "the end of the old object stays": (Artifacts, Overlaying, "put_replaces"),
    "the old object goes first": (Artifacts, Hasty, "failed_put_leaves_the_old_object"),
    "a failed put is not told": (Artifacts, Forgiving, "failed_put_leaves_the_old_object"),
    "deletes once": (Artifacts, DeletesOnce, "deleting_is_harmless_and_final"),
    "deletes nothing": (Artifacts, DeletesNothing, "deleting_is_harmless_and_final"),
    "lists one page": (Many, OnePage, "list_gives_all_under_a_prefix"),
    "takes prefixes for folders": (Artifacts, Folders, "list_gives_all_under_a_prefix"),
    "lists no sizes": (Artifacts, Sizeless, "list_gives_all_under_a_prefix"),
    "short keys only": (Artifacts, ShortKeys, "long_keys_work"),
    "keys may climb": (Artifacts, Climbing, "climbing_keys_are_refused"),
    "writes in two parts": (Artifacts, Tearing, "concurrent_writers_leave_a_whole_object"),
    "staging is not made": (Artifacts, Unstaged, "staging_is_a_folder"),
    "an unknown reach": (InFolder, Reachless, "reach_is_declared"),
    "writes in place": (Killed, InPlace, "killed_put_leaves_a_whole_object"),
    "keeps the keys in the process": (InFolder, Private, "fresh_process_reads_what_was_put"),
    "refuses in the words of the tool": (InFolder, Raw, "read_only_store_denies_writing"),
    "gives another file": (InFolder, Elsewhere, "local_files_are_the_objects"),
}


# Metadata stores


class Metadata(MetadataStoreSuite):
    lacks = {"backup": "it is for tests"}
    kills = 1


class MetadataKilled(Metadata):
    kills = 4


class WithBackup(MetadataStoreSuite):
    def backups(self, component):
        return sorted(component.path.parent.glob("*.backup"))


class Copying(TemporaryMetadataStore):
    """A correct store that copies itself."""

    capabilities = frozenset({"backup"})

    def migrate(self, migrations):
        if self.path.exists():
            self.path.with_name(f"{uuid.uuid4().hex}.backup").write_bytes(self.path.read_bytes())
        super().migrate(migrations)


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
    "the words of the tool": (Metadata, Unwrapped, "errors_of_the_tool_are_wrapped"),
}


# Secret stores


class Secrets(SecretStoreSuite):
    def keep(self, kit, component, name, value):
        component.values[name] = value
        return name

    def forbidden(self, kit, component):
        component.forbidden.add("private")
        return "private"


class Trimming(MemorySecretStore):
    def get(self, name):
        return super().get(name).strip()


class Absent(MemorySecretStore):
    def get(self, name):
        return super().get(name) if name in self.values or name in self.forbidden else ""


class Nameless(MemorySecretStore):
    def get(self, name):
        try:
            return super().get(name)
        except SecretNotFound:
            raise SecretNotFound(f"no secret {name}") from None


class Caching(MemorySecretStore):
    def get(self, name):
        value = super().get(name)
        return self.__dict__.setdefault(f"{name}-{value in ('before', 'after') or value}", value)


class Disordered(MemorySecretStore):
    def list(self):
        return [*super().list(), "a"]


class Listing(MemorySecretStore):
    def list(self):
        return sorted(f"{name}={value}" for name, value in self.values.items())


class Confusing(MemorySecretStore):
    def get(self, name):
        try:
            return super().get(name)
        except PermissionDenied:
            raise SecretNotFound(f"no secret {name}", reference=name) from None


class OnDisk(MemorySecretStore):
    def get(self, name):
        value = super().get(name)
        with tempfile.TemporaryFile("w") as stream:
            stream.write(value)
        return value


class Repr(MemorySecretStore):
    def __repr__(self):
        return f"Repr({self.values})"


class Logging(MemorySecretStore):
    def get(self, name):
        value = super().get(name)
        self.host.log.debug("%s is %s", name, value)
        return value


class Comparing(MemorySecretStore):
    def get(self, name):
        if name not in self.values and name not in self.forbidden:
            raise SecretNotFound(f"no secret {name}", reference=name, known=dict(self.values))
        return super().get(name)


class Mute(SecretStoreSuite):
    """Says not how secrets are made."""


SECRETS = {
    "strips values": (Secrets, Trimming, "values_come_back"),
    "nothing for what is missing": (Secrets, Absent, "missing_secret_is_not_found"),
    "no reference in the error": (Secrets, Nameless, "missing_secret_is_not_found"),
    "keeps old values": (Secrets, Caching, "rotated_value_is_seen"),
    "lists in any order": (Secrets, Disordered, "list_gives_names_only"),
    "lists values": (Secrets, Listing, "list_gives_names_only"),
    "refuses as if missing": (Secrets, Confusing, "forbidden_secret_is_not_missing"),
    "writes to disk": (Secrets, OnDisk, "values_are_not_written_to_disk"),
    "shows values": (Secrets, Repr, "values_are_not_told"),
    "logs values": (Secrets, Logging, "values_are_not_told"),
    "compares in the error": (Secrets, Comparing, "values_are_not_told"),
}

STORES = {
    f"{kind}: {defect}": case
    for kind, cases in (("artifacts", ARTIFACTS), ("metadata", METADATA), ("secrets", SECRETS))
    for defect, case in cases.items()
}
CORRECT = [
    (Artifacts, MemoryArtifactStore),
    (InFolder, FolderStore),
    (Metadata, TemporaryMetadataStore),
    (WithBackup, Copying),
    (Secrets, MemorySecretStore),
]


def _own(suite):
    return [name for name in suite.names() if name not in OF_EVERY_KIND]


@pytest.mark.parametrize(("suite", "component"), CORRECT)
def test_a_correct_store_passes_all(suite, component, tmp_path):
    names = [name for name in suite.names() if name not in set(FlavorChecks.names())]
    outcomes = run_checks(suite, component=component, tmp_path=tmp_path, only=names)
    assert {name: each.message for name, each in outcomes.items() if each.failed} == {}


@pytest.mark.parametrize("defect", STORES)
def test_a_saboteur_fails_its_check_only(defect, tmp_path):
    suite, component, check = STORES[defect]
    outcomes = run_checks(suite, component=component, tmp_path=tmp_path, only=_own(suite))
    assert [name for name, each in outcomes.items() if each.failed] == [f"test_{check}"]
    message = outcomes[f"test_{check}"].message
    assert all(part in message for part in ("tried: ", "came: ", "do: ")), message


def test_each_check_of_a_store_has_a_saboteur():
    wanted = {name for suite in (Artifacts, Metadata, Secrets) for name in _own(suite)}
    assert {f"test_{check}" for _, _, check in STORES.values()} == wanted


def test_what_an_author_did_not_write_is_asked_for(tmp_path):
    [outcome] = run_checks(
        Mute, component=MemorySecretStore, tmp_path=tmp_path, only=["test_values_come_back"]
    ).values()
    assert outcome.failed
    assert "write `keep(self, kit, component, name, value)` in Mute" in outcome.message


# Materializers


class Numbers(list):
    pass


class ListMaterializer(Materializer):
    """A correct materializer of lists."""

    format = "zen-testing-list"

    def save(self, value, writer):
        writer.write(json.dumps(self.form(value)).encode())

    def form(self, value):
        return list(value)

    def load(self, reader):
        return reader.resolve(reader.type)(json.loads(reader.read()))

    def describe(self, value):
        return {"length": len(value)}


class ListSuite(MaterializerSuite):
    materializer = ListMaterializer

    def values(self):
        return {"plain": [3, 1, 2], "empty": [], "large": list(range(400_000)), "subclass": Numbers([1])}


class Formatless(ListMaterializer):
    format = ""


class Cropping(ListMaterializer):
    def form(self, value):
        return value[:399_999]


class Typeless(ListMaterializer):
    def load(self, reader):
        return json.loads(reader.read())


class Remembering(ListMaterializer):
    memory: dict[str, object] = {}

    def save(self, value, writer):
        name = uuid.uuid4().hex
        self.memory[name] = value
        writer.write(name.encode().ljust(1 << 20 if len(value) > 1000 else 1))

    def load(self, reader):
        return self.memory[reader.read().decode().strip()]


class Timed(ListMaterializer):
    def save(self, value, writer):
        super().save(value, writer)
        writer.write(str(time.monotonic_ns()).encode(), "saved-at")


class Hashing(ListMaterializer):
    def save(self, value, writer):
        super().save(value, writer)
        writer.write(str(hash("zen")).encode(), "hash")


class Pickling(ListMaterializer):
    def save(self, value, writer):
        writer.write(pickle.dumps(list(value)))

    def load(self, reader):
        return reader.resolve(reader.type)(pickle.loads(reader.read()))


class Hiding(ListMaterializer):
    def save(self, value, writer):
        super().save(value, writer)
        writer.write(base64.b64encode(pickle.dumps(collections.OrderedDict)), "extra")

    def load(self, reader):
        pickle.loads(base64.b64decode(reader.read("extra")))
        return super().load(reader)


class Objects(ListMaterializer):
    def describe(self, value):
        return {"value": object()}


class Mutating(ListMaterializer):
    def describe(self, value):
        value.append(0)
        return {}


class Second(ListMaterializer):
    version = 2


class Short(ListSuite):
    def values(self):
        return {"plain": [1], "empty": [], "large": [1, 2, 3], "subclass": Numbers([1])}


class Unsaid(ListSuite):
    def values(self):
        return {"plain": [1], "empty": [], "large": list(range(400_000))}


class Chaotic(ListSuite):
    lacks = {"deterministic": "names are random"}


class Unregistered(ListMaterializer):
    pass


MATERIALIZERS = {
    "no format": (ListSuite, Formatless, "format_has_name_and_version"),
    "not registered": (ListSuite, Unregistered, "types_are_registered"),
    "no large value": (Short, ListMaterializer, "awkward_values_are_given"),
    "no word about subclasses": (Unsaid, ListMaterializer, "awkward_values_are_given"),
    "crops": (ListSuite, Cropping, "values_come_back"),
    "loses the type": (ListSuite, Typeless, "values_come_back"),
    "keeps values in the process": (Chaotic, Remembering, "fresh_process_loads_values"),
    "writes the time": (ListSuite, Timed, "equal_values_give_equal_bytes"),
    "writes hashes": (ListSuite, Hashing, "equal_values_give_equal_bytes"),
    "pickles": (ListSuite, Pickling, "safe_format_has_no_pickle"),
    "hides a pickle": (ListSuite, Hiding, "safe_format_has_no_pickle"),
    "describes with objects": (ListSuite, Objects, "description_is_plain"),
    "changes the value": (ListSuite, Mutating, "saving_leaves_the_value_alone"),
    "forgets old versions": (ListSuite, Second, "released_versions_load"),
}
OWN = [name for name in MaterializerSuite.names() if name not in set(DistributionChecks.names())]


def _materialized(suite, materializer, tmp_path):
    value = f"{materializer.__module__}:{materializer.__qualname__}"
    entry = PluginEntry(group=TYPES, name="builtins.list", value=value, distribution="zen-plugin-testing", version="1")
    catalog = Catalog(entries=() if materializer is Unregistered else (entry,))
    named = type(suite.__name__, (suite,), {"materializer": materializer})
    return run_checks(named, tmp_path=tmp_path, only=OWN, registry=Registry(catalog))


def test_a_correct_materializer_passes_all(tmp_path):
    outcomes = _materialized(ListSuite, ListMaterializer, tmp_path)
    assert {name: each.message for name, each in outcomes.items() if not each.passed} == {
        "test_released_versions_load": "there is one version of the format"
    }


@pytest.mark.parametrize("defect", MATERIALIZERS)
def test_a_saboteur_of_materializers_fails_its_check_only(defect, tmp_path):
    suite, materializer, check = MATERIALIZERS[defect]
    outcomes = _materialized(suite, materializer, tmp_path)
    assert [name for name, each in outcomes.items() if each.failed] == [f"test_{check}"]


def test_each_check_of_a_materializer_has_a_saboteur():
    assert {f"test_{check}" for _, _, check in MATERIALIZERS.values()} == set(OWN)
