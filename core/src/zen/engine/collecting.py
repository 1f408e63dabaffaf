"""Garbage collection: objects that nothing names, and files of the state folder that nobody uses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from zen.engine.leftovers import Leftover, leftovers, swept
from zen.engine.snapshots import content_of
from zen.errors import ArtifactDamaged, ArtifactNotFound
from zen.interfaces import ObjectInfo
from zen.source import read_manifest
from zen.stacks.opening import OpenStack
from zen.storage.collecting import SOME, Collector, Seen, held
from zen.storage.holding import chunks
from zen.storage.marking import named, small_objects, snapshots
from zen.storage.objects import digest_of
from zen.storage.quarantine import UNNAMED, Quarantine

GRACE = dt.timedelta(days=14)
_ROUNDS = 20

Tell = Callable[[str, int], None]
"""Called with what is being done, and how many objects that has come to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Amount:
    """How many objects, and their bytes together."""

    count: int = 0
    bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(count=self.count + other.count, bytes=self.bytes + other.bytes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """What a garbage collection found, and what it did.

    Attributes:
        removed: Whether the garbage was removed; otherwise it was only looked for.
        quarantine: Whether objects were moved aside instead of deleted.
        named: Objects that records name.
        garbage: Objects that nothing names, which go.
        young: Objects that nothing names, which are younger than the grace period.
        ageless: Objects that nothing names, of which the store does not tell how old they are.
        held: Objects that a run is about to name.
        emptied: What an earlier collection had moved aside, and is past the grace period.
        leftovers: Files of the state folder that nobody uses.
        lost: Snapshots of runs that are not in the store any more; the files that only they listed are garbage.
        unfinished: Whether so much was recorded meanwhile that garbage was left for the next time.
    """

    removed: bool = False
    quarantine: bool = False
    named: Amount = field(default_factory=Amount)
    garbage: Amount = field(default_factory=Amount)
    young: Amount = field(default_factory=Amount)
    ageless: Amount = field(default_factory=Amount)
    held: Amount = field(default_factory=Amount)
    emptied: Amount = field(default_factory=Amount)
    leftovers: tuple[Leftover, ...] = ()
    lost: tuple[str, ...] = ()
    unfinished: bool = False


def collect(
    stack: OpenStack,
    *,
    grace: dt.timedelta = GRACE,
    delete: bool = False,
    quarantine: bool = False,
    tell: Tell = lambda what, count: None,
) -> Collection:
    """Find objects that nothing names, and remove them if asked to.

    Args:
        stack: Whose stores.
        grace: How old an object of the artifact store must be to go. Those of the database need no grace: they come in
            one transaction with what names them.
        delete: Whether to delete them.
        quarantine: Whether to move those of the artifact store aside instead.
        tell: Hears how it goes.

    Raises:
        ArtifactDamaged: When the snapshot of a run is damaged, so that nobody knows which objects it names.
        StoreBusy: When another process of this machine collects.
    """
    survey = _Survey(stack, grace, tell)
    if not (delete or quarantine):
        return survey.report(survey.look())
    with Collector(stack.database, stack.artifact_store, stack.state) as collector:
        return _Sweep(survey, collector, quarantine=quarantine).run()


@dataclass(slots=True)
class _Found:
    """What one look found: counts, and what may go."""

    report: Collection
    small: dict[str, int]
    large: dict[str, int]


class _Survey:
    """Looks for garbage; what a snapshot lists is read once."""

    def __init__(self, stack: OpenStack, grace: dt.timedelta, tell: Tell) -> None:
        self.stack = stack
        self.grace = grace
        self.tell = tell
        self._listed: dict[str, set[str]] = {}

    def look(self) -> _Found:
        """Return what is there now."""
        lost: list[str] = []
        marked = self._marked(lost)
        found = _Found(Collection(lost=tuple(lost)), {}, {})
        amounts: dict[str, Any] = {}  # by name of a field
        holding = held(self.stack.database)
        for digest, size, info in self._objects():
            kind = "named" if digest in marked else self._fate(digest, info, holding)
            amounts[kind] = amounts.get(kind, Amount()) + Amount(count=1, bytes=size)
            if kind == "garbage":
                (found.small if info is None else found.large)[digest] = size
        found.report = replace(found.report, **amounts)
        return found

    def report(self, found: _Found) -> Collection:
        """Return what was found, with what lies about elsewhere."""
        old = Amount()
        for item in self.old_quarantine():
            old += Amount(count=1, bytes=item[1])
        return replace(found.report, emptied=old, leftovers=tuple(leftovers(self.stack, self.grace)))

    def old_quarantine(self) -> Iterator[tuple[str, int]]:
        """Yield key and size of what was moved aside as garbage so long ago that it goes; damaged bytes stay."""
        before = dt.datetime.now(dt.UTC) - self.grace
        for item in Quarantine(self.stack.artifact_store).items():
            if item.why == UNNAMED and item.at is not None and item.at <= before:
                yield item.key, item.size

    def _marked(self, lost: list[str]) -> set[str]:
        marked = named(self.stack.database)
        self.tell("named", len(marked))
        for digest in snapshots(self.stack.database):
            if digest not in self._listed:
                try:
                    self._listed[digest] = {entry.digest for entry in read_manifest(content_of(self.stack, digest))}
                except ArtifactNotFound:
                    lost.append(digest)
                    continue
                except ArtifactDamaged as error:
                    raise ArtifactDamaged(
                        f"the snapshot {digest} of a run is damaged, so nobody knows which objects it names",
                        hint="bring it back from a backup, or give it up: `zen store verify --quarantine` does",
                    ) from error
            marked |= self._listed[digest]
            self.tell("named", len(marked))
        return marked

    def _objects(self) -> Iterator[tuple[str, int, ObjectInfo | None]]:
        """Yield every object with its size, and what the artifact store tells of it."""
        count = 0
        for digest, size in small_objects(self.stack.database):
            yield digest, size, None
        for info in self.stack.artifact_store.list("objects/"):
            digest = digest_of(info.key)
            if digest:
                count += 1
                self.tell("looked at", count)
                yield digest, info.size, info

    def _fate(self, digest: str, info: ObjectInfo | None, holding: set[str]) -> str:
        """Say what becomes of an object that nothing names."""
        if info is None:
            return "garbage"
        if digest in holding:
            return "held"
        if not self.grace:
            return "garbage"
        if info.modified_at is None:
            return "ageless"
        return "garbage" if dt.datetime.now(dt.UTC) - info.modified_at >= self.grace else "young"


class _Sweep:
    """Removes what a survey finds; where something is recorded meanwhile, it looks again."""

    def __init__(self, survey: _Survey, collector: Collector, *, quarantine: bool) -> None:
        self._survey = survey
        self._collector = collector
        self._quarantine = quarantine
        self._gone = Amount()

    def run(self) -> Collection:
        """Remove what may go, and return what went."""
        for _ in range(_ROUNDS):
            seen = Seen.now(self._survey.stack.database)
            found = self._survey.look()
            if self._sweep(found, seen):
                break
        else:
            found.report = replace(found.report, unfinished=True)
        report = replace(found.report, garbage=self._gone, removed=True, quarantine=self._quarantine)
        emptied = self._empty() if not self._quarantine else Amount()
        self._collector.forget_holds()
        return replace(report, emptied=emptied, leftovers=tuple(swept(self._survey.stack, self._survey.grace)))

    def _sweep(self, found: _Found, seen: Seen) -> bool:
        for some in chunks(list(found.small), SOME):
            if not self._collector.remove_small(some, seen):
                return False
            self._count(some, found.small)
        return all(self._sweep_large(some, found, seen) for some in chunks(list(found.large), SOME))

    def _sweep_large(self, some: Sequence[str], found: _Found, seen: Seen) -> bool:
        condemned = self._collector.condemn(some, seen.unchanged(), seen.at)
        if condemned is None:
            return False
        try:
            self._collector.remove_large(condemned, quarantine=self._quarantine)
        finally:
            self._collector.withdraw()
        self._count(condemned, found.large)
        return True

    def _count(self, digests: Sequence[str], sizes: dict[str, int]) -> None:
        self._gone += Amount(count=len(digests), bytes=sum(sizes[digest] for digest in digests))
        self._survey.tell("removed", self._gone.count)

    def _empty(self) -> Amount:
        emptied = Amount()
        for key, size in list(self._survey.old_quarantine()):
            Quarantine(self._survey.stack.artifact_store).remove(key)
            emptied += Amount(count=1, bytes=size)
        return emptied
