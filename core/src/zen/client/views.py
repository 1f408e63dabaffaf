"""Runs, steps and artifacts as objects: what is recorded, read when it is asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from zen.client.exchanged import Exchange, Exchanged
from zen.client.notebook import run_page, table
from zen.errors import ArtifactNotFound, UnknownStep, listing, nearest
from zen.identity import from_plain
from zen.records import (
    ArtifactRecord,
    CacheDecision,
    ErrorRecord,
    LogLine,
    MetricPoint,
    Plan,
    RunRecord,
    StepRunRecord,
)
from zen.storage import Database

if TYPE_CHECKING:
    from zen.client.explanation import Explanation

V = TypeVar("V")


class Reader(Exchange, Protocol):
    """What views read from: a client."""

    @property
    def database(self) -> Database: ...

    def run(self, ref: str = "last") -> RunView: ...

    def artifacts_by_id(self, ids: Sequence[str]) -> dict[str, ArtifactView]: ...

    def metrics_of_sources(self, sources: Mapping[str, str]) -> list[MetricPoint]: ...

    def load(self, artifact: ArtifactRecord) -> Any: ...

    def artifact_file(self, artifact: ArtifactRecord, name: str | None) -> Path: ...

    def pack(self, artifact: ArtifactRecord, folder: Path) -> dict[str, Path]: ...

    def why(self, ref: str = "last", step: str | None = None) -> list[Explanation]: ...


class Named(Mapping[str, Any]):
    """A mapping whose missing keys are reported with the nearest name. It repeats as a plain dict."""

    def __init__(self, what: str, items: Mapping[str, Any], error: type[LookupError]) -> None:
        self._what = what
        self._items = dict(items)
        self._error = error

    def __getitem__(self, name: str) -> Any:
        if name not in self._items:
            raise self._error(
                f"no {self._what} {name!r}; there are: {listing(self._items)}", hint=nearest(str(name), self._items)
            )  # type: ignore[call-arg]  # both are errors of zen
        return self._items[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of that name, or `default`."""
        return self._items.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)


class RunView:
    """A run, as recorded when it was read."""

    def __init__(self, record: RunRecord, client: Reader) -> None:
        self.record = record
        self._client = client

    @property
    def id(self) -> str:
        """The id; any prefix that only it has names it as well."""
        return self.record.id

    @property
    def name(self) -> str:
        """The name."""
        return self.record.name

    @property
    def pipeline(self) -> str:
        """The name of the pipeline."""
        return self.record.pipeline

    @property
    def state(self) -> str:
        """The state: `running`, `completed`, `failed`, `cancelled`, `lost`."""
        return self.record.state

    @property
    def stack(self) -> str:
        """The name of the stack."""
        return self.record.stack

    @property
    def durability(self) -> str:
        """`full` when every commit was synced to disk, `relaxed` when a power cut may cost the last ones."""
        return self.record.durability

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags."""
        return self.record.tags

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the pipeline."""
        return {name: from_plain(value) for name, value in self.record.parameters.items()}

    @property
    def started_at(self) -> dt.datetime | None:
        """When it started, in UTC."""
        return self.record.started_at

    @property
    def finished_at(self) -> dt.datetime | None:
        """When it ended, in UTC; None while it runs."""
        return self.record.finished_at

    @property
    def duration(self) -> float | None:
        """Seconds from start to end; None while it runs."""
        return _seconds(self.started_at, self.finished_at)

    @property
    def error(self) -> ErrorRecord | None:
        """Why it failed."""
        return self.record.error

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong without failing the run."""
        return self.record.warnings

    @property
    def trackers(self) -> dict[str, Any]:
        """What each tracker answered, by name; may hold a `url`."""
        return dict(self.record.trackers)

    @cached_property
    def plan(self) -> Plan:
        """The plan that it ran."""
        return self._client.database.plan(self.record.plan)

    @cached_property
    def attempts(self) -> list[StepRunRecord]:
        """Every attempt of every step, in the order in which they started."""
        return self._client.database.step_runs(self.id)

    @cached_property
    def steps(self) -> Mapping[str, StepView]:
        """The newest attempt of each step by name, in the order of the plan; steps that never started are left out."""
        newest = {attempt.name: attempt for attempt in self.attempts}
        found = {
            step.name: StepView(newest[step.name], self, self._client)
            for step in self.plan.steps
            if step.name in newest
        }
        return Named("step", found, UnknownStep)

    @property
    def outputs(self) -> list[ArtifactView]:
        """What the pipeline function returned, as far as it was made."""
        wanted = [leaf for given in self.plan.outputs for leaf in given.leaves()]
        made = [(self.steps[leaf.step].outputs, leaf.output) for leaf in wanted if leaf.step in self.steps]
        return [outputs[name] for outputs, name in made if name in outputs]

    @cached_property
    def points(self) -> list[MetricPoint]:
        """Every recorded value of every metric; a cached step has those of the run that it came from."""
        own = self._client.database.metrics(self.id)
        sources = {
            step.record.id: step.record.cache.source
            for step in self.steps.values()
            if step.record.cache and step.record.cache.source
        }
        return own + self._client.metrics_of_sources(sources)

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric; as `step.key` where several steps logged one key."""
        names = {step.record.id: step.name for step in self.steps.values()}
        last: dict[str, dict[str, float]] = {}
        for point in self.points:
            if point.step_run in names:
                last.setdefault(point.key, {})[names[point.step_run]] = point.value
        return {
            key if len(by_step) == 1 else f"{step}.{key}": value
            for key, by_step in last.items()
            for step, value in by_step.items()
        }

    @property
    def metadata(self) -> dict[str, Any]:
        """What was logged for the run as a whole."""
        return {key: from_plain(value) for key, value in self._client.database.facts(self.id).items()}

    def logs(self, step: str | None = None) -> list[LogLine]:
        """Return the captured lines of a step, or of all steps one after the other."""
        chosen = [self.steps[step]] if step is not None else list(self.steps.values())
        return [line for each in chosen for line in each.logs()]

    def __repr__(self) -> str:
        return f"<run {self.name!r} {self.id[:8]}: {self.state}>"

    def _repr_html_(self) -> str:
        return run_page(self)


class StepView:
    """A step of a run: its newest attempt."""

    def __init__(self, record: StepRunRecord, run: RunView, client: Reader) -> None:
        self.record = record
        self.run = run
        self._client = client

    @property
    def name(self) -> str:
        """The name of the step in the run."""
        return self.record.name

    @property
    def state(self) -> str:
        """The state, such as `completed`, `cached`, `failed` or `skipped`."""
        return self.record.state

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 1."""
        return self.record.attempt

    @property
    def reason(self) -> str:
        """Why it was skipped, cached or cancelled."""
        return self.record.reason

    @property
    def error(self) -> ErrorRecord | None:
        """Why it failed."""
        return self.record.error

    @property
    def cache(self) -> CacheDecision | None:
        """Whether its result was taken from an earlier run, and why."""
        return self.record.cache

    @property
    def started_at(self) -> dt.datetime | None:
        """When the attempt started, in UTC."""
        return self.record.started_at

    @property
    def finished_at(self) -> dt.datetime | None:
        """When the attempt ended, in UTC; None while it runs."""
        return self.record.finished_at

    @property
    def duration(self) -> float | None:
        """Seconds from start to end; None while it runs."""
        return _seconds(self.started_at, self.finished_at)

    @cached_property
    def inputs(self) -> Mapping[str, list[ArtifactView]]:
        """The artifacts that each argument took."""
        found = self._client.artifacts_by_id([item for ids in self.record.inputs.values() for item in ids])
        ordered = _in_order(self.record.inputs, self.run.plan.step(self.name).inputs)
        return Named("input", {name: [found[item] for item in ids] for name, ids in ordered}, ArtifactNotFound)

    @cached_property
    def outputs(self) -> Mapping[str, ArtifactView]:
        """The artifact of each output, and what the step saved beside them, by name."""
        found = self._client.artifacts_by_id(list(self.record.outputs.values()))
        ordered = _in_order(self.record.outputs, [spec.name for spec in self.run.plan.step(self.name).outputs])
        return Named("output", {name: found[item] for name, item in ordered}, ArtifactNotFound)

    @property
    def output(self) -> ArtifactView:
        """The only output.

        Raises:
            ArtifactNotFound: When the step has none, or several.
        """
        if len(self.outputs) != 1:
            raise ArtifactNotFound(
                f"step {self.name!r} has {len(self.outputs)} outputs: {listing(self.outputs)}", hint="use outputs[name]"
            )
        return next(iter(self.outputs.values()))

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric."""
        return {point.key: point.value for point in self.run.points if point.step_run == self.record.id}

    def history(self, key: str) -> list[MetricPoint]:
        """Return every recorded value of a metric, oldest first."""
        return [point for point in self.run.points if point.step_run == self.record.id and point.key == key]

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that the step logged."""
        return {key: from_plain(value) for key, value in self._client.database.params(self._source).items()}

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata that the step logged."""
        return {key: from_plain(value) for key, value in self._client.database.facts(self._source).items()}

    def logs(self) -> list[LogLine]:
        """Return the captured lines."""
        return self._client.database.logs(self.record.id)

    def why(self) -> Explanation:
        """Return why it ran or came from the cache: which run the result is of, or what has changed, old and new."""
        return self._client.why(self.run.id, self.name)[0]

    @property
    def _source(self) -> str:
        cache = self.record.cache
        return cache.source if cache is not None and cache.source else self.record.id

    def __repr__(self) -> str:
        return f"<step {self.name!r} of run {self.run.id[:8]}: {self.state}>"


class ArtifactView(Exchanged):
    """A version of a named artifact. Pass it to a step to use it in another pipeline."""

    _client: Reader

    def __init__(self, record: ArtifactRecord, client: Reader) -> None:
        self.record = record
        self._client = client

    @property
    def id(self) -> str:
        """The id."""
        return self.record.id

    @property
    def name(self) -> str:
        """The name."""
        return self.record.name

    @property
    def version(self) -> int:
        """The version: 1, 2, … for each name."""
        return self.record.version

    @property
    def type(self) -> str:
        """The type of the value, `module.qualname`."""
        return self.record.manifest.type

    @property
    def format(self) -> str:
        """The format of its files."""
        return self.record.manifest.format

    @property
    def unsafe(self) -> bool:
        """Whether loading runs code that the bytes name (pickle)."""
        return self.record.manifest.unsafe

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return self.record.size

    @property
    def digest(self) -> str:
        """The identity of the content: equal digests are equal bytes in the same format."""
        return self.record.digest

    @property
    def materializer(self) -> str:
        """`module:Class` of what saved it."""
        return self.record.materializer

    @property
    def files(self) -> tuple[Any, ...]:
        """Its files: name, digest and size of each."""
        return self.record.manifest.files

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags."""
        return self.record.tags

    @property
    def created_at(self) -> dt.datetime | None:
        """When it was made, in UTC."""
        return self.record.created_at

    @property
    def run_id(self) -> str:
        """The id of the run that made it."""
        return self.record.run_id

    @property
    def output(self) -> str:
        """The output that it is."""
        return self.record.output

    @property
    def run(self) -> RunView:
        """The run that made it."""
        return self._client.run(self.run_id)

    @cached_property
    def step(self) -> str:
        """The name of the step that made it; empty for a literal of the pipeline."""
        return self._client.database.step_run(self.record.step_run).name if self.record.step_run else ""

    @property
    def metadata(self) -> dict[str, Any]:
        """What is known about the value, and what was logged for it."""
        logged = self._client.database.facts(self.id)
        return {key: from_plain(value) for key, value in {**self.record.metadata, **logged}.items()}

    def load(self) -> Any:
        """Return the value; its bytes are verified first.

        Raises:
            ArtifactDamaged: When the stored bytes are not the recorded ones.
            MaterializerError: When its type or its format is not to be had here.
        """
        return self._client.load(self.record)

    def path(self, name: str | None = None) -> Path:
        """Return a local, verified, read-only copy of one of its files (the only one by default)."""
        return self._client.artifact_file(self.record, name)

    def pack(self, folder: Path | str) -> dict[str, Path]:
        """Copy its verified files into an empty folder, so that `zen.unpack` loads the value without a store."""
        return self._client.pack(self.record, Path(folder))

    def __repr__(self) -> str:
        return f"<artifact {self.name!r} version {self.version}: {self.type}, {self.size} bytes>"

    def _repr_html_(self) -> str:
        return table(
            f"{self.name} v{self.version}",
            {"type": self.type, "format": self.format, "bytes": self.size, "digest": self.digest, **self.metadata},
        )


def _in_order(recorded: Mapping[str, V], declared: Iterable[str]) -> Iterator[tuple[str, V]]:
    """Yield what is recorded as the plan declares it; what the step added itself comes last."""
    for name in dict.fromkeys((*declared, *recorded)):
        if name in recorded:
            yield name, recorded[name]


def _seconds(start: dt.datetime | None, end: dt.datetime | None) -> float | None:
    # A clock that was set back in between makes no negative time.
    return max((end - start).total_seconds(), 0.0) if start and end else None
