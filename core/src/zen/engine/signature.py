"""What a step function declares: its parameters and its named outputs."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from zen.engine.annotations import annotations_of, plain_type, type_reference
from zen.errors import ArgumentTypeError, UsageError
from zen.interfaces import Materializer
from zen.records import OutputSpec
from zen.secrets.redaction import redactor
from zen.stacks import name_refusal

ARTIFACT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


def check_artifact_name(name: str) -> None:
    """See that artifacts can have that name.

    Raises:
        ArgumentTypeError: When they cannot.
    """
    if not isinstance(name, str) or not ARTIFACT_NAME.fullmatch(name):
        raise ArgumentTypeError(
            name_refusal(name, "{} cannot name an artifact"), hint="use letters, digits, '_', '.' and '-', at most 200"
        )
    if reference := redactor.found(name):
        raise ArgumentTypeError(
            f"the value of the secret {reference!r} stands in the name of an artifact (not shown)",
            hint="give it another name: names are recorded as they are",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactConfig:
    """How an output is stored: `-> Annotated[Model, ArtifactConfig(name="churn_model", tags=["prod"])]`.

    Attributes:
        name: The name of the output, and of the artifact.
        tags: Tags of every version.
        materializer: A materializer to use instead of the one of the value's type.
    """

    name: str = ""
    tags: tuple[str, ...] | list[str] = ()
    materializer: type[Materializer] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """One declared output."""

    name: str
    annotation: Any
    artifact: str = ""
    tags: tuple[str, ...] = ()
    materializer: type[Materializer] | None = None

    def spec(self) -> OutputSpec:
        """Return it as the plan holds it."""
        chosen = self.materializer
        return OutputSpec(
            name=self.name,
            type=type_reference(self.annotation),
            artifact=self.artifact,
            materializer=f"{chosen.__module__}:{chosen.__qualname__}" if chosen else "",
            tags=self.tags,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """The parameters and outputs of a step function."""

    parameters: dict[str, inspect.Parameter]
    annotations: dict[str, Any]
    outputs: tuple[Output, ...]

    def annotation(self, parameter: str) -> Any:
        """Return the annotation of a parameter, or Any."""
        return self.annotations.get(parameter, Any)


@functools.lru_cache(maxsize=1024)
def signature_of(function: Callable[..., Any]) -> Signature:
    """Read a step function.

    Raises:
        UsageError: For `*args` and positional-only parameters, which have no name to pass a value by; for outputs whose
            names are not valid or not unique.
    """
    parameters = dict(inspect.signature(function).parameters)
    for name, parameter in parameters.items():
        if parameter.kind not in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
            raise UsageError(
                f"step {function.__qualname__!r} has the parameter {parameter}, which has no name to pass a value by",
                hint=f"give {name!r} as a list or a mapping instead",
            )
    annotations = annotations_of(function)
    declared = annotations.pop("return", Any)
    return Signature(parameters=parameters, annotations=annotations, outputs=_outputs(function, declared))


def _outputs(function: Callable[..., Any], declared: Any) -> tuple[Output, ...]:
    if declared is None:
        return ()
    items = get_args(declared)
    several = get_origin(plain_type(declared)) is tuple and get_origin(declared) is not Annotated
    if not (several and items and Ellipsis not in items):
        return (_output(function, declared, "output"),)
    outputs = tuple(_output(function, item, f"output_{index}") for index, item in enumerate(items))
    names = [output.name for output in outputs]
    if len(set(names)) < len(names):
        raise UsageError(f"step {function.__qualname__!r} declares two outputs of one name: {', '.join(names)}")
    return outputs


def _output(function: Callable[..., Any], declared: Any, default: str) -> Output:
    config = ArtifactConfig()
    for extra in getattr(declared, "__metadata__", ()):
        if isinstance(extra, str):
            config = ArtifactConfig(name=extra)
        elif isinstance(extra, ArtifactConfig):
            config = extra
    if config.name and not (isinstance(config.name, str) and ARTIFACT_NAME.fullmatch(config.name)):
        raise UsageError(
            name_refusal(config.name, f"step {function.__qualname__!r} names an output {{}}"),
            hint="use letters, digits, '_', '.' and '-', at most 200",
        )
    return Output(
        name=config.name or default,
        annotation=declared,
        artifact=config.name,
        tags=tuple(config.tags),
        materializer=config.materializer,
    )
