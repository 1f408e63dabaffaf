"""`@pipeline`: a function that connects steps. Calling it traces it into a plan and runs the plan on a stack."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from zen.authoring.definitions import current_trace
from zen.authoring.options import PipelineOptions, changed, make
from zen.errors import UsageError

if TYPE_CHECKING:
    from zen.client import RunView, Sweep
    from zen.records import CacheDecision, Plan
    from zen.stacks import Project


class Pipeline:
    """A pipeline. A call runs it; inside another pipeline function, a call adds its steps to that pipeline.

    Attributes:
        function: The plain function.
        options: How it runs.
    """

    def __init__(self, function: Callable[..., Any], options: PipelineOptions) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.options = options

    @property
    def name(self) -> str:
        """The name of the pipeline."""
        return self.options.name or self.function.__name__

    @functools.cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The parameters of the pipeline function."""
        return inspect.signature(self.function).parameters

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the pipeline and return the run.

        Raises:
            RunFailed: When a step failed, from the user's own exception; its `run` is the recorded run. Not with
                `with_options(raise_on_failure=False)`.
            ZenError: When the run cannot start.
        """
        # Imported when a pipeline is called: decorating a function loads no engine.
        from zen.authoring import running
        from zen.source import StopLoading, loading

        trace = current_trace()
        if trace is not None:
            return running.join(self, trace, args, kwargs)
        if loading():
            raise StopLoading
        return running.run(self, args, kwargs)

    def run(self, *args: Any, **kwargs: Any) -> RunView:
        """Run the pipeline and return the run; what a call outside a pipeline function does."""
        from zen.authoring import running

        return running.run(self, args, kwargs)

    def plan(self, *args: Any, **kwargs: Any) -> Plan:
        """Return the plan that a call would run, without running anything."""
        from zen.authoring import running

        return running.draft(self, args, kwargs).draft.plan

    def sweep(
        self,
        space: Mapping[str, Any] | Sequence[Mapping[str, Any]] = (),
        /,
        *,
        name: str = "",
        runs: int | None = None,
        seed: int | None = None,
        parallel: int = 1,
        stop_after_failures: int | None = None,
        **parameters: Any,
    ) -> Sweep:
        """Run the pipeline with different parameters, as a group of runs that share what their steps have in common.

            training.sweep(lr=[0.1, 0.01], depth=[2, 4])                           # every combination
            training.sweep([{"lr": 0.1, "depth": 2}, {"lr": 0.01, "depth": 4}])    # these
            training.sweep(lr=zen.uniform(0.001, 0.1, log=True), depth=zen.choice(2, 4, 8), runs=20, seed=1)

        A run that fails, or cannot start, does not end the sweep. After Ctrl-C what is done is recorded, and
        `Client().group(name)` returns it.

        Args:
            space: Combinations, as mappings. Or a mapping of what else would be a keyword here, for parameters that
                are called like one of these arguments: `{"seed": [1, 2, 3]}`.
            name: What the group is called; runs of an earlier sweep of that name are in the same group.
            runs: How many random combinations to make; without it every combination is made.
            seed: Whole number that random combinations are computed from; by default 0.
            parallel: How many runs may go at once. With several, steps run in other processes.
            stop_after_failures: How many runs may fail before no more are started.
            parameters: For each parameter a list of values, `zen.uniform(…)`, `zen.choice(…)`, or one value for all
                runs. A list as a value is given inside a list: `layers=[[64, 64], [32]]`.

        Raises:
            UsageError: Before anything runs: for unknown names, wrong types, nothing to try, and over 10,000 runs.
        """
        from zen.authoring import sweeping
        from zen.authoring.space import check_counts, combinations
        from zen.source import StopLoading, loading

        if loading():
            raise StopLoading
        check_counts(parallel=parallel, stop_after_failures=stop_after_failures)
        tried = combinations(self.name, list(self.parameters), space, parameters, runs=runs, seed=seed)
        return sweeping.sweep(self, tried, name=name, parallel=parallel, stop_after_failures=stop_after_failures)

    def forecast(self, *args: Any, **kwargs: Any) -> dict[str, CacheDecision]:
        """Return what a call would do, without running anything: for each step whether it would come from the cache."""
        from zen.authoring import running

        return running.forecast(self, args, kwargs)[1]

    def with_options(self, **options: Any) -> Pipeline:
        """Return the pipeline with other options; see `PipelineOptions` for what they are.

        Raises:
            UsageError: For an unknown option, with the nearest name.
        """
        return Pipeline(self.function, changed(self.options, options, f"pipeline {self.name!r}"))

    def project(self) -> Project:
        """Return the project that the pipeline's file belongs to."""
        from zen.authoring import running

        return running.project_of(self)

    def __repr__(self) -> str:
        return f"<pipeline {self.name!r} of {self.function.__module__}>"


@overload
def pipeline(function: Callable[..., Any], /) -> Pipeline: ...
@overload
def pipeline(**options: Any) -> Callable[[Callable[..., Any]], Pipeline]: ...
def pipeline(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a pipeline.

        @pipeline
        def training(lr: float = 0.1):
            return train(load(), lr=lr)

        run = training(lr=0.2)
        run = training.with_options(stack="prod", enable_cache=False)(lr=0.2)

    Args:
        function: A function that connects steps: it calls them, and passes outputs of one to another.
        options: See `PipelineOptions`: `name`, `enable_cache`, `tags`, `execution_mode`, `on_failure`, …

    Raises:
        UsageError: For an unknown option, with the nearest name; for something that is no function.
    """

    def decorate(function: Callable[..., Any]) -> Pipeline:
        if not inspect.isfunction(function):
            raise UsageError(f"@pipeline cannot decorate {function!r}", hint="a pipeline is a function")
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind not in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
                raise UsageError(
                    f"pipeline {function.__qualname__!r} has the parameter {parameter}, which has no name",
                    hint=f"give {name!r} as a list or a mapping instead",
                )
        return Pipeline(function, make(PipelineOptions, options, f"pipeline {function.__name__!r}"))

    return decorate if function is None else decorate(function)
