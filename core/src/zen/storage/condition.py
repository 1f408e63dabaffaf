"""How a metadata store is, asked without changing anything: not even a migration."""

from __future__ import annotations

from dataclasses import dataclass, field

from zen.interfaces import MetadataStore
from zen.storage import schema

_FIXED = (3, 51, 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """What was found.

    Attributes:
        schema: The number of the last migration that it holds.
        newest: The number of the last migration that this zen knows.
        runs: How many runs there are in each state.
        faults: What the database says is wrong with itself; SQLite only, as what follows.
        library: The version of SQLite.
        journal: How it keeps changes safe: `wal`.
        automatic: Whether SQLite empties its log by itself, which it must not.
        library_resets: Whether this version of SQLite can damage a file by emptying the log while another one commits.
    """

    schema: int = 0
    newest: int
    runs: dict[str, int] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    library: str = ""
    journal: str = ""
    automatic: bool = False
    library_resets: bool = False


def condition(store: MetadataStore) -> Condition:
    """Return how a store is.

    Raises:
        StorageError: When it cannot be asked, as when it is damaged.
    """
    newest = schema.migrations(store.dialect)[-1].number
    if store.dialect != "sqlite":
        return Condition(newest=newest)
    ((library,),) = store.read("SELECT sqlite_version()")
    return Condition(
        schema=_schema(store),
        newest=newest,
        runs=_runs(store),
        faults=tuple(str(row[0]) for row in store.read("PRAGMA quick_check(5)") if row[0] != "ok"),
        library=library,
        journal=store.read("PRAGMA journal_mode")[0][0],
        automatic=store.read("PRAGMA wal_autocheckpoint")[0][0] != 0,
        library_resets=tuple(int(part) for part in library.split(".")) < _FIXED,
    )


def _schema(store: MetadataStore) -> int:
    if not store.read("SELECT 1 FROM sqlite_master WHERE name = 'zen_schema'"):
        return 0
    return int(store.read("SELECT coalesce(max(number), 0) FROM zen_schema")[0][0])


def _runs(store: MetadataStore) -> dict[str, int]:
    if not store.read("SELECT 1 FROM sqlite_master WHERE name = 'run'"):
        return {}
    return dict(store.read("SELECT state, count(*) FROM run GROUP BY state"))
