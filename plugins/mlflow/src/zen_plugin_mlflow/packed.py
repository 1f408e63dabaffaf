"""What MLflow loads models with that it has no flavor for: the files that zen saved them as, and zen's materializers.

MLflow calls `_load_pyfunc`; a model saved this way names this module as its loader.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zen import unpack
from zen_plugin_mlflow.flavors import needs_full, requirements, write
from zen_plugin_mlflow.signatures import Form

if TYPE_CHECKING:
    from mlflow.models import Model


def save(model: Any, packed: Path, folder: Path, *, form: Form, about: Model | None = None) -> None:
    """Save what `zen.pack` has packed as an MLflow model.

    Args:
        model: The same, live; it has `predict`.
        packed: The folder with its files.
        folder: Is made; nothing may be there.
        form: What the model expects.
        about: What MLflow's own description of the model begins with.

    Raises:
        ComponentError: When a package is missing, or MLflow refuses it.
    """
    with needs_full("save models"):
        module = importlib.import_module("mlflow.pyfunc")
    write(
        module,
        folder,
        loader_module=__name__,
        data_path=str(packed),
        pip_requirements=requirements(model, None, "zen-hub", "zen-plugin-mlflow"),
        signature=form.signature,
        input_example=form.example,
        mlflow_model=about,
    )


class _Packed:
    """A model with the face that MLflow wants."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, data: Any, params: Any = None) -> Any:
        """Predict; parameters are MLflow's, and no model of zen's knows them."""
        return self.model.predict(data)

    def get_raw_model(self) -> Any:
        """Return the model itself."""
        return self.model


def _load_pyfunc(path: str) -> _Packed:
    """Load the model; whether pickles may be loaded is said where MLflow says it."""
    from mlflow import environment_variables

    allowed = getattr(environment_variables, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION", None)
    return _Packed(unpack(path, allow_pickle=allowed.get() if allowed is not None else True))
