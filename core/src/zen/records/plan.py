"""The plan of a run: what runs, with which inputs, in which order, on which stack. A value; complete; JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Any, Literal

from zen.errors import CyclicPlan, DuplicateStepName, UnknownStep, UsageError, listing, nearest
from zen.identity import digest
from zen.records.codec import from_json, record, to_json
from zen.records.model import ModelSpec
from zen.records.states import COMPLETED

PLAN_VERSION = 1
ExecutionMode = Literal["fail-fast", "stop-on-failure", "continue-on-failure"]


@record()
class CodeRef:
    """A piece of project or library code.

    Attributes:
        module: Import name; for a script its path from the project root (`training.py` is `training`).
        qualname: Name inside the module; holds `<locals>` for what only the launching process can reach.
        fingerprint: Digest of the normalised source, or empty where it says nothing reliable.
        opaque: Why there is no fingerprint, one sentence each.
        distributions: Third-party distributions that the code reaches, with their versions.
        parts: What of the project the code reaches, as `function features.scale`, each with its own short digest.
        seen: The digest of what can be seen of code that has no fingerprint.
    """

    module: str
    qualname: str
    fingerprint: str = ""
    opaque: tuple[str, ...] = ()
    distributions: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    seen: str = ""

    @property
    def importable(self) -> bool:
        """Whether another process can load it: not from a notebook, and not from inside a function."""
        return bool(self.module) and "<" not in self.qualname and self.module != "__main__"

    def __str__(self) -> str:
        return f"{self.module}:{self.qualname}"


@record()
class Input:
    """Where an argument comes from.

    `kind` says which attributes count: `value` (plain data in its JSON form), `output` (of a `step`), `artifact` (the
    id of a stored one), or a container (`list`, `tuple`, `dict` with `keys`) of `items`.
    """

    kind: Literal["value", "output", "artifact", "list", "tuple", "dict"] = "value"
    value: Any = None
    step: str = ""
    output: str = ""
    artifact: str = ""
    keys: tuple[str, ...] = ()
    items: tuple[Input, ...] = ()

    def leaves(self) -> Iterator[Input]:
        """Yield the inputs that are no containers, this one included."""
        if self.kind in ("list", "tuple", "dict"):
            for item in self.items:
                yield from item.leaves()
        else:
            yield self


@record()
class OutputSpec:
    """A declared output. `type` is `module.qualname` or empty; `artifact` is the name to store under, if it has one."""

    name: str
    type: str = ""
    artifact: str = ""
    materializer: str = ""
    tags: tuple[str, ...] = ()


@record()
class RetryPolicy:
    """How often a failed step is tried again, and how long to wait before (seconds, times `backoff` each time)."""

    count: int = 0
    delay: float = 0.0
    backoff: float = 2.0


@record()
class CachePolicy:
    """Whether, and for how long, results may be taken from an earlier run: `@step(cache_policy=CachePolicy(…))`.

    Attributes:
        enabled: False lets the step always run.
        version: The author's own part of the key: change it when the result changes for a reason zen cannot see.
        expires: After how many seconds a result is too old.
        ignore: Parameters whose values do not count.
        depends_on: Files, folders and patterns (`queries/*.sql`), from the project root, and variables (`env:REGION`),
            whose contents count.
        trust: Take results although something in the code cannot be seen: the author knows that it does not matter.
            Naming what the code depends on says the same.
    """

    enabled: bool = True
    version: str = ""
    expires: float | None = None
    ignore: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    trust: bool = False


@record()
class Hooks:
    """Functions to call at the end of a step or run."""

    on_success: tuple[CodeRef, ...] = ()
    on_failure: tuple[CodeRef, ...] = ()


@record()
class StepSpec:
    """One invocation of a step.

    Attributes:
        name: Unique in the plan: `train`, `train_2`, `inner.train`.
        inputs: By parameter name, defaults included, so that a plan says all.
        after: Steps to wait for without taking data from them.
        over: For a mapped step, the parameters that are mapped.
        when: Runs only when this input is true.
        accepts: States of upstream steps with which this step still runs.
        timeout: Seconds for one attempt.
        isolate: Always in a process of its own.
        operator: Name of the step operator that runs it.
        expectations: Data checks by output name.
    """

    name: str
    code: CodeRef
    inputs: dict[str, Input] = field(default_factory=dict)
    outputs: tuple[OutputSpec, ...] = ()
    after: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    when: Input | None = None
    accepts: tuple[str, ...] = (COMPLETED, "cached")
    retries: RetryPolicy = RetryPolicy()
    timeout: float | None = None
    isolate: bool = False
    resources: dict[str, Any] = field(default_factory=dict)
    operator: str = ""
    hooks: Hooks = Hooks()
    expectations: dict[str, Any] = field(default_factory=dict)
    cache: CachePolicy = CachePolicy()
    tags: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def apart(self) -> bool:
        """Whether it has to run in a process of its own."""
        return self.timeout is not None or self.isolate or bool(self.operator)

    def upstream(self) -> tuple[str, ...]:
        """Return the names of the steps that this one waits for, each once, data before order."""
        inputs = (*self.inputs.values(), *((self.when,) if self.when else ()))
        names = [leaf.step for argument in inputs for leaf in argument.leaves() if leaf.kind == "output"]
        return tuple(dict.fromkeys((*names, *self.after)))


@record()
class ComponentSpec:
    """One resolved component of a stack.

    Attributes:
        config: Minimal JSON; secrets in it are references.
        on_error: For an experiment tracker: whether one that fails is only reported, or fails the step.
    """

    kind: str
    flavor: str
    name: str = ""
    distribution: str = ""
    version: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    on_error: Literal["warn", "fail"] = "warn"


@record()
class StackSpec:
    """A resolved stack: enough to build its components in any process."""

    name: str
    components: tuple[ComponentSpec, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    def of(self, kind: str) -> tuple[ComponentSpec, ...]:
        """Return the components of a kind, in the order of the stack file."""
        return tuple(component for component in self.components if component.kind == kind)


@record()
class Plan:
    """Version 1 of the plan. Steps stand in an order in which they can run one after the other."""

    version: int = PLAN_VERSION
    pipeline: str
    code: CodeRef
    steps: tuple[StepSpec, ...] = ()
    stack: StackSpec
    parameters: dict[str, Any] = field(default_factory=dict)
    outputs: tuple[Input, ...] = ()
    snapshot: str = ""
    secrets: tuple[str, ...] = ()
    execution_mode: ExecutionMode = "continue-on-failure"
    hooks: Hooks = Hooks()
    tags: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    model: ModelSpec | None = None

    def step(self, name: str) -> StepSpec:
        """Return the step of that name.

        Raises:
            UnknownStep: With the names that exist.
        """
        for step in self.steps:
            if step.name == name:
                return step
        names = [step.name for step in self.steps]
        raise UnknownStep(
            f"no step {name!r} in pipeline {self.pipeline!r}; it has: {listing(names)}", hint=nearest(name, names)
        )

    def graph(self) -> dict[str, tuple[str, ...]]:
        """Return, for each step, the steps it waits for: what `graphlib.TopologicalSorter` takes."""
        return {step.name: step.upstream() for step in self.steps}

    def check(self) -> None:
        """See that the plan can run: names are unique, and every step stands after the steps that it waits for.

        Raises:
            DuplicateStepName: For two steps of one name.
            UnknownStep: For a step that waits for one that does not exist, with the nearest name.
            CyclicPlan: For steps that wait for each other; the message shows the cycle.
        """
        graph = self.graph()
        if len(graph) < len(self.steps):
            names = [step.name for step in self.steps]
            twice = next(name for name in names if names.count(name) > 1)
            raise DuplicateStepName(f"pipeline {self.pipeline!r} has two steps named {twice!r}", hint="give one an id")
        done: set[str] = set()
        for name, upstream in graph.items():
            for other in upstream:
                if other not in graph:
                    raise UnknownStep(
                        f"step {name!r} waits for {other!r}, which is not in the plan; it has: {listing(graph)}",
                        hint=nearest(other, graph),
                    )
            if not done.issuperset(upstream):
                raise _out_of_order(graph, name)
            done.add(name)

    def digest(self) -> str:
        """Return the identity of what runs, as `sha256:…`.

        The stack is left out: the same work on another stack is the same plan, and stacks hold paths of machines.
        """
        data = to_json(self)
        del data["stack"]
        return digest("plan/1", data)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON data."""
        return {"version": self.version, **to_json(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        """Return the plan of that JSON data.

        Raises:
            UsageError: For a version that this zen does not read.
        """
        if data.get("version") != PLAN_VERSION:
            raise UsageError(
                f"plan version {data.get('version')!r} cannot be read; this zen reads version {PLAN_VERSION}",
                hint="run it with the zen that wrote it",
            )
        return from_json(cls, data)


def _out_of_order(graph: dict[str, tuple[str, ...]], start: str) -> CyclicPlan:
    from graphlib import CycleError, TopologicalSorter

    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        cycle = " waits for ".join(map(repr, reversed(error.args[1])))
        return CyclicPlan(f"steps wait for each other: {cycle}", cycle=tuple(error.args[1]))
    return CyclicPlan(
        f"step {start!r} stands before a step that it waits for",
        hint="give the steps in an order in which they can run",
    )
