"""The logs of a run as they come, from any process: what is stored, and what is stored from then on."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from zen.client.expressions import moment_range
from zen.engine import reap
from zen.errors import UsageError
from zen.records import LogLine, StepRunRecord
from zen.stacks.opening import OpenStack

_POLL = 0.3
_LOOK_SECONDS = 2.0  # how often to see whether the process of the run still lives
_SETTLED_SECONDS = (
    5.0  # after its end a step may still get lines, when the launching process stores what a worker wrote
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A line, with the step and the attempt that wrote it."""

    step: str
    attempt: int
    line: LogLine


def follow(
    stack: OpenStack,
    run_id: str,
    *,
    step: str | None = None,
    since: dt.datetime | None = None,
    tail: int | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[list[Told]]:
    """Yield the lines of a run, some at a time, until the run is over; those of a step in the order it wrote them.

    A run whose process is gone is recorded as `lost`, and what it wrote last comes as well.

    Args:
        stack: A stack with the stores of the run.
        run_id: The run.
        step: Only what this step writes.
        since: Only what was written from then on.
        tail: Of what is there at first, only so many lines.
        pause: Waits for some seconds.
    """
    reader = _Reader(stack, run_id, step)
    looked = time.monotonic()
    over = stack.database.run(run_id).finished
    told = list(_wanted(reader.read(everything=True), since))
    yield told if tail is None else told[len(told) - min(tail, len(told)) :]
    while not over:
        pause(_POLL)
        if time.monotonic() - looked > _LOOK_SECONDS:
            reap(stack)
            looked = time.monotonic()
        run = stack.database.run(run_id)
        over = run.finished
        if run.state == "lost":  # whoever found that may still be storing what it wrote last
            reap(stack)
            pause(_POLL)
        yield list(_wanted(reader.read(everything=over), since))


def moment_of(text: str, now: dt.datetime | None = None) -> dt.datetime:
    """Return the time that people mean by `10 min`, `2 h ago`, `14:30`, `yesterday`, `2026-05-31 14:30`.

    Raises:
        UsageError: When it is none of these.
    """
    now = now or dt.datetime.now(dt.UTC)
    today = now.astimezone().date().isoformat()
    for given in (text, f"{text} ago", f"{today} {text}"):
        if (found := moment_range(given, now)) is not None:
            return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=found[0])
    raise UsageError(f"{text!r} is no time", hint="such as '10 min', '2 h', 14:30, yesterday, '2026-05-31 14:30'")


class _Reader:
    """Remembers how far each attempt has been read."""

    def __init__(self, stack: OpenStack, run_id: str, step: str | None) -> None:
        self._stack = stack
        self._run_id = run_id
        self._step = step
        self._last: dict[str, int] = {}
        self._ended: dict[str, float] = {}

    def read(self, *, everything: bool) -> list[Told]:
        """Return what is new; of attempts that ended a while ago only when `everything` is asked for."""
        now = time.monotonic()
        told = []
        for attempt in self._stack.database.attempts_of(self._run_id):
            if self._step not in (None, attempt.name):
                continue
            if attempt.finished and now - self._ended.setdefault(attempt.id, now) > _SETTLED_SECONDS and not everything:
                continue
            told.append(self._new_of(attempt))
        return _in_order(told)

    def _new_of(self, attempt: StepRunRecord) -> list[Told]:
        told = []
        for number, lines in self._stack.database.log_blocks(attempt.id, after=self._last.get(attempt.id, 0)):
            self._last[attempt.id] = number
            told += [Told(step=attempt.name, attempt=attempt.attempt, line=line) for line in lines]
        return told


def _in_order(told: list[list[Told]]) -> list[Told]:
    """Return the lines of several steps by time; those of one step stay in their order, whatever its clock did."""
    keyed = []
    for lines in told:
        latest = dt.datetime.min.replace(tzinfo=dt.UTC)
        for each in lines:
            latest = max(latest, each.line.at or latest)
            keyed.append((latest, each))
    return [each for _, each in sorted(keyed, key=lambda pair: pair[0])]


def _wanted(told: Iterable[Told], since: dt.datetime | None) -> Iterator[Told]:
    return (each for each in told if since is None or each.line.at is None or each.line.at >= since)
