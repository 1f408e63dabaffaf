"""The conformance kit on a real server."""

from __future__ import annotations

from zen.testing import MetadataStoreSuite


class TestPostgres(MetadataStoreSuite):
    flavor = "postgres"
    unreachable = {"url": "postgresql://127.0.0.1:9/zen", "connect_timeout": 2.0}
    lacks = {
        "backup": "a database of many users is copied by who runs it: pg_dump, or a standby",
        "recover": "PostgreSQL recovers itself from its log, and what it cannot is the business of who runs it",
    }

    def config(self, kit):
        return {"url": kit.service("postgres")["url"]}
