"""What a run that begins keeps in the store: its source, the facts of its environment, values that it is given.

Most of that is there from earlier runs, so a run only names it. Then the transaction that records it proves that
nothing was collected since it looked; if something was, the run keeps everything itself, and needs no proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from zen.identity import digest, dumps
from zen.interfaces import Change
from zen.records.codec import to_json
from zen.source import Snapshot, take
from zen.stacks.opening import OpenStack
from zen.storage import Uploads, changes

INDEX = "snapshot-"
"""What the names of the files begin with that remember, in the state folder, which sources a store has."""


class Kept:
    """What one run keeps. Used in a `with`.

    Args:
        stack: Where to.
        run_id: The run.
        anew: Whether to keep everything, whatever the store seems to have.
    """

    def __init__(self, stack: OpenStack, run_id: str, *, anew: bool = False) -> None:
        self.uploads = Uploads(stack.objects, run_id)
        self.changes: list[Change] = []
        self._stack = stack
        self._anew = anew
        self._collections = stack.database.counter("collections")  # before anything is looked for
        self._puts = 0
        self._taken: Snapshot | None = None

    def has(self, name: str) -> bool:
        """Say whether an object is in the store and need not be put."""
        return not self._anew and self._stack.objects.holds(name)

    def put(self, data: bytes) -> str:
        """Keep bytes, and return their digest."""
        name, kept = self._stack.objects.put_bytes(data, self.uploads)
        self.changes += kept
        self._puts += 1
        return name

    def snapshot(self) -> Snapshot:
        """Keep the project's source."""
        puts = self._puts
        taken = self._take(trusted=not self._anew)
        if puts == self._puts and not self.has(taken.digest):  # the index has outlived what the store holds
            taken = self._take(trusted=False)
        self._taken = taken
        return taken

    def record(self, batch: Sequence[Change], *, durable: bool = False) -> None:
        """Write a batch that names what was kept, together with all of that.

        Raises:
            WriteConflict: When objects were collected since this began; then everything has to be kept anew.
        """
        guard = [] if self._anew else [changes.unless_collected(self._collections)]
        self._stack.database.write([*guard, *batch, *self.changes, *self.uploads.put()], durable=durable)
        if self._taken is not None:
            self._taken.remember()

    def _take(self, *, trusted: bool) -> Snapshot:
        project = self._stack.project
        return take(project.root, index=self._index(), marked=project.marked, put=self.put, trusted=trusted)

    def _index(self) -> Path:
        # It says what these stores were given since the last collection, so each pair of stores has one.
        specs = [*self._stack.spec.of("artifact_store"), *self._stack.spec.of("metadata_store")]
        stores = digest("stores/1", dumps(to_json(specs)))
        return self._stack.state / f"{INDEX}{stores[7:19]}-{self._collections}.json"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.uploads.discard()
