"""Models: what a completed run adds to the registry, and which alias it earns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zen.engine.ids import new_id
from zen.errors import ArtifactNotFound, WriteConflict
from zen.interfaces import Change, ModelRegistry
from zen.records import (
    SUCCEEDED,
    ArtifactRecord,
    ModelSpec,
    ModelVersion,
    RunRecord,
    StepRunRecord,
)
from zen.stacks.opening import OpenStack
from zen.storage import Models

PROMOTION = "zen.promote:"
"""What keys of metadata begin with by which a step asks for an alias; the alias follows."""
PREDICTS = "predicts"
"""The fact about an artifact whose value has a method `predict`."""
STAGES = ("staging", "production", "archived")
_TRIES = 20


def record_model(
    stack: OpenStack,
    spec: ModelSpec,
    run: RunRecord,
    steps: Iterable[StepRunRecord],
    *,
    guard: Sequence[Change] = (),
) -> tuple[ModelVersion | None, list[str]]:
    """Add the version that a completed run made, move the aliases that it asked for, and tell the stack's registry.

    Returns:
        The version, and what went wrong, which fails no run.

    Raises:
        WriteConflict: When `guard` refuses the version.
    """
    done = [step for step in steps if step.state in SUCCEEDED]
    artifact, problem = chosen_model(stack, spec, done)
    if artifact is None:
        return None, [problem]
    models = Models(stack.database)
    metrics = final_metrics(stack, done)
    version = models.register(
        ModelVersion(
            model=spec.name,
            version=0,
            artifact=artifact.id,
            run_id=run.id,
            description=spec.description,
            tags=dict(spec.tags),
            metadata={"metrics": metrics, **signature_of(stack, artifact)},
            created_at=dt.datetime.now(dt.UTC),
        ),
        run.id,
        guard=guard,
    )
    warnings = [problem] if problem else []
    warnings += _published(stack, version)
    for alias, condition in _asked_for(stack, done).items():
        promote_if(stack, version, alias, condition, run_id=run.id)
    return models.get(spec.name, version.version), warnings


def chosen_model(
    stack: OpenStack, spec: ModelSpec, steps: Iterable[StepRunRecord]
) -> tuple[ArtifactRecord | None, str]:
    """Return the artifact that is the model of a run, and what people should know about the choice."""
    names = {f"{step.name}.{output}": artifact for step in steps for output, artifact in step.outputs.items()}
    found = stack.database.artifacts_by_id(list(names.values()))
    outputs = {name: found[artifact] for name, artifact in names.items() if artifact in found}
    wanted = spec.artifact or "model"
    named = [artifact for name, artifact in outputs.items() if wanted in (name, name.rpartition(".")[2], artifact.name)]
    able = [artifact for artifact in outputs.values() if artifact.metadata.get(PREDICTS)]
    if named:
        return named[-1], ""
    if spec.artifact or not able:
        what = f"is called {spec.artifact!r}" if spec.artifact else "is called 'model' or can predict"
        return None, (
            f"model {spec.name!r} got no version: no output {what}; there are: {', '.join(outputs) or 'none'}"
        )
    if len(able) > 1:
        return able[-1], (
            f"model {spec.name!r}: {len(able)} outputs can predict, and the last one was taken;"
            f' say which with Model("{spec.name}", artifact="step.output")'
        )
    return able[0], ""


def final_metrics(stack: OpenStack, steps: Iterable[StepRunRecord]) -> dict[str, float]:
    """Return the last value of each metric; as `step.key` where several steps logged one key."""
    last: dict[str, dict[str, float]] = {}
    for step in steps:
        source = step.cache.source if step.cache is not None and step.cache.source else step.id
        for point in stack.database.step_metrics(source):
            last.setdefault(point.key, {})[step.name] = point.value
    return {
        key if len(by_step) == 1 else f"{step}.{key}": value
        for key, by_step in last.items()
        for step, value in by_step.items()
    }


def signature_of(stack: OpenStack, artifact: ArtifactRecord) -> dict[str, Any]:
    """Return what is known of the table that a model was trained with: its columns, or how many there are."""
    features = artifact.metadata.get("features")
    count = artifact.metadata.get("n_features_in")
    tables = _tables_of(stack, artifact)
    if isinstance(features, list):
        for columns in tables:
            if all(name in columns for name in features):
                return {"signature": {"columns": [{"name": name, "type": columns[name]} for name in features]}}
        return {"signature": {"columns": [{"name": name, "type": ""} for name in features]}}
    return {"signature": {"features": count}} if isinstance(count, int) else {}


def _tables_of(stack: OpenStack, artifact: ArtifactRecord) -> list[dict[str, str]]:
    """Return the columns, with their types, of each table that the step of an artifact took."""
    if not artifact.step_run:
        return []
    taken = [each for ids in stack.database.step_run(artifact.step_run).inputs.values() for each in ids]
    tables = []
    for table in stack.database.artifacts_by_id(taken).values():
        statistics = table.metadata.get("statistics")
        if isinstance(statistics, Mapping):
            columns = statistics.get("columns") or {}
            tables.append({name: str(facts.get("type", "")) for name, facts in columns.items()})
    return tables


# Promotion


def promote(
    stack: OpenStack, version: ModelVersion, alias: str, *, run_id: str = "", reason: str = "", **expected: Any
) -> ModelVersion:
    """Let an alias name a version, here and in the stack's registry; a stage's former holder is `archived`."""
    models = Models(stack.database)
    event = models.set_alias(
        version.model, alias, version.version, event_id=new_id(), run_id=run_id, reason=reason, **expected
    )
    if alias in STAGES:
        models.amend(version.model, version.version, tags={"stage": alias}, metadata={})
        if event is not None and event.before is not None:
            models.amend(version.model, event.before, tags={"stage": "archived"}, metadata={})
    for text in _aliased(stack, version, alias):
        stack.log.warning("%s", text)
    return models.get(version.model, version.version)


def unalias(stack: OpenStack, model: str, alias: str, *, reason: str = "") -> None:
    """Take an alias away, here and in the stack's registry."""
    held = Models(stack.database).get(model, alias)
    Models(stack.database).set_alias(model, alias, None, event_id=new_id(), reason=reason)
    for text in _aliased(stack, held, alias, remove=True):
        stack.log.warning("%s", text)


def promote_if(
    stack: OpenStack, version: ModelVersion, alias: str, condition: Mapping[str, Any], *, run_id: str = ""
) -> bool:
    """Let an alias name a version if it is better than the one that holds it; nobody else can move it in between."""
    for _ in range(_TRIES):
        holder = holder_of(stack, version.model, alias)
        better, reason = compared(version, holder, condition)
        if not better:
            stack.log.info("model %r version %s does not become %r: %s", version.model, version.version, alias, reason)
            return False
        try:
            before = holder.version if holder is not None else None
            promote(stack, version, alias, run_id=run_id, reason=reason, expected=before)
        except WriteConflict:  # another run moved it meanwhile: compare with that one
            continue
        return True
    return False


def holder_of(stack: OpenStack, model: str, alias: str) -> ModelVersion | None:
    """Return the version that an alias names, or None."""
    try:
        return Models(stack.database).get(model, alias)
    except ArtifactNotFound:
        return None


def compared(version: ModelVersion, holder: ModelVersion | None, condition: Mapping[str, Any]) -> tuple[bool, str]:
    """Say whether a version may take an alias from its holder, and why."""
    metric = condition.get("better_on") or ""
    if not metric:
        return True, "asked for by a step"
    value = version.metadata.get("metrics", {}).get(metric)
    if value is None or value != value:
        return False, f"it has no {metric}"
    if holder is None:
        return True, f"{metric} {value:g}, and nobody held the alias"
    known = holder.metadata.get("metrics", {}).get(metric)
    if known is None or known != known:
        return True, f"{metric} {value:g}, and version {holder.version} has none"
    better = value > known if condition.get("higher_is_better", True) else value < known
    sign = ">" if value > known else "<" if value < known else "="
    return better, f"{metric} {value:g} {sign} {known:g} of version {holder.version}"


def _asked_for(stack: OpenStack, steps: Iterable[StepRunRecord]) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for step in steps:
        source = step.cache.source if step.cache is not None and step.cache.source else step.id
        for key, value in stack.database.facts(source).items():
            if key.startswith(PROMOTION):
                asked[key.removeprefix(PROMOTION)] = value
    return asked


# The stack's own registry


def _published(stack: OpenStack, version: ModelVersion) -> list[str]:
    """Add a version to the stack's model registry, and keep what it is called there."""
    warnings = []
    for spec in stack.spec.of(ModelRegistry.kind):
        try:
            added = stack.one(ModelRegistry).register(version)  # type: ignore[type-abstract]  # mypy wants a concrete class
        except Exception as error:  # noqa: BLE001  # a plugin's code: the version is recorded already
            warnings.append(f"model registry {spec.name!r} did not take version {version.version}: {_told(error)}")
            continue
        link = {"version": added.version, "uri": added.uri}
        Models(stack.database).amend(version.model, version.version, tags={}, metadata={f"registry.{spec.name}": link})
    return warnings


def _aliased(stack: OpenStack, version: ModelVersion, alias: str, *, remove: bool = False) -> list[str]:
    problems = []
    for spec in stack.spec.of(ModelRegistry.kind):
        known = Models(stack.database).get(version.model, version.version).metadata.get(f"registry.{spec.name}")
        if known is None:
            problems.append(
                f"model registry {spec.name!r} does not know version {version.version} of {version.model!r}"
            )
            continue
        try:
            registry = stack.one(ModelRegistry)  # type: ignore[type-abstract]  # as above
            registry.set_alias(version.model, alias, None if remove else int(known["version"]))
        except Exception as error:  # noqa: BLE001  # a plugin's code
            problems.append(f"model registry {spec.name!r} did not move the alias {alias!r}: {_told(error)}")
    return problems


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
