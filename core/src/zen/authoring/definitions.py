"""What steps, pipelines and traces know of each other: as little as they need."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from zen.authoring.options import PipelineOptions, StepOptions

if TYPE_CHECKING:
    import inspect

    from zen.engine import Signature


class StepDefinition(Protocol):
    """A decorated step."""

    @property
    def name(self) -> str: ...

    @property
    def function(self) -> Callable[..., Any]: ...

    @property
    def options(self) -> StepOptions: ...

    @property
    def signature(self) -> Signature: ...


class PipelineDefinition(Protocol):
    """A decorated pipeline."""

    @property
    def name(self) -> str: ...

    @property
    def function(self) -> Callable[..., Any]: ...

    @property
    def options(self) -> PipelineOptions: ...

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]: ...

    def with_options(self, **options: Any) -> PipelineDefinition: ...


class Collector(Protocol):
    """The trace under way: what a step that is called inside a pipeline function joins."""

    def add(self, step: StepDefinition, given: Mapping[str, Any], *, name: str, after: Any) -> Any: ...

    def nested(self, name: str, *, enable_cache: bool | None) -> AbstractContextManager[None]: ...


trace: contextvars.ContextVar[Collector | None] = contextvars.ContextVar("zen_trace", default=None)


def current_trace() -> Collector | None:
    """Return the trace under way, or None outside a pipeline function."""
    return trace.get()
