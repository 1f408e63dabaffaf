"""Models logged to MLflow: its LoggedModel, an entry of an experiment with a folder of files.

MLflow's own `log_model` functions look for the tracking URI and the active run of the process. Here everything is said,
so that threads, and several trackers and registries, do not mix.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zen.errors import ZenError
from zen_plugin_mlflow.connection import Connection

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel as MLflowLoggedModel
    from mlflow.models import Model

Save = Callable[[Path, "Model"], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedModel:
    """A model in MLflow.

    Attributes:
        model_id: `m-…`; `models:/m-…` is its address.
        location: The address of its files.
        run_id: The MLflow run that made it, if it is known.
    """

    model_id: str
    location: str
    run_id: str | None


def log_model(
    connection: Connection,
    save: Save,
    *,
    experiment_id: str,
    name: str,
    run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> LoggedModel:
    """Log a model.

    Args:
        connection: To the store.
        save: Writes the files into a folder that is not there yet; it gets what MLflow's description begins with.
        experiment_id: Where the model stands.
        name: Characters that MLflow refuses become `-`.
        run_id: The MLflow run that the model is an output of; its parameters are the model's.
        tags: Of the model; also written into its files.

    Raises:
        ComponentError: When it could not be saved or logged; the model stands there as failed then.
    """
    name = re.sub(r"[/:.%\"']+", "-", name).strip("-") or "model"
    with connection.doing(f"log the model {name!r}") as client:
        params = client.get_run(run_id).data.params if run_id else {}
        made = client.create_logged_model(experiment_id, name, run_id, dict(tags or {}), params)
    try:
        with tempfile.TemporaryDirectory(prefix="zen-mlflow-") as folder:
            files = Path(folder) / "model"
            save(files, _description(made, run_id, tags))
            _upload(connection, made, files, run_id)
    except BaseException:
        _finalize(connection, made, "FAILED")
        raise
    return LoggedModel(model_id=made.model_id, location=made.artifact_location, run_id=run_id)


def _description(made: MLflowLoggedModel, run_id: str | None, tags: Mapping[str, str] | None) -> Model:
    from mlflow.models import Model

    return Model(
        artifact_path=made.artifact_location,
        model_uuid=made.model_id,
        model_id=made.model_id,
        run_id=run_id,
        metadata=dict(tags) if tags else None,
    )


def _upload(connection: Connection, made: MLflowLoggedModel, files: Path, run_id: str | None) -> None:
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    with connection.doing(f"log the files of model {made.name!r}") as client:
        client.log_model_artifacts(made.model_id, str(files))
        client.finalize_logged_model(made.model_id, LoggedModelStatus.READY)
        if run_id:
            client.log_outputs(run_id, models=[LoggedModelOutput(made.model_id, step=0)])


def _finalize(connection: Connection, made: Any, status: str) -> None:
    try:
        with connection.doing(f"mark the model {made.name!r}") as client:
            client.finalize_logged_model(made.model_id, status)
    except ZenError as err:
        connection.log.warning("%s", err)  # what failed before matters more
