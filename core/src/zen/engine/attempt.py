"""One attempt of one step, in this process: load, call, check, save, commit."""

from __future__ import annotations

import contextvars
import datetime as dt
import inspect
import os
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from zen.engine.annotations import fits, name_of, plain_type
from zen.engine.capture import Sink, captured_output
from zen.engine.context import StepContext, activate, deactivate
from zen.engine.failures import error_record
from zen.engine.ids import new_id
from zen.engine.models import PREDICTS
from zen.engine.restoring import process_restored
from zen.engine.session import Session
from zen.engine.signature import Output, check_artifact_name, signature_of
from zen.engine.steplog import StepLog
from zen.engine.tracking import StepTrackers
from zen.errors import (
    ArtifactDamaged,
    ArtifactNotFound,
    MaterializerError,
    StepExited,
    StepOutputError,
    UsageError,
    WriteConflict,
    listing,
)
from zen.expect import Expectation
from zen.interfaces import Change
from zen.records import ArtifactRecord, OutputSpec, StepRunRecord, StepSpec, StepState, from_json
from zen.records.states import CANCELLED, COMPLETED, FAILED
from zen.source import project_name
from zen.stacks.materialization import reference, save_value
from zen.storage import Uploads, changes

IN_PROCESS = threading.RLock()
"""Held while a step runs in this process: streams, working folder and environment are the process's own."""

DAMAGED_INPUT = "an input is damaged or gone; the attempt does not count"
_FLUSH_SECONDS = 1.0


class AttemptLog(Sink, Protocol):
    """Where the output of an attempt is kept."""

    def rest(self) -> list[Change]:
        """Return what is to be written with the end of the attempt; nothing is taken after it."""

    def finish(self) -> None:
        """Forget what stood in for the store: the end of the attempt is written."""


class Attempt:
    """One attempt of a step that this process has claimed.

    Args:
        session: The run.
        step: The step.
        record: The claimed attempt, `running`.
        token: Its fencing token.
        last: Whether a failure is final, so that `on_failure` hooks run.
        log: Keeps what the step writes; by default the store of the session.
    """

    def __init__(
        self,
        session: Session,
        step: StepSpec,
        record: StepRunRecord,
        token: str,
        *,
        last: bool,
        log: AttemptLog | None = None,
    ) -> None:
        self._session = session
        self._step = step
        self._record = record
        self._token = token
        self._last = last
        self._log = log or StepLog(session.stack.database, session.stack.state, record)
        self._pid = os.getpid()
        self._flushed = time.monotonic()
        self._changes: list[Change] = []
        self._artifacts: list[ArtifactRecord] = []
        self._kept: list[Change] = []  # what is recorded even if the step fails
        self._warnings: list[str] = []
        self._context = StepContext(
            run=session.run,
            step_run=record,
            stack=session.stack,
            model=session.plan.model,
            save=self._save_extra,
            load=session.load,
            changed=self._flush_points,
        )

    def run(self) -> StepRunRecord:
        """Run the attempt and return its recorded final state. Raises nothing for what the user's code does."""
        with IN_PROCESS:
            self._warnings += self._session.observe("zen_step_started", run=self._session.run, step_run=self._record)
            outputs: dict[str, str] = {}
            error: BaseException | None = None
            try:
                outputs = self._called()
            except BaseException as raised:  # noqa: BLE001  # the user's code may raise anything
                error = raised
            return self._committed(outputs, error)

    def _called(self) -> dict[str, str]:
        session, step = self._session, self._step
        with process_restored(), captured_output(self._log):
            self._context.trackers = trackers = StepTrackers(session.stack, session.run, self._record)
            token = activate(self._context)
            error: BaseException | None = None
            try:
                function = session.code(step.code)
                arguments = self._arguments()
                outputs = self._saved_outputs(function, _call(function, arguments, step))
            except BaseException as raised:
                error = raised
                raise
            finally:
                self._run_hooks(error)
                deactivate(token)
                trackers.close(error)
                self._warnings += [*trackers.warnings.values(), *self._context.warnings]
            return outputs

    def _arguments(self) -> dict[str, Any]:
        """Load what the step takes: what was there when it was claimed, also if that is being made again."""
        taken = self._record.inputs
        try:
            return {
                name: self._session.value(argument, iter(taken.get(name, ())))
                for name, argument in self._step.inputs.items()
            }
        except (ArtifactDamaged, ArtifactNotFound):
            self._record = replace(self._record, counted=False, reason=DAMAGED_INPUT)
            raise

    # Outputs

    def _saved_outputs(self, function: Callable[..., Any], result: Any) -> dict[str, str]:
        declared = signature_of(function).outputs
        outputs = {}
        matched = _matched(self._step, declared, result)
        for _, spec, value in matched:
            self._checked(spec.name, value)
        with self._uploads() as uploads:
            for output, spec, value in matched:
                outputs[output.name] = self._save(value, spec, output.artifact, uploads).id
            self._changes += uploads.put()
        return outputs

    def _checked(self, output: str, value: Any) -> None:
        """Check an output against what its step expects of it."""
        wanted = self._step.expectations.get(output)
        if wanted:
            rules = [from_json(Expectation, rule) for rule in wanted["rules"]]
            self._context.validate(value, rules, name=f"{output}.checks", on_failure=wanted["on_failure"])

    def _save_extra(self, value: Any, name: str, *, whatever_happens: bool = False) -> ArtifactRecord:
        check_artifact_name(name)
        if any(spec.name == name for spec in self._step.outputs):
            raise UsageError(
                f"step {self._step.name!r} saves an artifact under the name of its own output {name!r}",
                hint="return the value, or save it under another name",
            )
        with self._uploads() as uploads:
            if not whatever_happens:
                artifact = self._save(value, OutputSpec(name=name), name, uploads)
                self._changes += uploads.put()
                return artifact
            artifact, saved = self._saved(value, OutputSpec(name=name), "", uploads)
            self._kept += [*saved, *uploads.put()]
            return artifact

    def _uploads(self) -> Uploads:
        return Uploads(self._session.stack.objects, self._record.run_id)

    def _save(self, value: Any, spec: OutputSpec, given_name: str, uploads: Uploads) -> ArtifactRecord:
        artifact, saved = self._saved(value, spec, given_name, uploads)
        self._changes += saved
        self._artifacts.append(artifact)
        return artifact

    def _saved(
        self, value: Any, spec: OutputSpec, given_name: str, uploads: Uploads
    ) -> tuple[ArtifactRecord, list[Change]]:
        session = self._session
        chosen = session.materializer(spec.materializer)
        try:
            saved, materializer = save_value(
                value, session.stack, chosen=chosen, rename=self._project_name, uploads=uploads
            )
        except MaterializerError as error:
            raise MaterializerError(
                f"output {spec.name!r} of step {self._step.name!r} cannot be saved: {error.message}",
                hint=error.hint or "return plain data, or a type that an installed plugin saves (`zen plugin list`)",
                output=spec.name,
                type=f"{type(value).__module__}.{type(value).__qualname__}",
            ) from error
        artifact = ArtifactRecord(
            id=new_id(),
            name=given_name or f"{session.plan.pipeline}.{self._step.name}.{spec.name}",
            digest=saved.manifest.digest(),
            manifest=saved.manifest,
            materializer=reference(materializer),
            run_id=self._record.run_id,
            step_run=self._record.id,
            output=spec.name,
            created_at=dt.datetime.now(dt.UTC),
            metadata={
                **saved.metadata,
                **({PREDICTS: True} if callable(getattr(type(value), "predict", None)) else {}),
            },
            tags=spec.tags,
        )
        return artifact, [*saved.changes, changes.insert_artifact(artifact)]

    def _project_name(self, module: str) -> str:
        return project_name(module, self._session.root)

    # The commit

    def _committed(self, outputs: dict[str, str], error: BaseException | None) -> StepRunRecord:
        record = self._final_record(outputs, error)
        batch = [changes.finish_step(record, token=self._token, run_token=self._session.ticket.token), *self._kept]
        if error is None:
            batch += self._changes
            if record.cache is not None and record.cache.key and not self._context.unfixed:
                batch.append(changes.remember(record.cache.key, record.id, dt.datetime.now(dt.UTC)))
        batch += changes.edges(record)
        batch += self._logged(with_outputs=error is None)
        batch += self._log.rest()
        try:
            self._session.write(batch, durable=True)
        except WriteConflict as conflict:
            self._log.finish()
            return self._refused(record, conflict)
        self._log.finish()
        self._session.know(record, self._artifacts if error is None else ())
        said = self._session.observe("zen_step_finished", run=self._session.run, step_run=record)
        if said:  # the step is recorded; its observers' warnings are recorded with the run
            record = replace(record, warnings=(*record.warnings, *said))
            self._session.know(record)
        return record

    def _refused(self, record: StepRunRecord, conflict: WriteConflict) -> StepRunRecord:
        """Return what holds in place of a commit that lost: what somebody else recorded, or that it was our fault."""
        session = self._session
        session.forget_all()
        failed = replace(record, state=FAILED, inputs={}, outputs={}, error=error_record(conflict))
        try:
            # Nobody took the step over if this succeeds: then something else in the batch was there already.
            session.write(
                [changes.finish_step(failed, token=self._token, run_token=session.ticket.token)], durable=True
            )
        except WriteConflict:
            return session.stack.database.last_attempt(record.run_id, record.name) or record
        session.exceptions[self._step.name] = conflict
        session.know(failed)
        return failed

    def _final_record(self, outputs: dict[str, str], error: BaseException | None) -> StepRunRecord:
        inputs = dict(self._record.inputs)
        for name, artifact_id in self._context.loaded:
            inputs[name] = (*inputs.get(name, ()), artifact_id)
        extra = {artifact.output: artifact.id for artifact in self._context.saved}
        kept = {artifact.output: artifact.id for artifact in self._context.kept}
        state: StepState = COMPLETED if error is None else CANCELLED if isinstance(error, KeyboardInterrupt) else FAILED
        if error is None:
            self._warnings += self._nowhere()
        else:
            self._session.exceptions[self._step.name] = error
        if isinstance(error, SystemExit):
            error = StepExited(
                f"the step called sys.exit({error.code!r})",
                hint="return instead: a step that ends the process cannot give its outputs",
                code=error.code,
            )
        return replace(
            self._record,
            state=state,
            finished_at=dt.datetime.now(dt.UTC),
            inputs=inputs,
            outputs={**outputs, **extra, **kept} if state == COMPLETED else kept,
            error=None if error is None else error_record(error),
            warnings=tuple(self._warnings),
        )

    def _logged(self, *, with_outputs: bool) -> list[Change]:
        params, points, facts = self._context.take()
        batch = [*changes.params(self._record.id, params), *changes.metrics(points)]
        owners = {artifact.output: artifact.id for artifact in self._artifacts} if with_outputs else {}
        for (owner, key), value in facts.items():
            kind, _, name = owner.partition(":")
            target = owners.get(name) if kind == "output" else name
            if target:
                batch += changes.facts(target, {key: value})
        return batch

    def _nowhere(self) -> list[str]:
        """Return what to say about metadata that was logged for an output that the step does not have."""
        known = [artifact.output for artifact in self._artifacts]
        named = dict.fromkeys(
            owner.partition(":")[2] for owner, _ in self._context.facts if owner.startswith("output:")
        )
        return [
            f"step {self._step.name!r} logged metadata for {name!r}, which it does not give; it gives: {listing(known)}"
            for name in named
            if name not in known
        ]

    def _flush_points(self) -> None:
        if os.getpid() != self._pid:  # a fork has copies of all that waits, and the process itself writes it
            return
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self._flushed = time.monotonic()
            mine = changes.still_ours(self._record, token=self._token, run_token=self._session.ticket.token)
            points = changes.metrics(self._context.take_points())
            with suppress(WriteConflict):  # somebody took the step over, and the commit will say so
                self._session.stack.database.write([mine, *points] if points else [], durable=False)

    # Hooks

    def _run_hooks(self, error: BaseException | None) -> None:
        hooks = self._step.hooks
        if isinstance(error, KeyboardInterrupt) or (error is not None and not self._last):
            return
        if not self._record.counted:  # the launcher may have the input made again
            return
        for ref in hooks.on_success if error is None else hooks.on_failure:
            self._warnings += call_hook(str(ref), self._session.code, ref, error)


def call_hook(name: str, code: Callable[[Any], Callable[..., Any]], ref: Any, error: BaseException | None) -> list[str]:
    """Call a hook of the user, with the error if it takes one; return what went wrong, which fails nothing."""
    try:
        hook = code(ref)
        wants = error is not None and len(inspect.signature(hook).parameters) > 0
        hook(error) if wants else hook()
    except (Exception, SystemExit) as problem:  # noqa: BLE001  # the user's hook
        return [f"the hook {name} failed: {type(problem).__name__}: {problem}"]
    return []


def _abilities(value: Any) -> dict[str, Any]:
    return {PREDICTS: True} if callable(getattr(type(value), "predict", None)) else {}


def _call(function: Callable[..., Any], arguments: dict[str, Any], step: StepSpec) -> Any:
    result = function(**arguments)
    if inspect.iscoroutine(result):
        return _awaited(result)
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        raise StepOutputError(
            f"step {step.name!r} returned a generator, which can be read only once",
            hint="return a list, or save the parts with save_artifact",
        )
    return result


def _awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    import asyncio  # a tenth of a second that most runs do not need

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    # In a notebook this thread has a loop that is busy with the cell: the step gets one in a thread of its own.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(contextvars.copy_context().run, asyncio.run, coroutine).result()


def _matched(step: StepSpec, declared: tuple[Output, ...], result: Any) -> list[tuple[Output, OutputSpec, Any]]:
    """Return each declared output with its value, or raise `StepOutputError`."""
    if not declared:
        if result is not None:
            raise StepOutputError(
                f"step {step.name!r} declares that it returns None, and returned a {type(result).__qualname__}",
                hint="annotate what the function returns",
            )
        return []
    values = (result,) if len(declared) == 1 else _several(step, declared, result)
    for output, value in zip(declared, values, strict=True):
        if not fits(value, output.annotation):
            raise StepOutputError(
                f"step {step.name!r} declares its output {output.name!r} as {name_of(plain_type(output.annotation))},"
                f" and returned {_shown(value)}",
                hint="return what is declared, or change the annotation",
            )
    return list(zip(declared, step.outputs, values, strict=True))


def _several(step: StepSpec, declared: tuple[Output, ...], result: Any) -> tuple[Any, ...]:
    names = ", ".join(output.name for output in declared)
    if not isinstance(result, tuple | list):
        raise StepOutputError(
            f"step {step.name!r} declares {len(declared)} outputs ({names}), and returned {_shown(result)}",
            hint="return a tuple with one value for each output",
        )
    if len(result) != len(declared):
        raise StepOutputError(
            f"step {step.name!r} declares {len(declared)} outputs ({names}), and returned {len(result)}",
            hint="return a tuple with one value for each output",
        )
    return tuple(result)


def _shown(value: Any) -> str:
    if value is None:
        return "None"
    return f"a {type(value).__qualname__}"
