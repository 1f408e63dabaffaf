"""Objects: nobody sees bytes that do not have their digest, wherever the bytes lie, and damage is healed by saving."""

from __future__ import annotations

import hashlib
import io
import os
import random
import threading
import time

import pytest

from zen.errors import ArtifactDamaged, ArtifactNotFound, StorageError
from zen.interfaces import Change
from zen.records import FileEntry
from zen.storage.objects import key_of
from zen.storage.staging import INLINE_LIMIT
from zen.storage.verified import VerifiedFiles

SMALL, LARGE = b"small" * 10, b"large" * INLINE_LIMIT


def entry(data, name="data"):
    return FileEntry(name=name, digest="sha256:" + hashlib.sha256(data).hexdigest(), size=len(data))


def kept(vault, data):
    digest, batch = vault.objects.put_bytes(data)
    vault.write(batch)
    assert digest == entry(data).digest
    return entry(data)


def rows(vault):
    return vault.metadata.read("SELECT digest, size FROM object")


def overwrite_row(vault, digest, data):
    vault.write(Change(sql="UPDATE object SET data = ? WHERE digest = ?", parameters=(data, digest), expect=1))


def overwrite_file(path, data):
    path.chmod(0o600)
    path.write_bytes(data)
    path.chmod(0o444)


def damage(vault, found, data):
    if found.size <= INLINE_LIMIT:
        overwrite_row(vault, found.digest, data)
    else:
        overwrite_file(vault.object_file(found.digest), data)


def remove(vault, found):
    if found.size <= INLINE_LIMIT:
        vault.write(Change(sql="DELETE FROM object WHERE digest = ?", parameters=(found.digest,), expect=1))
    else:
        vault.object_file(found.digest).unlink()


@pytest.mark.parametrize("size", [0, 1, INLINE_LIMIT - 1, INLINE_LIMIT, INLINE_LIMIT + 1])
def test_where_an_object_lies_follows_from_its_size(vault, size):
    found = kept(vault, bytes(size))
    is_small = size <= INLINE_LIMIT
    assert rows(vault) == ([(found.digest, size)] if is_small else [])
    assert vault.object_file(found.digest).exists() != is_small
    assert vault.objects.present(found)
    assert vault.fresh().content(found) == bytes(size)
    assert vault.fresh().open(found).read() == bytes(size)
    assert vault.fresh().path(found).read_bytes() == bytes(size)


def test_keys_of_large_objects_are_spread_over_folders():
    assert key_of("sha256:abcdef") == "objects/sha256/ab/cdef"


# Every way to read an object; each gives its bytes.
READERS = {
    "content": lambda objects, found, folder: objects.content(found),
    "open": lambda objects, found, folder: objects.open(found).read(),
    "path": lambda objects, found, folder: objects.path(found).read_bytes(),
    "copy": lambda objects, found, folder: _copied(objects, found, folder),
}


def _copied(objects, found, folder):
    objects.copy_to(found, folder / "copy")
    return (folder / "copy").read_bytes()


every_way = pytest.mark.parametrize("read", READERS.values(), ids=READERS)
both_sizes = pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])


@every_way
@both_sizes
@pytest.mark.parametrize(
    "damaged",
    [
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: data + b"x",
    ],
    ids=["bit", "short", "empty", "long"],
)
def test_damaged_bytes_are_refused(vault, tmp_path, read, data, damaged):
    found = kept(vault, data)
    damage(vault, found, damaged(data))
    with pytest.raises(ArtifactDamaged, match="not the recorded ones") as caught:
        read(vault.fresh(), found, tmp_path)
    assert caught.value.digest == found.digest


@every_way
@both_sizes
def test_swapped_bytes_are_refused(vault, tmp_path, read, data):
    """Sound bytes of another object, of the same size."""
    found, other = kept(vault, data), kept(vault, data[::-1])
    damage(vault, found, data[::-1])
    with pytest.raises(ArtifactDamaged):
        read(vault.fresh(), found, tmp_path)
    assert read(vault.fresh(), other, tmp_path) == data[::-1]


@every_way
@both_sizes
def test_a_missing_object_is_named(vault, tmp_path, read, data):
    found = kept(vault, data)
    remove(vault, found)
    assert not vault.objects.present(found)
    with pytest.raises(ArtifactNotFound, match=found.digest) as caught:
        read(vault.fresh(), found, tmp_path)
    assert "run the step" in caught.value.hint


@both_sizes
def test_saving_again_replaces_damaged_bytes(vault, data):
    for wrong in (b"", data[:-1], data[::-1], data + b"x"):
        found = kept(vault, data)
        damage(vault, found, wrong)
        assert vault.objects.present(found) == (len(wrong) == len(data))
        kept(vault, data)
        assert vault.objects.present(found)
        assert vault.fresh().content(found) == data


def test_every_flipped_bit_is_found(vault):
    chance = random.Random(1)
    small, large = kept(vault, SMALL), kept(vault, LARGE)
    for found, data in [(small, SMALL), (large, LARGE)] * 40:
        place = chance.randrange(len(data))
        wrong = bytearray(data)
        wrong[place] ^= 1 << chance.randrange(8)
        damage(vault, found, bytes(wrong))
        with pytest.raises(ArtifactDamaged):
            vault.fresh().content(found)


def test_damage_after_the_first_reading_is_found_too(vault):
    found = kept(vault, LARGE)
    objects, path = vault.fresh(), vault.object_file(found.digest)
    objects.path(found)
    time.sleep(0.06)
    objects.path(found)  # verified and remembered
    modified = path.stat().st_mtime_ns
    overwrite_file(path, LARGE[::-1])
    os.utime(path, ns=(modified, modified))
    with pytest.raises(ArtifactDamaged):
        objects.path(found)


def test_a_file_is_hashed_once_while_it_does_not_change(vault, monkeypatch):
    found = kept(vault, LARGE)
    objects, hashed = vault.fresh(), []
    monkeypatch.setattr(
        hashlib, "file_digest", lambda file, name, real=hashlib.file_digest: hashed.append(1) or real(file, name)
    )
    time.sleep(0.06)
    for _ in range(3):
        assert objects.content(found) == LARGE
        assert objects.open(found).read() == LARGE
    assert hashed == [1]


def test_a_large_object_is_given_out_through_the_descriptor_that_was_verified(vault, monkeypatch):
    """Whoever puts another file in its place in between gets nobody to read it."""
    found = kept(vault, LARGE)
    path = vault.object_file(found.digest)

    def swap(self, file, entry, real=VerifiedFiles.holds):
        held = real(self, file, entry)
        path.unlink()
        path.write_bytes(b"evil")
        return held

    monkeypatch.setattr(VerifiedFiles, "holds", swap)
    with vault.fresh().open(found) as stream:
        assert stream.read() == LARGE


def test_an_object_of_another_kind_of_file_is_missing(vault, tmp_path):
    found = kept(vault, LARGE)
    path = vault.object_file(found.digest)
    path.unlink()
    path.mkdir()
    with pytest.raises(ArtifactNotFound):
        vault.fresh().content(found)
    path.rmdir()
    (tmp_path / "elsewhere").write_bytes(LARGE)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactNotFound):
        vault.fresh().content(found)


def test_what_was_saved_but_never_committed_is_not_present(vault):
    _, batch = vault.objects.put_bytes(SMALL)
    assert len(batch) == 1
    assert not vault.objects.present(entry(SMALL))


@both_sizes
def test_local_copies_cannot_be_written_to(vault, data):
    path = vault.fresh().path(kept(vault, data))
    assert path.stat().st_mode & 0o222 == 0


def test_a_damaged_local_copy_is_made_anew(vault):
    """The copy is ours and the store has the bytes: nothing is lost."""
    found = kept(vault, SMALL)
    path = vault.fresh().path(found)
    for wrong in (b"", b"x" * len(SMALL)):
        overwrite_file(path, wrong)
        assert vault.fresh().path(found).read_bytes() == SMALL


def test_memory_of_small_objects_is_bounded_and_shared_by_threads(vault, monkeypatch):
    monkeypatch.setattr("zen.storage.objects._RECENT_BYTES", 2000)
    objects, failures = vault.objects, []

    def work(number):
        try:
            for count in range(300):
                objects.inline(*(lambda data: (entry(data).digest, data))(b"%d" % (count % 50) * 100))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert objects._recent_size == sum(map(len, objects._recent.values())) <= 2000


def test_nothing_is_left_in_the_staging_folder(vault, monkeypatch):
    kept(vault, LARGE)
    assert vault.staged() == []

    def refuse(*given, **more):
        raise StorageError("no")

    monkeypatch.setattr(vault.store, "put", refuse)
    with pytest.raises(StorageError):
        vault.objects.put_bytes(LARGE)
    assert vault.staged() == []


class Remote:
    """An artifact store without files of this machine."""

    capabilities = frozenset()

    def __init__(self, folder):
        self.folder = folder
        self.objects = {}
        self.reads = 0

    def staging(self):
        self.folder.mkdir(exist_ok=True)
        return self.folder

    def put(self, key, source, *, durable=True):
        self.objects[key] = source.read_bytes()

    def stat(self, key):
        from zen.interfaces import ObjectInfo

        return ObjectInfo(key=key, size=len(self.objects[key])) if key in self.objects else None

    def read(self, key):
        self.reads += 1
        if key not in self.objects:
            raise ArtifactNotFound(f"no {key}")
        return io.BytesIO(self.objects[key])


@pytest.fixture
def remote(tmp_path):
    return Remote(tmp_path / "remote-staging")


def test_objects_of_a_remote_store_are_fetched_once_and_verified(vault, remote):
    objects = vault.fresh(remote)
    objects.put_bytes(LARGE)
    found = entry(LARGE)
    assert objects.present(found)
    assert list(remote.folder.iterdir()) == []
    for read in ("content", "open", "path"):
        assert READERS[read](vault.fresh(remote), found, None) == LARGE
    assert remote.reads == 1
    overwrite_file(objects.path(found), LARGE[::-1])
    assert vault.fresh(remote).content(found) == LARGE
    assert remote.reads == 2


@pytest.mark.parametrize("wrong", [b"", LARGE[:-1], LARGE[::-1], None])
def test_damaged_objects_of_a_remote_store_are_refused_and_leave_no_copy(vault, remote, wrong):
    objects = vault.fresh(remote)
    objects.put_bytes(LARGE)
    found = entry(LARGE)
    if wrong is None:
        remote.objects.clear()
    else:
        remote.objects[key_of(found.digest)] = wrong
    with pytest.raises(ArtifactNotFound if wrong is None else ArtifactDamaged, match=found.digest):
        objects.path(found)
    assert [path for path in (vault.state / "cache").rglob("*") if path.is_file()] == []
