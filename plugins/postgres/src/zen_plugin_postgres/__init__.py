"""PostgreSQL as metadata store of zen."""
