"""What this plugin offers. Light: names only, MLflow is imported when a run uses it."""

from __future__ import annotations

from zen.plugins import Flavor, hookimpl


@hookimpl
def zen_flavors() -> list[Flavor]:
    """Return MLflow's tracker, registry and deployer."""
    return [
        Flavor(
            kind="experiment_tracker",
            name="mlflow",
            summary="Track runs and steps in MLflow: a local SQLite file or a tracking server",
            config="zen_plugin_mlflow.config:MLflowConfig",
            implementation="zen_plugin_mlflow.tracker:MLflowTracker",
            docs="https://mlflow.org/docs/latest/ml/tracking/",
        ),
        Flavor(
            kind="model_registry",
            name="mlflow",
            summary="Register models in MLflow, as MLflow models that its own tools load",
            config="zen_plugin_mlflow.config:MLflowRegistryConfig",
            implementation="zen_plugin_mlflow.registry:MLflowRegistry",
            docs="https://mlflow.org/docs/latest/ml/model-registry/",
        ),
        Flavor(
            kind="model_deployer",
            name="mlflow",
            summary="Serve models on this machine with MLflow's scoring server",
            config="zen_plugin_mlflow.config:MLflowDeployerConfig",
            implementation="zen_plugin_mlflow.deployer:MLflowDeployer",
            docs="https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/",
        ),
    ]
