"""The stores of a stack: what is in them, whether it is sound, and what is not needed any more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zen.client.views import RunView
from zen.stacks.opening import OpenStack

if TYPE_CHECKING:
    from zen.engine.collecting import Collection
    from zen.engine.verifying import Verification


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreInfo:
    """What the stores of a stack hold.

    Attributes:
        metadata: The flavor of the metadata store, and where it is if that is a path.
        artifacts: The same of the artifact store.
        state: The state folder.
        runs: How many runs are recorded.
        versions: How many versions of artifacts are recorded.
        small: How many objects the metadata store holds.
        small_bytes: Their bytes.
        large: How many objects the artifact store holds.
        large_bytes: Their bytes.
        quarantined: How many objects were moved aside.
        quarantined_bytes: Their bytes.
    """

    metadata: str
    artifacts: str
    state: str
    runs: int
    versions: int
    small: int
    small_bytes: int
    large: int
    large_bytes: int
    quarantined: int
    quarantined_bytes: int


class Store:
    """The stores of a stack, as `Client.store`."""

    def __init__(self, stack: OpenStack) -> None:
        self._stack = stack

    def info(self) -> StoreInfo:
        """Return where the stores are and what they hold. Lists every object."""
        from zen.storage.quarantine import Quarantine

        database, store = self._stack.database, self._stack.artifact_store
        [small] = database.read("SELECT COUNT(*), COALESCE(SUM(LENGTH(data)), 0) FROM object")
        large = [info.size for info in store.list("objects/")]
        aside = [item.size for item in Quarantine(store).items()]
        return StoreInfo(
            metadata=self._place("metadata_store", database.store),
            artifacts=self._place("artifact_store", store),
            state=str(self._stack.state),
            runs=database.count_runs(),
            versions=int(database.read("SELECT COUNT(*) FROM artifact")[0][0]),
            small=int(small[0]),
            small_bytes=int(small[1]),
            large=len(large),
            large_bytes=sum(large),
            quarantined=len(aside),
            quarantined_bytes=sum(aside),
        )

    def verify(
        self,
        found: Verification | None = None,
        *,
        sample: float = 1.0,
        quarantine: bool = False,
        tell: Callable[[int, int, int], None] | None = None,
    ) -> Verification:
        """Read the stored objects, compare them with their digests, and see that none is missing.

        Args:
            found: Where to put what is found, for who interrupts this.
            sample: Which share of the objects to read, chosen at random.
            quarantine: Whether to move damaged objects aside; then saving the same value puts a sound one.
            tell: Hears how many objects were dealt with, of how many, and how many bytes were read.
        """
        from zen.engine.verifying import verify

        more = {} if tell is None else {"tell": tell}
        return verify(self._stack, found, sample=sample, quarantine=quarantine, **more)

    def collect(
        self,
        *,
        grace: dt.timedelta | None = None,
        delete: bool = False,
        quarantine: bool = False,
        tell: Callable[[str, int], None] | None = None,
    ) -> Collection:
        """Find what nothing names any more, and remove it if asked to.

        Args:
            grace: How old an object of the artifact store must be to go; 14 days by default.
            delete: Whether to delete it.
            quarantine: Whether to move objects of the artifact store aside instead.
            tell: Hears what is being done, and how many objects that has come to.

        Raises:
            ArtifactDamaged: When the snapshot of a run is damaged, so that nobody knows which objects it names.
            StoreBusy: When another process of this machine collects.
        """
        from zen.engine.collecting import collect

        more: dict[str, Any] = {} if tell is None else {"tell": tell}
        more |= {} if grace is None else {"grace": grace}
        return collect(self._stack, delete=delete, quarantine=quarantine, **more)

    def _place(self, kind: str, component: object) -> str:
        [spec] = self._stack.spec.of(kind)
        path = getattr(component, "path", None) or getattr(component, "folder", None)
        return f"{spec.flavor} at {path}" if path else spec.flavor


class StoreAccess:
    """The part of a client that keeps the stores in order."""

    open_stack: OpenStack

    @property
    def store(self) -> Store:
        """The stores of the stack."""
        return Store(self.open_stack)

    def delete_runs(self, *runs: str | RunView) -> list[RunView]:
        """Delete the records of runs, all or none; their bytes go with the next garbage collection.

        Args:
            runs: References as for `run`, or runs.

        Returns:
            The runs that are gone.

        Raises:
            RunError: When something that is left came from one of them, or while any run is open; `reasons` says what.
        """
        from zen.storage.deleting import delete

        found = self.named_runs(runs)
        delete(self.open_stack.database, [run.id for run in found])
        return found

    def named_runs(self, runs: Sequence[str | RunView]) -> list[RunView]:
        """Return runs by their references, each once."""
        found = [self.run(each) if isinstance(each, str) else each for each in runs]
        return list({run.id: run for run in found}.values())

    def run(self, ref: str = "last") -> RunView:
        """Return a run; see the client."""
        raise NotImplementedError
