"""A run inside one process: its plan, its open stack, what is known of its steps, and what is still to be written."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from zen.engine.caching import Surroundings
from zen.engine.depending import digests
from zen.errors import MaterializerError, PluginError, RunError, UsageError, WriteConflict
from zen.forks import freed_by_fork
from zen.identity import from_plain
from zen.interfaces import Change, Materializer
from zen.records import SUCCEEDED, ArtifactRecord, CodeRef, Input, Plan, RunRecord, StackSpec, StepRunRecord, StepSpec
from zen.records.codec import from_json, record, to_json
from zen.secrets.recorded import masked
from zen.source import fingerprint, load_module, load_object, origin_of
from zen.stacks.materialization import load, resolve_type
from zen.stacks.opening import OpenStack, registry_of
from zen.stacks.project import Project
from zen.storage import changes

_sessions: dict[str, Session] = {}
_sessions_lock = freed_by_fork(threading.Lock())


@record()
class Ticket:
    """All that another process needs to take part in a run. JSON; secrets are references.

    Attributes:
        code: Where the project's code is loaded from, if not from its root: a snapshot.
        base: For a resumed run, the last attempt of each step that did not succeed: these are made again.
    """

    run_id: str
    token: str
    root: str
    state: str
    stack: StackSpec
    file: str = ""
    script: str = ""
    path: tuple[str, ...] = ()
    code: str = ""
    base: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls, run_id: str, token: str, stack: StackSpec, project: Project, script: Path | None, **facts: Any
    ) -> Ticket:
        """Return the ticket of a run that this process launches."""
        return cls(
            run_id=run_id,
            token=token,
            root=str(project.root),
            state=str(project.state),
            file=str(project.file or ""),
            stack=stack,
            script=str(script or ""),
            path=tuple(entry or os.getcwd() for entry in sys.path),
            **facts,
        )

    def project(self) -> Project:
        """Return the project of the run."""
        return Project(root=Path(self.root), file=Path(self.file) if self.file else None, state=Path(self.state))

    def to_json(self) -> Any:
        """Return the ticket as JSON data."""
        return to_json(self)

    @classmethod
    def from_json(cls, data: Any) -> Ticket:
        """Return the ticket of that JSON data."""
        return from_json(cls, data)


class Session:
    """One run in one process. Thread-safe."""

    def __init__(
        self,
        ticket: Ticket,
        *,
        stack: OpenStack,
        run: RunRecord,
        plan: Plan,
        functions: dict[str, Callable[..., Any]] | None = None,
        owner: bool = False,
    ) -> None:
        self.ticket = ticket
        self.stack = stack
        self.run = run
        self.plan = plan
        self.steps = {step.name: step for step in plan.steps}
        self.functions = dict(functions or {})
        self.owner = owner
        self.shared = not owner
        self.repeats = False  # a run that repeats another one for comparison
        self.pid = os.getpid()
        self.progress: Any = None
        self.exceptions: dict[str, BaseException] = {}
        self.stop_reason = ""
        self.interrupted = False
        self.ending = threading.Event()
        self.busy = 0
        self._lock = threading.RLock()
        self._known: dict[str, StepRunRecord] = {}
        self._spoilt: dict[str, tuple[int, str]] = {}  # of steps that are made again: up to which attempt, and why
        self._artifacts: dict[str, ArtifactRecord] = {}
        self._project_types: dict[str, bool] = {}
        self._type_codes: dict[str, tuple[str, str]] = {}
        self._pending: list[tuple[StepRunRecord, list[Change]]] = []
        stack.learn(plan.secrets)

    @classmethod
    def join(cls, ticket: Ticket) -> Session:
        """Return this process's session of a run that another process launched."""
        with _sessions_lock:
            session = _sessions.get(ticket.run_id)
            if session is not None and session.pid == os.getpid():
                return session
            # After a fork the parent's session is there: its functions serve here too, its state does not.
            functions = session.functions if session is not None else {}
            project = ticket.project()
            stack = OpenStack(ticket.stack, project, registry_of(project))
            run = stack.database.run(ticket.run_id)
            joined = cls(ticket, stack=stack, run=run, plan=stack.database.plan(run.plan), functions=functions)
            _sessions[ticket.run_id] = joined
            return joined

    def register(self) -> None:
        """Let `join` find this session."""
        with _sessions_lock:
            _sessions[self.ticket.run_id] = self

    def unregister(self) -> None:
        """Undo `register`."""
        with _sessions_lock:
            _sessions.pop(self.ticket.run_id, None)

    # Code

    def function(self, step: StepSpec) -> Callable[..., Any]:
        """Return the plain function of a step."""
        return self.code(step.code)

    def code(self, ref: CodeRef) -> Callable[..., Any]:
        """Return the function that a code reference names."""
        known = self.functions.get(str(ref))
        if known is None:
            found = load_object(ref, self.root, script=self.script)
            known = self.functions[str(ref)] = getattr(found, "function", found)
        return known

    def importer(self, module: str) -> Any:
        """Import a module of the project, or an installed one."""
        return load_module(module, self.root, script=self.script)

    @property
    def root(self) -> Path:
        """The root of the project's code."""
        return Path(self.ticket.code or self.ticket.root)

    @property
    def script(self) -> Path | None:
        """The script that was started, if one was."""
        return Path(self.ticket.script) if self.ticket.script else None

    # What is known

    def recorded(self, name: str) -> StepRunRecord | None:
        """Return the newest attempt of a step: what this process knows, else what the store holds."""
        with self._lock:
            if name in self._known:
                return self._known[name]
        if not self.shared:
            return None
        found = self.stack.database.last_attempt(self.ticket.run_id, name)
        if found is not None and found.finished:
            self.know(found)
        return found

    def made_before(self, record: StepRunRecord) -> bool:
        """Say whether an attempt is made again: it did not succeed before the run was resumed, or is damaged."""
        spoilt, _ = self._spoilt.get(record.name, (0, ""))
        return record.attempt <= max(self.ticket.base.get(record.name, 0), spoilt)

    def why_again(self, name: str) -> str:
        """Return why the result of a step is made again, or an empty string."""
        return self._spoilt.get(name, (0, ""))[1]

    def spoil(self, record: StepRunRecord, why: str = "") -> None:
        """Have a step made again that is finished, because what it took or gave is damaged."""
        self.share()  # others may be doing the same: the store tells
        with self._lock:
            self._spoilt[record.name] = (record.attempt, why)
            self._known.pop(record.name, None)

    def settled(self, name: str) -> StepRunRecord:
        """Return the final record of an upstream step.

        Raises:
            UsageError: When the orchestrator did not execute it first.
        """
        found = self.recorded(name)
        if found is not None and not found.finished:  # it is being made again; until then, what there is holds
            earlier = self.stack.database.attempts(self.ticket.run_id, name)
            found = next((each for each in reversed(earlier) if each.state in SUCCEEDED), None)
        if found is None:
            raise UsageError(
                f"the orchestrator executed a step before {name!r}, which it waits for",
                hint="execute a step only after all of step.upstream() returned",
            )
        return found

    def know(self, record: StepRunRecord, artifacts: Iterable[ArtifactRecord] = ()) -> None:
        """Remember the final record of a step, and artifacts."""
        with self._lock:
            # After a lost attempt, and after those before a resume, others may follow.
            if record.finished and record.state != "lost" and not self.made_before(record):
                self._known[record.name] = record
            self._artifacts.update((artifact.id, artifact) for artifact in artifacts)

    def forget_all(self) -> None:
        """Forget what is known of steps: the store tells."""
        with self._lock:
            self._known.clear()

    def artifacts(self, ids: Iterable[str]) -> dict[str, ArtifactRecord]:
        """Return artifacts by their ids."""
        wanted = list(dict.fromkeys(ids))
        missing = [artifact_id for artifact_id in wanted if artifact_id not in self._artifacts]
        if missing:
            self._artifacts.update(self.stack.database.artifacts_by_id(missing))
        return {artifact_id: self._artifacts[artifact_id] for artifact_id in wanted}

    def inputs(self, step: StepSpec) -> dict[str, tuple[str, ...]]:
        """Return the ids of the artifacts that each argument of a step takes now, in order.

        Asked for once for each attempt: a step before it may be made again meanwhile.
        """
        given = {name: self.settled(name).outputs for name in step.upstream()}
        ids = {
            name: tuple(leaf.artifact or given[leaf.step][leaf.output] for leaf in _stored(argument))
            for name, argument in step.inputs.items()
        }
        return {name: taken for name, taken in ids.items() if taken}

    def input_artifacts(self, step: StepSpec, inputs: Mapping[str, tuple[str, ...]]) -> dict[str, ArtifactRecord]:
        """Return the artifacts that a step takes, by `step.output` or artifact id."""
        names = {
            leaf.artifact or f"{leaf.step}.{leaf.output}": artifact_id
            for name, argument in step.inputs.items()
            for leaf, artifact_id in zip(_stored(argument), inputs.get(name, ()), strict=True)
        }
        found = self.artifacts(names.values())
        return {name: found[artifact_id] for name, artifact_id in names.items()}

    def value(self, argument: Input, ids: Iterator[str]) -> Any:
        """Return the value of an argument; stored values are loaded anew each time: nobody sees another's changes.

        Args:
            argument: The argument.
            ids: The artifacts that it takes, in order.
        """
        if argument.kind == "value":
            return from_plain(argument.value)
        if argument.kind in ("list", "tuple", "dict"):
            values = [self.value(item, ids) for item in argument.items]
            if argument.kind == "dict":
                return dict(zip(argument.keys, values, strict=True))
            return values if argument.kind == "list" else tuple(values)
        artifact_id = next(ids)
        return self.load(self.artifacts([artifact_id])[artifact_id])

    def load(self, artifact: ArtifactRecord) -> Any:
        """Return the value of an artifact."""
        return load(artifact, self.stack, self.importer)

    def materializer(self, reference: str) -> Materializer | None:
        """Return the materializer that an output asks for, or None."""
        if not reference:
            return None
        try:
            return self.stack.registry.materializer_by_reference(reference)
        except PluginError:
            module, _, qualname = reference.partition(":")
            return self.code(CodeRef(module=module, qualname=qualname))()  # type: ignore[no-any-return]  # a class

    def surroundings(self, step: StepSpec, artifacts: Iterable[ArtifactRecord]) -> Surroundings:
        """Return what counts for a step's cache key beside the plan and its inputs."""
        if not step.cache.enabled:
            return Surroundings()
        types = dict.fromkeys(artifact.manifest.type for artifact in artifacts)
        known: dict[str, str] = {}
        opaque: list[str] = []
        for name in types:
            if self._is_project_type(name):
                known[name], problem = self._type_code(name)
                opaque += [problem] if problem else []
        depends_on = digests(step.cache.depends_on, Path(self.ticket.root)) if step.cache.depends_on else {}
        return Surroundings(types=known, depends_on=depends_on, opaque=tuple(opaque))

    def _type_code(self, name: str) -> tuple[str, str]:
        """Return the fingerprint of a class of the project, and why it has none."""
        if name not in self._type_codes:
            try:
                seen = fingerprint(resolve_type(name, self.importer), self.root)
            except MaterializerError as error:
                self._type_codes[name] = "", f"takes a {name}: {error.message}"
            else:
                why = f"takes a {name}, whose class {seen.reasons[0]}" if seen.reasons else ""
                self._type_codes[name] = seen.seen, why
        return self._type_codes[name]

    def _is_project_type(self, name: str) -> bool:
        if name not in self._project_types:
            kind, module = "unknown", name.rpartition(".")[0]
            while kind == "unknown" and module:  # a class inside a class has a longer name than its module
                kind = origin_of(module, self.root).kind
                module = module.rpartition(".")[0]
            self._project_types[name] = kind in ("project", "unknown")
        return self._project_types[name]

    def missing_of(self, producer: StepRunRecord) -> str:
        """Say what is missing of the outputs of a step run, or nothing."""
        for artifact in self.artifacts(producer.outputs.values()).values():
            for entry in artifact.manifest.files:
                if not self.stack.objects.present(entry):
                    return f"the object {entry.digest} of {artifact.name!r} is gone or has another size"
        return ""

    # What is written

    def settle_later(self, record: StepRunRecord) -> StepRunRecord:
        """Record a step that did not run; the write joins the next one, unless other processes take part."""
        self.know(record)
        with self._lock:
            self._pending.append((record, changes.insert_final_step(record, run_token=self.ticket.token)))
        if self.shared:
            self.flush()
        return record

    def write(self, batch: list[Change], *, durable: bool) -> None:
        """Write a batch together with what waits."""
        with self._lock:
            waiting, self._pending = self._pending, []
        if not waiting:
            self.stack.database.write(batch, durable=durable and self.stack.durable)
            return
        earlier = [change for _, group in waiting for change in group]
        try:
            self.stack.database.write([*earlier, *batch], durable=durable and self.stack.durable)
        except WriteConflict:
            self._write_each(waiting)
            self.stack.database.write(batch, durable=durable and self.stack.durable)

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            if not self._pending:
                return
        self.write([], durable=False)

    def check_ours(self) -> None:
        """Find out why a claim was refused.

        Raises:
            RunError: When the run is over, or another process has taken it over: there is nothing left to do here.
        """
        run = self.stack.database.run(self.ticket.run_id)
        if run.finished or self.stack.database.run_token(run.id) != self.ticket.token:
            raise RunError(
                f"run {run.id} is not this process's any more: it is {run.state}, or another process has taken it over",
                hint=f"`zen show {run.id}` tells how it stands",
            )

    def share(self) -> None:
        """From here on other processes take part: what is known must be in the store."""
        if not self.shared:
            self.shared = True
            self.flush()

    def _write_each(self, waiting: list[tuple[StepRunRecord, list[Change]]]) -> None:
        for settled, group in waiting:
            try:
                self.stack.database.write(group, durable=False)
            except WriteConflict:  # another process recorded the step first: its record holds
                found = self.stack.database.last_attempt(settled.run_id, settled.name)
                if found is not None:
                    self.know(found)

    # Stopping

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Count an attempt that is under way in this process or a worker of it."""
        with self._lock:
            self.busy += 1
        try:
            yield
        finally:
            with self._lock:
                self.busy -= 1

    def stop(self, reason: str, *, end_running: bool) -> None:
        """Start nothing more; with `end_running` also end what runs in workers."""
        with self._lock:
            first, self.stop_reason = not self.stop_reason, self.stop_reason or reason
        if end_running:
            self.ending.set()
        if first and self.shared:
            self.stack.database.write(
                [changes.ask_to_stop(self.ticket.run_id, reason, run_token=self.ticket.token)], durable=False
            )

    def stopping(self) -> str:
        """Return why nothing more may start, or an empty string."""
        if self.stop_reason or not self.shared:
            return self.stop_reason
        self.stop_reason = self.stack.database.stop_reason(self.ticket.run_id)
        if self.stop_reason and self.plan.execution_mode == "fail-fast":
            self.ending.set()
        return self.stop_reason

    # Observers

    def observe(self, event: str, **facts: Any) -> list[str]:
        """Tell the plugins that the stack names; return what went wrong with them."""
        names = {spec.distribution for spec in self.plan.stack.components} - {"", "zen-hub"}
        told = {name: masked(fact) for name, fact in facts.items()}
        return self.stack.registry.observe(event, sorted(names), **told) if names else []

    def tell(self, event: str, *facts: Any) -> None:
        """Tell whoever shows the progress of this run."""
        if self.progress is not None:
            getattr(self.progress, event)(*map(masked, facts))


def _stored(argument: Input) -> list[Input]:
    """Return the parts of an argument that are artifacts, in order."""
    return [leaf for leaf in argument.leaves() if leaf.kind != "value"]


def interrupt(run_id: str) -> None:
    """Do to a run that another thread of this process conducts what Ctrl-C does to one of the main thread."""
    session = _sessions.get(run_id)
    if session is not None and session.pid == os.getpid():
        session.interrupted = True
        session.stop("the run was interrupted", end_running=True)


def failed(record: StepRunRecord) -> bool:
    """Say whether a step ended badly."""
    return record.state not in SUCCEEDED and record.state != "skipped"
