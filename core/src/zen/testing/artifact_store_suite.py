"""The suite of artifact stores; `zen.testing.stores` says which rows of the contract do not apply."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import threading
import uuid
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zen.errors import ArtifactNotFound, PermissionDenied, ZenError
from zen.testing.checks import DoesNotApply, NotVerified, refusal, require, since
from zen.testing.killing import killed
from zen.testing.life_checks import in_threads
from zen.testing.suite import ComponentSuite

if TYPE_CHECKING:
    from zen.interfaces import ArtifactStore
    from zen.testing.kit import Kit

_LONG_AGO = 1_000_000_000
_CLOCKS_APART = dt.timedelta(hours=1)
_REACHES = ("process", "host", "network")
_CLIMBING = ("../zen-testing", "a/../../zen-testing", "/zen-testing", "a/..", "")


class ArtifactStoreSuite(ComponentSuite):
    """What holds for an artifact store.

    Attributes:
        large: Bytes of the largest object that is tried.
        many: How many objects are listed.
        kills: How many processes are killed in the midst of a put.
    """

    kind: ClassVar[str] = "artifact_store"
    large: ClassVar[int] = 64 << 20
    many: ClassVar[int] = 1100
    kills: ClassVar[int] = 3

    def read_only(self, kit: Kit) -> Mapping[str, Any]:
        """Return settings with which the same store may be read and not written."""
        raise NotVerified("no store that may not be written was tried", give=self._wanted("read_only(self, kit)"))

    def use(self, component: Any) -> None:
        """Look for something."""
        component.stat("zen-testing/nothing")

    def test_reach_is_declared(self, kit: Kit) -> None:
        """The store declares from where its bytes can be read."""
        _require_reach(kit)

    def test_bytes_come_back(self, kit: Kit) -> None:
        """What is put is what is read, for no byte, one byte and a large object."""
        for size in (0, 1, self.large):
            source, digest = _file(kit, size)
            key = _key(f"of-{size}")
            kit.component.put(key, source)
            found = _read_digest(kit.component, key)
            require(
                found == (size, digest),
                tried=f"put() of {size:,} bytes, then read()",
                came=f"{found[0]:,} bytes" + (", others" if found[0] == size else ""),
                do="write and read the bytes as they are, in binary",
            )

    def test_stat_tells_key_and_size(self, kit: Kit) -> None:
        """`stat` tells key and size of what is there, and None of what is not."""
        key = _key("a")
        before = kit.component.stat(key)
        require(before is None, tried="stat() of a key that was never put", came=before, do="return None")
        _put(kit, key, b"zen!")
        found = kit.component.stat(key)
        require(
            found is not None and (found.key, found.size) == (key, 4),
            tried=f"stat({key!r}) of an object of 4 bytes",
            came=found,
            do="return ObjectInfo(key=key, size=4)",
        )

    @since("0.2")
    def test_time_of_an_object_is_when_it_was_put(self, kit: Kit) -> None:
        """Where the store tells when an object was put, `stat` and `list` tell that, with time zone."""
        key = _key("a")
        source = _small(kit, b"zen")
        os.utime(source, (_LONG_AGO, _LONG_AGO))
        before = dt.datetime.now(dt.UTC)
        kit.component.put(key, source)
        for told, found in (("stat()", kit.component.stat(key)), ("list()", next(iter(kit.component.list(key)), None))):
            at = found and found.modified_at
            require(
                at is None or (at.tzinfo is not None and abs(at - before) < _CLOCKS_APART),
                tried=f"{told} of an object that was just put, from a file of the year 2001",
                came=at,
                do="give the time of the put as a datetime with time zone, or None; garbage collection goes by it",
            )

    def test_missing_object_is_not_found(self, kit: Kit) -> None:
        """Reading what is not there raises ArtifactNotFound."""

        def read() -> bytes:
            with kit.component.read(_key("nothing")) as stream:
                return bytes(stream.read())

        refusal(
            ArtifactNotFound,
            read,
            tried="read() of a key that was never put",
            do="raise zen.errors.ArtifactNotFound with the key, when read() is called",
        )

    def test_put_replaces(self, kit: Kit) -> None:
        """A second put under a key replaces the object, with a shorter one too."""
        key = _key("a")
        _put(kit, key, b"the first one, which is longer")
        _put(kit, key, b"second")
        require(
            _read(kit.component, key) == b"second",
            tried="put() twice under one key, then read()",
            came=_read(kit.component, key),
            do="replace the whole object",
        )

    def test_failed_put_leaves_the_old_object(self, kit: Kit) -> None:
        """A put that fails leaves the old object."""
        key = _key("a")
        _put(kit, key, b"old")
        error = _error(lambda: kit.component.put(key, kit.tmp_path / "no-such-file"))
        found = kit.component.stat(key) and _read(kit.component, key)
        require(
            error is not None and found == b"old",
            tried="put() of a file that does not exist over an object, then read()",
            came=f"{type(error).__name__ if error else 'no error'}, then {found!r}",
            do="raise, and touch the object only once the new bytes are complete",
        )

    def test_killed_put_leaves_a_whole_object(self, kit: Kit) -> None:
        """A process that is killed in a put leaves the old object or the new one, never a part."""
        _need_processes(kit)
        key, size = _key("a"), 4 << 20

        def look() -> None:
            found = kit.make().stat(key) and _read(kit.make(), key)
            require(
                found is None or (len(found) == size and len(set(found)) == 1),
                tried="kill a process that puts objects under one key, then read()",
                came=f"{len(found or b''):,} bytes of {size:,}, of {len(set(found or b''))} objects",
                do="write beside the object and rename, or use the service's own atomic upload",
            )

        killed(kit, _put_without_end, str(kit.tmp_path), key, size, between=look, kills=self.kills)

    def test_deleting_is_harmless_and_final(self, kit: Kit) -> None:
        """A deleted object is gone; deleting it again, and what never was, is harmless."""
        key = _key("a")
        _put(kit, key, b"zen")
        kit.component.delete(key)
        found = kit.component.stat(key)
        require(found is None, tried="delete(), then stat()", came=found, do="remove the object before returning")
        for told, target in (("delete() again", key), ("delete() of what never was", _key("nothing"))):
            error = _error(partial(kit.component.delete, target))
            require(error is None, tried=told, came=repr(error), do="take what is not there for deleted")

    def test_list_gives_all_under_a_prefix(self, kit: Kit) -> None:
        """`list` gives what begins with the prefix, more than 1,000 objects too, and nothing for no object."""
        prefix = _key("list")
        wanted = {f"{prefix}/a{index:04}": 1 for index in range(self.many)}
        for key in (*wanted, f"{prefix}/b", f"{prefix}-a0"):
            _put(kit, key, b"z", durable=False)
        for given in (f"{prefix}/a", f"{prefix}/a00"):
            expected = {key: size for key, size in wanted.items() if key.startswith(given)}
            found = [(each.key, each.size) for each in kit.component.list(given)]
            require(
                sorted(found) == sorted(expected.items()),
                tried=f"list() of a prefix of {len(expected)} objects of 1 byte, with others beside",
                came=f"{len(found)}, {len(set(found) - set(expected.items()))} others or of another size among them",
                do="list every page; a prefix is the beginning of a key, not a folder",
            )
        nothing = list(kit.component.list(f"{prefix}/c"))
        require(not nothing, tried="list() of a prefix of no object", came=nothing, do="yield nothing")

    def test_long_keys_work(self, kit: Kit) -> None:
        """A key of 512 characters can be put, found, listed and read."""
        key = _key("/".join(["k" * 63] * 8))[:511] + "z"
        _put(kit, key, b"zen")
        found = [each.key for each in kit.component.list(key[:100])]
        require(
            _read(kit.component, key) == b"zen" and found == [key],
            tried=f"put(), read() and list() of a key of {len(key)} characters",
            came=found,
            do="keep keys of 512 characters whose parts have at most 63",
        )

    def test_climbing_keys_are_refused(self, kit: Kit) -> None:
        """Keys that lead out of the store are refused, whatever is done with them."""
        for key in _CLIMBING:
            actions = {
                "put": partial(kit.component.put, key, _small(kit, b"zen")),
                "read": partial(_read, kit.component, key),
                "delete": partial(kit.component.delete, key),
            }
            for name, action in actions.items():
                refusal(
                    (ZenError, ValueError),
                    action,
                    tried=f"{name}({key!r})",
                    do="raise zen.errors.UsageError for keys that are absolute, empty, or have `..` as a part",
                )

    def test_concurrent_writers_leave_a_whole_object(self, kit: Kit) -> None:
        """Of two writers of one key one wins whole, and readers see whole objects only."""
        key, size, component = _key("a"), 256 << 10, kit.component
        _put(kit, key, b"0" * size)
        torn: list[str] = []
        done = threading.Event()

        def write(letter: bytes) -> None:
            for _ in range(10):
                _put(kit, key, letter * size, durable=False)

        def read() -> None:
            while not done.is_set():
                found = _read(component, key)
                if len(found) != size or len(set(found)) != 1:
                    torn.append(f"{len(found):,} bytes of {size:,}, of {len(set(found))} writers")

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        errors = in_threads(lambda: write(b"1"), lambda: write(b"2"))
        done.set()
        reader.join(30)
        require(
            not errors and not torn,
            tried="put() of two threads under one key, read() beside them",
            came=torn[0] if torn else repr(errors),
            do="write beside the object and put it in place at once",
        )

    def test_fresh_process_reads_what_was_put(self, kit: Kit) -> None:
        """Another process, which knows flavor and configuration only, reads the object."""
        _need_processes(kit)
        key = _key("a")
        _put(kit, key, b"zen")
        found = kit.fresh_process(_read_text, key)
        require(
            found == "zen",
            tried="put() here, read() in another process with the same configuration",
            came=found,
            do="keep the bytes where the configuration says, not in the process",
        )

    def test_read_only_store_denies_writing(self, kit: Kit) -> None:
        """Without the right to write, a put raises PermissionDenied."""
        settings = self.read_only(kit)
        source = _small(kit, b"zen")

        def put() -> None:
            kit.make(**settings).put(_key("a"), source)

        refusal(
            PermissionDenied,
            put,
            tried=f"put() with {dict(settings)}",
            do="raise zen.errors.PermissionDenied from the service's own error",
        )

    def test_staging_is_a_folder(self, kit: Kit) -> None:
        """`staging` is a folder in which files can be written and from which they can be put."""
        folder = kit.component.staging()
        require(folder.is_dir(), tried="staging()", came=folder, do="make the folder before you return it")
        source = folder / f"zen-testing-{uuid.uuid4().hex}"
        source.write_bytes(b"zen")
        key = _key("a")
        kit.component.put(key, source)
        require(
            _read(kit.component, key) == b"zen",
            tried="put() of a file of staging(), then read()",
            came=_read(kit.component, key),
            do="take files from there as from anywhere",
        )

    def test_local_files_are_the_objects(self, kit: Kit) -> None:
        """Capability `local_files`: `local_path` is the object's own file, and staging is on its file system."""
        self._declares(kit, "local_files")
        key = _key("a")
        _put(kit, key, b"zen")
        path = kit.component.local_path(key)
        require(
            Path(path).read_bytes() == b"zen",
            tried="local_path() of an object, then its bytes",
            came=path,
            do="return the object's own file",
        )
        require(
            os.stat(path).st_dev == os.stat(kit.component.staging()).st_dev,
            tried="the file systems of local_path() and staging()",
            came="they differ",
            do="let staging() be a folder of the store, so that a put is a rename",
        )
        refusal(
            ArtifactNotFound,
            lambda: kit.component.local_path(_key("nothing")),
            tried="local_path() of a key that was never put",
            do="raise zen.errors.ArtifactNotFound",
        )


def _require_reach(kit: Kit) -> None:
    reach = getattr(kit.component_class, "reach", None)
    require(
        reach in _REACHES,
        tried=f"{kit.component_class.__qualname__}.reach",
        came=reach,
        do=f"declare one of {', '.join(_REACHES)}",
    )


def _need_processes(kit: Kit) -> None:
    if getattr(kit.component_class, "reach", "host") == "process":
        raise DoesNotApply("it declares the reach `process`")


def _key(name: str) -> str:
    """Return a key that no other check, and no other session, has."""
    return f"zen-testing/{uuid.uuid4().hex}/{name}"


def _small(kit: Kit, data: bytes) -> Path:
    path = kit.tmp_path / f"source-{uuid.uuid4().hex}"
    path.write_bytes(data)
    return path


def _file(kit: Kit, size: int) -> tuple[Path, str]:
    """Return a file of that many bytes, all 256 of them among these, and its digest."""
    path = kit.tmp_path / f"source-{size}"
    pattern = bytes(range(256)) * 4096
    digest = hashlib.sha256()
    with path.open("wb") as stream:
        for start in range(0, size, len(pattern)):
            part = pattern[: min(len(pattern), size - start)]
            stream.write(part)
            digest.update(part)
    return path, digest.hexdigest()


def _put(kit: Kit, key: str, data: bytes, *, durable: bool = True) -> None:
    kit.component.put(key, _small(kit, data), durable=durable)


def _read(store: ArtifactStore, key: str) -> bytes:
    with store.read(key) as stream:
        return stream.read()


def _read_digest(store: ArtifactStore, key: str) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with store.read(key) as stream:
        while part := stream.read(1 << 20):
            digest.update(part)
            size += len(part)
    return size, digest.hexdigest()


def _read_text(store: ArtifactStore, key: str) -> str:
    return _read(store, key).decode()


def _put_without_end(store: ArtifactStore, beat: str, folder: str, key: str, size: int) -> None:
    while True:
        for letter in b"ab":
            source = Path(folder) / f"killed-{os.getpid()}"
            source.write_bytes(bytes([letter]) * size)
            store.put(key, source, durable=False)
            Path(beat).touch()


def _error(action: Any) -> Exception | None:
    try:
        action()
    except Exception as error:  # noqa: BLE001  # told by the check
        return error
    return None
