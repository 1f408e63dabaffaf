"""Experiments of MLflow, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zen.errors import ComponentError

if TYPE_CHECKING:
    from mlflow import MlflowClient


def experiment_id_of(client: MlflowClient, name: str, artifacts: str | None) -> str:
    """Return the id of an experiment, which is made when it does not exist.

    Args:
        client: Of the store.
        name: Of the experiment.
        artifacts: Where a new one keeps its files; None leaves that to the server.

    Raises:
        ComponentError: When the experiment is deleted.
    """
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(client.create_experiment(name, artifact_location=artifacts))
        except MlflowException as err:
            experiment = client.get_experiment_by_name(name)  # another process may have been faster
            if experiment is None:
                raise err
    if experiment.lifecycle_stage != "active":
        raise ComponentError(
            f"the MLflow experiment {name!r} (id {experiment.experiment_id}) is deleted",
            hint=f"restore it with: mlflow experiments restore -x {experiment.experiment_id}",
            experiment=name,
        )
    return str(experiment.experiment_id)
