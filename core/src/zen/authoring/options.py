"""The options of steps and pipelines, and what may stand in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from zen.errors import UsageError, listing, nearest

if TYPE_CHECKING:
    from zen.authoring.models import Model
    from zen.expect import Expectation
    from zen.interfaces import Materializer
    from zen.records import CachePolicy, ExecutionMode

O = TypeVar("O")  # noqa: E741  # one of the two option classes
Hook = Callable[..., Any]
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
MODES = ("fail-fast", "stop-on-failure", "continue-on-failure")


@dataclass(frozen=True, slots=True)
class Retries:
    """How a failed step is tried again: `@step(retries=Retries(3, delay=1, backoff=2))`.

    Attributes:
        count: How many more attempts after the first.
        delay: Seconds before the first retry.
        backoff: What the delay is multiplied with before each further one.
    """

    count: int
    delay: float = 0.0
    backoff: float = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class StepOptions:
    """What `@step(…)` and `step.with_options(…)` take.

    Attributes:
        name: The name of the step; by default the function's.
        enable_cache: Whether an earlier result may be taken; None leaves it to the pipeline.
        cache_version: Your own part of the cache key: change it when the result changes for a reason zen cannot see.
        cache_policy: How long results may be taken, what does not count for them, and what they depend on.
        retries: How often to try again, as a number or as `Retries`.
        timeout: Seconds that one attempt may take; the step then runs in a process of its own.
        isolate: Always run in a process of its own.
        on_success: Functions to call when the step succeeds.
        on_failure: Functions to call when it fails for good; they may take the exception.
        output_materializers: A materializer for all outputs, or one for each output by name.
        tags: Labels.
        resources: What the step needs, for orchestrators and step operators (`{"gpu": 1}`).
        step_operator: The name of the stack's step operator that runs it.
        settings: Anything else for the components of a stack, by component name.
        expect: Data checks of `zen.expect`: a list for a lone output, or one for each output by name. They are made
            before the output is kept.
        on_failed_check: Whether data that breaks its checks fails the step (`fail`) or is only reported (`warn`).
        after: Steps to wait for.
    """

    name: str = ""
    enable_cache: bool | None = None
    cache_version: str = ""
    cache_policy: CachePolicy | None = None
    retries: int | Retries = 0
    timeout: float | None = None
    isolate: bool = False
    on_success: Hook | Sequence[Hook] = ()
    on_failure: Hook | Sequence[Hook] = ()
    output_materializers: type[Materializer] | Mapping[str, type[Materializer]] = field(default_factory=dict)
    tags: Sequence[str] = ()
    resources: Mapping[str, Any] = field(default_factory=dict)
    step_operator: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    expect: Sequence[Expectation] | Mapping[str, Sequence[Expectation]] = ()
    on_failed_check: str = "fail"
    after: Any = ()

    def retry(self) -> Retries:
        """Return the retries in their long form."""
        return self.retries if isinstance(self.retries, Retries) else Retries(int(self.retries))


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineOptions:
    """What `@pipeline(…)` and `pipeline.with_options(…)` take.

    Attributes:
        name: The name of the pipeline; by default the function's.
        stack: The stack to run on; by default the active one.
        run_name: The name of the run, with `{pipeline}`, `{date}`, `{time}`, `{stack}`, `{id}` and parameters in it.
        enable_cache: Whether earlier results may be taken; False turns the cache off for every step.
        cache_policy: For the steps that have none of their own.
        parameters: Parameters of the pipeline; those of the call come first.
        config_path: A YAML or JSON file with a run configuration.
        tags: Labels of the run.
        on_success: Functions to call when the run succeeds.
        on_failure: Functions to call when it fails; they may take the exception.
        execution_mode: What a failure means for the other steps: `continue-on-failure` runs what does not depend on it,
            `stop-on-failure` starts nothing more, `fail-fast` also ends what is running in other processes.
        model: The model that the pipeline makes: each run that completes adds a version.
        raise_on_failure: Whether a failed run raises `RunFailed`.
        settings: Anything else for the components of a stack.
    """

    name: str = ""
    stack: str = ""
    run_name: str = ""
    enable_cache: bool | None = None
    cache_policy: CachePolicy | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    config_path: str | Path | None = None
    tags: Sequence[str] = ()
    on_success: Hook | Sequence[Hook] = ()
    on_failure: Hook | Sequence[Hook] = ()
    execution_mode: ExecutionMode | None = None
    model: Model | None = None
    raise_on_failure: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)


def make(cls: type[O], given: Mapping[str, Any], what: str) -> O:
    """Return options from keyword arguments; see `changed`."""
    return changed(cls(), given, what)


def changed(options: O, given: Mapping[str, Any], what: str) -> O:
    """Return options with some of them changed.

    Raises:
        UsageError: For an unknown option, with the nearest name; for a value that cannot be.
    """
    known = [item.name for item in fields(options)]  # type: ignore[arg-type]  # one of the two option classes
    for name in given:
        if name not in known:
            raise UsageError(f"{what} has no option {name!r}; it has: {listing(known)}", hint=nearest(name, known))
    result = replace(options, **given)  # type: ignore[type-var]  # one of the two option classes
    _check(result, what)
    return result


def as_tuple(hooks: Hook | Sequence[Hook]) -> tuple[Hook, ...]:
    """Return one hook or several as a tuple."""
    return (hooks,) if callable(hooks) else tuple(hooks)


def _check(options: Any, what: str) -> None:
    if options.name and not (isinstance(options.name, str) and NAME.fullmatch(options.name)):
        from zen.stacks import name_refusal  # decorating a function needs none of it

        raise UsageError(
            name_refusal(options.name, f"{what} cannot have the name {{}}"),
            hint="use letters, digits and '_', not a digit first",
        )
    if isinstance(options.tags, str) or not all(isinstance(tag, str) and tag for tag in options.tags):
        raise UsageError(f"the tags of {what} are {options.tags!r}", hint='give a list of texts: tags=["gpu"]')
    for given in (options.on_success, options.on_failure):
        for hook in given if isinstance(given, list | tuple) else (given,):
            if not callable(hook):
                raise UsageError(f"{hook!r} cannot be a hook of {what}", hint="give a function")
    _check_policy(options.cache_policy, what)
    if isinstance(options, StepOptions):
        _check_step(options, what)
    elif options.model is not None and not hasattr(options.model, "spec"):
        raise UsageError(f"the model of {what} is {options.model!r}", hint='give a zen.Model: model=Model("churn")')
    elif options.execution_mode not in (None, *MODES):
        raise UsageError(
            f"{what} has no execution mode {options.execution_mode!r}; there are: {listing(MODES)}",
            hint=nearest(str(options.execution_mode), MODES),
        )


def _check_policy(policy: Any, what: str) -> None:
    if policy is None:
        return
    if not hasattr(policy, "depends_on"):
        raise UsageError(f"the cache policy of {what} is {policy!r}", hint="give a zen.CachePolicy(…)")
    for name in ("ignore", "depends_on"):
        if isinstance(getattr(policy, name), str):
            raise UsageError(f"{name} of the cache policy of {what} is a text", hint="give several: ('a', 'b')")


def _check_step(options: StepOptions, what: str) -> None:
    known = isinstance(options.retries, int | Retries) and not isinstance(options.retries, bool)
    if not known or options.retry().count < 0 or options.retry().delay < 0:
        raise UsageError(f"the retries of {what} are {options.retries!r}", hint="give a number, or Retries(count=3)")
    if options.on_failed_check not in ("fail", "warn"):
        raise UsageError(f"on_failed_check of {what} is {options.on_failed_check!r}", hint="say 'fail' or 'warn'")
    if options.timeout is not None and not (isinstance(options.timeout, int | float) and options.timeout > 0):
        raise UsageError(f"the timeout of {what} is {options.timeout!r}", hint="give seconds, more than 0")


def names(after: Any) -> Iterable[Any]:
    """Yield what `after=` names, whether it was given alone or in a list."""
    if isinstance(after, list | tuple | set):
        for item in after:
            yield from names(item)
    else:
        yield after
