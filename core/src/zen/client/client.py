"""The client: everything that is recorded, for reading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from zen.client.deployments import DeploymentAccess
from zen.client.exchange import ExchangeAccess
from zen.client.explaining import explain
from zen.client.explanation import Explanation
from zen.client.lineage import Direction, Lineage, lineage_of
from zen.client.models import ModelAccess
from zen.client.packing import empty, listed
from zen.client.reproduction import Reproduction
from zen.client.stores import StoreAccess
from zen.client.sweeps import GroupAccess
from zen.client.tables import TableAccess
from zen.client.views import ArtifactView, RunView
from zen.client.workspaces import open_workspace
from zen.engine import current_progress, find_artifact, reap, resume
from zen.errors import ArtifactNotFound, RunNotFound, nearest
from zen.records import ArtifactRecord, MetricPoint, RunRecord, StackSpec
from zen.source import load_module
from zen.stacks import Project, find_project
from zen.stacks.materialization import load
from zen.stacks.opening import OpenStack
from zen.storage import Database, FolderWriter, Label, Models, write_label
from zen.storage.groups import REPRODUCES

if TYPE_CHECKING:
    from zen.client.comparing import Comparison

_LAST = re.compile(r"last(?:~([0-9]{1,18}))?")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_HEX = re.compile(r"[0-9a-f]{4,16}")
_NUMBER = re.compile(r"[0-9]{1,18}")


class Client(TableAccess, GroupAccess, ModelAccess, DeploymentAccess, ExchangeAccess, StoreAccess):
    """Reads runs, steps, artifacts and models of a stack.

    Args:
        stack: The stack; by default the active one.
        root: A folder or file of the project; by default the current folder.

    Runs whose process is gone are recorded as `lost` when a client is made.
    """

    def __init__(
        self, stack: str | None = None, root: Path | str | None = None, *, _project: Project | None = None
    ) -> None:
        self.project = _project or find_project(Path(root) if root is not None else None)
        self.open_stack: OpenStack = open_workspace(self.project, stack)
        if _project is None:
            reap(self.open_stack)

    @property
    def stack(self) -> StackSpec:
        """The resolved stack."""
        return self.open_stack.spec

    @property
    def database(self) -> Database:
        """The metadata of the stack."""
        return self.open_stack.database

    # Runs

    def runs(
        self,
        *,
        limit: int = 20,
        offset: int = 0,
        pipeline: str | None = None,
        state: str | None = None,
        name: str | None = None,
        tag: str | None = None,
        where: str | Sequence[str] = (),
        sort: str | Sequence[str] = (),
    ) -> list[RunView]:
        """Return runs, newest first, a page at a time.

        Args:
            limit: How many at most.
            offset: How many to leave out first.
            pipeline: Only runs of this pipeline.
            state: Only runs in this state.
            name: Only runs of this name.
            tag: Only runs with this tag.
            where: Conditions, all of which must be met: `metrics.accuracy > 0.9`, `params.lr == 0.1`,
                `started >= yesterday`, `name contains night`. What a run does not have meets none but `== none`.
            sort: What to sort by, such as `metrics.accuracy`; with `-` before it the largest first.

        Raises:
            UsageError: For a text that cannot be read, with the place.
        """
        from zen.client.selecting import choose, query  # here and below: a run needs none of it

        wanted = query(where, sort, pipeline=pipeline, state=state, name=name, tag=tag)
        found = choose(self.database, wanted, limit=limit, offset=offset)
        return [RunView(record, self) for record in found.records]

    def count_runs(
        self,
        *,
        pipeline: str | None = None,
        state: str | None = None,
        name: str | None = None,
        tag: str | None = None,
        where: str | Sequence[str] = (),
    ) -> int:
        """Return how many runs there are; takes what `runs` takes."""
        from zen.client.selecting import count, query

        return count(self.database, query(where, pipeline=pipeline, state=state, name=name, tag=tag))

    def run(self, ref: str = "last") -> RunView:
        """Return a run by its id, a unique prefix of it, its name, `last`, or `last~1` for the one before.

        A run that repeats another one (`reproduce`) is not among the last ones: name it by its id.

        Raises:
            RunNotFound: When none answers, or several have the prefix.
        """
        return RunView(self._run_record(ref), self)

    def view(self, record: RunRecord) -> RunView:
        """Return a recorded run as an object."""
        return RunView(record, self)

    def _run_record(self, ref: str) -> RunRecord:
        if last := _LAST.fullmatch(ref):
            newest = self.database.last_run(int(last.group(1) or 0), unlike=REPRODUCES)
            if newest is None:
                count = self.database.count_runs()
                raise RunNotFound(
                    f"no run {ref!r}: stack {self.stack.name!r} has {count} runs", hint="run a pipeline first"
                )
            return newest
        named = self.database.runs(limit=1, name=ref)
        if named:
            return named[0]
        found = self.database.runs_with_prefix(ref) if _HEX.fullmatch(ref) else []
        if len(found) > 1:
            listed = ", ".join(f"{run.id} ({run.name})" for run in found[:5])
            raise RunNotFound(f"{ref!r} begins the id of {len(found)} runs: {listed}", hint="give more of the id")
        if not found:
            names = [run.name for run in self.database.runs(limit=200)]
            raise RunNotFound(
                f"no run {ref!r} on stack {self.stack.name!r}", hint=nearest(ref, names) or "`zen runs` lists them"
            )
        return found[0]

    def compare(
        self, *runs: str | RunView, higher_is_better: Mapping[str, bool] | None = None, curves: bool = True
    ) -> Comparison:
        """Return what is the same and what differs between runs; the first is what the others are compared with.

        Args:
            runs: At least two: references as for `run`, or runs.
            higher_is_better: For metrics by name, whether more is better. What is not given is guessed from the name:
                less of `loss`, `error`, `rmse`, `latency` and the like is better, more of `accuracy`, `f1`, `auc`.
            curves: Whether to read the series of the metrics as well, not only their last values.

        Raises:
            RunNotFound: For a reference that no run answers to.
            UsageError: For fewer than two runs, or a metric that none has.
        """
        from zen.client.comparing import compare

        records = [self._run_record(run) if isinstance(run, str) else run.record for run in runs]
        return compare(self.open_stack, records, higher_is_better=higher_is_better or {}, curves=curves)

    def lineage(self, ref: str, direction: Direction = "upstream") -> Lineage:
        """Return what a thing came from (`upstream`), or what came from it (`downstream`).

        Args:
            ref: `deployment:churn`, `model:churn@champion`, `artifact:data@3`, `run:last`, `commit:1a2b3c4`; without
                the kind, the first of these that exists.
            direction: The way to go.

        Raises:
            ArtifactNotFound: When nothing answers to the reference.
        """
        return lineage_of(self.open_stack, ref, direction, self._record)

    def _record(self, kind: str, ref: str) -> Any:
        """Return the record behind a reference of a known kind."""
        if kind == "model":
            return self.model(ref).record
        if kind == "artifact":
            return self.artifact(ref).record
        if kind == "run":
            return self._run_record(ref)
        if kind == "commit":
            runs = self.database.runs_at_commit(ref) if _COMMIT.fullmatch(ref) else []
            if not runs:
                raise RunNotFound(f"no run is of commit {ref!r}", hint="give at least seven letters of it")
            return runs[0].environment["commit"], runs
        servings = Models(self.database).servings(name=ref)
        if not servings:
            raise ArtifactNotFound(f"no deployment {ref!r} ever served", hint="`zen deployment list` shows them")
        return servings[-1]

    def why(self, ref: str = "last", step: str | None = None) -> list[Explanation]:
        """Return why each step of a run ran or came from the cache, or why one of them did.

        A step that ran is compared with the same step of the nearest earlier run of its pipeline.
        """
        run = self.run(ref)
        steps = [run.steps[step]] if step is not None else list(run.steps.values())
        return [explain(each, self.open_stack, self._runs_before) for each in steps]

    def _runs_before(self, run: RunView) -> Iterator[RunView]:
        offset, earlier = 0, False
        while page := self.database.runs(limit=20, offset=offset, pipeline=run.pipeline):
            for record in page:
                if earlier:
                    yield RunView(record, self)
                earlier = earlier or record.id == run.id
            offset += len(page)

    def resume(self, ref: str = "last", *, from_snapshot: bool = False) -> RunView:
        """Go on with a run that failed, was cancelled or was lost, as the same run: what succeeded is kept.

        Args:
            ref: The run, as for `run`.
            from_snapshot: Run the code as it was when the run began.

        Raises:
            UsageError: When the run is not over, or has completed.
            CodeChanged: When the code of steps that are still to run has changed.
        """
        record = self._run_record(ref)
        finished = resume(self.open_stack, record.id, from_snapshot=from_snapshot, progress=current_progress())
        return RunView(finished.run, self)

    def reproduce(
        self, ref: str = "last", folder: Path | str | None = None, *, fresh_environment: bool = False
    ) -> Reproduction:
        """Repeat a run from its snapshot, with the cache off, and compare what every step gives.

        The code comes from the snapshot, parameters and inputs from the recorded plan. The new run is tagged
        `reproduces:<id>`; no tracker and no alerter hears of it, no hook is called, and it adds no model version.

        Args:
            ref: The run, as for `run`.
            folder: An empty or new folder for the source; by default one in the state folder.
            fresh_environment: Run in a new environment, made with uv from the recorded distributions.

        Raises:
            UsageError: When the run is not over, or has steps that only its own process could reach.
            RunNotFound: When its snapshot is gone.
        """
        from zen.client.reproducing import reproduce

        return reproduce(
            self.open_stack,
            self._run_record(ref),
            folder=Path(folder) if folder is not None else None,
            fresh_environment=fresh_environment,
        )

    def requirements(self, ref: str = "last") -> str:
        """Return what was installed for a run, as the text of a `requirements.txt`; local installs are comments.

        Raises:
            RunNotFound: When that was not recorded.
        """
        from zen.engine.environment import distributions_of, requirements

        run = self._run_record(ref)
        return requirements(distributions_of(self.open_stack, run), run)

    # Artifacts

    def artifacts(self, *, name: str | None = None, limit: int = 20, offset: int = 0) -> list[ArtifactView]:
        """Return artifacts, newest first, a page at a time."""
        return [ArtifactView(record, self) for record in self.database.artifacts(name=name, limit=limit, offset=offset)]

    def artifact(self, ref: str, version: int | None = None) -> ArtifactView:
        """Return an artifact by its name (the newest version, or the one asked for), `name@version`, or its id.

        Raises:
            ArtifactNotFound: With what exists.
        """
        name, _, number = ref.partition("@")
        if version is None and _NUMBER.fullmatch(number):
            return ArtifactView(find_artifact(self.open_stack, name, int(number)), self)
        if version is None and _HEX.fullmatch(ref) and self.database.artifact_version(ref) is None:
            found = self.database.artifacts_with_prefix(ref)
            if len(found) > 1:
                listed = ", ".join(f"{each.id} ({each.name}@{each.version})" for each in found[:5])
                raise ArtifactNotFound(
                    f"{ref!r} begins the id of {len(found)} artifacts: {listed}", hint="give more of the id"
                )
            if found:
                return ArtifactView(found[0], self)
        return ArtifactView(find_artifact(self.open_stack, ref, version), self)

    def artifacts_by_id(self, ids: Sequence[str]) -> dict[str, ArtifactView]:
        """Return artifacts by their ids."""
        return {key: ArtifactView(record, self) for key, record in self.database.artifacts_by_id(ids).items()}

    def load(self, artifact: ArtifactRecord) -> Any:
        """Return the value of an artifact; types of the project are imported from its root."""
        return load(artifact, self.open_stack, lambda module: load_module(module, self.project.root))

    def artifact_file(self, artifact: ArtifactRecord, name: str | None) -> Path:
        """Return a local, verified, read-only copy of a file of an artifact."""
        files = {entry.name: entry for entry in artifact.manifest.files}
        chosen = name or next(iter(files), "")
        if chosen not in files or (name is None and len(files) > 1):
            raise ArtifactNotFound(
                f"artifact {artifact.name!r} has the files {', '.join(files) or 'none'}", hint=nearest(chosen, files)
            )
        return self.open_stack.objects.path(files[chosen])

    def pack(self, artifact: ArtifactRecord, folder: Path) -> dict[str, Path]:
        """Copy the verified files of an artifact into an empty folder, labelled, so that `zen.unpack` loads them."""
        writer = FolderWriter(empty(folder))
        for entry in artifact.manifest.files:
            path = writer.path(entry.name)
            self.open_stack.objects.copy_to(entry, path)
            path.chmod(0o444)
        write_label(folder, Label(manifest=artifact.manifest, materializer=artifact.materializer))
        return listed(folder)

    def metrics_of_sources(self, sources: Mapping[str, str]) -> list[MetricPoint]:
        """Return the metric values of the step runs that results were taken from, under the ids of those that took."""
        from dataclasses import replace

        known = {source: self.database.step_metrics(source) for source in dict.fromkeys(sources.values())}
        return [replace(point, step_run=taker) for taker, source in sources.items() for point in known[source]]

    def close(self) -> None:
        """Nothing to do: open stacks are shared in a process and closed when it ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_client(*, stack: str | None, project: Project) -> Client:
    """Return a client of a project that is already known; launching looks for lost runs itself."""
    return Client(stack, _project=project)
