"""What a stack says about PostgreSQL."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zen.secrets import Secret

__all__ = ["PostgresConfig"]

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True, kw_only=True, slots=True)
class PostgresConfig:
    """Configuration of the PostgreSQL metadata store.

    Attributes:
        url: The database, as libpq writes it: `postgresql://zen:${secret:env/PGPASSWORD}@db.example.com/zen`. What it
            leaves out is taken from libpq's own variables (PGHOST, PGUSER, PGPASSFILE, PGSSLMODE, and so on).
        namespace: The schema of the database that zen's tables stand in; it is made if it is not there.
        pool_size: How many connections a process keeps at most.
        connect_timeout: How many seconds to wait for a connection.
        busy_timeout: How many seconds to wait for other writers, and to go on trying when they get in the way.
    """

    url: str | Secret = "postgresql://"
    namespace: str = "zen"
    pool_size: int = 4
    connect_timeout: float = 10.0
    busy_timeout: float = 30.0

    def __post_init__(self) -> None:
        """Check what can be checked without a connection."""
        if isinstance(self.url, str) and not self.url.startswith(("postgresql://", "postgres://")):
            raise ValueError("url is not that of a PostgreSQL database: write postgresql://USER@HOST/DATABASE")
        if not _NAME.fullmatch(self.namespace) or self.namespace.startswith("pg_"):
            raise ValueError(f"namespace {self.namespace!r} is no plain name of a schema: use letters, digits and _")
        if self.pool_size < 1 or self.connect_timeout <= 0 or self.busy_timeout <= 0:
            raise ValueError("pool_size, connect_timeout and busy_timeout must be above 0")
