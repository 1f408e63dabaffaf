"""Flipped bits and cut ends, anywhere in what is stored: no byte of it reaches a materializer, and verify finds each.

A materializer of these tests keeps every byte that it is given. What is damaged lies in the database (small files) or in
the artifact store (large ones); saving the same value heals it.
"""

from __future__ import annotations

import datetime as dt
import os
import random
from dataclasses import dataclass

import pytest

from zen.engine.verifying import verify
from zen.errors import ArtifactDamaged
from zen.interfaces import Change, Materializer
from zen.records import ArtifactRecord
from zen.stacks import find_project, resolve
from zen.stacks.opening import OpenStack, registry_of
from zen.storage import Objects, Uploads, changes, reader, save
from zen.storage.holding import release
from zen.storage.objects import key_of
from zen.storage.staging import INLINE_LIMIT

FULL = os.environ.get("ZEN_FAULTS") == "full"
DAMAGES = 1000 if FULL else 100
SIZES = (1, 2, 100, 5_000, INLINE_LIMIT, INLINE_LIMIT + 1, 70_000, 300_000)


class Keeping(Materializer):
    """Saves a mapping of names to bytes; loading keeps all that it gets to see, in every way that there is to read."""

    format = "kept"

    def __init__(self):
        self.loaded_bytes: list[bytes] = []

    def save(self, value, writer):
        for name, data in value.items():
            writer.write(data, name)

    def load(self, files):
        loaded = {}
        for name in files.names:
            self.loaded_bytes.append(files.read(name))
            with files.open(name) as stream:
                self.loaded_bytes.append(stream.read())
            self.loaded_bytes.append(files.path(name).read_bytes())
            loaded[name] = self.loaded_bytes[-1]
        self.loaded_bytes += [path.read_bytes() for path in sorted(files.tree().iterdir())]
        return loaded


@dataclass
class World:
    stack: OpenStack
    values: list
    manifests: list

    def load(self, index, keeper):
        """Load an artifact as a process does that has read nothing yet."""
        objects = Objects(self.stack.database, self.stack.artifact_store, cache=self.stack.state / f"cache-{index}")
        files = reader(self.manifests[index], objects, state=self.stack.state, resolve=lambda name: dict)
        return keeper.load(files)

    def save(self, index):
        with Uploads(self.stack.objects, "import") as uploads:
            saved = save(self.values[index], Keeping(), "builtins.dict", self.stack.objects, uploads)
            held = uploads.put()
        artifact = ArtifactRecord(
            id=os.urandom(8).hex(),
            name=f"value-{index}",
            digest=saved.manifest.digest(),
            manifest=saved.manifest,
            created_at=dt.datetime.now(dt.UTC),
        )
        self.stack.database.write(
            [*saved.changes, *held, changes.insert_artifact(artifact), release("import")], durable=False
        )
        return saved.manifest

    def stored(self, entry):
        if entry.size <= INLINE_LIMIT:
            return self.stack.database.object(entry.digest)
        return self.stack.artifact_store.local_path(key_of(entry.digest)).read_bytes()

    def overwrite(self, entry, data):
        if entry.size <= INLINE_LIMIT:
            sql = "UPDATE object SET data = ? WHERE digest = ?"
            self.stack.database.write([Change(sql=sql, parameters=(data, entry.digest), expect=1)], durable=False)
            return
        path = self.stack.artifact_store.local_path(key_of(entry.digest))
        path.chmod(0o600)
        path.write_bytes(data)
        path.chmod(0o444)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    project = find_project(tmp_path)
    registry = registry_of(project)
    spec = resolve(project, registry, "local")
    chance = random.Random(1)
    with OpenStack(spec, project, registry) as stack:
        stack.spec.settings["durability"] = "relaxed"
        values = [{"data": chance.randbytes(size), "more": chance.randbytes(50)} for size in SIZES]
        made = World(stack, values, [])
        made.manifests = [made.save(index) for index in range(len(values))]
        yield made


def damaged(data, chance):
    """Return the bytes with one bit flipped, or cut short."""
    place = chance.randrange(len(data))
    if chance.random() < 0.3:
        return data[:place]
    flipped = data[place] ^ 1 << chance.randrange(8)
    return data[:place] + bytes([flipped]) + data[place + 1 :]


def test_no_damaged_byte_reaches_a_materializer_and_verify_finds_each(world, record_property):
    chance = random.Random(2)
    refused = found = healed = 0
    for number in range(DAMAGES):
        index = chance.randrange(len(SIZES))
        entry = chance.choice(world.manifests[index].files)
        whole = world.stored(entry)
        world.overwrite(entry, damaged(whole, chance))
        keeper, quarantine = Keeping(), number % 2 == 0
        with pytest.raises(ArtifactDamaged):
            world.load(index, keeper)
        assert set(keeper.loaded_bytes) <= set(world.values[index].values()) - {whole}
        refused += 1
        [fault] = verify(world.stack, quarantine=quarantine).faults
        assert (fault.digest, fault.problem) == (entry.digest, "damaged")
        assert fault.artifacts[0].startswith(f"value-{index}@")
        assert bool(fault.quarantined) == quarantine
        found += 1
        world.save(index)
        assert world.load(index, Keeping()) == world.values[index]
        healed += 1
    assert verify(world.stack).faults == []
    assert (refused, found, healed) == (DAMAGES,) * 3
    record_property("damages", DAMAGES)
    record_property("refused", refused)
    record_property("found", found)


def test_verify_finds_all_damage_at_once(world):
    chance = random.Random(3)
    entries = {entry.digest: entry for manifest in world.manifests for entry in manifest.files}
    for entry in entries.values():
        world.overwrite(entry, damaged(world.stored(entry), chance))
    found = verify(world.stack, quarantine=True)
    assert {fault.digest for fault in found.faults} == set(entries)
    assert {fault.problem for fault in verify(world.stack).faults} == {"missing"}
    world.manifests = [world.save(index) for index in range(len(SIZES))]
    assert verify(world.stack).faults == []


def test_copies_of_this_machine_are_made_anew(world):
    """A small file that a materializer wants a path for, and an unpacked folder: the store still has the bytes."""
    for index in range(len(SIZES)):
        world.load(index, Keeping())
    for path in world.stack.state.rglob("cache*/**/*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(damaged(path.read_bytes(), random.Random(4)))
    for index in range(len(SIZES)):
        keeper = Keeping()
        assert world.load(index, keeper) == world.values[index]
        assert set(keeper.loaded_bytes) == set(world.values[index].values())
