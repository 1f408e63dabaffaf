"""An empty database of a real server for each test that asks; skipped where PostgreSQL cannot run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zen.testing import NotVerified
from zen_plugin_postgres.config import PostgresConfig
from zen_plugin_postgres.store import PostgresStore


@pytest.fixture
def database(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return where an empty database is: `url`, `host`, `port`, `user`, `database`."""
    try:
        return dict(request.getfixturevalue("zen_service_postgres"))
    except NotVerified as error:
        pytest.skip(str(error))


@pytest.fixture
def connected(database: dict[str, Any], tmp_path: Path) -> Iterator[Callable[..., PostgresStore]]:
    """Open a store on the database, or at another address of it."""
    opened: list[PostgresStore] = []

    def connect(**config: Any) -> PostgresStore:
        store = PostgresStore(PostgresConfig(**{"url": database["url"], **config}))
        secrets = SimpleNamespace(reveal=str)
        host: Any = SimpleNamespace(root=tmp_path, state=tmp_path, secrets=secrets)
        opened.append(store)
        store.open(host)
        return store

    yield connect
    for store in opened:
        store.close()
