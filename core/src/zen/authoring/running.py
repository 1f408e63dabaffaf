"""Running a pipeline: trace it, plan it for a stack, launch it, and hand back the run."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zen.authoring.definitions import Collector, PipelineDefinition
from zen.authoring.options import PipelineOptions, changed
from zen.authoring.runconfig import RunConfig
from zen.authoring.tracing import Trace, check_argument, outputs_of
from zen.client import ArtifactView, Client, RunView, open_client
from zen.engine import Draft, annotations_of, current_progress, foresee, launch, without_our_frames
from zen.errors import RunFailed, UsageError, nearest
from zen.identity import is_plain, to_plain
from zen.records import CacheDecision, Plan, StackSpec
from zen.secrets.recorded import masked
from zen.source import StopLoading, adopt_main, loading
from zen.stacks import Project, find_project, secret_references

RUN_NAME = "{pipeline}-{date}-{time}"


@dataclass(frozen=True, slots=True)
class Drafted:
    """A traced pipeline with what is needed to launch it."""

    draft: Draft
    client: Client
    options: PipelineOptions


def run(pipeline: PipelineDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RunView:
    """Run a pipeline and return the run; see `Pipeline.__call__`."""
    refuse_second_import(pipeline)
    return launched(draft(pipeline, args, kwargs))


def launched(drafted: Drafted) -> RunView:
    """Run what was drafted and return the run; see `Pipeline.__call__`."""
    finished = launch(drafted.draft, drafted.client.open_stack)
    view = drafted.client.view(masked(finished.run))
    if finished.run.state == "failed" and drafted.options.raise_on_failure:
        error = finished.run.error
        raise RunFailed(
            f"run {view.name!r} failed" + (f": {error.message}" if error else ""),
            hint=f"`zen show {view.id[:8]}` and `zen logs {view.id[:8]}` tell more",
            run=view,
        ) from (without_our_frames(finished.exception) if finished.exception else None)
    return view


def draft(pipeline: PipelineDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Drafted:
    """Trace a pipeline and plan it for its stack; nothing runs.

    Raises:
        ZenError: For everything that can be known to be wrong before anything runs.
    """
    project = project_of(pipeline)
    adopt_main(project.root)
    config = RunConfig.read(pipeline.options.config_path)
    options = merged(pipeline.options, config)
    client = open_client(stack=options.stack or None, project=project)
    trace = Trace(pipeline.name, options, config, client)
    config.check_parameters(pipeline.parameters)
    given = bound(pipeline, args, kwargs, {**config.parameters, **options.parameters})
    with trace.active():
        returned = pipeline.function(**given)
    trace.check_config()
    traced = Draft(
        plan=_planned(pipeline, trace, options, given, returned, client.stack),
        name=options.run_name or RUN_NAME,
        literals=trace.literals,
        functions=trace.functions,
        script=_script(pipeline, project.root),
        progress=current_progress(),
    )
    return Drafted(traced, client, options)


def forecast(
    pipeline: PipelineDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Plan, dict[str, CacheDecision]]:
    """Return the plan of a call, and for each step whether it would come from the cache, and why; nothing runs."""
    drafted = draft(pipeline, args, kwargs)
    return drafted.draft.plan, foresee(drafted.draft, drafted.client.open_stack)


def join(pipeline: PipelineDefinition, trace: Collector, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Add a pipeline's steps to the pipeline that calls it, and return what its function returns."""
    given = bound(pipeline, args, kwargs, pipeline.options.parameters)
    with trace.nested(pipeline.name, enable_cache=pipeline.options.enable_cache):
        return pipeline.function(**given)


def project_of(pipeline: PipelineDefinition) -> Project:
    """Return the project that the pipeline's file belongs to; for a notebook the current folder's."""
    file = Path(pipeline.function.__code__.co_filename)
    return find_project(file if file.is_file() else None)


def refuse_second_import(pipeline: PipelineDefinition) -> None:
    """Refuse to run while `multiprocessing` imports the script once more to start a process: that would never end."""
    if loading():
        raise StopLoading
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None and getattr(processes.current_process(), "_inheriting", False):
        raise UsageError(
            f"pipeline {pipeline.name!r} was called while a new process imports the script that it stands in",
            hint='put the call under `if __name__ == "__main__":`',
        )


def _planned(
    pipeline: PipelineDefinition,
    trace: Trace,
    options: PipelineOptions,
    given: Mapping[str, Any],
    returned: Any,
    stack: StackSpec,
) -> Plan:
    if not trace.steps:
        raise UsageError(
            f"pipeline {pipeline.name!r} calls no step", hint="call functions that are decorated with @step in it"
        )
    return Plan(
        pipeline=pipeline.name,
        code=trace.reference(pipeline.function),
        steps=tuple(trace.steps.values()),
        stack=stack,
        parameters={name: to_plain(value) for name, value in given.items() if is_plain(value)},
        outputs=outputs_of(returned),
        secrets=secret_references(stack),
        execution_mode=options.execution_mode or "continue-on-failure",
        hooks=trace.hooks(options),
        tags=tuple(dict.fromkeys(options.tags)),
        settings=dict(options.settings),
        model=options.model.spec() if options.model is not None else None,
    )


def bound(
    pipeline: PipelineDefinition, args: tuple[Any, ...], kwargs: dict[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what each parameter of a pipeline gets; see that it is what the parameter is annotated with."""
    for name in (*kwargs, *defaults):
        if name not in pipeline.parameters:
            raise UsageError(
                f"pipeline {pipeline.name!r} has no parameter {name!r}; it has:"
                f" {', '.join(pipeline.parameters) or 'none'}",
                hint=nearest(name, pipeline.parameters),
            )
    signature = inspect.signature(pipeline.function)
    try:
        given = signature.bind_partial(*args, **kwargs).arguments
        arguments = signature.bind(**{**defaults, **given})
    except TypeError as error:
        raise UsageError(f"pipeline {pipeline.name!r}: {error}") from None
    arguments.apply_defaults()
    annotations = annotations_of(pipeline.function)
    for name, value in arguments.arguments.items():
        if not isinstance(value, ArtifactView) and value is not pipeline.parameters[name].default:
            check_argument(f"pipeline {pipeline.name!r}", name, value, annotations.get(name, Any))
    return dict(arguments.arguments)


def merged(options: PipelineOptions, config: RunConfig) -> PipelineOptions:
    """Return the options with what only the file says; tags of both are kept."""
    said = config.options()
    tags = (*options.tags, *said.pop("tags", ()))
    absent = {name: value for name, value in said.items() if getattr(options, name) in (None, "", {})}
    return changed(options, {**absent, "tags": tags}, "the run configuration")


def _script(pipeline: PipelineDefinition, root: Path) -> Path | None:
    """Return the script that was started: by Python, or by `zen run`, whose own program lies outside the project."""
    started = getattr(sys.modules["__main__"], "__file__", None)
    for file in (started, pipeline.function.__code__.co_filename):
        if file and Path(file).is_file() and Path(file).resolve().is_relative_to(root.resolve()):
            return Path(file).resolve()
    return None
