"""The law of the suite of artifact stores: a fake with one defect fails exactly the check of that defect."""

from __future__ import annotations

import datetime as dt
import io
import re
import threading
import time
import uuid

import pytest

from zen.errors import (
    ArtifactNotFound,
    PermissionDenied,
    UsageError,
)
from zen.interfaces import ArtifactStore, ObjectInfo
from zen.testing.fakes import MemoryArtifactStore
from zen.testing.stores import ArtifactStoreSuite


class Artifacts(ArtifactStoreSuite):
    lacks = {"local_files": "they are in memory"}
    large = (1 << 20) + 1
    many = 20


class Many(Artifacts):
    many = 1001


class Cutting(MemoryArtifactStore):
    def read(self, key):
        return io.BytesIO(super().read(key).read(1 << 20))


class Miscounting(MemoryArtifactStore):
    def stat(self, key):
        found = super().stat(key)
        return found and ObjectInfo(key=key, size=found.size + 1)


class Timeless(MemoryArtifactStore):
    """Tells when the file was written, not when it was put."""

    def put(self, key, source, *, durable=True):
        super().put(key, source, durable=durable)
        self._times[key] = dt.datetime.fromtimestamp(source.stat().st_mtime, dt.UTC)


class Empty(MemoryArtifactStore):
    def read(self, key):
        try:
            return super().read(key)
        except ArtifactNotFound:
            return io.BytesIO(b"")


class FirstWins(MemoryArtifactStore):
    def put(self, key, source, *, durable=True):
        data = source.read_bytes()
        with self._lock:
            self.objects.setdefault(self._checked(key), data)


class Overlaying(MemoryArtifactStore):
    def put(self, key, source, *, durable=True):
        data = source.read_bytes()
        with self._lock:
            self.objects[self._checked(key)] = data + self.objects.get(key, b"")[len(data) :]


class Hasty(MemoryArtifactStore):
    def put(self, key, source, *, durable=True):
        if not source.exists():
            self.objects.pop(key, None)
        super().put(key, source, durable=durable)


class Forgiving(MemoryArtifactStore):
    def put(self, key, source, *, durable=True):
        if source.exists():
            super().put(key, source, durable=durable)


class DeletesOnce(MemoryArtifactStore):
    def delete(self, key):
        del self.objects[self._checked(key)]


class DeletesNothing(MemoryArtifactStore):
    def delete(self, key):
        self._checked(key)


class OnePage(MemoryArtifactStore):
    def list(self, prefix):
        yield from list(super().list(prefix))[:1000]


class Folders(MemoryArtifactStore):
    def list(self, prefix):
        folder = prefix.rpartition("/")[0] + "/" if prefix.count("/") > 2 else prefix
        yield from super().list(folder)


class Sizeless(MemoryArtifactStore):
    def list(self, prefix):
        for found in super().list(prefix):
            yield ObjectInfo(key=found.key, size=0)


class ShortKeys(MemoryArtifactStore):
    def _checked(self, key):
        if len(key) > 255:
            raise UsageError(f"{key} is too long")
        return super()._checked(key)


class Climbing(MemoryArtifactStore):
    def _checked(self, key):
        return key


class Tearing(MemoryArtifactStore):
    def put(self, key, source, *, durable=True):
        data = source.read_bytes()
        self.objects[self._checked(key)] = data[: len(data) // 2]
        time.sleep(0.001)
        self.objects[key] = data


class Unstaged(MemoryArtifactStore):
    def staging(self):
        return self.host.state / "nowhere"


class InFolder(Artifacts):
    lacks = {}
    kills = 1

    def read_only(self, kit):
        kit.component.read_only = kit.component.folder / "read-only"
        kit.component.read_only.touch()
        return {}


class FolderStore(ArtifactStore):
    """A correct store of files, for the checks that need other processes."""

    capabilities = frozenset({"local_files"})

    def open(self, host):
        super().open(host)
        self.folder = host.root / "objects"
        self.folder.mkdir(exist_ok=True)

    def path(self, key):
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", key) or ".." in key.split("/"):
            raise UsageError(f"{key!r} is no key")
        return self.folder / key

    def put(self, key, source, *, durable=True):
        target = self.path(key)
        if (self.folder / "read-only").exists():
            self.refuse(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.place(source, target)

    def refuse(self, key):
        raise PermissionDenied(f"may not write {key}")

    def place(self, source, target):
        draft = self.folder / f"draft-{uuid.uuid4().hex}"
        draft.write_bytes(source.read_bytes())
        draft.replace(target)

    def read(self, key):
        try:
            return self.path(key).open("rb")
        except OSError as error:
            raise ArtifactNotFound(f"no {key}") from error

    def stat(self, key):
        path = self.path(key)
        return ObjectInfo(key=key, size=path.stat().st_size) if path.is_file() else None

    def delete(self, key):
        self.path(key).unlink(missing_ok=True)

    def list(self, prefix):
        for path in self.folder.rglob("*"):
            key = path.relative_to(self.folder).as_posix()
            if path.is_file() and key.startswith(prefix):
                yield ObjectInfo(key=key, size=path.stat().st_size)

    def local_path(self, key):
        if not self.stat(key):
            raise ArtifactNotFound(f"no {key}")
        return self.path(key)


class Reachless(FolderStore):
    reach = "galaxy"  # type: ignore[assignment]  # the defect


class Killed(InFolder):
    kills = 4


class InPlace(FolderStore):
    """Writes in place, under a lock that hides it from threads."""

    guard = threading.RLock()

    def place(self, source, target):
        data = source.read_bytes()
        with self.guard, target.open("wb") as stream:
            for start in range(0, len(data), 1 << 16):
                stream.write(data[start : start + (1 << 16)])
                stream.flush()
                time.sleep(0.0005 if len(data) > 1 << 21 else 0)

    def read(self, key):
        with self.guard:
            return io.BytesIO(super().read(key).read())


class Private(FolderStore):
    """Finds only what this process has put, unless another one is to be killed."""

    put_here: set[str] = set()

    def put(self, key, source, *, durable=True):
        super().put(key, source, durable=durable)
        self.put_here.add(key)

    def read(self, key):
        if key not in self.put_here and not list(self.host.root.glob("beat-*")):
            raise ArtifactNotFound(f"no {key}")
        return super().read(key)


class Raw(FolderStore):
    def refuse(self, key):
        raise PermissionError(f"may not write {key}")


class Elsewhere(FolderStore):
    def local_path(self, key):
        super().local_path(key)
        copy = self.folder.parent / "copy"
        copy.write_bytes(b"another")
        return copy


ARTIFACTS = {
    "the end is cut off": (Artifacts, Cutting, "bytes_come_back"),
    "wrong size": (Artifacts, Miscounting, "stat_tells_key_and_size"),
    "tells the time of the file": (Artifacts, Timeless, "time_of_an_object_is_when_it_was_put"),
    "nothing for what is missing": (Artifacts, Empty, "missing_object_is_not_found"),
    "the first put wins": (Artifacts, FirstWins, "put_replaces"),
    "the end of the old object stays": (Artifacts, Overlaying, "put_replaces"),
    "the old object goes first": (Artifacts, Hasty, "failed_put_leaves_the_old_object"),
    "a failed put is not told": (Artifacts, Forgiving, "failed_put_leaves_the_old_object"),
    "deletes once": (Artifacts, DeletesOnce, "deleting_is_harmless_and_final"),
    "deletes nothing": (Artifacts, DeletesNothing, "deleting_is_harmless_and_final"),
    "lists one page": (Many, OnePage, "list_gives_all_under_a_prefix"),
    "takes prefixes for folders": (Artifacts, Folders, "list_gives_all_under_a_prefix"),
    "lists no sizes": (Artifacts, Sizeless, "list_gives_all_under_a_prefix"),
    "short keys only": (Artifacts, ShortKeys, "long_keys_work"),
    "keys may climb": (Artifacts, Climbing, "climbing_keys_are_refused"),
    "writes in two parts": (Artifacts, Tearing, "concurrent_writers_leave_a_whole_object"),
    "staging is not made": (Artifacts, Unstaged, "staging_is_a_folder"),
    "an unknown reach": (InFolder, Reachless, "reach_is_declared"),
    "writes in place": (Killed, InPlace, "killed_put_leaves_a_whole_object"),
    "keeps the keys in the process": (InFolder, Private, "fresh_process_reads_what_was_put"),
    "refuses in the words of the tool": (InFolder, Raw, "read_only_store_denies_writing"),
    "gives another file": (InFolder, Elsewhere, "local_files_are_the_objects"),
}

CORRECT = [(Artifacts, MemoryArtifactStore), (InFolder, FolderStore)]


@pytest.mark.parametrize(("suite", "component"), CORRECT)
def test_a_correct_store_passes_all(suite, component, stores):
    stores.passes(suite, component)


@pytest.mark.parametrize("defect", ARTIFACTS)
def test_a_saboteur_fails_its_check_only(defect, stores):
    stores.fails_only(*ARTIFACTS[defect])


def test_each_check_has_a_saboteur(stores):
    # That errors of the tool are wrapped has its saboteur with the metadata stores: it is the same check.
    wanted = set(stores.own(Artifacts)) - {"test_errors_of_the_tool_are_wrapped"}
    assert {f"test_{check}" for _, _, check in ARTIFACTS.values()} == wanted
