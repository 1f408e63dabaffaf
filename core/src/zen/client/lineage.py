"""Lineage: what something was made from, and what was made from it, as one graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from zen.engine import CHECKS
from zen.errors import ArtifactNotFound, RunNotFound, UsageError
from zen.identity import from_plain
from zen.records import ArtifactRecord, ModelVersion, Plan, RunRecord, Serving, StepRunRecord
from zen.stacks.opening import OpenStack
from zen.storage import Models

Direction = Literal["upstream", "downstream"]
Kind = Literal["artifact", "step", "model", "deployment", "run", "commit"]
KINDS = ("deployment", "model", "artifact", "run", "commit")


@dataclass(frozen=True, slots=True)
class Node:
    """One thing in a lineage.

    Attributes:
        id: Unique in the graph: `artifact:…`, `step:…`, `model:churn@3`.
        label: What people call it.
        facts: What is known of it, as plain data.
    """

    id: str
    kind: Kind
    label: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Lineage:
    """A graph of what led to what. Edges point the way that data went.

    Attributes:
        root: The id of what was asked for.
        nodes: By id, in the order in which they were found.
        edges: Pairs of ids, with what the second took the first as.
    """

    root: str
    direction: Direction
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], str] = field(default_factory=dict)

    def next(self, node_id: str) -> list[tuple[Node, str]]:
        """Return the neighbors of a node in the direction of the lineage, with what the edges are called."""
        here, there = (1, 0) if self.direction == "upstream" else (0, 1)
        return [(self.nodes[edge[there]], name) for edge, name in self.edges.items() if edge[here] == node_id]

    def of(self, kind: Kind) -> list[Node]:
        """Return the nodes of a kind."""
        return [node for node in self.nodes.values() if node.kind == kind]

    def to_json(self) -> dict[str, Any]:
        """Return the graph as JSON data."""
        return {
            "root": self.root,
            "direction": self.direction,
            "nodes": [
                {"id": node.id, "kind": node.kind, "label": node.label, "facts": node.facts}
                for node in self.nodes.values()
            ],
            "edges": [{"from": start, "to": end, "as": name} for (start, end), name in self.edges.items()],
        }

    def __repr__(self) -> str:
        return f"<lineage {self.direction} of {self.root}: {len(self.nodes)} things>"


def lineage_of(stack: OpenStack, ref: str, direction: Direction, resolve: Callable[..., Any]) -> Lineage:
    """Return what a thing came from, or what came from it.

    Args:
        stack: Where it is recorded.
        ref: `deployment:NAME`, `model:NAME@VERSION`, `artifact:NAME@VERSION` or an id, `run:REF`, `commit:SHA`; without
            the kind, the first of these that exists.
        direction: `upstream` or `downstream`.
        resolve: Returns the record of a reference: `resolve("artifact", "data@3")`.

    Raises:
        ArtifactNotFound: When nothing answers to the reference.
    """
    if direction not in ("upstream", "downstream"):
        raise UsageError(f"no direction {direction!r}", hint="ask for 'upstream' or 'downstream'")
    kind, found = _found(ref, resolve)
    walk = _Walk(stack, direction)
    walk.lineage.root = walk.start(kind, found)
    walk.run()
    return walk.lineage


def _found(ref: str, resolve: Callable[..., Any]) -> tuple[str, Any]:
    prefix, colon, rest = ref.partition(":")
    if colon and prefix in KINDS:
        return prefix, resolve(prefix, rest)
    for kind in KINDS:
        try:
            return kind, resolve(kind, ref)
        except (ArtifactNotFound, RunNotFound, UsageError):
            continue
    raise ArtifactNotFound(
        f"nothing answers to {ref!r}: no deployment, model, artifact, run or commit",
        hint="say of which kind: model:churn@3, artifact:data, run:last, commit:1a2b3c4",
    )


class _Walk:
    """Follows the edges from one thing, level by level."""

    def __init__(self, stack: OpenStack, direction: Direction) -> None:
        self.database = stack.database
        self.models = Models(stack.database)
        self.lineage = Lineage("", direction)
        self._artifacts: list[str] = []
        self._steps: list[str] = []
        self._runs: dict[str, tuple[RunRecord, Plan]] = {}

    @property
    def _up(self) -> bool:
        return self.lineage.direction == "upstream"

    def start(self, kind: str, found: Any) -> str:
        """Add what was asked for, and what is to be followed from there; return its id."""
        if kind == "deployment":
            return self._deployment(found)
        if kind == "model":
            return self._model(found)
        if kind == "artifact":
            return self._artifact(found)
        return self._run(found) if kind == "run" else self._commit(*found)

    def run(self) -> None:
        """Follow everything to its end."""
        while self._artifacts or self._steps:
            artifacts, self._artifacts = self._artifacts, []
            steps, self._steps = self._steps, []
            if self._up:
                self._made(artifacts)
                self._taken(steps)
            else:
                self._used(artifacts)
                self._given(steps)

    # What there is

    def _add(self, node: Node) -> bool:
        if node.id in self.lineage.nodes:
            return False
        self.lineage.nodes[node.id] = node
        return True

    def _connect(self, start: str, end: str, name: str = "") -> None:
        self.lineage.edges.setdefault((start, end), name)

    def _artifact(self, record: ArtifactRecord) -> str:
        facts = {
            "name": record.name,
            "version": record.version,
            "type": record.manifest.type,
            "digest": record.digest,
            "bytes": record.size,
            "run": record.run_id,
            "imported": not record.run_id,
        }
        node = Node(f"artifact:{record.id}", "artifact", f"{record.name} v{record.version}", facts)
        if self._add(node):
            self._artifacts.append(record.id)
        return node.id

    def _step(self, record: StepRunRecord) -> str:
        run, plan = self._known(record.run_id)
        facts: dict[str, Any] = {
            "step": record.name,
            "run": run.id,
            "run_name": run.name,
            "pipeline": run.pipeline,
            "stack": run.stack,
            "state": record.state,
            "started_at": record.started_at.isoformat() if record.started_at else None,
            "parameters": _values(plan, record.name),
            "snapshot": run.snapshot,
            **{key: run.environment[key] for key in ("commit", "branch") if key in run.environment},
            **self._checks(record.id),
        }
        node = Node(f"step:{record.id}", "step", f"{record.name} of {run.name}", facts)
        if self._add(node):
            self._steps.append(record.id)
        return node.id

    def _model(self, version: ModelVersion) -> str:
        facts = {
            "model": version.model,
            "version": version.version,
            "aliases": list(version.aliases),
            "run": version.run_id,
            "metrics": version.metadata.get("metrics", {}),
        }
        node = Node(f"model:{version.model}@{version.version}", "model", f"{version.model}@{version.version}", facts)
        if not self._add(node):
            return node.id
        if self._up:
            for record in self._records([version.artifact]):
                self._connect(self._artifact(record), node.id, "model")
        else:
            for serving in self.models.servings(model=version.model, version=version.version):
                self._connect(node.id, self._serving(serving), "served")
        return node.id

    def _serving(self, serving: Serving) -> str:
        since = f"since {_day(serving.started_at)}" if serving.ended_at is None else f"until {_day(serving.ended_at)}"
        facts = {
            "deployment": serving.name,
            "model": serving.model,
            "version": serving.version,
            "deployer": serving.deployer,
            "stack": serving.stack,
            "url": serving.url,
            "started_at": serving.started_at.isoformat() if serving.started_at else None,
            "ended_at": serving.ended_at.isoformat() if serving.ended_at else None,
        }
        node = Node(f"deployment:{serving.name}:{serving.id}", "deployment", f"{serving.name} ({since})", facts)
        self._add(node)
        return node.id

    def _deployment(self, serving: Serving) -> str:
        node = self._serving(serving)
        if self._up:
            self._connect(self._model(self.models.get(serving.model, serving.version)), node, "served")
        return node

    def _run(self, run: RunRecord) -> str:
        facts = {"run": run.id, "pipeline": run.pipeline, "stack": run.stack, "state": run.state, "plan": run.plan}
        node = Node(f"run:{run.id}", "run", run.name, {**facts, **run.environment})
        if not self._add(node):
            return node.id
        for step in self.database.step_runs(run.id):
            if step.state in ("completed", "cached"):
                pair = (self._step(step), node.id) if self._up else (node.id, self._step(step))
                self._connect(*pair, "step")
        return node.id

    def _commit(self, commit: str, runs: Iterable[RunRecord]) -> str:
        node = Node(f"commit:{commit}", "commit", commit[:12], {"commit": commit})
        self._add(node)
        if not self._up:
            for run in runs:
                self._connect(node.id, self._run(run), "run")
        return node.id

    # Following

    def _made(self, artifacts: list[str]) -> None:
        """Follow artifacts to the steps that made them."""
        for record in self._records(artifacts):
            if record.step_run:
                step = self._step(self.database.step_run(record.step_run))
                self._connect(step, f"artifact:{record.id}", record.output)

    def _taken(self, steps: list[str]) -> None:
        """Follow steps to the artifacts that they took."""
        for step in steps:
            for name, ids in self.database.step_run(step).inputs.items():
                for record in self._records(ids):
                    self._connect(self._artifact(record), f"step:{step}", name)

    def _used(self, artifacts: list[str]) -> None:
        """Follow artifacts to the steps that took them, and to the models that they are."""
        for artifact, step_run, slot in self.database.consumers(artifacts):
            self._connect(f"artifact:{artifact}", self._step(self.database.step_run(step_run)), slot)
        for version in self.models.of_artifacts(artifacts):
            self._connect(f"artifact:{version.artifact}", self._model(version), "model")

    def _given(self, steps: list[str]) -> None:
        """Follow steps to the artifacts that they gave."""
        for step in steps:
            for name, artifact in self.database.step_run(step).outputs.items():
                for record in self._records([artifact]):
                    self._connect(f"step:{step}", self._artifact(record), name)

    def _records(self, ids: Iterable[str]) -> Iterator[ArtifactRecord]:
        wanted = [each for each in ids if each]
        found = self.database.artifacts_by_id(wanted)
        yield from (found[each] for each in wanted if each in found)

    def _known(self, run_id: str) -> tuple[RunRecord, Plan]:
        if run_id not in self._runs:
            run = self.database.run(run_id)
            self._runs[run_id] = run, self.database.plan(run.plan)
        return self._runs[run_id]

    def _checks(self, step_run: str) -> dict[str, Any]:
        facts = self.database.facts(step_run)
        found = {key.removeprefix(CHECKS): value for key, value in facts.items() if key.startswith(CHECKS)}
        return {"checks": {name: bool(told.get("passed")) for name, told in found.items()}} if found else {}


def _values(plan: Plan, step: str) -> dict[str, Any]:
    inputs = plan.step(step).inputs if any(each.name == step for each in plan.steps) else {}
    return {name: from_plain(each.value) for name, each in inputs.items() if each.kind == "value"}


def _day(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "?"
