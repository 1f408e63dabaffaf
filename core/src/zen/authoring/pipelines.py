"""`@pipeline`: a function that connects steps. Calling it traces it into a plan and runs the plan on a stack."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, overload

from zen.authoring.definitions import current_trace
from zen.authoring.options import PipelineOptions, changed, make
from zen.errors import UsageError

if TYPE_CHECKING:
    from zen.client import RunView
    from zen.records import Plan
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
