"""What a step calls by name: logging, and artifacts beside its inputs and outputs."""

from __future__ import annotations

import datetime as dt
import os
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from zen.client import ArtifactView, Client
from zen.engine import check_artifact_name, checked, current_context, failure, get_step_context, new_id, send
from zen.errors import MaterializerError, StoreBusy, WriteConflict
from zen.records import Alert, AlertLevel, ArtifactRecord, ValidationResult
from zen.source import project_name
from zen.stacks.materialization import reference, save_value
from zen.storage import Uploads, changes
from zen.storage.holding import release


def log_params(params: Mapping[str, Any]) -> None:
    """Record parameters of the running step, here and in every tracker of the stack.

    Args:
        params: Plain data by name. A name that was logged before gets the new value.

    Raises:
        UsageError: Outside a step.
        ArgumentTypeError: For values that are no plain data.
    """
    get_step_context().log_params(params)


def log_metrics(metrics: Mapping[str, float], step: int | None = None) -> None:
    """Record values of metrics of the running step, here and in every tracker of the stack.

    Args:
        metrics: Numbers by name; NaN and infinities are kept. Every value is kept, so that a metric has a history.
        step: Your own index of the values: the epoch, the iteration.

    Raises:
        UsageError: Outside a step.
        ArgumentTypeError: For values that are no numbers.
    """
    get_step_context().log_metrics(metrics, step)


def log_metadata(metadata: Mapping[str, Any], *, artifact: str | None = None, run: bool = False) -> None:
    """Record anything else that is plain data, here and in every tracker that has a place for it.

    Args:
        metadata: Plain data by name.
        artifact: The output that it belongs to; by default it belongs to the step.
        run: Whether it belongs to the run as a whole.

    Raises:
        UsageError: Outside a step.
    """
    get_step_context().log_metadata(metadata, artifact=artifact, run=run)


def promote(alias: str, *, better_on: str = "", higher_is_better: bool = True) -> None:
    """Let an alias name the version of the model that this run makes, once the run completes.

    With `better_on` it does so only if the version is better than the one that holds the alias by then: of two runs
    that end at the same time, the better one keeps it.

    Args:
        alias: Such as `champion`; `staging` and `production` are stages.
        better_on: The metric to compare, as `run.metrics` names it.
        higher_is_better: Whether more of it is better.

    Raises:
        UsageError: Outside a step, or in a pipeline that makes no model.
    """
    get_step_context().promote(alias, better_on=better_on, higher_is_better=higher_is_better)


def log_figure(figure: Any, name: str) -> ArtifactView:
    """Keep a figure as an image, beside the step's outputs, and show it in every tracker of the stack.

    Args:
        figure: Of matplotlib or plotly, an image of PIL, or the path of a PNG, JPEG or SVG file.
        name: Letters, digits, `_`, `.` and `-`.

    Raises:
        UsageError: Outside a step.
        ArgumentTypeError: For something that cannot be drawn.
    """
    return ArtifactView(get_step_context().log_figure(figure, name), Client())


def log_table(table: Any, name: str) -> ArtifactView:
    """Keep a table, beside the step's outputs, and show its first 10,000 rows in every tracker of the stack.

    Args:
        table: A frame of pandas or polars, a list of mappings, or a mapping of columns.
        name: Letters, digits, `_`, `.` and `-`.

    Raises:
        UsageError: Outside a step.
        ArgumentTypeError: For something that is no table.
    """
    return ArtifactView(get_step_context().log_table(table, name), Client())


def log_file(path: str | os.PathLike[str], name: str = "") -> ArtifactView:
    """Keep a copy of a file or folder, beside the step's outputs, here and in every tracker of the stack.

    Args:
        path: The file or folder.
        name: Letters, digits, `_`, `.` and `-`; by default its own name.

    Raises:
        UsageError: Outside a step; when there is no such file.
    """
    return ArtifactView(get_step_context().log_file(path, name), Client())


def log_model(model: Any, name: str = "model") -> ArtifactView:
    """Keep a model, beside the step's outputs, here and in every tracker of the stack, in each tool's own form.

    Args:
        model: Anything that a materializer saves.
        name: Letters, digits, `_`, `.` and `-`.

    Raises:
        UsageError: Outside a step.
        MaterializerError: When it cannot be saved.
    """
    return ArtifactView(get_step_context().log_model(model, name), Client())


def validate(
    data: Any,
    expectations: Any,
    *,
    name: str = "",
    on_failure: Literal["fail", "warn"] = "fail",
    validator: str = "",
) -> ValidationResult:
    """Check a table with a data validator of the stack.

    Inside a step the result is kept with the step as JSON, and as an HTML page where the validator makes one, also when
    the step fails for it.

    Args:
        data: The table.
        expectations: Of `zen.expect`, which every validator compiles to its tool; or a suite of one of these tools.
        name: What the checks are called; by default `validation`.
        on_failure: Whether broken checks raise, or are reported as a warning of the run.
        validator: The name of the stack's validator; by default the first one that can check this.

    Raises:
        ValidationFailed: When a check fails; its `result` says which, with counts and samples.
        UsageError: When the stack has no validator that can check this.
    """
    context = current_context()
    if context is not None:
        return context.validate(data, expectations, name=name, on_failure=on_failure, validator=validator)
    result, _ = checked(Client().open_stack, data, expectations, validator=validator)
    if error := failure(result, name or "validation"):
        if on_failure != "warn":
            raise error
        warnings.warn(error.message, stacklevel=2)
    return result


def alert(title: str, text: str = "", *, level: AlertLevel = "info", **facts: str) -> None:
    """Tell people something, through every alerter of the stack; on the terminal where it has none.

    An alerter that fails is reported with the run, and fails nothing.

    Args:
        title: One line.
        text: More, as plain text.
        level: `info`, `warning` or `error`.
        facts: More, by name. Inside a step the run, the pipeline, the stack and the step are added.
    """
    message = Alert(title=title, text=text, level=level, facts=facts)
    context = current_context()
    if context is not None:
        context.alert(message)
        return
    for problem in send(Client().open_stack, message):
        warnings.warn(problem, stacklevel=2)


def save_artifact(value: Any, name: str) -> ArtifactView:
    """Save a value as the next version of a named artifact.

    Inside a step it belongs to the step, beside its outputs, and is recorded if the step succeeds. Outside it is an
    import: it has no run, and must be of a type that can be saved without pickle.

    Args:
        value: Anything that a materializer saves.
        name: Letters, digits, `_`, `.` and `-`.
    """
    context = current_context()
    client = Client()
    if context is not None:
        return ArtifactView(context.save_artifact(value, name), client)
    check_artifact_name(name)
    stack = client.open_stack
    artifact_id = new_id()
    with Uploads(stack.objects, artifact_id) as uploads:
        rename = partial(project_name, root=client.project.root)
        saved, materializer = save_value(value, stack, rename=rename, uploads=uploads)
        if saved.manifest.unsafe:
            raise MaterializerError(
                f"a {type(value).__qualname__} could only be imported as a pickle, which would never be loaded again",
                hint="save it from a step, or in a type that a materializer saves safely",
            )
        artifact = ArtifactRecord(
            id=artifact_id,
            name=name,
            digest=saved.manifest.digest(),
            manifest=saved.manifest,
            materializer=reference(materializer),
            created_at=dt.datetime.now(dt.UTC),
            metadata=saved.metadata,
        )
        held = uploads.put()
        released = [release(artifact_id)] if held else []
        try:
            stack.database.write([*saved.changes, *held, changes.insert_artifact(artifact), *released])
        except WriteConflict as error:
            raise StoreBusy(
                f"the bytes of {name!r} were collected before they were recorded, a day after", hint="save it again"
            ) from error
    return client.artifact(artifact.id)


def load_artifact(name: str, version: int | None = None) -> Any:
    """Return the value of a stored artifact, the newest version by default.

    Inside a step it is recorded that the step used it. A step that loads artifacts by name is never cached.

    Raises:
        ArtifactNotFound: With the names, or the versions, that exist.
    """
    context = current_context()
    if context is not None:
        return context.load_artifact(name, version)
    return Client().artifact(name, version).load()
