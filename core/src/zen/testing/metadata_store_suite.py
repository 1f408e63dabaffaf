"""The suite of metadata stores; `zen.testing.stores` says which rows of the contract do not apply."""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from zen.errors import SchemaTooNew, UsageError, WriteConflict, ZenError
from zen.interfaces import Change, MetadataStore, Migration, Recovery
from zen.testing.checks import DoesNotApply, NotVerified, refusal, require
from zen.testing.killing import killed
from zen.testing.life_checks import in_threads
from zen.testing.suite import ComponentSuite

if TYPE_CHECKING:
    from zen.testing.kit import Kit

_BYTES = {"sqlite": "BLOB", "postgresql": "BYTEA"}
_INSERT = "INSERT INTO zen_testing (name, number) VALUES (?, ?)"
_SELECT = "SELECT name, number FROM zen_testing ORDER BY name"
_INCREASE = "UPDATE zen_testing SET number = number + 1 WHERE name = ?"


class MetadataStoreSuite(ComponentSuite):
    """What holds for a metadata store. `config` leads to an empty database for each kit.

    Attributes:
        kills: How many processes are killed in the midst of a write.
    """

    kind: ClassVar[str] = "metadata_store"
    kills: ClassVar[int] = 3

    def backups(self, component: Any) -> Sequence[object]:
        """Return the copies that the store has made of itself; needed for the capability `backup`."""
        raise NotVerified("that the store copies itself was not seen", give=self._wanted("backups(self, component)"))

    def damage(self, component: Any) -> Path:
        """Spoil a part of a closed store that is a file, and return the file; for the capability `recover`."""
        raise NotVerified(
            "that a damaged store is recovered was not seen", give=self._wanted("damage(self, component)")
        )

    def reading(self, target: Path) -> Mapping[str, Any]:
        """Return the settings with which a recovered file is opened."""
        return {"path": str(target)}

    def use(self, component: Any) -> None:
        """Ask for something."""
        component.read("SELECT 1")

    def provoke(self, component: Any) -> None:
        """Ask for what is not there."""
        component.read("SELECT nothing FROM zen_testing_nowhere")

    def test_dialect_and_reach_are_declared(self, kit: Kit) -> None:
        """The store says which SQL it speaks and from where it can be used."""
        component = kit.component
        require(
            component.dialect in _BYTES and component.reach in ("process", "host", "network"),
            tried="dialect and reach",
            came=(component.dialect, component.reach),
            do=f"dialect is one of {', '.join(_BYTES)}; reach one of process, host, network",
        )

    def test_values_come_back(self, kit: Kit) -> None:
        """None, whole numbers of 64 bits, floats, text and bytes come back as they were, as tuples."""
        store = _migrated(kit)
        rows = [
            ("a", None, None, None, None),
            ("b", 2**63 - 1, 0.1, "größe λ 🙂 'q' \"d\" ? % $1 :x \\ \n", bytes(range(256))),
            ("c", -(2**63), -1e308, "", b""),
        ]
        sql = "INSERT INTO zen_testing (name, number, real_number, text_value, data) VALUES (?, ?, ?, ?, ?)"
        store.write([Change(sql=sql, parameters=row, expect=1) for row in rows])
        found = store.read("SELECT name, number, real_number, text_value, data FROM zen_testing ORDER BY name")
        plain = [tuple(bytes(item) if isinstance(item, memoryview) else item for item in row) for row in found]
        for row, back in zip(rows, [*plain, *[()] * 3], strict=False):
            require(
                back == row and [type(item) for item in back] == [type(item) for item in row],
                tried=f"write and read of {row!r}",
                came=back,
                do="hand parameters to the driver as they are, and return the rows as tuples of what was stored",
            )
        require(
            isinstance(found, list) and all(type(row) is tuple for row in found),
            tried="read()",
            came=f"{type(found).__name__} of {type(found[0]).__name__}",
            do="return a list of tuples",
        )

    def test_question_marks_are_parameters(self, kit: Kit) -> None:
        """`?` stands for a parameter in every dialect, but not inside of a text of the statement."""
        found = kit.component.read("SELECT 'what? 100%', CAST(? AS TEXT)", ("why?",))
        require(
            [tuple(row) for row in found] == [("what? 100%", "why?")],
            tried='read("SELECT \'what? 100%\', CAST(? AS TEXT)", ("why?",))',
            came=found,
            do="translate only the `?` that stand outside of quotes",
        )

    def test_expected_count_is_enforced(self, kit: Kit) -> None:
        """A change that touches another number of rows raises WriteConflict with its index, and undoes the batch."""
        store = _migrated(kit)
        store.write([Change(sql=_INSERT, parameters=("a", 1), expect=1)])
        store.write([Change(sql=_INCREASE, parameters=("nobody",), expect=0), Change(sql=_INCREASE, parameters=("a",))])
        tried = "write() of a batch whose second change expects 1 row and touches none"
        do = "count the rows of each change, roll back, and raise WriteConflict(…, index=1)"
        batch = [
            Change(sql=_INSERT, parameters=("b", 1), expect=1),
            Change(sql=_INCREASE, parameters=("nobody",), expect=1),
        ]
        error = refusal(WriteConflict, lambda: store.write(batch), tried=tried, do=do)
        require(getattr(error, "index", None) == 1, tried=f"{tried}; index", came=getattr(error, "index", None), do=do)
        _require_rows(store, [("a", 2)], tried, do)

    def test_failing_batch_leaves_nothing(self, kit: Kit) -> None:
        """A statement that the database refuses undoes what the batch did before it."""
        store = _migrated(kit)
        batch = [Change(sql=_INSERT, parameters=("a", 1)), Change(sql="INSERT INTO zen_testing_nowhere VALUES (1)")]
        tried, do = "write() of a batch whose second statement is refused", "roll the whole batch back"
        refusal(
            ZenError, lambda: store.write(batch), tried=tried, do=f"{do}; raise StorageError from the driver's error"
        )
        _require_rows(store, [], tried, do)
        store.write([Change(sql=_INSERT, parameters=("b", 1))])
        _require_rows(store, [("b", 1)], f"{tried}; then another batch", "leave no transaction open")

    def test_second_row_under_a_key_is_a_conflict(self, kit: Kit) -> None:
        """A row under a key that exists raises WriteConflict, which is how two claims are told apart."""
        store = _migrated(kit)
        store.write([Change(sql=_INSERT, parameters=("a", 1), expect=1)])
        tried, do = "write() of a second row under one primary key", "raise WriteConflict(…, index=0)"
        refusal(
            WriteConflict, lambda: store.write([Change(sql=_INSERT, parameters=("a", 2), expect=1)]), tried=tried, do=do
        )
        _require_rows(store, [("a", 1)], tried, do)

    def test_changes_run_in_order(self, kit: Kit) -> None:
        """The changes of a batch see those before them; an empty batch does nothing."""
        store = _migrated(kit)
        batch = [
            Change(sql=_INSERT, parameters=("a", 1), expect=1),
            Change(sql=_INCREASE, parameters=("a",), expect=1),
            Change(sql="UPDATE zen_testing SET number = number * 10 WHERE name = ?", parameters=("a",), expect=1),
        ]
        store.write(batch)
        store.write([])
        _require_rows(store, [("a", 20)], "write() of insert, plus 1, times 10", "apply the changes in order")

    def test_migrations_are_applied_once(self, kit: Kit) -> None:
        """Migrations are applied in the order of their numbers, each once."""
        first = _schema(kit.component)
        second = Migration(number=2, statements=("INSERT INTO zen_testing (name, number) VALUES ('two', 2)",))
        kit.component.migrate([second, first])
        kit.component.migrate([first, second])
        kit.make().migrate([first, second])
        tried, do = "migrate() with 2 and 1, then twice with both", "remember which were applied, and sort by number"
        _require_rows(kit.component, [("two", 2)], tried, do)

    def test_failing_migration_leaves_nothing(self, kit: Kit) -> None:
        """A migration that fails leaves the schema as it was, and can be repeated once it is mended."""
        store = _migrated(kit)
        insert = "INSERT INTO zen_testing (name, number) VALUES ('two', 2)"
        broken = Migration(number=2, statements=(insert, "INSERT INTO zen_testing_nowhere VALUES (1)"))
        tried = "migrate() with a migration whose second statement fails"
        do = "apply the missing migrations in one transaction"
        refusal(ZenError, lambda: store.migrate([_schema(store), broken]), tried=tried, do=do)
        _require_rows(store, [], tried, do)
        store.migrate([_schema(store), Migration(number=2, statements=(insert,))])
        _require_rows(store, [("two", 2)], f"{tried}; then with the mended one", do)

    def test_newer_schema_is_refused(self, kit: Kit) -> None:
        """A database with a migration that this zen does not know raises SchemaTooNew."""
        store = _migrated(kit)
        store.migrate([_schema(store), Migration(number=2, statements=())])
        refusal(
            SchemaTooNew,
            lambda: kit.make().migrate([_schema(store)]),
            tried="migrate() to 2, then migrate() to 1",
            do="compare with the highest number that was applied",
        )

    def test_concurrent_migrations_migrate_once(self, kit: Kit) -> None:
        """Components that start at once migrate once, and none of them fails."""
        schema = _schema(kit.component)
        insert = Migration(number=2, statements=("INSERT INTO zen_testing (name, number) VALUES ('once', 1)",))
        components = [kit.make() for _ in range(4)]
        errors = in_threads(*(lambda each=each: each.migrate([schema, insert]) for each in components))
        tried, do = "migrate() of four components at once", "take the store's lock before you look what is missing"
        require(not errors, tried=tried, came=repr(errors), do=do)
        _require_rows(kit.component, [("once", 1)], tried, do)

    def test_concurrent_updates_lose_nothing(self, kit: Kit) -> None:
        """Threads and components that count at once lose no count."""
        store = _migrated(kit)
        store.write([Change(sql=_INSERT, parameters=("a", 0))])
        other = kit.make()

        def count(component: MetadataStore) -> None:
            for _ in range(15):
                component.write([Change(sql=_INCREASE, parameters=("a",), expect=1)], durable=False)

        errors = in_threads(lambda: count(store), lambda: count(store), lambda: count(other))
        tried, do = "45 updates of a number by three threads and two components", "wait for others; lose no commit"
        require(not errors, tried=tried, came=repr(errors), do=do)
        _require_rows(store, [("a", 45)], tried, do)

    def test_one_of_two_claims_wins(self, kit: Kit) -> None:
        """Of several compare-and-sets at once exactly one succeeds; the others raise WriteConflict."""
        store = _migrated(kit)
        store.write([Change(sql=_INSERT, parameters=("claim", 0))])
        components = [store, kit.make(), kit.make()]

        def claim(component: MetadataStore, token: int) -> None:
            sql = "UPDATE zen_testing SET number = ? WHERE name = 'claim' AND number = 0"
            component.write([Change(sql=sql, parameters=(token,), expect=1)])

        tokens = enumerate(components, start=1)
        errors = in_threads(*(lambda each=each, token=token: claim(each, token) for token, each in tokens))
        require(
            len(errors) == 2 and all(isinstance(error, WriteConflict) for error in errors),
            tried="one compare-and-set by three components at once",
            came=f"{3 - len(errors)} succeeded; {errors!r}",
            do="let each batch see what was committed before it, and count the rows that it touched itself",
        )

    def test_readers_see_whole_batches(self, kit: Kit) -> None:
        """A reader sees all changes of a batch or none of them."""
        store = _migrated(kit)
        store.write([Change(sql=_INSERT, parameters=(name, 0)) for name in ("a", "b")])
        other, done = kit.make(), threading.Event()
        torn: list[object] = []

        def write() -> None:
            try:
                for _ in range(30):
                    store.write([Change(sql=_INCREASE, parameters=(name,)) for name in ("a", "b")], durable=False)
            finally:
                done.set()

        def read() -> None:
            while not done.is_set():
                for component in (store, other):
                    numbers = {row[1] for row in component.read(_SELECT)}
                    torn.extend([numbers] if len(numbers) != 1 else [])

        errors = in_threads(write, read)
        require(
            not errors and not torn,
            tried="read() beside batches that change two rows alike",
            came=f"the rows differed: {torn[0]}" if torn else repr(errors),
            do="commit a batch at once, and let one statement read from one state",
        )

    def test_acknowledged_writes_are_seen_everywhere(self, kit: Kit) -> None:
        """What was written is read at once by other components and other processes, not durable writes too."""
        store = _migrated(kit)
        store.write([Change(sql=_INSERT, parameters=("a", 1))], durable=False)
        do = "commit before write() returns, and keep nothing in the component"
        _require_rows(kit.make(), [("a", 1)], "write() here, read() by another component", do)
        if store.reach != "process":
            found = [tuple(row) for row in kit.fresh_process(_read_rows)]
            require(found == [("a", 1)], tried="write() here, read() in another process", came=found, do=do)

    def test_killed_process_leaves_whole_batches(self, kit: Kit) -> None:
        """A killed process leaves what it was acknowledged, whole batches only, and a store that goes on working."""
        store = _migrated(kit)
        if store.reach == "process":
            raise DoesNotApply("it declares the reach `process`")
        store.write([Change(sql=_INSERT, parameters=(name, 0)) for name in ("a", "b")])

        def look() -> None:
            rows = [tuple(row) for row in kit.make().read(_SELECT)]
            acknowledged = max(int(beat.read_text() or 0) for beat in kit.tmp_path.glob("beat-*"))
            require(
                len(rows) == 2 and rows[0][1] == rows[1][1] >= acknowledged,
                tried=f"kill a process that changes two rows alike, the last acknowledged to {acknowledged}",
                came=rows,
                do="commit a batch at once, before write() returns",
            )

        killed(kit, _write_without_end, between=look, kills=self.kills)
        store.write([Change(sql=_INCREASE, parameters=("a",), expect=1)])

    def test_clock_has_a_time_zone(self, kit: Kit) -> None:
        """`now` has a time zone, does not go back, and agrees with other components."""
        first = kit.component.now()
        second = kit.make().now()
        require(
            first.tzinfo is not None and first.utcoffset() is not None,
            tried="now()",
            came=first,
            do="return a datetime with time zone, of the clock that all users share",
        )
        require(
            first <= second <= first + dt.timedelta(seconds=60),
            tried="now() of one component, then of another",
            came=f"{first}, then {second}",
            do="ask the one clock that all users of this store share",
        )

    def test_backup_is_made_before_a_migration(self, kit: Kit) -> None:
        """Capability `backup`: the store copies itself before a migration changes it."""
        self._declares(kit, "backup")
        store = _migrated(kit)
        store.write([Change(sql=_INSERT, parameters=("a", 1))])
        before = list(self.backups(store))
        store.migrate([_schema(store), Migration(number=2, statements=("DELETE FROM zen_testing",))])
        after = list(self.backups(store))
        require(
            len(after) > len(before),
            tried="migrate() of a database with rows, then its backups",
            came=after,
            do="copy the database before the first statement, or do not declare `backup`",
        )

    def test_damaged_store_is_recovered(self, kit: Kit) -> None:
        """Capability `recover`: what can be read goes into a new file and is counted; the damaged one stays."""
        self._declares(kit, "recover")
        store = _migrated(kit)
        rows = [(f"{number:04} {'x' * 400}", number) for number in range(200)]
        store.write([Change(sql=_INSERT, parameters=row) for row in rows])
        store.close()
        damaged, target = self.damage(store), kit.tmp_path / "recovered"
        before = damaged.read_bytes()
        recovery = _recover(kit, target)
        found = [tuple(row) for row in kit.make(**self.reading(target)).read(_SELECT)]
        tried = f"recover() of a store with {len(rows)} rows that was damaged in one place"
        told = next((each for each in recovery.tables if each.name == "zen_testing"), None)
        require(
            0 < len(found) <= len(rows) and set(found) <= set(rows),
            tried=f"{tried}; then the rows of the new file",
            came=f"{len(found)} rows, {len(set(found) - set(rows))} of them never written",
            do="go around what is damaged, and take the rest as it is",
        )
        require(
            told is not None and told.saved == len(found) and told.lost in (None, len(rows) - len(found)),
            tried=f"{tried}; then what it tells of the table zen_testing",
            came=told,
            do=f"count: {len(found)} rows were saved, {len(rows) - len(found)} lost (or None)",
        )
        require(damaged.read_bytes() == before, tried=tried, came="other bytes in the damaged file", do="only read it")
        tried, do = f"{tried}; then once more to the same file", "write to no file that is there"
        refusal(UsageError, lambda: _recover(kit, target), tried=tried, do=do)


def _schema(store: MetadataStore) -> Migration:
    numbers = "number BIGINT, real_number DOUBLE PRECISION"
    columns = f"name TEXT PRIMARY KEY, {numbers}, text_value TEXT, data {_BYTES[store.dialect]}"
    return Migration(number=1, statements=(f"CREATE TABLE zen_testing ({columns})",))


def _migrated(kit: Kit) -> Any:
    kit.component.migrate([_schema(kit.component)])
    return kit.component


def _recover(kit: Kit, target: Path) -> Recovery:
    store = cast(MetadataStore, kit.new())
    return store.recover(kit.host, target, [_schema(store)])


def _require_rows(store: MetadataStore, rows: list[tuple[str, int]], tried: str, do: str) -> None:
    found = [tuple(row) for row in store.read(_SELECT)]
    require(found == rows, tried=f"{tried}; then the rows, which should be {rows}", came=found, do=do)


def _read_rows(store: MetadataStore) -> list[list[Any]]:
    return [list(row) for row in store.read(_SELECT)]


def _write_without_end(store: MetadataStore, beat: str) -> None:
    while True:
        store.write([Change(sql=_INCREASE, parameters=(name,), expect=1) for name in ("a", "b")], durable=False)
        ((_, number), _) = store.read(_SELECT)
        draft = Path(f"{beat}.draft-{os.getpid()}")
        draft.write_text(str(number))
        draft.replace(beat)
