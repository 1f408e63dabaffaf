"""What this plugin offers. Light: names only, MLflow is imported when a run uses it."""

from __future__ import annotations

from zen.plugins import Flavor, hookimpl


@hookimpl
def zen_flavors() -> list[Flavor]:
    """Return the MLflow experiment tracker."""
    return [
        Flavor(
            kind="experiment_tracker",
            name="mlflow",
            summary="Track runs and steps in MLflow: a local SQLite file or a tracking server",
            config="zen_plugin_mlflow.config:MLflowConfig",
            implementation="zen_plugin_mlflow.tracker:MLflowTracker",
            docs="https://mlflow.org/docs/latest/ml/tracking/",
        )
    ]
