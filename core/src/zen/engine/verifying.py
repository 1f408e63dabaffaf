"""Reading every stored object, and comparing its bytes with its digest."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from zen.engine.snapshots import content_of
from zen.errors import ArtifactDamaged, ArtifactNotFound
from zen.identity import digest_bytes
from zen.interfaces import Change
from zen.source import read_manifest
from zen.stacks.opening import OpenStack
from zen.storage.collecting import Collector
from zen.storage.marking import Names, small_objects
from zen.storage.objects import digest_of, key_of
from zen.storage.quarantine import DAMAGED, Quarantine
from zen.storage.staging import INLINE_LIMIT

_CHUNK = 1 << 20

Tell = Callable[[int, int, int], None]
"""Called with how many objects were dealt with, of how many, and how many bytes were read."""


@dataclass(kw_only=True, slots=True)
class Fault:
    """An object that is not as it was recorded.

    Attributes:
        digest: Its digest.
        problem: `missing`, or `damaged`: its bytes are others.
        size: How many bytes there are.
        artifacts: Artifacts that name it, as `name@version (id)`.
        runs: Ids of the runs that made those, or whose source it is.
        quarantined: The key under which its bytes lie now, or an empty string.
    """

    digest: str
    problem: str
    size: int = 0
    artifacts: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    quarantined: str = ""


@dataclass(kw_only=True, slots=True)
class Verification:
    """What a verification has found so far.

    Attributes:
        objects: How many objects there are, those that are missing among them.
        read: How many were read.
        bytes: How many bytes were read.
        faults: What is wrong.
    """

    objects: int = 0
    read: int = 0
    bytes: int = 0
    faults: list[Fault] = field(default_factory=list)


def verify(
    stack: OpenStack,
    found: Verification | None = None,
    *,
    sample: float = 1.0,
    quarantine: bool = False,
    tell: Tell = lambda done, total, size: None,
) -> Verification:
    """Read objects and compare them with their digests; that none is missing is always seen to.

    Args:
        stack: Whose stores.
        found: Where to put what is found, for who interrupts this.
        sample: Which share of the objects to read, chosen at random.
        quarantine: Whether to move damaged objects aside, so that saving the same value puts a sound one.
        tell: Hears how it goes.
    """
    found = found if found is not None else Verification()
    check = _Check(stack, found, quarantine=quarantine)
    stored = list(check.stored())
    missing = check.missing()
    found.objects = len(stored) + len(missing)
    for digest in missing:
        check.report(Fault(digest=digest, problem="missing"))
    for count, (digest, size, large) in enumerate(stored, start=1):
        if sample >= 1 or random.random() < sample:  # noqa: S311  # a sample, no secret
            check.one(digest, size, large=large)
        tell(count + len(missing), found.objects, found.bytes)
    return found


class _Check:
    def __init__(self, stack: OpenStack, found: Verification, *, quarantine: bool) -> None:
        self._stack = stack
        self._found = found
        self._quarantine = quarantine
        self._names = Names(stack.database)  # before the objects are listed: what is named is there
        self._small: set[str] = set()
        self._large: set[str] = set()

    def stored(self) -> Iterator[tuple[str, int, bool]]:
        """Yield digest, size and whether it is a large one, of every object."""
        for digest, size in small_objects(self._stack.database):
            self._small.add(digest)
            yield digest, size, False
        for info in self._stack.artifact_store.list("objects/"):
            digest = digest_of(info.key)
            if digest:
                self._large.add(digest)
                yield digest, info.size, True

    def missing(self) -> list[str]:
        """Return the objects that records name, and that are not there."""
        for digest in self._names.snapshots:
            try:
                self._names.add_snapshot(digest, read_manifest(content_of(self._stack, digest)))
            except (ArtifactDamaged, ArtifactNotFound):  # it is reported as such
                continue
        gone = [digest for digest, size in self._names.sizes.items() if not self._is_there(digest, size)]
        # Those of a run that was deleted since are no fault.
        return [digest for digest in gone if not self._stack.objects.holds(digest) and self._is_named(digest)]

    def _is_there(self, digest: str, size: int | None) -> bool:
        if size is None:
            return digest in self._small or digest in self._large
        return digest in (self._small if size <= INLINE_LIMIT else self._large)

    def _is_named(self, digest: str) -> bool:
        runs = self._names.runs(digest)
        return not runs or any(run == "" or self._stack.database.has_run(run) for run in runs)

    def one(self, digest: str, size: int, *, large: bool) -> None:
        """Read one object."""
        since = self._stack.database.now()
        data = None if large else self._stack.database.object(digest)
        found = self._hashed(digest) if large else data is not None and (digest_bytes(data), len(data))
        if not found:  # collected meanwhile
            return
        self._found.read += 1
        self._found.bytes += found[1]
        if found[0] == digest:
            return
        fault = Fault(digest=digest, problem="damaged", size=size)
        self.report(fault)
        if self._quarantine:
            fault.quarantined = self._moved(fault, since) if data is None else self._taken_out(fault, data)

    def report(self, fault: Fault) -> None:
        """Add a fault, with what names the object."""
        fault.artifacts, fault.runs = self._names.artifacts(fault.digest), self._names.runs(fault.digest)
        self._found.faults.append(fault)

    def _hashed(self, digest: str) -> tuple[str, int] | None:
        hasher, size = hashlib.sha256(), 0
        try:
            stream = self._stack.artifact_store.read(key_of(digest))
        except ArtifactNotFound:
            return None
        with stream:
            while chunk := stream.read(_CHUNK):
                hasher.update(chunk)
                size += len(chunk)
        return f"sha256:{hasher.hexdigest()}", size

    def _moved(self, fault: Fault, since: dt.datetime) -> str:
        """Move a large object aside, unless it is being saved anew."""
        stack = self._stack
        with Collector(stack.database, stack.artifact_store, stack.state) as collector:
            # It may be named: whoever counts on it looks anew, and finds it gone.
            told = Change(sql="UPDATE counter SET value = value + 1 WHERE name = 'collections'")
            if collector.condemn([fault.digest], told, since) != [fault.digest]:
                return ""
            again = self._hashed(fault.digest)
            if again is None or again[0] == fault.digest:
                return ""
            return Quarantine(stack.artifact_store).move(fault.digest, _note(fault))

    def _taken_out(self, fault: Fault, data: bytes) -> str:
        key = Quarantine(self._stack.artifact_store).keep(fault.digest, data, _note(fault))
        self._stack.database.write(
            [
                Change(sql="UPDATE counter SET value = value + 1 WHERE name = 'collections'"),
                Change(sql="DELETE FROM object WHERE digest = ? AND data = ?", parameters=(fault.digest, data)),
            ]
        )
        return key


def _note(fault: Fault) -> dict[str, object]:
    return {"why": DAMAGED, "size": fault.size, "artifacts": list(fault.artifacts), "runs": list(fault.runs)}
