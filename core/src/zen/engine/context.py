"""What a step can ask and tell while it runs."""

from __future__ import annotations

import contextvars
import datetime as dt
import itertools
import logging
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zen.engine import showing, validating
from zen.engine.alerts import send
from zen.engine.models import PROMOTION
from zen.errors import ArgumentTypeError, ArtifactNotFound, UsageError, listing, nearest
from zen.identity import to_plain
from zen.interfaces import FeatureStore
from zen.records import (
    Alert,
    ArtifactRecord,
    MetricPoint,
    ModelSpec,
    RunRecord,
    StepRunRecord,
    ValidationResult,
    to_json,
)
from zen.secrets.redaction import redactor
from zen.stacks import is_name, name_advice, name_refusal

if TYPE_CHECKING:
    from zen.engine.tracking import StepTrackers
    from zen.stacks.opening import OpenStack

_current: contextvars.ContextVar[StepContext] = contextvars.ContextVar("zen_step")
_last: list[StepContext] = []
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


class StepContext:
    """The step that is running: `get_step_context()` returns it inside a step.

    Attributes:
        run: The run, as recorded when the step started.
        step_run: This attempt.
    """

    def __init__(
        self,
        *,
        run: RunRecord,
        step_run: StepRunRecord,
        stack: OpenStack,
        model: ModelSpec | None,
        save: Callable[..., ArtifactRecord],
        load: Callable[[ArtifactRecord], Any],
        changed: Callable[[], None],
    ) -> None:
        self.run = run
        self.step_run = step_run
        self._stack = stack
        self._model = model
        self._save = save
        self._load = load
        self._changed = changed
        self._lock = threading.RLock()  # a signal handler may log while its thread logs
        self._seq = 0
        self.trackers: StepTrackers | None = None
        self.params: dict[str, Any] = {}
        self.points: list[tuple[int, MetricPoint]] = []
        self.facts: dict[tuple[str, str], Any] = {}
        self.saved: list[ArtifactRecord] = []
        self.kept: list[ArtifactRecord] = []
        self.loaded: list[tuple[str, str]] = []
        self.unfixed: list[str] = []  # tables that mean another version tomorrow: results with them are not cached
        self.warnings: list[str] = []

    @property
    def log(self) -> logging.Logger:
        """A logger whose records are kept with the step."""
        return logging.getLogger(f"zen.step.{self.step_run.name}")

    @property
    def run_name(self) -> str:
        """The name of the run."""
        return self.run.name

    @property
    def step_name(self) -> str:
        """The name of the step in this run (`train_2`)."""
        return self.step_run.name

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the pipeline."""
        from zen.identity import from_plain

        return {name: from_plain(value) for name, value in self.run.parameters.items()}

    def tracker(self, name: str) -> Any:
        """Return the tool's own handle of a tracker of the stack, by its name.

        Raises:
            UsageError: When the stack has no such tracker.
        """
        known = [spec.name for spec in self._stack.spec.of("experiment_tracker")]
        if name not in known:
            raise UsageError(
                f"stack {self._stack.spec.name!r} has no experiment tracker {name!r}; it has: {listing(known)}",
                hint=nearest(name, known),
            )
        return self.trackers.native(name) if self.trackers else None

    @property
    def feature_store(self) -> FeatureStore:
        """The feature store of the stack.

        Raises:
            UsageError: When the stack has none.
        """
        if not self._stack.spec.of(FeatureStore.kind):
            raise UsageError(
                f"stack {self._stack.spec.name!r} has no feature store", hint="add `feature_store:` to it in zen.yaml"
            )
        return self._stack.one(FeatureStore)  # type: ignore[type-abstract]  # mypy wants a concrete class

    def alert(self, alert: Alert) -> None:
        """Send an alert to every alerter of the stack; see `zen.alert`."""
        facts = {"run": self.run.id, "pipeline": self.run.pipeline, "stack": self.run.stack, "step": self.step_name}
        self.warnings += send(self._stack, replace(alert, facts={**facts, **alert.facts}))

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters of this step; see `zen.log_params`."""
        plain = {_key(key): _plain(key, value) for key, value in params.items()}
        with self._lock:
            self.params.update(plain)
        if self.trackers:
            self.trackers.log_params(params)
        self._changed()

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record values of metrics; see `zen.log_metrics`."""
        at = dt.datetime.now(dt.UTC)
        numbers = {_key(key): _number(key, value) for key, value in metrics.items()}
        if step is not None and (isinstance(step, bool) or not hasattr(step, "__index__")):
            raise ArgumentTypeError(f"log_metrics: step is {step!r}, a whole number is wanted")
        index = None if step is None else int(step)
        if index is not None and index.bit_length() > 63:
            raise ArgumentTypeError("log_metrics: step is larger than the 64 bits that databases have for a number")
        with self._lock:
            for key, value in numbers.items():
                self._seq += 1
                point = MetricPoint(key=key, value=value, step=index, at=at, step_run=self.step_run.id)
                self.points.append((self._seq, point))
        if self.trackers:
            self.trackers.log_metrics(numbers, step=index, at=at)
        self._changed()

    def log_metadata(self, metadata: Mapping[str, Any], *, artifact: str | None = None, run: bool = False) -> None:
        """Record metadata of this step, of its run, or of an artifact that it saves; see `zen.log_metadata`."""
        plain = {_key(key): _plain(key, value) for key, value in metadata.items()}
        owner = f"output:{artifact}" if artifact else f"run:{self.run.id}" if run else f"step:{self.step_run.id}"
        with self._lock:
            self.facts.update({(owner, key): value for key, value in plain.items()})
        if self.trackers:
            self.trackers.log_metadata(metadata)
        self._changed()

    def log_figure(self, figure: Any, name: str) -> ArtifactRecord:
        """Keep a figure as an image; see `zen.log_figure`."""
        with showing.figure_file(figure, name) as path:
            artifact = self._shown(path, name, "figure")
            if self.trackers:
                self.trackers.log_figure(name, path)
        return artifact

    def log_table(self, table: Any, name: str) -> ArtifactRecord:
        """Keep a table; see `zen.log_table`."""
        columns, rows = showing.rows_of(table, name)
        artifact = self._shown(table, name, "table")
        if self.trackers:
            self.trackers.log_table(name, columns, rows)
        return artifact

    def log_file(self, path: str | os.PathLike[str], name: str = "") -> ArtifactRecord:
        """Keep a copy of a file or folder; see `zen.log_file`."""
        found = showing.existing(path)
        artifact = self._shown(found, name or found.name, "file")
        if self.trackers:
            self.trackers.log_file(name or found.name, found)
        return artifact

    def log_model(self, model: Any, name: str = "model") -> ArtifactRecord:
        """Keep a model; see `zen.log_model`."""
        artifact = self._shown(model, name, "model")
        if self.trackers:
            materializer = self._stack.registry.materializer_by_reference(artifact.materializer)
            with showing.model_files(model, materializer, artifact.manifest.type) as files:
                self.trackers.log_model(name, model, files)
        return artifact

    def _shown(self, value: Any, name: str, kind: str) -> ArtifactRecord:
        artifact = self.save_artifact(value, name)
        with self._lock:
            self.facts[f"output:{name}", "shown_as"] = kind
        return artifact

    def validate(
        self, data: Any, expectations: Any, *, name: str = "", on_failure: str = "fail", validator: str = ""
    ) -> ValidationResult:
        """Check a table and keep the result; see `zen.validate`."""
        result, page = validating.checked(self._stack, data, expectations, validator=validator)
        self.unfixed += validating.unfixed(expectations)
        name = self._free_name(name or "validation")
        self._keep(redactor.data(to_json(result)), name)
        if page:
            with showing.text_file(redactor.text(page), f"{name}.html") as path:
                self._keep(path, f"{name}.html")
                if self.trackers:
                    self.trackers.log_file(f"{name}.html", path)
        broken = [each.message for each in result.results if not each.passed]
        told = {"passed": result.passed, "checks": len(result.results), "failed": broken}
        self.log_metadata({f"{validating.CHECKS}{name}": told})
        if error := validating.failure(result, name):
            if on_failure != "warn":
                raise error
            self.warnings.append(error.message)
            self.log.warning("%s", error.message)
        return result

    def _keep(self, value: Any, name: str) -> None:
        artifact = self._save(value, name, whatever_happens=True)
        with self._lock:
            self.kept.append(artifact)

    def _free_name(self, name: str) -> str:
        taken = {artifact.output for artifact in (*self.saved, *self.kept)}
        return next(free for n in itertools.count(1) if (free := name if n == 1 else f"{name}_{n}") not in taken)

    def promote(self, alias: str, *, better_on: str = "", higher_is_better: bool = True) -> None:
        """Ask for an alias for the version that this run makes; see `zen.promote`."""
        if self._model is None:
            raise UsageError(
                f"pipeline {self.run.pipeline!r} makes no model, so there is nothing to promote",
                hint='say which: @pipeline(model=Model("churn"))',
            )
        if not is_name(alias) or alias.isdigit() or alias == "latest":
            raise UsageError(name_refusal(alias, "{} cannot be an alias"), hint=name_advice(alias))
        condition = {"better_on": better_on, "higher_is_better": higher_is_better}
        with self._lock:
            self.facts[f"step:{self.step_run.id}", PROMOTION + alias] = condition

    def save_artifact(self, value: Any, name: str) -> ArtifactRecord:
        """Save a value beside the step's outputs; see `zen.save_artifact`."""
        artifact = self._save(value, name)
        with self._lock:
            self.saved.append(artifact)
        return artifact

    def load_artifact(self, name: str, version: int | None = None) -> Any:
        """Load a stored artifact and record that this step used it; see `zen.load_artifact`."""
        artifact = find_artifact(self._stack, name, version)
        with self._lock:
            self.loaded.append((name, artifact.id))
        return self._load(artifact)

    def take_points(self) -> list[tuple[int, MetricPoint]]:
        """Hand over the metric values since the last time, while the step still runs."""
        with self._lock:
            points, self.points = self.points, []
            return points

    def take(self) -> tuple[dict[str, Any], list[tuple[int, MetricPoint]], dict[tuple[str, str], Any]]:
        """Hand over what was logged since the last time: parameters, metric values, metadata."""
        with self._lock:
            taken = self.params, self.points, self.facts
            self.params, self.points, self.facts = {}, [], {}
            return taken


def activate(context: StepContext) -> contextvars.Token[StepContext]:
    """Make a context the current one of this thread and of the threads that the step starts."""
    _last.append(context)
    return _current.set(context)


def deactivate(token: contextvars.Token[StepContext]) -> None:
    """Undo `activate`."""
    _last.remove(_current.get())
    _current.reset(token)


def get_step_context() -> StepContext:
    """Return the context of the step that is running.

    In a thread that the step started itself it is found as long as the process runs one step at a time.

    Raises:
        UsageError: Outside a step.
    """
    context = _current.get(None)
    if context is None and len(_last) == 1:
        context = _last[0]
    if context is None:
        raise UsageError(
            "no step is running here",
            hint="call it inside a function that is decorated with @step and run by a pipeline",
        )
    return context


def current_context() -> StepContext | None:
    """Return the context of the running step, or None outside one."""
    try:
        return get_step_context()
    except UsageError:
        return None


def find_artifact(stack: OpenStack, name: str, version: int | None) -> ArtifactRecord:
    """Return a version of a named artifact, the newest by default.

    Raises:
        ArtifactNotFound: With the names or versions that exist.
    """
    database = stack.database
    found = database.artifact_version(name, version)
    if found is not None:
        return found
    if version is not None and (newest := database.artifact_version(name)) is not None:
        raise ArtifactNotFound(f"artifact {name!r} has no version {version}; its newest is {newest.version}")
    names = database.artifact_names()
    raise ArtifactNotFound(f"no artifact {name!r}; there are: {listing(names)}", hint=nearest(name, names))


def _key(key: Any) -> str:
    # Lone surrogates and NUL are no text for a database, and would be refused only when the step's results are written.
    if not isinstance(key, str) or not key or len(key) > 250 or _NO_TEXT.search(key):
        raise ArgumentTypeError(f"{key!r} cannot name what is logged", hint="use a text of 1 to 250 characters")
    return key


def _plain(key: str, value: Any) -> Any:
    value = value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value
    try:
        return to_plain(value)
    except (TypeError, RecursionError) as error:
        raise ArgumentTypeError(
            f"{key!r} cannot be logged: {error}",
            hint="log plain data (numbers, texts, lists, mappings); save other values with save_artifact",
        ) from error


def _number(key: str, value: Any) -> float:
    try:
        if isinstance(value, str):
            raise TypeError("a text is no number")
        return float(value)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(f"metric {key!r} is {value!r}, a number is wanted") from error
