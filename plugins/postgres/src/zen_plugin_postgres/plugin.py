"""What this plugin offers. Light: names only, psycopg is imported when a stack uses it."""

from __future__ import annotations

from zen.plugins import Flavor, hookimpl


@hookimpl
def zen_flavors() -> list[Flavor]:
    """Return the PostgreSQL metadata store."""
    return [
        Flavor(
            kind="metadata_store",
            name="postgres",
            summary="Record runs in PostgreSQL, for all machines of a team",
            config="zen_plugin_postgres.config:PostgresConfig",
            implementation="zen_plugin_postgres.store:PostgresStore",
            docs="https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING",
        )
    ]
