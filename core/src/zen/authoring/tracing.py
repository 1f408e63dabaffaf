"""Tracing: a pipeline function is called once, and each step that it calls becomes a step of the plan."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zen.authoring.checks import expectations
from zen.authoring.definitions import StepDefinition, trace
from zen.authoring.handles import OutputHandle, StepHandle
from zen.authoring.models import Model
from zen.authoring.options import NAME, PipelineOptions, StepOptions, as_tuple, changed, names
from zen.client import ArtifactView, Client, ModelVersionView
from zen.engine import Signature, connects, fits, name_of, new_id, plain_type
from zen.errors import ArgumentTypeError, DuplicateStepName, TracingError, UnknownStep, UsageError, listing, nearest
from zen.identity import is_plain, to_plain
from zen.records import CachePolicy, CodeRef, Hooks, Input, RetryPolicy, StepSpec
from zen.source import fingerprint, module_name
from zen.stacks import name_refusal

if TYPE_CHECKING:
    from zen.authoring.runconfig import RunConfig

STORED = ArtifactView | Model | ModelVersionView
"""What stands for a stored value among the arguments of a step."""


class Trace:
    """Collects the steps of one pipeline."""

    def __init__(self, pipeline: str, options: PipelineOptions, config: RunConfig, client: Client) -> None:
        self.pipeline = pipeline
        self.options = options
        self.config = config
        self.client = client
        self.root = client.project.root
        self.steps: dict[str, StepSpec] = {}
        self.literals: dict[str, tuple[str, Any]] = {}
        self.functions: dict[str, Callable[..., Any]] = {}
        self._codes: dict[Callable[..., Any], CodeRef] = {}
        self._prefix = ""
        self._uncached = options.enable_cache is False
        self._counts: dict[str, int] = {}
        self._configured: set[str] = set()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let steps that are called now join this trace."""
        token = trace.set(self)
        try:
            yield
        finally:
            trace.reset(token)

    @contextmanager
    def nested(self, name: str, *, enable_cache: bool | None) -> Iterator[None]:
        """Name the steps that are called now after the pipeline that they belong to: `inner.train`."""
        before = self._prefix, self._uncached
        self._prefix = self._unique(name, "") + "."
        self._uncached = self._uncached or enable_cache is False
        try:
            yield
        finally:
            self._prefix, self._uncached = before

    def add(self, step: StepDefinition, given: Mapping[str, Any], *, name: str, after: Any) -> Any:
        """Add an invocation of a step and return its outputs."""
        options = step.options
        base = step.name
        full = self._unique(base, name)
        settings = self.config.step(full, base)
        self._configured.update((full, base))
        arguments = self._arguments(step, full, given, settings.get("parameters", {}))
        said = {key: value for key, value in settings.items() if key != "parameters"}
        options = changed(options, said, f"step {full!r} in the run configuration") if said else options
        expected = expectations(options, step.signature, full)
        self.steps[full] = StepSpec(
            name=full,
            code=self.code(step.function),
            inputs={key: self._input(value, f"{full}.{key}") for key, value in arguments.items()},
            outputs=tuple(
                replace(output.spec(), materializer=_materializer(options, output.name) or output.spec().materializer)
                for output in step.signature.outputs
            ),
            after=self._after((*names(options.after), *names(after))),
            retries=_retry_policy(options),
            timeout=options.timeout,
            isolate=options.isolate,
            resources=dict(options.resources),
            operator=options.step_operator,
            hooks=self.hooks(options),
            cache=self._cache(options),
            tags=tuple(options.tags),
            settings=dict(options.settings),
            expectations=expected,
        )
        return _handles(full, step.signature)

    def code(self, function: Callable[..., Any]) -> CodeRef:
        """Return the reference of a function, with its fingerprint, and keep the function for this process."""
        if function not in self._codes:
            seen = fingerprint(function, self.root)
            self._codes[function] = replace(
                self.reference(function),
                fingerprint=seen.digest,
                opaque=tuple(seen.reasons),
                distributions=dict(seen.distributions),
                parts={f"{kind} {name}": digest for kind, name, digest in seen.parts},
                seen="" if seen.digest else seen.seen,
            )
        return self._codes[function]

    def hooks(self, options: StepOptions | PipelineOptions) -> Hooks:
        """Return the hooks of options as the plan holds them."""
        return Hooks(
            on_success=tuple(map(self.reference, as_tuple(options.on_success))),
            on_failure=tuple(map(self.reference, as_tuple(options.on_failure))),
        )

    def reference(self, function: Callable[..., Any]) -> CodeRef:
        """Return the bare reference of a function, and keep the function for this process.

        Where several functions share a name, the name leads other processes to one of them at most: the others get a
        number, with which only this process finds them.
        """
        module = module_name(function, self.root)
        name = getattr(function, "__qualname__", type(function).__qualname__)
        number = 1 if "<" in name or _leads_to(function, module, name) else 2
        while True:
            ref = CodeRef(module=module, qualname=name if number == 1 else f"{name}<{number}>")
            if self.functions.setdefault(str(ref), function) == function:
                return ref
            number += 1

    def check_config(self) -> None:
        """See that the run configuration speaks only of steps that exist."""
        self.config.check_steps(sorted(self._configured))

    # Names

    def _unique(self, base: str, given: str) -> str:
        if given:
            if not (isinstance(given, str) and NAME.fullmatch(given)):
                raise UsageError(
                    name_refusal(given, "a step cannot have the name {}"),
                    hint="use letters, digits and '_', not a digit first",
                )
            full = self._prefix + given
            if full in self.steps:
                raise DuplicateStepName(
                    f"pipeline {self.pipeline!r} already has a step {full!r}", hint="give the second one another id"
                )
            return full
        full = self._prefix + base
        count = self._counts[full] = self._counts.get(full, 0) + 1
        while (numbered := full if count == 1 else f"{full}_{count}") in self.steps:
            count = self._counts[full] = self._counts[full] + 1
        return numbered

    def _after(self, given: tuple[Any, ...]) -> tuple[str, ...]:
        found = []
        for item in given:
            name = item.step if isinstance(item, StepHandle) else item
            if isinstance(item, str) and self._prefix + item in self.steps:
                name = self._prefix + item
            if name not in self.steps:
                raise UnknownStep(
                    f"after= names {item!r}, which is no earlier step of pipeline {self.pipeline!r};"
                    f" it has: {listing(self.steps)}",
                    hint=nearest(str(name), self.steps),
                )
            found.append(name)
        return tuple(dict.fromkeys(found))

    # Arguments

    def _arguments(
        self, step: StepDefinition, full: str, given: Mapping[str, Any], configured: Mapping[str, Any]
    ) -> dict[str, Any]:
        parameters = step.signature.parameters
        for name, value in configured.items():
            self._check_configured(full, name, value, given, parameters)
        arguments = {**configured, **given}
        for name, parameter in parameters.items():
            if name in arguments:
                check_argument(f"step {full!r}", name, arguments[name], step.signature.annotation(name))
            elif parameter.default is not inspect.Parameter.empty and is_plain(parameter.default):
                arguments[name] = parameter.default
        missing = [
            name
            for name, parameter in parameters.items()
            if name not in arguments and parameter.default is inspect.Parameter.empty
        ]
        if missing:
            raise UsageError(f"step {full!r} lacks {', '.join(map(repr, missing))}", hint="pass a value or an output")
        return {name: arguments[name] for name in parameters if name in arguments}

    def _check_configured(
        self, full: str, name: str, value: Any, given: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> None:
        if name not in parameters:
            raise self.config.unknown_parameter(full, name, list(parameters))
        if name in given and not _same(given[name], value):
            raise self.config.conflict(full, name, given[name])

    def _input(self, value: Any, place: str) -> Input:
        if isinstance(value, OutputHandle):
            if value.step not in self.steps:
                raise TracingError(
                    f"{place} takes {value!r}, which belongs to another pipeline",
                    hint="load a stored artifact with Client().artifact(…) instead",
                )
            return Input(kind="output", step=value.step, output=value.output)
        if isinstance(value, StepHandle):
            raise TracingError(
                f"{place} takes step {value.step!r}, which declares no output",
                hint="annotate what the step returns, or use after= for order alone",
            )
        if isinstance(value, Model):
            value = self.client.model(value.name, value.version)
        if isinstance(value, ModelVersionView):
            return Input(kind="artifact", artifact=value.record.artifact)
        if isinstance(value, ArtifactView):
            return Input(kind="artifact", artifact=value.id)
        return self._container(value, place) if _holds_inputs(value) else self._literal(value, place)

    def _container(self, value: Any, place: str) -> Input:
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise ArgumentTypeError(f"{place}: a mapping that holds outputs has texts as keys")
            items = tuple(self._input(item, f"{place}[{key!r}]") for key, item in value.items())
            return Input(kind="dict", keys=tuple(value), items=items)
        items = tuple(self._input(item, f"{place}[{index}]") for index, item in enumerate(value))
        return Input(kind="list" if isinstance(value, list) else "tuple", items=items)

    def _literal(self, value: Any, place: str) -> Input:
        try:
            return Input(value=to_plain(value))
        except TypeError:  # not plain data: stored as an artifact when the run starts
            artifact_id = new_id()
            self.literals[artifact_id] = (f"{self.pipeline}.{place}", value)
            return Input(kind="artifact", artifact=artifact_id)

    def _cache(self, options: StepOptions) -> CachePolicy:
        policy = options.cache_policy or self.options.cache_policy or CachePolicy()
        enabled = policy.enabled and not self._uncached and options.enable_cache is not False
        return replace(policy, enabled=enabled, version=options.cache_version or policy.version)


def check_argument(where: str, name: str, value: Any, annotation: Any) -> None:
    """Check an argument against its annotation before anything runs.

    Raises:
        ArgumentTypeError: When a value does not fit, or an output can never fit.
    """
    if isinstance(value, OutputHandle):
        if not connects(value.annotation, annotation):
            raise ArgumentTypeError(
                f"{where}: {name!r} is declared as {_bare(annotation)}, and output {value.output!r} of step"
                f" {value.step!r} as {_bare(value.annotation)}",
                hint="pass another output, or change one of the annotations",
            )
    elif not (_holds_inputs(value) or isinstance(value, StepHandle | STORED) or fits(value, annotation)):
        raise ArgumentTypeError(
            f"{where}: {name!r} is declared as {_bare(annotation)}, and was given"
            f" {_shown(value)} ({type(value).__qualname__})"
        )


def _leads_to(function: Callable[..., Any], module: str, name: str) -> bool:
    """Say whether a name in a module is that function, or what was made of it; of unknown modules nothing is known."""
    found: Any = sys.modules.get(module)
    if found is None:
        return True
    for part in name.split("."):
        found = getattr(found, part, None)
    return function in (found, getattr(found, "function", None))


def _bare(annotation: Any) -> str:
    return name_of(plain_type(annotation))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _holds_inputs(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_input, value.values()))
    return isinstance(value, list | tuple) and any(map(_is_input, value))


def _is_input(value: Any) -> bool:
    return isinstance(value, StepHandle | STORED) or _holds_inputs(value)


def _same(first: Any, second: Any) -> bool:
    try:
        return bool(to_plain(first) == to_plain(second))
    except TypeError:
        return False


def _retry_policy(options: StepOptions) -> RetryPolicy:
    retries = options.retry()
    return RetryPolicy(count=retries.count, delay=float(retries.delay), backoff=float(retries.backoff))


def _materializer(options: StepOptions, output: str) -> str:
    given = options.output_materializers
    chosen = given.get(output) if isinstance(given, Mapping) else given
    return f"{chosen.__module__}:{chosen.__qualname__}" if chosen else ""


def _handles(full: str, signature: Signature) -> Any:
    outputs = [OutputHandle(full, output.name, output.annotation) for output in signature.outputs]
    if not outputs:
        return StepHandle(full)
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def outputs_of(returned: Any) -> tuple[Input, ...]:
    """Return the outputs that a pipeline function returned, for the plan; other values are dropped."""
    if isinstance(returned, OutputHandle):
        return (Input(kind="output", step=returned.step, output=returned.output),)
    if isinstance(returned, list | tuple):
        return tuple(item for each in returned for item in outputs_of(each))
    if isinstance(returned, dict):
        return tuple(item for each in returned.values() for item in outputs_of(each))
    return ()
