"""The log of one attempt: taken from memory to the store while the step runs, and with its end.

Storing is the business of one thread of the process. What a step prints so costs the step no visit to the store, and
reaches it within a second even when the step prints once and then computes for an hour.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from pathlib import Path

from zen.engine import spool
from zen.engine.capture import LINE_COST, TAIL, Captured, Line, Stream, Waiting, as_record, left_out, size_of
from zen.interfaces import Change
from zen.records import LogLine, StepRunRecord
from zen.stacks.opening import OpenStack
from zen.storage import Database, changes

_SECONDS = 0.7
_BLOCK = 512 * 1024


class StepLog:
    """Keeps what an attempt writes. Of more than 10 MiB, the first 8 and the last 2 stay in the store.

    Args:
        database: Where to.
        state: The state folder, for what is not stored yet.
        record: The attempt.
    """

    def __init__(self, database: Database, state: Path, record: StepRunRecord) -> None:
        self._database = database
        self._step_run = record.id
        self._spool = spool.Spool(spool.folder_of(state), f"{record.run_id}.{record.id}")
        self._captured = Captured(self._spool)
        self._seq = 0
        self._tail: deque[tuple[int, int, int]] = deque()  # the stored blocks of the tail: number, size, lines
        self._gap = 0  # the number of the block that says what is left out
        self._left = self._left_size = 0
        self._unwritten: list[Change] = []
        self._storing = threading.RLock()
        self._is_watched = False
        self._over = False

    def add(self, stream: Stream, text: str) -> None:
        """Take some output; see `Captured.add`."""
        if self._over:
            return
        self._captured.add(stream, text)
        if not self._is_watched:
            self._is_watched = True
            _watch(self)

    def store(self) -> None:
        """Store what waits. When that fails it waits on, within its bounds."""
        with self._storing:
            if self._over:
                return
            if not self._unwritten and self._captured:
                self._unwritten = self._blocks()
            if not self._unwritten:
                return
            try:
                self._database.write(self._unwritten, durable=False)
            except Exception:  # noqa: BLE001  # a plugin's store: the step goes on, its end stores the rest or tells why not
                return
            self._unwritten = []
            self._spool.drop(self._seq + 1)

    def rest(self) -> list[Change]:
        """Return what stores all that is left, for the transaction that ends the attempt. Nothing is taken after it."""
        with self._storing:
            self._over = True
            if not self._is_watched:
                return []
            _unwatch(self)
            return [*self._unwritten, *self._blocks(end=True)]

    def finish(self) -> None:
        """Remove what stood in for the store, once that has everything."""
        self._spool.drop()

    def _blocks(self, *, end: bool = False) -> list[Change]:
        with self._captured.lock:  # no line may come between what is taken and the file of what comes next
            waiting = self._captured.drain(end=end)
            batch = [self._block(lines) for lines in _divided(waiting.head)]
            batch += self._tail_blocks(waiting)
            self._spool.begin(self._seq + 1, self._captured.unfinished())
        return batch

    def _block(self, lines: list[Line]) -> Change:
        self._seq += 1
        return changes.add_lines(self._step_run, self._seq, list(map(as_record, lines)))

    def _tail_blocks(self, waiting: Waiting) -> list[Change]:
        """Return what appends to the tail and removes as much of its beginning, and says so where it begins."""
        if not waiting.tail:
            return []
        if not self._gap:
            self._gap = self._seq = self._seq + 1
        gone: list[int] = []
        self._leave_out(waiting.left, waiting.left_size)
        if waiting.left:  # all that is stored of the tail is older than what was left out
            gone += self._shorten(0)
        batch = []
        for lines in _divided(waiting.tail):
            batch.append(self._block(lines))
            self._tail.append((self._seq, sum(map(size_of, lines)), len(lines)))
        gone += self._shorten(TAIL, least=1)
        if gone:
            batch.append(changes.drop_lines(self._step_run, gone[0], gone[-1]))
        if self._left:
            text = left_out(self._left, self._left_size, waiting.tail)
            batch.append(changes.put_lines(self._step_run, self._gap, [as_record(text)]))
        return batch

    def _shorten(self, size: int, least: int = 0) -> list[int]:
        gone = []
        while len(self._tail) > least and sum(each[1] for each in self._tail) > size:
            number, bytes_gone, lines_gone = self._tail.popleft()
            self._leave_out(lines_gone, bytes_gone - lines_gone * LINE_COST)
            gone.append(number)
        return gone

    def _leave_out(self, lines: int, size: int) -> None:
        self._left += lines
        self._left_size += size


class Elsewhere(Captured):
    """The log of an attempt that a process elsewhere stores itself, and what is seen of it here, should that die."""

    def __init__(self, stack: OpenStack, record: StepRunRecord) -> None:
        super().__init__()
        self._stack = stack
        self._record = record

    def rest(self) -> list[Change]:
        """Return what stores the lines that were seen here and that the process did not store any more."""
        spool.recover(self._stack, self._record.id)
        database = self._stack.database
        stored, seen = database.logs(self._record.id), self.take(end=True)
        lines = [
            line
            for stream in ("stdout", "stderr")
            for line in _after([s for s in stored if s.stream == stream], [s for s in seen if s.stream == stream])
        ]
        return [changes.add_lines(self._record.id, database.last_block(self._record.id) + 1, lines)] if lines else []

    def finish(self) -> None:
        """Do nothing: nothing stands in for the store here."""


def _after(stored: list[LogLine], seen: list[LogLine]) -> list[LogLine]:
    """Return the lines that were seen after the last of those that are stored."""
    last = [line.text for line in stored[-3:]]
    texts = [line.text for line in seen]
    if texts[: len(stored)] == [line.text for line in stored]:
        return seen[len(stored) :]
    for end in range(len(seen), len(last) - 1, -1):
        if texts[end - len(last) : end] == last:
            return seen[end:]
    return seen


def _divided(lines: list[Line]) -> list[list[Line]]:
    """Return lines as blocks of about half a MiB."""
    blocks: list[list[Line]] = []
    size = _BLOCK
    for line in lines:
        if size >= _BLOCK:
            blocks.append([])
            size = 0
        blocks[-1].append(line)
        size += size_of(line)
    return blocks


# The thread starts with the first line of a step and ends when no step has printed for a while.
_watched: set[StepLog] = set()
_guard = threading.Lock()
_thread: threading.Thread | None = None


def _watch(log: StepLog) -> None:
    global _thread
    with _guard:
        _watched.add(log)
        if _thread is None:
            _thread = threading.Thread(target=_store_all, name="zen-logs", daemon=True)
            _thread.start()


def _unwatch(log: StepLog) -> None:
    with _guard:
        _watched.discard(log)


def _store_all() -> None:
    global _thread
    pause = threading.Event()
    while True:
        pause.wait(_SECONDS)
        with _guard:
            logs = list(_watched)
            if not logs:
                _thread = None
                return
        for log in logs:
            log.store()


def _after_fork() -> None:
    global _guard, _thread
    _guard, _thread = threading.Lock(), None
    _watched.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
