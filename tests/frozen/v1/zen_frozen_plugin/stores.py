import datetime as dt
import os
import shutil
import sqlite3
import threading
import uuid
from contextlib import closing

from zen.errors import ArtifactNotFound, SchemaTooNew, SecretNotFound, WriteConflict
from zen.interfaces import ArtifactStore, MetadataStore, ObjectInfo, SecretStore
from zen_frozen_plugin.journal import note


class FrozenArtifacts(ArtifactStore):
    reach = "host"

    def open(self, host):
        super().open(host)
        self.folder = host.state / self.config.folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def put(self, key, source, *, durable=True):
        target = self.folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.parent / f".{uuid.uuid4().hex}"
        shutil.copyfile(source, part)
        os.replace(part, target)
        note("artifact_store", "put")

    def read(self, key):
        note("artifact_store", "read")
        try:
            return (self.folder / key).open("rb")
        except FileNotFoundError:
            raise ArtifactNotFound(f"no object {key}", key=key) from None

    def stat(self, key):
        path = self.folder / key
        return ObjectInfo(key=key, size=path.stat().st_size) if path.is_file() else None

    def delete(self, key):
        (self.folder / key).unlink(missing_ok=True)

    def list(self, prefix):
        for path in self.folder.rglob("*"):
            key = path.relative_to(self.folder).as_posix()
            if path.is_file() and key.startswith(prefix) and not path.name.startswith("."):
                yield ObjectInfo(key=key, size=path.stat().st_size)


class FrozenMetadata(MetadataStore):
    reach = "host"
    dialect = "sqlite"

    def open(self, host):
        super().open(host)
        self.file = host.state / "frozen.db"
        self.lock = threading.RLock()

    def _connect(self):
        connection = sqlite3.connect(self.file, timeout=30, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        return closing(connection)

    def read(self, sql, parameters=()):
        with self.lock, self._connect() as connection:
            return connection.execute(sql, parameters).fetchall()

    def write(self, batch, *, durable=True):
        with self.lock, self._connect() as connection:
            connection.execute("BEGIN IMMEDIATE")
            for index, change in enumerate(batch):
                touched = connection.execute(change.sql, change.parameters).rowcount
                if change.expect is not None and touched != change.expect:
                    connection.execute("ROLLBACK")
                    raise WriteConflict(f"change {index} touched {touched} rows", index=index)
            connection.execute("COMMIT")
        note("metadata_store", "write")

    def migrate(self, migrations):
        with self.lock, self._connect() as connection:
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > max((migration.number for migration in migrations), default=0):
                connection.execute("ROLLBACK")
                raise SchemaTooNew(f"the schema has version {version}")
            for migration in migrations:
                if migration.number > version:
                    for statement in migration.statements:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {migration.number}")
            connection.execute("COMMIT")

    def now(self):
        return dt.datetime.now(dt.timezone.utc)


class FrozenSecrets(SecretStore):
    def get(self, name):
        note("secret_store", f"get {name}")
        if name != "frozen/token":
            raise SecretNotFound(f"no secret {name!r}", hint="there is frozen/token", reference=name)
        return "open sesame"

    def list(self):
        return ["frozen/token"]
