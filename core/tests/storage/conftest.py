"""A store on a folder: the real SQLite and local files, with a few words to fill it."""

from __future__ import annotations

import datetime as dt
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zen.builtin.local_files import LocalArtifactStore, LocalFilesConfig
from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.identity import dumps
from zen.interfaces import ArtifactReader, ArtifactWriter, Change, Materializer
from zen.records import ArtifactRecord, CodeRef, Manifest, Plan, RunRecord, StackSpec, StepRunRecord
from zen.storage import Database, Objects, Saved, changes, reader, save

NOW = dt.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=dt.UTC)
PLAN = Plan(pipeline="p", code=CodeRef(module="m", qualname="p"), stack=StackSpec(name="local"))


class Files(Materializer):
    """Saves a mapping of names to bytes, each as a file."""

    format = "files-of-a-test"

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        for name, data in value.items():
            writer.write(data, name)

    def load(self, reader: ArtifactReader) -> Any:
        return {name: reader.read(name) for name in reader.names}


class Vault:
    """The parts of one store, without syncing: what survives a power cut is another test's business."""

    now = NOW
    files = Files()

    def __init__(self, folder: Path) -> None:
        self.state = folder / ".zen"
        self.state.mkdir(exist_ok=True)
        host: Any = SimpleNamespace(root=folder, state=self.state, log=logging.getLogger("test"))
        self.metadata = SQLiteStore(SQLiteConfig())
        self.store = LocalArtifactStore(LocalFilesConfig())
        self.metadata.open(host)
        self.store.open(host)
        self.database = Database(self.metadata)
        self.database.prepare()
        self.objects = self.fresh()

    def fresh(self, store: Any = None) -> Objects:
        """Return the objects as a process sees them that has read nothing yet."""
        return Objects(self.database, store or self.store, cache=self.state / "cache", durable=False)

    def close(self) -> None:
        self.metadata.close()
        self.store.close()

    def write(self, *batch: Change | Sequence[Change]) -> None:
        flat = [change for item in batch for change in ([item] if isinstance(item, Change) else item)]
        self.database.write(flat, durable=False)

    def run(self, run_id: str = "0a", *, token: str = "mine", **facts: Any) -> RunRecord:
        """Record a running run."""
        facts = {"name": f"run-{run_id}", "state": "running", "created_at": NOW, "started_at": NOW, **facts}
        run = RunRecord(id=run_id, pipeline=facts.pop("pipeline", "p"), plan="plan", **facts)
        self.write(changes.insert_run(run, PLAN, dumps(PLAN.to_json()), token=token))
        return run

    def step(self, run_id: str = "0a", name: str = "train", **facts: Any) -> StepRunRecord:
        """Return a running attempt, not recorded yet."""
        given = {"id": f"{run_id}-{name}-{facts.get('attempt', 1)}", "state": "running", "started_at": NOW, **facts}
        return StepRunRecord(run_id=run_id, name=name, **given)

    def claimed(self, run_id: str = "0a", name: str = "train", **facts: Any) -> StepRunRecord:
        """Record a running attempt under the token `attempt` of a run under the token `mine`."""
        step = self.step(run_id, name, **facts)
        self.write(changes.claim_step(step, token="attempt", run_token="mine"))
        return step

    def artifact(self, artifact_id: str, name: str = "model", **facts: Any) -> ArtifactRecord:
        """Return an artifact without files, not recorded yet."""
        given = {"digest": "sha256:0", "manifest": Manifest(format="json"), "created_at": NOW, **facts}
        return ArtifactRecord(id=artifact_id, name=name, **given)

    def save(self, files: dict[str, bytes], objects: Objects | None = None) -> Saved:
        """Save files and commit them, without a record of the artifact."""
        saved = save(files, self.files, "builtins.dict", objects or self.objects)
        self.write(saved.changes)
        return saved

    def reader(self, manifest: Manifest, objects: Objects | None = None) -> Any:
        return reader(manifest, objects or self.fresh(), state=self.state, resolve=lambda name: dict)

    def load(self, manifest: Manifest, objects: Objects | None = None) -> Any:
        return self.files.load(self.reader(manifest, objects))

    def object_file(self, digest: str) -> Path:
        """Return the file of a large object."""
        name = digest.partition(":")[2]
        return self.state / "artifacts" / "objects" / "sha256" / name[:2] / name[2:]

    def staged(self) -> list[Path]:
        """Return what lies in the staging folders."""
        return list((self.state / "artifacts" / "staging").glob("*/*"))


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that was prepared once: making one syncs the disk a dozen times."""
    folder = tmp_path_factory.mktemp("store")
    Vault(folder).close()
    return folder


@pytest.fixture
def open_vault(tmp_path: Path, empty_store: Path) -> Iterator[Callable[[], Vault]]:
    """Open the same store as often as wanted: each is another user of it."""
    opened: list[Vault] = []
    shutil.copytree(empty_store, tmp_path, dirs_exist_ok=True)

    def open_one() -> Vault:
        opened.append(Vault(tmp_path))
        return opened[-1]

    yield open_one
    for vault in reversed(opened):
        vault.close()


@pytest.fixture
def vault(open_vault: Callable[[], Vault]) -> Vault:
    return open_vault()
