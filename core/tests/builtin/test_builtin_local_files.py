"""The local artifact store: whole objects or none, under safe keys, in files that nobody changes."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zen.builtin import disk
from zen.builtin.local_files import LocalArtifactStore, LocalFilesConfig
from zen.errors import ArtifactNotFound, PermissionDenied, SchemaTooNew, StorageError, StoreDamaged, UsageError

KEY = "objects/sha256/ab/cdef"
UNSAFE = [
    "", ".", "..", "/", "/a", "a/", "a//b", "../a", "a/../b", "a/..", "./a", "a/./b", "a\\b", "..\\a", "C:\\a", "C:a",
    "a b", "é", "a\n", "a\0b", "~", "~/a", "$HOME", "a*", "format.json", "FORMAT.JSON", "staging", "staging/a",
    "Staging/a",
]  # fmt: skip
needs_posix = pytest.mark.skipif(os.name == "nt", reason="POSIX files")


def opened(host, path=None) -> LocalArtifactStore:
    store = LocalArtifactStore(LocalFilesConfig(path=path))
    store.open(host)
    return store


@pytest.fixture
def store(host):
    store = opened(host)
    yield store
    store.close()


def staged(store: LocalArtifactStore, content: bytes = b"content") -> Path:
    file = store.staging() / "file"
    file.write_bytes(content)
    return file


def read(store: LocalArtifactStore, key: str = KEY) -> bytes:
    with store.read(key) as stream:
        return stream.read()


def keys(store: LocalArtifactStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(prefix)]


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("content", [b"", b"content", os.urandom(3_000_000)], ids=["empty", "small", "large"])
def test_object_comes_back_as_it_was_put(store, durable, content) -> None:
    store.put(KEY, staged(store, content), durable=durable)
    assert read(store) == content
    assert store.local_path(KEY).read_bytes() == content
    info = store.stat(KEY)
    assert (info.key, info.size) == (KEY, len(content))


def test_put_moves_a_staged_file(store) -> None:
    file = staged(store)
    inode = file.stat().st_ino
    store.put(KEY, file)
    assert not file.exists()
    assert store.local_path(KEY).stat().st_ino == inode


def test_put_replaces_an_object(store) -> None:
    store.put(KEY, staged(store, b"damaged"))
    with store.read(KEY) as old:
        store.put(KEY, staged(store, b"whole"))
        assert old.read() == b"damaged"
    assert read(store) == b"whole"


@needs_posix
def test_objects_are_read_only(store) -> None:
    store.put(KEY, staged(store))
    assert stat.S_IMODE(store.local_path(KEY).stat().st_mode) == 0o400


@needs_posix
def test_new_folder_is_for_its_owner_only(store) -> None:
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def other_file_system() -> Path | None:
    for place in ("/dev/shm", "/run", "/var/tmp", str(Path.home())):
        if os.access(place, os.W_OK) and os.stat(place).st_dev != os.stat("/tmp").st_dev:
            return Path(place)
    return None


@pytest.mark.skipif(os.name == "nt" or other_file_system() is None, reason="needs a second file system")
def test_file_of_another_file_system_is_copied(store) -> None:
    source = other_file_system() / f"zen-test-{os.getpid()}"
    source.write_bytes(b"from afar")
    try:
        store.put(KEY, source)
    finally:
        source.unlink(missing_ok=True)
    assert read(store) == b"from afar"
    assert list(store.staging().iterdir()) == []


@needs_posix
def test_file_with_a_second_name_is_copied(store, tmp_path) -> None:
    file = staged(store)
    os.link(file, tmp_path / "second")
    store.put(KEY, file)
    (tmp_path / "second").write_bytes(b"changed")
    assert read(store) == b"content"


@needs_posix
def test_symbolic_link_is_stored_as_the_file_that_it_names(store, tmp_path) -> None:
    (tmp_path / "mine").write_bytes(b"content")
    (store.staging() / "link").symlink_to(tmp_path / "mine")
    store.put(KEY, store.staging() / "link")
    (tmp_path / "mine").write_bytes(b"changed")
    assert read(store) == b"content"
    assert not store.local_path(KEY).is_symlink()


@needs_posix
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused(store, make) -> None:
    make(store.staging() / "odd")
    with pytest.raises(UsageError, match="is no file"):
        store.put(KEY, store.staging() / "odd")
    assert store.stat(KEY) is None


def test_missing_source_is_an_error(store) -> None:
    with pytest.raises(StorageError, match="could not store objects/sha256/ab/cdef"):
        store.put(KEY, store.staging() / "absent")


@pytest.mark.parametrize("key", UNSAFE)
def test_unsafe_key_is_refused_by_every_method(store, key) -> None:
    file = staged(store)
    calls = [lambda: store.put(key, file), *(lambda call=call: call(key) for call in CALLS(store))]
    for call in calls:
        with pytest.raises(UsageError, match="no key"):
            call()
    assert file.exists()


def CALLS(store: LocalArtifactStore):
    return store.read, store.stat, store.delete, store.local_path


@given(st.text(alphabet="ab./\\-_:A\n\0~é", max_size=12))
def test_accepted_key_stays_inside_the_folder(key) -> None:
    """Law: whatever the text, it is refused or it names a file strictly below the folder, by the same parts."""
    store = LocalArtifactStore(LocalFilesConfig())
    store.folder = Path("/store")
    try:
        file = store._file(key)
    except UsageError:
        return
    assert Path(os.path.normpath(file)) == file
    assert file.relative_to("/store").as_posix() == key


@pytest.mark.parametrize("prefix", ["/", "..", "../", "a/../b", "a\\", "a//", "/a", ".", "a/."])
def test_unsafe_prefix_is_refused(store, prefix) -> None:
    with pytest.raises(UsageError, match="cannot begin a key"):
        store.list(prefix)


def test_list_is_sorted_by_key_and_leaves_out_what_is_not_an_object(store) -> None:
    names = ["a/b", "a-b", "a.b", "a/c/d", "ab", "b/x", "a/b-c/d"]
    for name in names:
        store.put(name, staged(store, name.encode()))
    staged(store)
    assert keys(store) == sorted(names)
    assert [info.size for info in store.list("")] == [len(name) for name in sorted(names)]


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("a/b", ["a/b-c/d", "a/bc"]),
        ("a/", ["a/b-c/d", "a/bc", "a/x"]),
        ("a/b-c/", ["a/b-c/d"]),
        ("b", ["b"]),
        ("b/", []),
        ("absent/x", []),
        ("staging/", []),
        ("staging", []),
        ("format.json", []),
    ],
)
def test_list_takes_any_beginning_of_a_key(store, prefix, found) -> None:
    for name in ("a/bc", "a/b-c/d", "a/x", "b"):
        store.put(name, staged(store))
    staged(store)
    assert keys(store, prefix) == found


def test_missing_object_is_not_found(store) -> None:
    store.put("a/file", staged(store))
    for key in (KEY, "a", "a/file/below"):
        assert store.stat(key) is None
        store.delete(key) if key != "a" else None
        for call in (store.read, store.local_path):
            with pytest.raises(ArtifactNotFound, match="no object") as caught:
                call(key)
            assert caught.value.key == key


def test_delete_removes_an_object_once_and_for_all(store) -> None:
    store.put(KEY, staged(store))
    store.delete(KEY)
    store.delete(KEY)
    assert store.stat(KEY) is None
    assert keys(store) == []


@needs_posix
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/etc/hostname", path), os.mkdir])
def test_foreign_thing_under_a_key_is_no_object(store, make) -> None:
    store.put(KEY, staged(store))
    store.delete(KEY)
    make(store.folder / KEY)
    assert store.stat(KEY) is None
    assert keys(store) == []
    with pytest.raises(ArtifactNotFound):
        store.read(KEY)
    with pytest.raises(ArtifactNotFound):
        store.local_path(KEY)


# Layout


def test_layout_is_written_down(store) -> None:
    assert json.loads((store.folder / "format.json").read_text()) == {"layout": 1, "hash": "sha256"}


@pytest.mark.parametrize("text", ['{"layout":2,"hash":"sha256"}', '{"layout":1,"hash":"blake3"}'])
def test_newer_layout_is_refused(store, host, text) -> None:
    (store.folder / "format.json").write_text(text)
    with pytest.raises(SchemaTooNew, match="this zen knows layout 1"):
        opened(host)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"layout":"x","hash":"sha256"}', "\xff"])
def test_damaged_layout_is_refused(store, host, text) -> None:
    (store.folder / "format.json").write_text(text, encoding="latin-1")
    with pytest.raises(StoreDamaged, match="does not say how"):
        opened(host)


def test_opening_again_keeps_the_objects(store, host) -> None:
    store.put(KEY, staged(store))
    assert read(opened(host)) == b"content"


def test_configured_path_is_relative_to_the_root(host) -> None:
    store = opened(host, "data/artifacts")
    assert store.folder == host.root / "data" / "artifacts"
    store.put(KEY, staged(store))
    assert (host.root / "data" / "artifacts" / KEY).exists()


def test_capabilities_and_reach(store) -> None:
    assert (store.capabilities, store.reach) == ({"local_files"}, "host")


def test_close_is_harmless_twice_and_before_opening(store) -> None:
    store.close()
    store.close()
    LocalArtifactStore(LocalFilesConfig()).close()


def test_close_leaves_no_staging_folder(store) -> None:
    store.put(KEY, staged(store))
    store.close()
    assert list((store.folder / "staging").iterdir()) == []


# Durability: what is synced, in which order


@needs_posix
def test_durable_put_syncs_the_file_before_and_the_folders_after_the_rename(store, monkeypatch) -> None:
    done: list[str] = []
    real_sync, real_replace = disk.sync, os.replace

    def sync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        done.append("file" if path.is_file() else path.relative_to(store.folder).as_posix())
        real_sync(descriptor)

    def replace(source: Path, target: Path) -> None:
        real_replace(source, target)
        done.append("rename")

    if not os.path.exists("/proc/self/fd"):
        pytest.skip("needs /proc")
    monkeypatch.setattr(disk, "sync", sync)
    monkeypatch.setattr(os, "replace", replace)
    store.put(KEY, staged(store))
    assert done.index("file") < done.index("rename") < done.index("objects/sha256/ab")
    assert {".", "objects", "objects/sha256"} <= set(done)
    done.clear()
    store.put(KEY, staged(store))
    assert done == ["file", "rename", "objects/sha256/ab"]
    done.clear()
    store.put("other/key", staged(store), durable=False)
    assert done == ["rename"]


@needs_posix
def test_failed_sync_stores_nothing(store, monkeypatch) -> None:
    def sync(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(disk, "sync", sync)
    with pytest.raises(StorageError, match=r"could not store .*Input/output error"):
        store.put(KEY, staged(store))
    assert store.stat(KEY) is None


# Faults


def test_read_only_folder_is_permission_denied(host, ordinary) -> None:
    store = opened(host, ordinary / "artifacts")
    store.put(KEY, staged(store))
    file = staged(store)
    for folder in (store.folder / KEY).parents[:4]:
        folder.chmod(0o500)
    with pytest.raises(PermissionDenied, match="may not store"):
        store.put(KEY, file)
    with pytest.raises(PermissionDenied, match="may not delete"):
        store.delete(KEY)
    assert read(store) == b"content"


def test_read_only_store_can_be_read(host, ordinary) -> None:
    store = opened(host, ordinary / "artifacts")
    store.put(KEY, staged(store))
    store.close()
    for folder in (store.folder, store.folder / "staging"):
        folder.chmod(0o500)
    reader = opened(host, store.folder)
    assert read(reader) == b"content"
    assert keys(reader) == [KEY]
    for call in (reader.staging, reader.check):
        with pytest.raises(PermissionDenied, match="may not write"):
            call()


def test_folder_that_may_not_be_made_is_permission_denied(host, ordinary) -> None:
    ordinary.chmod(0o500)
    with pytest.raises(PermissionDenied, match="may not open the artifact store"):
        opened(host, ordinary / "artifacts")


def test_unreadable_object_is_permission_denied(host, ordinary) -> None:
    store = opened(host, ordinary / "artifacts")
    store.put(KEY, staged(store))
    (store.folder / KEY).chmod(0)
    with pytest.raises(PermissionDenied, match="may not read"):
        store.read(KEY)


def test_file_in_the_place_of_the_folder_is_an_error(host) -> None:
    (host.root / "artifacts").write_text("")
    with pytest.raises(StorageError, match="could not open the artifact store"):
        opened(host, "artifacts")


def test_full_disk_is_reported_with_sizes_and_keeps_the_older_object(host, tiny_disk, tmp_path) -> None:
    store = opened(host, tiny_disk / "artifacts")
    (tmp_path / "small").write_bytes(b"old")
    (tmp_path / "large").write_bytes(bytes(3 << 20))
    store.put(KEY, tmp_path / "small")
    with pytest.raises(StorageError, match=r"no space left .* 3\.0 MiB needed, .* of 1\.0 MiB free") as caught:
        store.put(KEY, tmp_path / "large")
    assert caught.value.needed == 3 << 20
    assert read(store) == b"old"
    assert list(store.staging().iterdir()) == []
    assert (tmp_path / "large").stat().st_size == 3 << 20


LIMITED = """
import resource, sys
from pathlib import Path
from types import SimpleNamespace
from zen.builtin.local_files import LocalArtifactStore, LocalFilesConfig
from zen.errors import StorageError
root = Path(sys.argv[1])
store = LocalArtifactStore(LocalFilesConfig())
store.open(SimpleNamespace(root=root, state=root / ".zen"))
source = root / "source"
source.write_bytes(bytes(1_500_000))
(root / "second").hardlink_to(source)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_200_000, 1_200_000))
try:
    store.put("a/b", source)
except StorageError as error:
    print(error, store.stat("a/b"), list(store.staging().iterdir()))
"""


@needs_posix
def test_short_write_stores_nothing(host) -> None:
    """A limit on the size of files cuts the last write short before it fails, as a full disk does."""
    ended = subprocess.run([sys.executable, "-c", LIMITED, str(host.root)], capture_output=True, text=True, check=True)
    assert "could not store a/b" in ended.stdout
    assert ended.stdout.strip().endswith("None []")


def test_check_writes_and_removes_a_file(store) -> None:
    store.check()
    assert list(store.staging().iterdir()) == []


def test_readers_see_a_whole_object_while_it_is_replaced(store) -> None:
    contents = {bytes([number]) * 50_000 for number in range(8)}
    store.put(KEY, staged(store, b"\0" * 50_000))
    stop = threading.Event()
    seen: set[bytes] = set()

    def look() -> None:
        while not stop.is_set():
            seen.add(read(store))

    reader = threading.Thread(target=look)
    reader.start()
    for content in sorted(contents) * 5:
        store.put(KEY, staged(store, content), durable=False)
    stop.set()
    reader.join()
    assert seen <= contents
