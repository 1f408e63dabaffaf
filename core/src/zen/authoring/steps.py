"""`@step`: a function that can be a step of a pipeline, and stays a function everywhere else."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from zen.authoring.definitions import current_trace
from zen.authoring.options import StepOptions, changed, make
from zen.errors import UsageError, nearest

if TYPE_CHECKING:
    from zen.engine import Signature

P = ParamSpec("P")
R = TypeVar("R")


class Step(Generic[P, R]):
    """A step. Inside a pipeline function a call adds it to the plan; outside it calls the function.

    Attributes:
        function: The plain function.
        options: How it runs.
    """

    def __init__(self, function: Callable[P, R], options: StepOptions) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.options = options

    @property
    def name(self) -> str:
        """The name of the step."""
        return self.options.name or self.function.__name__

    @functools.cached_property
    def signature(self) -> Signature:
        """What the function declares."""
        from zen.engine import signature_of  # here, so that decorating a function loads no engine

        return signature_of(self.function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function; inside a pipeline function, add the step to the plan and return its outputs.

        In a pipeline two more keywords are understood, unless the function has parameters of that name: `after=` (steps
        to wait for) and `id=` (the name of this invocation).
        """
        trace = current_trace()
        if trace is None:
            return self.function(*args, **kwargs)
        keywords = dict(kwargs)
        parameters = self.signature.parameters
        name = "" if "id" in parameters else str(keywords.pop("id", ""))
        after = () if "after" in parameters else keywords.pop("after", ())
        given = self._bound(args, keywords)
        return cast(R, trace.add(self, given, name=name, after=after))

    def with_options(self, **options: Any) -> Step[P, R]:
        """Return the step with other options; see `StepOptions` for what they are.

        Raises:
            UsageError: For an unknown option, with the nearest name.
        """
        return Step(self.function, changed(self.options, options, f"step {self.name!r}"))

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        parameters = self.signature.parameters
        for name in kwargs:
            if name not in parameters:
                raise UsageError(
                    f"step {self.name!r} has no parameter {name!r}; it has: {', '.join(parameters) or 'none'}",
                    hint=nearest(name, parameters),
                )
        try:
            bound = inspect.Signature(list(parameters.values())).bind_partial(*args, **kwargs)
        except TypeError as error:
            raise UsageError(f"step {self.name!r}: {error}") from None
        return dict(bound.arguments)

    def __get__(self, instance: object, owner: type | None = None) -> Step[P, R]:
        if instance is not None:
            raise UsageError(
                f"step {self.name!r} is a method, and a step has no object to belong to",
                hint="make it a function, or a @staticmethod",
            )
        return self

    def __repr__(self) -> str:
        return f"<step {self.name!r} of {self.function.__module__}.{self.function.__qualname__}>"


@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...
@overload
def step(**options: Any) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def step(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a step.

        @step
        def train(data: pd.DataFrame, lr: float = 0.1) -> Annotated[Classifier, "model"]: ...

        @step(retries=2, timeout=600, tags=["gpu"])
        def evaluate(...): ...

    Several outputs are a tuple of annotated types: `-> tuple[Annotated[A, "train"], Annotated[B, "test"]]`.

    Args:
        function: The function.
        options: See `StepOptions`: `name`, `enable_cache`, `retries`, `timeout`, `on_failure`, `tags`, …

    Raises:
        UsageError: For an unknown option, with the nearest name; for something that is no function.
    """

    def decorate(function: Callable[..., Any]) -> Step[Any, Any]:
        if isinstance(function, Step):
            return Step(function.function, changed(function.options, options, f"step {function.name!r}"))
        if not inspect.isfunction(function):
            raise UsageError(f"@step cannot decorate {function!r}", hint="a step is a function")
        return Step(function, make(StepOptions, options, f"step {function.__name__!r}"))

    return decorate if function is None else decorate(function)
